//! Reports of members.

use moco_model::report::{Fault, FaultCode, ReplicationReport, SemiSyncReport, ThreadState};
use moco_model::{ClusterUid, MemberId, MemberReport, Phase, ServerReport};

use super::{
    DRIFT_MAX, NAME_BYTES_MAX, ReadError, TEXT_BYTES_MAX, bounded, cut, gtid_set, inner, name,
    narrow, out_of_range, parsed, required, required_enum, required_inner, text,
};
use crate::proto;

impl From<&MemberReport> for proto::MemberReport {
    fn from(report: &MemberReport) -> Self {
        let MemberReport {
            cluster,
            member,
            agent_version,
            phase,
            guard,
            server,
            fault,
            mysqld_pid,
        } = report;
        let (phase, cloning_percent) = write_phase(*phase);
        Self {
            cluster_uid: Some(cluster.0.clone()),
            member: Some(member.0),
            agent_version: Some(agent_version.clone()),
            phase: Some(phase),
            cloning_percent,
            guard: guard.as_ref().map(Into::into),
            server: server.as_ref().map(Into::into),
            fault: fault.as_ref().map(Into::into),
            mysqld_pid: *mysqld_pid,
        }
    }
}

impl TryFrom<proto::MemberReport> for MemberReport {
    type Error = ReadError;

    fn try_from(message: proto::MemberReport) -> Result<Self, ReadError> {
        Ok(Self {
            cluster: ClusterUid(name("cluster_uid", message.cluster_uid)?),
            member: MemberId(required("member", message.member)?),
            agent_version: text("agent_version", message.agent_version, NAME_BYTES_MAX)?,
            phase: read_phase(message.phase, message.cloning_percent)?,
            guard: inner("guard", message.guard)?,
            server: inner("server", message.server)?,
            fault: inner("fault", message.fault)?,
            mysqld_pid: message.mysqld_pid,
        })
    }
}

fn write_phase(phase: Phase) -> (i32, Option<u32>) {
    use proto::Phase as Sent;
    let (phase, percent) = match phase {
        Phase::AtGate => (Sent::AtGate, None),
        Phase::Initialising => (Sent::Initialising, None),
        Phase::Starting => (Sent::Starting, None),
        // More than all of it cannot be copied; the reader would refuse the whole report.
        Phase::Cloning(percent) => (Sent::Cloning, Some(u32::from(percent.min(100)))),
        Phase::Running => (Sent::Running, None),
        Phase::Stopping => (Sent::Stopping, None),
    };
    (phase.into(), percent)
}

fn read_phase(phase: Option<i32>, cloning_percent: Option<u32>) -> Result<Phase, ReadError> {
    use proto::Phase as Sent;
    let sent = required_enum("phase", phase, |sent: Sent| {
        (sent != Sent::Unspecified).then_some(sent)
    })?;
    match sent {
        Sent::Unspecified => Err(ReadError::missing("phase")),
        Sent::AtGate => Ok(Phase::AtGate),
        Sent::Initialising => Ok(Phase::Initialising),
        Sent::Starting => Ok(Phase::Starting),
        Sent::Cloning => read_percent(cloning_percent).map(Phase::Cloning),
        Sent::Running => Ok(Phase::Running),
        Sent::Stopping => Ok(Phase::Stopping),
    }
}

fn read_percent(sent: Option<u32>) -> Result<u8, ReadError> {
    const PERCENT: &str = "0 to 100";
    let percent: u8 = narrow("cloning_percent", sent, PERCENT)?;
    if percent > 100 {
        return Err(out_of_range("cloning_percent", percent.into(), PERCENT));
    }
    Ok(percent)
}

impl From<&Fault> for proto::Fault {
    fn from(fault: &Fault) -> Self {
        let Fault { code, sentence } = fault;
        Self {
            code: Some(write_code(*code)),
            sentence: Some(cut(sentence)),
        }
    }
}

impl TryFrom<proto::Fault> for Fault {
    type Error = ReadError;

