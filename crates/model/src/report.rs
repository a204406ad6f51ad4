//! What a member's agent says about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gtid::GtidSet;
use crate::guard::Guard;
use crate::ids::{ClusterUid, MemberId, ServerUuid};
use crate::version::ServerVersion;

/// Everything an agent knows about its member, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberReport {
    /// The cluster the agent was started for.
    pub cluster: ClusterUid,
    /// The member the agent was started for.
    pub member: MemberId,
    /// The version of the agent's program.
    pub agent_version: String,
    /// What the member is doing.
    pub phase: Phase,
    /// The guard file, absent on a volume that was never used.
    pub guard: Option<Guard>,
    /// What mysqld says, when it answers.
    pub server: Option<ServerReport>,
    /// What went wrong last and has not been mended since.
    pub fault: Option<Fault>,
    /// The process id of mysqld, inside its container, while it runs.
    pub mysqld_pid: Option<u32>,
    /// The container was asked to end; it waits until another member is primary, but not for long.
    pub leaving: bool,
    /// On a replica: what its agent hears of the agent of the member that it follows.
    pub hearing: Option<Hearing>,
    /// On an open primary: how its own commits go.
    pub commits: Option<CommitProbe>,
    /// What was cut off or given up here, the newest last; at most [`EVIDENCE_MAX`].
    pub evidence: Vec<Evidence>,
}

/// Entries of [`MemberReport::evidence`] at most.
pub const EVIDENCE_MAX: usize = 8;

/// What an agent hears of another member's agent, by heartbeats over a connection of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hearing {
    /// The other member.
    pub member: MemberId,
    /// Milliseconds since it last answered.
    pub silent_ms: u64,
    /// Its end of the connection was closed, and new ones are refused: nobody is there.
    pub refused: bool,
}

/// How commits of an open primary go, by the heartbeat transaction of its agent, which takes the
/// same way as every client's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitProbe {
    /// Milliseconds that the oldest unfinished heartbeat transaction has been under way, beyond what a large transaction
    /// before it explains; 0 when none is.
    pub waiting_ms: u64,
    /// Why the last one failed, if it did.
    pub error: Option<CommitFailure>,
    /// One was begun and went through since commits wait for as many acknowledgements as the report of this server says.
    /// Whatever was written to the binary log under another rule is answered by then, and held by whoever acknowledged
    /// this one.
    pub settled: bool,
}

/// Why a heartbeat transaction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommitFailure {
    /// There is no room on the volume.
    DiskFull,
    /// mysqld answered with another error, or the connection broke.
    Other,
}

/// Transactions that were cut off the end of a binary log or given up with a member's data. They
/// were never acknowledged, or never part of the cluster's history; their bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// When, by the member's clock.
    pub at: crate::Millis,
    /// The decision that made it necessary.
    pub epoch: crate::Epoch,
    /// Which transactions.
    pub transactions: GtidSet,
    /// Where the bytes are, below the member's volume; none when there was no binary log to keep.
    pub file: Option<String>,
}

/// What a member is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "phase", content = "progress")]
pub enum Phase {
    /// mysqld does not run; the agent waits for leave to start it.
    AtGate,
    /// The data directory of a fresh volume is being made.
    Initialising,
    /// mysqld was started and does not answer yet.
    Starting,
    /// The member copies the donor's data; percent of the copy that is done, 0 to 100.
    Cloning(u8),
    /// mysqld answers.
    Running,
    /// mysqld is being stopped.
    Stopping,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtGate => f.write_str("waits at the gate"),
            Self::Initialising => f.write_str("initialises its data directory"),
            Self::Starting => f.write_str("starts mysqld"),
            Self::Cloning(percent) => write!(f, "clones, {percent} % done"),
            Self::Running => f.write_str("runs"),
            Self::Stopping => f.write_str("stops mysqld"),
        }
    }
}

/// Something that keeps a member from doing what it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// What kind.
    pub code: FaultCode,
    /// What was attempted, to what, and what to do about it. Never holds a password.
    pub sentence: String,
}

