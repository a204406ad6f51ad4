//! What goes into and comes out of [`crate::run()`].

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What `moco supervise` is told on its command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// The agent's binary. To upgrade the agent, another file is renamed to this path and the running agent exits.
    pub agent: PathBuf,
    /// The agent's arguments.
    pub agent_args: Vec<OsString>,
    /// Where to keep a copy of the last agent binary that said hello: a path in a writable folder that allows
    /// execution and outlives the container, not the pod.
    pub last_good: PathBuf,
    /// How long a started agent may take to say hello. At most 30 days are counted.
    pub hello_deadline: Duration,
    /// How long after SIGTERM supervise kills mysqld and leaves, if the agent has not brought it to an end. It should be
    /// a few seconds less than the pod's termination grace period. At most 30 days are counted.
    pub grace: Duration,
}

impl Options {
    /// The default of [`Options::hello_deadline`]: an agent says hello in well under a second; ten allow for a cold
    /// disk under load.
    pub const HELLO_DEADLINE: Duration = Duration::from_secs(10);
}

/// Why supervise left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// The agent said that all is done, and no mysqld runs.
    Done,
    /// Asked to end, with neither a mysqld nor an agent running: nothing was left to protect.
    AgentGone,
    /// The grace time was over. A mysqld that still ran was killed.
    GraceExpired,
}

impl ExitReason {
    /// The exit code for the process. The grace time's is that of a process killed by SIGKILL, so that
    /// `kubectl describe` shows what happened to mysqld.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::AgentGone => 1,
            Self::GraceExpired => 137,
        }
    }
}

/// Why supervise could not begin. Once it runs, nothing makes it give up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Orphans could not be made to come to this process.
    #[error("cannot become the reaper of orphaned processes")]
    Subreaper(#[source] io::Error),
    /// The handlers for signals could not be installed.
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
}
