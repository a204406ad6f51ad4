//! Looking at the member, and noticing what the controller should be told.

use std::sync::Arc;
use std::time::Duration;

use moco_model::report::SemiSyncReport;
use moco_model::{MemberReport, ServerReport};

use crate::digest::Digest;
use crate::host::Host;
use crate::member::Member;
use crate::state::drains;
use crate::work::settle;

/// How often mysqld is looked at for changes that the agent did not make itself. A look is a handful
/// of statements over a local socket.
const LOOK: Duration = Duration::from_millis(250);
/// The same while a replica that receives nothing more executes the rest: a failover waits for its end.
const DRAIN_LOOK: Duration = Duration::from_millis(50);

/// A state that the controller is to be told.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// Rises with every new state of this agent process.
    pub(crate) sequence: u64,
    digest: Digest,
    /// The state.
    pub(crate) report: MemberReport,
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub struct Watch {
    sequence: u64,
    /// The counters of semi-sync when the running mysqld, by its pid, was first seen to take writes.
    opened: Option<(u32, Counts)>,
}

/// How often semi-sync let a commit through without an acknowledgement, and was switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    unacknowledged: u64,
    switched_off: u64,
}

impl From<&SemiSyncReport> for Counts {
    fn from(report: &SemiSyncReport) -> Self {
        Self {
            unacknowledged: report.unacknowledged,
            switched_off: report.switched_off,
        }
    }
}

/// Looks for as long as the agent lives, and at once after every change that the agent itself made or
/// was told.
pub async fn run<H: Host>(member: Arc<Member<H>>) {
    let mut changes = member.shared.changes();
    let mut process = member.host.process();
    let mut watch = Watch::default();
    loop {
        changes.borrow_and_update();
        process.borrow_and_update();
        let pause = look(&member, &mut watch).await;
        tokio::select! {
            biased;
            known = process.changed() => if known.is_err() { return },
            _ = changes.changed() => {}
            () = member.host.sleep(pause) => {}
        }
    }
}

/// Looks once. The result is how soon to look again.
pub async fn look<H: Host>(member: &Arc<Member<H>>, watch: &mut Watch) -> Duration {
    settle::settle(member).await;
    let report = member.report().await;
    watch.semi_sync(&report);
    let pause = match &report.server {
        Some(server) if drains(server) => DRAIN_LOOK,
        _ => LOOK,
    };
    let digest = Digest::of(&report);
    let known = |news: &Option<News>| news.as_ref().is_some_and(|news| news.digest == digest);
    if !known(&member.news.borrow()) {
        watch.sequence += 1;
        member.news.send_replace(Some(News {
            sequence: watch.sequence,
            digest,
            report,
        }));
    }
    pause
}

impl Watch {
    /// Says so, loudly and once for each opening, when an open primary let commits through that
    /// nobody acknowledged.
    fn semi_sync(&mut self, report: &MemberReport) {
        let Some((pid, server)) = report.mysqld_pid.zip(report.server.as_ref()) else {
            return;
        };
        if let Some(counts) = self.grown(pid, server) {
            tracing::error!(
                unacknowledged = counts.unacknowledged,
                switched_off = counts.switched_off,
                "semi-sync did not hold: commits of clients were answered without an acknowledgement"
            );
        }
    }

    fn grown(&mut self, pid: u32, server: &ServerReport) -> Option<Counts> {
        if !server.writable || !server.semi_sync.source_enabled {
            // Closing a server, and a cluster of one, switch it off by right.
            self.opened = None;
            return None;
        }
        let now = Counts::from(&server.semi_sync);
        match &mut self.opened {
            Some((known, counts)) if *known == pid => {
                let grown = now.unacknowledged > counts.unacknowledged
                    || now.switched_off > counts.switched_off;
                // From now on this mysqld is known for it.
                let maximum = Counts {
                    unacknowledged: u64::MAX,
                    switched_off: u64::MAX,
                };
                grown
                    .then(|| std::mem::replace(counts, maximum))
                    .map(|_| now)
            }
            _ => {
                self.opened = Some((pid, now));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