/// Kinds of faults of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FaultCode {
    /// The volume carries the guard of another cluster or member.
    ForeignVolume,
    /// The volume holds a data directory that MOCO did not make.
    UnknownData,
    /// The volume should hold the cluster's data and is empty.
    DataMissing,
    /// The guard file cannot be read or is damaged.
    GuardUnreadable,
    /// The volume cannot be written.
    VolumeNotWritable,
    /// The image has no program `mysqld`, or it cannot be run.
    NoMysqld,
    /// The version of mysqld is not one that MOCO runs.
    VersionRefused,
    /// The semi-sync or clone plugin is missing in the image.
    PluginMissing,
    /// mysqld refuses its configuration.
    ConfigurationRefused,
    /// `mysqld --initialize` or the first set-up failed.
    InitialiseFailed,
    /// mysqld ended without having been asked to.
    MysqldExited,
    /// mysqld did not answer within its time.
    StartTimeout,
    /// mysqld answers but does not let the agent in.
    LoginFailed,
    /// The clone from the donor failed.
    CloneFailed,
    /// Something that runs kept the primary from being closed for a switchover; it stayed open.
    CloseHeldUp,
    /// Another statement of a command failed.
    CommandFailed,
}

/// What a running server says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerReport {
    /// `@@server_uuid`.
    pub server_uuid: ServerUuid,
    /// `@@version`.
    pub version: ServerVersion,
    /// `@@gtid_executed`.
    pub executed: GtidSet,
    /// `@@gtid_purged`: executed, and no longer in the binary logs.
    pub purged: GtidSet,
    /// Whether ordinary clients can write: `@@read_only` is off.
    pub writable: bool,
    /// `@@offline_mode`.
    pub offline: bool,
    /// The replication channel, when one is configured.
    pub replication: Option<ReplicationReport>,
    /// Semi-synchronous replication.
    pub semi_sync: SemiSyncReport,
    /// Settings that safety depends on and that are not what MOCO set, as `name=value`.
    pub drift: Vec<String>,
}

/// The replication channel of a replica (`SHOW REPLICA STATUS` and
/// `performance_schema.replication_*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationReport {
    /// Host of the source, as configured.
    pub source_host: String,
    /// Port of the source, as configured.
    pub source_port: u16,
    /// The receiver, which fetches transactions from the source.
    pub receiver: ThreadState,
    /// The applier, which executes them.
    pub applier: ThreadState,
    /// The last error of either, with its number, without passwords.
    pub last_error: Option<String>,
    /// Transactions received since the channel was configured.
    pub received: GtidSet,
    /// Age of the oldest received transaction that is not applied; 0 when all are.
    pub lag_ms: u64,
    /// Milliseconds since the receiver last got something from its source, a heartbeat at least; 0
    /// while a transaction is coming in.
    pub silent_ms: u64,
}

/// State of a replication thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThreadState {
    /// Runs.
    On,
    /// The receiver tries to reach its source.
    Connecting,
    /// Does not run.
    Off,
}

/// Semi-synchronous replication, both halves.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent switches and states of MySQL's own"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SemiSyncReport {
    /// `@@rpl_semi_sync_source_enabled`: commits wait for acknowledgements.
    pub source_enabled: bool,
    /// `Rpl_semi_sync_source_status`: they really do.
    pub source_active: bool,
    /// `@@rpl_semi_sync_source_wait_for_replica_count`, W.
    pub wait_for: u32,
    /// `Rpl_semi_sync_source_clients`: replicas that acknowledge.
    pub clients: u32,
    /// `Rpl_semi_sync_source_wait_sessions`: commits that wait now.
    pub waiting: u32,
    /// `Rpl_semi_sync_source_no_tx`: commits that were not acknowledged.
    pub unacknowledged: u64,
    /// `Rpl_semi_sync_source_no_times`: how often waiting was switched off.
    pub switched_off: u64,
    /// `@@rpl_semi_sync_replica_enabled`: this server asks to acknowledge when it connects.
    pub replica_enabled: bool,
    /// `Rpl_semi_sync_replica_status`: it does acknowledge.
    pub replica_active: bool,
}