    fn try_from(message: proto::Fault) -> Result<Self, ReadError> {
        let number = required("code", message.code)?;
        Ok(Self {
            code: read_code(number).ok_or_else(|| ReadError::missing("code"))?,
            sentence: text("sentence", message.sentence, TEXT_BYTES_MAX)?,
        })
    }
}

fn write_code(code: FaultCode) -> i32 {
    use proto::FaultCode as Sent;
    match code {
        FaultCode::ForeignVolume => Sent::ForeignVolume,
        FaultCode::UnknownData => Sent::UnknownData,
        FaultCode::DataMissing => Sent::DataMissing,
        FaultCode::GuardUnreadable => Sent::GuardUnreadable,
        FaultCode::VolumeNotWritable => Sent::VolumeNotWritable,
        FaultCode::NoMysqld => Sent::NoMysqld,
        FaultCode::VersionRefused => Sent::VersionRefused,
        FaultCode::PluginMissing => Sent::PluginMissing,
        FaultCode::ConfigurationRefused => Sent::ConfigurationRefused,
        FaultCode::InitialiseFailed => Sent::InitialiseFailed,
        FaultCode::MysqldExited => Sent::MysqldExited,
        FaultCode::StartTimeout => Sent::StartTimeout,
        FaultCode::LoginFailed => Sent::LoginFailed,
        FaultCode::CloneFailed => Sent::CloneFailed,
        FaultCode::CommandFailed => Sent::CommandFailed,
    }
    .into()
}

/// A code of a newer agent is read as the general one: the sentence still says what happened, and
/// losing the whole report would blind the controller. `None` for zero, which nobody sends.
fn read_code(number: i32) -> Option<FaultCode> {
    use proto::FaultCode as Sent;
    match Sent::try_from(number).unwrap_or(Sent::CommandFailed) {
        Sent::Unspecified => None,
        Sent::ForeignVolume => Some(FaultCode::ForeignVolume),
        Sent::UnknownData => Some(FaultCode::UnknownData),
        Sent::DataMissing => Some(FaultCode::DataMissing),
        Sent::GuardUnreadable => Some(FaultCode::GuardUnreadable),
        Sent::VolumeNotWritable => Some(FaultCode::VolumeNotWritable),
        Sent::NoMysqld => Some(FaultCode::NoMysqld),
        Sent::VersionRefused => Some(FaultCode::VersionRefused),
        Sent::PluginMissing => Some(FaultCode::PluginMissing),
        Sent::ConfigurationRefused => Some(FaultCode::ConfigurationRefused),
        Sent::InitialiseFailed => Some(FaultCode::InitialiseFailed),
        Sent::MysqldExited => Some(FaultCode::MysqldExited),
        Sent::StartTimeout => Some(FaultCode::StartTimeout),
        Sent::LoginFailed => Some(FaultCode::LoginFailed),
        Sent::CloneFailed => Some(FaultCode::CloneFailed),
        Sent::CommandFailed => Some(FaultCode::CommandFailed),
    }
}

impl From<&ServerReport> for proto::ServerReport {
    fn from(server: &ServerReport) -> Self {
        let ServerReport {
            server_uuid,
            version,
            executed,
            purged,
            writable,
            offline,
            replication,
            semi_sync,
            drift,
        } = server;
        Self {
            server_uuid: Some(server_uuid.to_string()),
            version: Some((*version).into()),
            executed: Some(executed.to_string()),
            purged: Some(purged.to_string()),
            writable: Some(*writable),
            offline: Some(*offline),
            replication: replication.as_ref().map(Into::into),
            semi_sync: Some(semi_sync.into()),
            drift: drift.iter().take(DRIFT_MAX).map(|one| cut(one)).collect(),
        }
    }
}

impl TryFrom<proto::ServerReport> for ServerReport {
    type Error = ReadError;

