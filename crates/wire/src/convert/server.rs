//! What a running server says about itself.

use moco_model::ServerReport;
use moco_model::report::{ReplicationReport, SemiSyncReport, ThreadState};

use super::{
    DRIFT_MAX, NAME_BYTES_MAX, ReadError, TEXT_BYTES_MAX, bounded, cut, gtid_set, inner, narrow,
    parsed, required, required_enum, required_inner, text,
};
use crate::proto;

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
            silent_ms,
        } = replication;
        Self {
            source_host: Some(source_host.clone()),
            source_port: Some(u32::from(*source_port)),
            receiver: Some(write_thread(*receiver)),
            applier: Some(write_thread(*applier)),
            last_error: last_error.as_deref().map(cut),
            received: Some(received.to_string()),
            lag_ms: Some(*lag_ms),
            silent_ms: Some(*silent_ms),
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
            silent_ms: message.silent_ms.unwrap_or(0),
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
            switched_off,
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
            switched_off: Some(*switched_off),
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
            switched_off: message.switched_off.unwrap_or(0),
            replica_enabled: required("replica_enabled", message.replica_enabled)?,
            replica_active: required("replica_active", message.replica_active)?,
        })
    }
}
