//! The end of a mysqld that nobody ended.

use std::sync::Arc;
use std::time::Duration;

use moco_model::guard::DataState;

use crate::host::{Host, Process};
use crate::member::Member;
use crate::work::process::kill;

/// How long a mysqld that a dead agent left half-made may take to be gone.
const KILL: Duration = Duration::from_secs(60);

/// Remembers how mysqld ended when nobody was working on it; ends what a dead agent left half-made.
pub async fn run<H: Host>(member: Arc<Member<H>>) {
    end_half_made(&member).await;
    let mut process = member.host.process();
    loop {
        let ended = match &*process.borrow_and_update() {
            Process::Absent(Some(exit)) => Some(*exit),
            Process::Absent(None) | Process::Running(_) | Process::StartFailed(_) => None,
        };
        if let Some(exit) = ended {
            tracing::debug!(at_ms = exit.at_ms, how = %exit.how, "mysqld ended");
            member.exited(exit);
        }
        if process.changed().await.is_err() {
            return;
        }
    }
}

async fn end_half_made<H: Host>(member: &Member<H>) {
    let _hands = member.wait_hands().await;
    let data = member.guard().map(|guard| guard.data);
    let half_made = matches!(data, Some(DataState::Initialising | DataState::Cloning));
    if half_made && let Err(fault) = kill(member, KILL).await {
        member.set_fault(Some(fault));
    }
}
