//! The answers to Kubernetes' probes.
//!
//! `/healthz` is fine as long as the agent answers: a mysqld that waits at the gate, is cloned or hangs
//! is the controller's affair, and killing the container would only take away its choices.
//! `/readyz` decides whether a Service leads clients here.

use std::sync::Arc;
use std::time::Duration;

use moco_model::report::ThreadState;
use moco_model::{MemberReport, Phase};

use crate::host::Host;
use crate::member::Member;

/// Whether clients may be led to the member, and why not.
pub fn ready(report: &MemberReport, max_delay: Duration) -> Result<(), String> {
    if report.phase != Phase::Running {
        return Err(format!("the member {}", report.phase));
    }
    let Some(server) = &report.server else {
        return Err("mysqld does not answer".to_owned());
    };
    if server.offline {
        return Err("mysqld is in offline mode".to_owned());
    }
    if server.writable {
        return Ok(());
    }
    let Some(channel) = &server.replication else {
        return Err("the member neither takes writes nor replicates".to_owned());
    };
    if channel.receiver != ThreadState::On || channel.applier != ThreadState::On {
        let error = channel
            .last_error
            .as_deref()
            .unwrap_or("a replication thread does not run");
        return Err(format!("replication is broken: {error}"));
    }
    if !max_delay.is_zero() && Duration::from_millis(channel.lag_ms) >= max_delay {
        return Err(format!("replication lags {} ms behind", channel.lag_ms));
    }
    Ok(())
}

/// The page `/readyz`.
pub async fn readyz<H: Host>(member: Arc<Member<H>>) -> Result<(), String> {
    ready(&member.report().await, member.settings.max_delay)
}

#[cfg(test)]
pub(crate) mod tests {
    use moco_model::report::{ReplicationReport, SemiSyncReport};
    use moco_model::{ClusterUid, GtidSet, MemberId, ServerReport, ServerUuid};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// What the agent of a replica knows.
    pub(crate) fn replica(lag_ms: u64, applier: ThreadState) -> MemberReport {
        let channel = ReplicationReport {
            source_host: "h".into(),
            source_port: 3306,
            receiver: ThreadState::On,
            applier,
            last_error: None,
            received: GtidSet::new(),
            lag_ms,
            silent_ms: 0,
        };
        MemberReport {
            cluster: ClusterUid("u".into()),
            member: MemberId(1),
            agent_version: "0".into(),
            phase: Phase::Running,
            guard: None,
            fault: None,
            mysqld_pid: Some(9),
            leaving: false,
            hearing: None,
            commits: None,
            evidence: vec![],
            server: Some(ServerReport {
                server_uuid: ServerUuid::from_u128(1),
                version: "9.7.4".parse().unwrap(),
                executed: GtidSet::new(),
                purged: GtidSet::new(),
                writable: false,
                offline: false,
                replication: Some(channel),
                semi_sync: SemiSyncReport::default(),
                drift: vec![],
            }),
        }
    }

    #[test]
    fn a_replica_is_ready_only_while_it_replicates_without_much_lag() {
        assert!(ready(&replica(0, ThreadState::On), MINUTE).is_ok());
        assert!(ready(&replica(60_000, ThreadState::On), MINUTE).is_err());
        assert!(ready(&replica(60_000, ThreadState::On), Duration::ZERO).is_ok());
        assert!(ready(&replica(0, ThreadState::Off), MINUTE).is_err());
    }

    #[test]
    fn a_closed_member_without_a_source_is_not_ready_and_an_open_one_is() {
        let mut report = replica(0, ThreadState::On);
        let server = report.server.as_mut().unwrap();
        server.replication = None;
        assert!(ready(&report, Duration::ZERO).is_err());
        report.server.as_mut().unwrap().writable = true;
        assert!(ready(&report, Duration::ZERO).is_ok());
        report.phase = Phase::Starting;
        assert_eq!(
            ready(&report, Duration::ZERO).unwrap_err(),
            "the member starts mysqld"
        );
    }
}
