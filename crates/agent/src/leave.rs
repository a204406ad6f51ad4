//! The end: supervise was asked to leave. A primary first waits until another member has taken over;
//! then mysqld is stopped so that no commit is acknowledged that no replica holds.

use std::sync::Arc;
use std::time::Duration;

use moco_model::report::Fault;
use moco_model::{Guard, Phase, Role};

use crate::host::{Host, MysqldSignal, within};
use crate::member::Member;
use crate::state::{Leaving, State};
use crate::work::process::ended;

/// How long a primary waits for another one at most, and how much of the time that is left it does
/// not touch: stopping needs it.
const HANDOVER_MAX: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(10);
/// How long it waits for a controller to take notice. Without one nobody hands over.
const NOTICE: Duration = Duration::from_secs(2);
/// How long an order under way may take to end.
const HANDS: Duration = Duration::from_secs(2);
/// How long fencing a primary may take before it is killed.
const FENCE: Duration = Duration::from_secs(2);

/// Waits until supervise is asked to leave, then stops mysqld and lets supervise go.
pub async fn run<H: Host>(member: Arc<Member<H>>) -> Result<(), Fault> {
    let mut asked = member.host.asked_to_leave();
    let left = asked.wait_for(Option::is_some).await.map(|left| *left);
    let Ok(left) = left else {
        // supervise has gone, and whoever listens to it says so.
        return std::future::pending().await;
    };
    let left = left.unwrap_or_default();
    let told = member.host.now();
    tracing::info!(seconds_left = left.as_secs(), "asked to leave");
    member.shared.change(|state| state.leaving = Leaving::Asked);
    if member.shared.read(hands_over) {
        hand_over(&member, left.saturating_sub(STOP).min(HANDOVER_MAX)).await;
    }
    let _hands = within(&*member.host, HANDS, member.wait_hands()).await;
    member
        .shared
        .change(|state| state.leaving = Leaving::Stopping);
    if member.pid().is_some() {
        let signal = how_to_stop(&member).await;
        tracing::info!(?signal, "stopping mysqld");
        member.sql.close();
        member.lines.keep(None);
        member.host.signal(signal).await?;
        // When it does not end in time, supervise kills it.
        let left = left.saturating_sub(member.host.now().saturating_sub(told));
        if let Err(fault) = ended(&member, left).await {
            tracing::warn!("{}", fault.sentence);
        }
    }
    member.host.leave().await
}

/// Whether another member can take over from this one, which is the open primary or was closed for its
/// successor just now.
fn hands_over(state: &State) -> bool {
    let primary = |guard: &Guard| guard.role == Some(Role::Primary) && guard.opened.is_some();
    let others = |guard: &Guard| guard.membership.as_ref().is_some_and(|m| m.all().len() > 1);
    let guard = state.guard.as_ref();
    state.work.is_none() && guard.is_some_and(|guard| primary(guard) && others(guard))
}

/// Waits until an order has made this member a replica, or its mysqld has ended.
async fn hand_over<H: Host>(member: &Arc<Member<H>>, at_most: Duration) {
    let begun = member.host.now();
    let known = wait_until(member, at_most.min(NOTICE), |member| {
        let known = |state: &State| state.leaving >= Leaving::Known;
        member.shared.read(known) || handed_over(member)
    });
    if !known.await {
        tracing::warn!("no controller took notice: nobody takes over from this primary");
        return;
    }
    let left = at_most.saturating_sub(member.host.now().saturating_sub(begun));
    if wait_until(member, left, handed_over).await {
        let took = member.host.now().saturating_sub(begun);
        tracing::info!(milliseconds = took.as_millis(), "another member took over");
    } else {
        tracing::warn!("no other member took over from this primary in time");
    }
}

fn handed_over<H: Host>(member: &Member<H>) -> bool {
    let role = member
        .shared
        .read(|state| state.guard.as_ref().and_then(|guard| guard.role));
    member.phase() != Phase::Running || role != Some(Role::Primary)
}

/// Waits for a condition of the member; false when it did not come true in time.
async fn wait_until<H: Host>(
    member: &Arc<Member<H>>,
    time: Duration,
    condition: impl Fn(&Member<H>) -> bool + Send + Sync,
) -> bool {
    let mut changes = member.shared.changes();
    let mut process = member.host.process();
    let waiting = async {
        loop {
            changes.borrow_and_update();
            process.borrow_and_update();
            if condition(member) {
                return;
            }
            tokio::select! {
                biased;
                _ = process.changed() => {}
                _ = changes.changed() => {}
            }
        }
    };
    within(&*member.host, time, waiting).await.is_some()
}

async fn how_to_stop<H: Host>(member: &Member<H>) -> MysqldSignal {
    let (working, guard) = member
        .shared
        .read(|state| (state.work.is_some(), state.guard.clone()));
    let takes_writes = guard.is_some_and(|guard| may_take_writes(&guard));
    if working || !takes_writes {
        return signal_for(working, takes_writes, None);
    }
    let fenced = within(&*member.host, FENCE, member.sql.fence_for_shutdown()).await;
    let waiting = fenced.and_then(Result::ok);
    tracing::info!(?waiting, "the primary's clients are put out");
    signal_for(working, takes_writes, waiting)
}

/// Whether commits of clients may wait here: the primary, or one that was not seen closed since.
const fn may_take_writes(guard: &Guard) -> bool {
    matches!(guard.role, Some(Role::Primary)) || guard.opened.is_some()
}

/// SIGTERM acknowledges waiting commits that no replica holds (`docs/mysql-facts.md`), so a primary's
/// clients are put out first, and unless it is certain that no commit waits it is killed. `waiting` is
/// the number of commits that wait on a fenced primary, if that is known.
const fn signal_for(working: bool, takes_writes: bool, waiting: Option<u32>) -> MysqldSignal {
    let gently = !takes_writes || matches!(waiting, Some(0));
    // Half-made data is made again anyway.
    if gently && !working {
        MysqldSignal::Term
    } else {
        MysqldSignal::Kill
    }
}

#[cfg(test)]
mod tests;
