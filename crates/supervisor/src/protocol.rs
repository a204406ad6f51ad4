//! The words between supervise and agent: one JSON object a line, over a Unix stream socket.
//!
//! The agent finds its end with [`crate::inherited_socket`] and speaks first: [`ToSupervise::Hello`], answered by
//! [`FromSupervise::State`]. Lines keep their order in both directions, so a [`ToSupervise::Signal`] always means the
//! mysqld of the agent's latest [`ToSupervise::Start`], or the one that `State` named.
//!
//! Growing it: supervise is as old as its pod while agents are replaced under it. Both sides ignore fields they do not
//! know and messages whose `type` they do not know; `State` carries supervise's [`VERSION`], so an agent can see what
//! it may ask for. Fields are never removed, and new ones have defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of this protocol that this build speaks.
pub const VERSION: u32 = 1;

/// The environment variable in which the agent finds the number of its socket.
pub const FD_ENV: &str = "MOCO_SUPERVISE_FD";

/// The environment variable that tells mysqld who restarts it; with it `RESTART` and `CLONE INSTANCE` end mysqld with
/// exit code 16 instead of failing with error 3707 (MySQL manual, section "RESTART Statement").
pub const MYSQLD_PARENT_ENV: &str = "MYSQLD_PARENT_PID";

/// The longest line either side accepts, in bytes without the line feed. The longest real one is a `Start` with its
/// environment, a few KiB.
pub const LINE_BYTES_MAX: usize = 256 * 1024;

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToSupervise {
    /// The agent is up and able to work. The first message of a connection; from then on its binary counts as good,
    /// so an agent says it after it has checked itself. Answered by [`FromSupervise::State`], each time it is said.
    Hello {
        /// The agent's [`VERSION`].
        protocol: u32,
        /// The agent's release, for the log.
        version: String,
    },
    /// Start mysqld. Answered by [`FromSupervise::Started`] or [`FromSupervise::StartFailed`].
    Start(Start),
    /// Send a signal to mysqld. Without a mysqld it does nothing: its exit is already on the way to the agent.
    Signal {
        /// Which one.
        signal: MysqldSignal,
    },
    /// All is stopped: leave. Final: afterwards nothing is started any more, neither mysqld nor an agent. If mysqld
    /// still runs, supervise leaves when it has ended, or kills it when the grace time is over, which begins now
    /// unless it has begun before.
    Done,
    /// A message of a newer protocol. Read, never sent.
    #[serde(other)]
    Unknown,
}

/// How to start mysqld.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Program and arguments. A program without a slash is searched in the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment, but for [`MYSQLD_PARENT_ENV`], which supervise adds.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The working directory.
    pub dir: PathBuf,
    /// Where standard output and standard error go.
    #[serde(default)]
    pub log: Log,
}

/// Shows names of variables, not their values: supervise cannot know which of them are secret.
impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start")
            .field("argv", &self.argv)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("dir", &self.dir)
            .field("log", &self.log)
            .finish()
    }
}

/// Where mysqld's standard output and standard error go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// Where supervise's own go: the container log.
    #[default]
    Inherit,
    /// To this file, appended; it is made when missing.
    File(PathBuf),
}

/// The signals an agent may send to mysqld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MysqldSignal {
    /// SIGTERM, the orderly shutdown. On a primary it acknowledges commits that no replica holds.
    Term,
    /// SIGKILL.
    Kill,
}

/// What supervise says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromSupervise {
    /// The answer to `Hello`: all that an agent may have missed.
    State(State),
    /// mysqld was started. It may have ended since; then `Exited` follows.
    Started(Running),
    /// mysqld was not started.
    StartFailed {
        /// Why, for people.
        error: String,
        /// The pid of the mysqld that runs already, if that is why.
        #[serde(default)]
        running: Option<i32>,
    },
    /// mysqld has ended and is reaped.
    Exited(Exit),
    /// Somebody (the kubelet) asked supervise to end. mysqld has not been told. Said once; an agent that starts later
    /// finds it in `State`.
    Terminate {
        /// The time left, in milliseconds from now, until supervise kills mysqld and leaves.
        deadline_ms: u64,
    },
    /// A message of a newer protocol. Read, never sent.
    #[serde(other)]
    Unknown,
}

/// What supervise knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Supervise's [`VERSION`].
    pub protocol: u32,
    /// Supervise's own pid, mysqld's parent.
    pub supervise_pid: i32,
    /// The mysqld that runs.
    #[serde(default)]
    pub mysqld: Option<Running>,
    /// How the latest mysqld ended that supervise has reaped. An agent tells by its pid and time whether it knew.
    #[serde(default)]
    pub last_exit: Option<Exit>,
    /// Supervise was asked to end.
    #[serde(default)]
    pub terminating: bool,
    /// While terminating: the time left, in milliseconds from now, until supervise kills mysqld and leaves.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
}

/// A running mysqld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its pid.
    pub pid: i32,
    /// When it was started, in milliseconds since 1970 by this machine's clock.
    pub started_at_ms: u64,
}

/// The end of a mysqld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The pid it had.
    pub pid: i32,
    /// How it ended.
    pub how: Ended,
    /// When it was reaped, in milliseconds since 1970 by this machine's clock.
    pub at_ms: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It exited with this code. 16 is mysqld's wish to be started again (`RESTART`, `CLONE INSTANCE`).
    Code(i32),
    /// A signal ended it.
    Signal {
        /// The signal's number.
        number: i32,
        /// Whether the kernel dumped core.
        core: bool,
    },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal {
                number,
                core: false,
            } => write!(f, "signal {number}"),
            Self::Signal { number, core: true } => write!(f, "signal {number}, core dumped"),
        }
    }
}

/// Why a line could not be written or read. None of them shows the line: it may hold what no log should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The message has no JSON form, for example a path that is not UTF-8.
    #[error("cannot write the message as json")]
    Encode,
    /// The line is no message of this protocol.
    #[error("line of {bytes} bytes is not a message (from byte {column})")]
    Decode {
        /// The line's length.
        bytes: usize,
        /// Where reading it stopped.
        column: usize,
    },
    /// The line exceeds [`LINE_BYTES_MAX`].
    #[error("line longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
}

/// The line for `message`, line feed included.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, CodecError> {
    let mut line = serde_json::to_vec(message).map_err(|_| CodecError::Encode)?;
    if line.len() > LINE_BYTES_MAX {
        return Err(CodecError::TooLong);
    }
    line.push(b'\n');
    Ok(line)
}

/// Cuts received bytes into messages. It does no I/O, so it serves blocking and async readers alike.
#[derive(Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// How much of the buffer is known to hold no line feed.
    searched: usize,
}

impl Decoder {
    /// Adds bytes as they came from the socket.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or nothing until more bytes come. To be called until it returns nothing.
    ///
    /// After an error the connection is of no use any more: what follows cannot be trusted to begin at a line.
    pub fn take_message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, CodecError> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(offset) = unsearched.iter().position(|&byte| byte == b'\n') else {
            self.searched = self.buffer.len();
            let too_long = self.buffer.len() > LINE_BYTES_MAX;
            return if too_long {
                Err(CodecError::TooLong)
            } else {
                Ok(None)
            };
        };
        let length = self.searched + offset;
        self.searched = 0;
        let mut line: Vec<u8> = self.buffer.drain(..=length).collect();
        line.pop();
        if line.len() > LINE_BYTES_MAX {
            return Err(CodecError::TooLong);
        }
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(|error| CodecError::Decode {
                bytes: line.len(),
                column: error.column(),
            })
    }
}

#[cfg(test)]
mod tests;
