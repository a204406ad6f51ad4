//! Which changes of a report are events.

use moco_model::report::{FaultCode, Hearing, ReplicationReport, ThreadState};
use moco_model::{Epoch, MemberReport, Phase};

use crate::state::drains;

/// Another member, or the source of replication, that has said nothing for so long is not heard.
const DEAF_MS: u64 = 1000;
/// A commit of an open primary that has waited for so long is stuck.
const STUCK_MS: u64 = 1500;

/// The part of a report whose change is an event. GTID sets and lag change all the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    phase: Phase,
    fault: Option<FaultCode>,
    epoch: Epoch,
    promised: Epoch,
    leaving: bool,
    deaf: bool,
    stuck: bool,
    evidence: usize,
    server: Option<ServerDigest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ServerDigest {
    writable: bool,
    offline: bool,
    acknowledges: bool,
    clients: u32,
    channel: Option<ChannelDigest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ChannelDigest {
    receiver: ThreadState,
    applier: ThreadState,
    error: Option<String>,
    drains: bool,
}

impl Digest {
    pub(crate) fn of(report: &MemberReport) -> Self {
        let channel = report
            .server
            .as_ref()
            .and_then(|server| server.replication.as_ref());
        let server = report.server.as_ref().map(|server| ServerDigest {
            writable: server.writable,
            offline: server.offline,
            acknowledges: server.semi_sync.replica_active,
            clients: server.semi_sync.clients,
            channel: channel.map(|channel| ChannelDigest {
                receiver: channel.receiver,
                applier: channel.applier,
                error: channel.last_error.clone(),
                drains: drains(server),
            }),
        });
        let guard = report.guard.as_ref();
        Self {
            phase: report.phase,
            fault: report.fault.as_ref().map(|fault| fault.code),
            epoch: guard.map_or(Epoch::default(), |guard| guard.epoch),
            promised: guard.map_or(Epoch::default(), |guard| guard.promised),
            leaving: report.leaving,
            deaf: report
                .hearing
                .as_ref()
                .is_some_and(|hearing| deaf(hearing, channel)),
            stuck: report
                .commits
                .is_some_and(|probe| probe.waiting_ms >= STUCK_MS || probe.error.is_some()),
            evidence: report.evidence.len(),
            server,
        }
    }
}

/// Whether a replica hears nothing of the member that it follows: nobody is there, or neither its
/// agent nor its mysqld says anything.
fn deaf(hearing: &Hearing, channel: Option<&ReplicationReport>) -> bool {
    let silent =
        hearing.silent_ms >= DEAF_MS && channel.is_some_and(|channel| channel.silent_ms >= DEAF_MS);
    hearing.refused || silent
}
