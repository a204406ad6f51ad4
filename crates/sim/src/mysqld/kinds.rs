//! The words for servers and what is done to them from outside.

use std::fmt;
use std::time::Duration;

/// A server of the fleet. Members keep theirs; a volume that is replaced keeps it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u32);

/// Where a server listens. Sources and donors are named by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Host name or address, as statements name it.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A session of a client; its number is what `CONNECTION_ID()` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// A receiver's connection to its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What is sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// SIGKILL: the process is gone; what it wrote stays in the page cache.
    Kill,
    /// SIGTERM: an orderly stop, by [`super::Motion::Stop`].
    Terminate,
    /// SIGSTOP: nothing answers, connections stay.
    Freeze,
    /// SIGCONT.
    Thaw,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What is known of a process from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessState {
    /// None runs, and how the last one ended.
    Absent(Option<Exit>),
    /// It starts and takes no connections yet.
    Starting,
    /// It takes connections.
    Ready,
    /// It was asked to stop.
    Stopping,
    /// It is stopped by SIGSTOP.
    Frozen,
}

/// How well a volume works. It is the same for binary log and relay log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// As it should.
    #[default]
    Good,
    /// Each fsync takes this long.
    Slow(Duration),
    /// No fsync returns.
    Hung,
    /// Nothing more can be written: commits and receivers hang, silently.
    Full,
}

/// What a power cut takes of what was written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// All of it.
    Unsynced,
    /// All of it but the beginning of its first binary log transaction, which is torn.
    Torn,
}

/// When a statement runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pace {
    /// As soon as it is sent.
    #[default]
    AtOnce,
    /// By [`super::Motion::Execute`].
    Scheduled,
}

/// Settings of a server that MOCO pins, so that a test can set them wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Settings {
    /// `relay_log_recovery`: what was received and not applied is thrown away at a start.
    pub relay_log_recovery: bool,
    /// `sync_relay_log` is 1: what is acknowledged survives a power cut.
    pub sync_relay_log: bool,
    /// Overrules every `SET GLOBAL rpl_semi_sync_source_timeout`.
    pub semi_sync_timeout_ms: Option<u64>,
    /// `replica_net_timeout`, seconds.
    pub net_timeout_secs: u64,
    /// How long a start takes at least. No setting of MySQL; recovery takes what it takes.
    pub start_time: Duration,
}

impl Default for Settings {
    /// As MOCO's my.cnf has them.
    fn default() -> Self {
        Self {
            relay_log_recovery: false,
            sync_relay_log: true,
            semi_sync_timeout_ms: None,
            net_timeout_secs: 4,
            start_time: Duration::ZERO,
        }
    }
}

/// Why something could not be done to a server from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// There is no such server.
    #[error("{0} is no server of this fleet")]
    NoServer(ServerId),
    /// There is no data directory.
    #[error("{0} has no data directory")]
    NoData(ServerId),
    /// A process runs.
    #[error("the mysqld of {0} runs")]
    Runs(ServerId),
    /// None runs.
    #[error("the mysqld of {0} does not run")]
    Absent(ServerId),
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server {}", self.0)
    }
}