    fn try_from(message: proto::ServerReport) -> Result<Self, ReadError> {
        bounded("drift", message.drift.len(), DRIFT_MAX)?;
        for one in &message.drift {
            bounded("drift", one.len(), TEXT_BYTES_MAX)?;
        }
        Ok(Self {
            server_uuid: parsed("server_uuid", message.server_uuid, NAME_BYTES_MAX)?,
            version: required_inner("version", message.version)?,
            executed: gtid_set("executed", message.executed)?,
            purged: gtid_set("purged", message.purged)?,
            writable: required("writable", message.writable)?,
            offline: required("offline", message.offline)?,
            replication: inner("replication", message.replication)?,
            semi_sync: required_inner("semi_sync", message.semi_sync)?,
            drift: message.drift,
        })
    }
}

impl From<&ReplicationReport> for proto::Replication {
    fn from(replication: &ReplicationReport) -> Self {
        let ReplicationReport {
            source_host,
            source_port,
            receiver,
            applier,
            last_error,
            received,
            lag_ms,
        } = replication;
        Self {
            source_host: Some(source_host.clone()),
            source_port: Some(u32::from(*source_port)),
            receiver: Some(write_thread(*receiver)),
            applier: Some(write_thread(*applier)),
            last_error: last_error.as_deref().map(cut),
            received: Some(received.to_string()),
            lag_ms: Some(*lag_ms),
        }
    }
}

impl TryFrom<proto::Replication> for ReplicationReport {
    type Error = ReadError;

    fn try_from(message: proto::Replication) -> Result<Self, ReadError> {
        let last_error = message.last_error;
        if let Some(error) = &last_error {
            bounded("last_error", error.len(), TEXT_BYTES_MAX)?;
        }
        Ok(Self {
            source_host: text("source_host", message.source_host, NAME_BYTES_MAX)?,
            source_port: narrow("source_port", message.source_port, "0 to 65535")?,
            receiver: required_enum("receiver", message.receiver, read_thread)?,
            applier: required_enum("applier", message.applier, read_thread)?,
            last_error,
            received: gtid_set("received", message.received)?,
            lag_ms: required("lag_ms", message.lag_ms)?,
        })
    }
}

fn write_thread(state: ThreadState) -> i32 {
    use proto::ThreadState as Sent;
    match state {
        ThreadState::On => Sent::On,
        ThreadState::Connecting => Sent::Connecting,
        ThreadState::Off => Sent::Off,
    }
    .into()
}

fn read_thread(sent: proto::ThreadState) -> Option<ThreadState> {
    use proto::ThreadState as Sent;
    match sent {
        Sent::Unspecified => None,
        Sent::On => Some(ThreadState::On),
        Sent::Connecting => Some(ThreadState::Connecting),
        Sent::Off => Some(ThreadState::Off),
    }
}

impl From<&SemiSyncReport> for proto::SemiSync {
    fn from(semi_sync: &SemiSyncReport) -> Self {
        let SemiSyncReport {
            source_enabled,
            source_active,
            wait_for,
            clients,
            waiting,
            unacknowledged,
            replica_enabled,
            replica_active,
        } = semi_sync;
        Self {
            source_enabled: Some(*source_enabled),
            source_active: Some(*source_active),
            wait_for: Some(*wait_for),
            clients: Some(*clients),
            waiting: Some(*waiting),
            unacknowledged: Some(*unacknowledged),
            replica_enabled: Some(*replica_enabled),
            replica_active: Some(*replica_active),
        }
    }
}

impl TryFrom<proto::SemiSync> for SemiSyncReport {
    type Error = ReadError;

    fn try_from(message: proto::SemiSync) -> Result<Self, ReadError> {
        Ok(Self {
            source_enabled: required("source_enabled", message.source_enabled)?,
            source_active: required("source_active", message.source_active)?,
            wait_for: required("wait_for", message.wait_for)?,
            clients: required("clients", message.clients)?,
            waiting: required("waiting", message.waiting)?,
            unacknowledged: required("unacknowledged", message.unacknowledged)?,
            replica_enabled: required("replica_enabled", message.replica_enabled)?,
            replica_active: required("replica_active", message.replica_active)?,
        })
    }
}
