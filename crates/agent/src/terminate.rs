//! The end: supervise was asked to leave. mysqld is stopped so that no commit is acknowledged that no
//! replica holds.

use std::sync::Arc;
use std::time::Duration;

use moco_model::Role;
use moco_supervisor::protocol::MysqldSignal;

use crate::link::{LinkError, Process};
use crate::member::Member;
use crate::work::process::ended;

/// How long fencing a primary may take before it is killed.
const FENCE: Duration = Duration::from_secs(2);

/// Waits until supervise is asked to leave, then stops mysqld and lets supervise go.
pub async fn run(member: Arc<Member>) -> Result<(), LinkError> {
    let mut asked = member.link.terminate();
    let left = asked
        .wait_for(Option::is_some)
        .await
        .map_err(|_| LinkError::Closed)?;
    let left = left.unwrap_or_default();
    tracing::info!(
        seconds_left = left.as_secs(),
        "asked to leave; stopping mysqld"
    );
    member.shared.change(|state| state.terminating = true);
    if matches!(*member.link.process().borrow(), Process::Running(_)) {
        let signal = how_to_stop(&member).await;
        member.link.signal(signal).await?;
        // When it does not end in time, supervise kills it.
        if let Err(fault) = ended(&member, left).await {
            tracing::warn!("{}", fault.sentence);
        }
    }
    member.link.done().await
}

async fn how_to_stop(member: &Member) -> MysqldSignal {
    let (working, role) = member.shared.read(|state| {
        (
            state.work.is_some(),
            state.guard.as_ref().and_then(|guard| guard.role),
        )
    });
    if working || role != Some(Role::Primary) {
        return signal_for(working, role, None);
    }
    let fenced = tokio::time::timeout(FENCE, member.sql.fence_for_shutdown()).await;
    let waiting = fenced.ok().and_then(Result::ok);
    tracing::info!(?waiting, "the primary's clients are put out");
    signal_for(working, role, waiting)
}

/// SIGTERM acknowledges waiting commits that no replica holds (`docs/mysql-facts.md`), so a primary's
/// clients are put out first, and unless it is certain that no commit waits it is killed. `waiting` is
/// the number of commits that wait on a fenced primary, if that is known.
const fn signal_for(working: bool, role: Option<Role>, waiting: Option<u32>) -> MysqldSignal {
    let gently = match role {
        Some(Role::Primary) => matches!(waiting, Some(0)),
        Some(Role::Replica) | None => true,
    };
    // Half-made data is made again anyway.
    if gently && !working {
        MysqldSignal::Term
    } else {
        MysqldSignal::Kill
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_is_stopped_gently_only_when_certainly_no_commit_waits() {
        let primary = Some(Role::Primary);
        assert_eq!(signal_for(false, primary, Some(0)), MysqldSignal::Term);
        assert_eq!(signal_for(false, primary, Some(1)), MysqldSignal::Kill);
        assert_eq!(signal_for(false, primary, None), MysqldSignal::Kill);
        assert_eq!(
            signal_for(false, Some(Role::Replica), None),
            MysqldSignal::Term
        );
        assert_eq!(
            signal_for(true, Some(Role::Replica), None),
            MysqldSignal::Kill
        );
    }
}
