//! Becoming a replica.

use std::sync::Arc;

use moco_model::Endpoint;
use moco_model::command::Acknowledge;
use moco_model::guard::DataState;

use super::{Failed, running};
use crate::host::Host;
use crate::member::Member;

/// Lets the member follow `source`; it holds a cluster's history from then on.
///
/// A member that was open for writing is first seen to be closed with no commit waiting. Then its
/// guard forgets that it was open, before the receiver starts: from then on the member acknowledges,
/// and its binary log is never cut again.
pub(super) async fn follow<H: Host>(
    member: &Arc<Member<H>>,
    source: Endpoint,
    acknowledge: Acknowledge,
) -> Result<(), Failed> {
    running(member)?;
    if member.guard().is_some_and(|guard| guard.opened.is_some()) {
        let (closed, waiters) = member.sql.closed_and_waiters().await?;
        if !closed {
            return Err(Failed::Unfit(
                "the member takes writes and must be closed first".to_owned(),
            ));
        }
        if waiters > 0 {
            return Err(Failed::Unfit(format!(
                "{waiters} commits wait here for an acknowledgement; mysqld must be ended"
            )));
        }
    }
    member
        .amend(|guard| {
            guard.data = DataState::Holding;
            guard.opened = None;
        })
        .await?;
    member.sql.follow(&source, acknowledge).await?;
    member.shared.note(|state| state.following = Some(source));
    Ok(())
}
