//! The one mysqld: starting it, signalling it, remembering how it ended.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::log;
use crate::process;
use crate::protocol::{
    Ended, Exit, FromSupervise, Log, MYSQLD_PARENT_ENV, MysqldSignal, Running, Start,
};

/// The mysqld that runs, if one does, and the end of the one before it.
#[derive(Default)]
pub(crate) struct Mysqld {
    running: Option<(Pid, Running)>,
    last_exit: Option<Exit>,
}

impl Mysqld {
    /// Starts it and gives the answer for the agent.
    pub(crate) fn start(&mut self, start: &Start) -> FromSupervise {
        if let Some((_, running)) = self.running {
            let error = format!("mysqld runs already with pid {}", running.pid);
            return FromSupervise::StartFailed {
                error,
                running: Some(running.pid),
            };
        }
        match spawn(start) {
            Ok(pid) => {
                let running = Running {
                    pid: pid.as_raw_pid(),
                    started_at_ms: now_ms(),
                };
                log::line(format_args!("started mysqld with pid {}", running.pid));
                self.running = Some((pid, running));
                FromSupervise::Started(running)
            }
            Err(error) => {
                let error = log::chain(&error);
                log::line(&error);
                FromSupervise::StartFailed {
                    error,
                    running: None,
                }
            }
        }
    }

    /// Sends it a signal, if it runs.
    pub(crate) fn signal(&self, signal: MysqldSignal) {
        let Some((pid, _)) = self.running else { return };
        log::line(format_args!(
            "sending {signal:?} to mysqld with pid {}",
            pid.as_raw_pid()
        ));
        let signal = match signal {
            MysqldSignal::Term => Signal::TERM,
            MysqldSignal::Kill => Signal::KILL,
        };
        // By pid, not pidfd: it is our child and not reaped yet, so the number can mean nobody else.
        if let Err(error) = kill_process(pid, signal) {
            log::line(format_args!("cannot signal mysqld: {error}"));
        }
    }

    /// Takes note of a reaped child. Gives the exit to tell, if that child was mysqld.
    pub(crate) fn reaped(&mut self, child: Pid, how: Ended) -> Option<Exit> {
        let (pid, _) = self.running?;
        if pid != child {
            return None;
        }
        log::line(format_args!(
            "mysqld with pid {} ended with {how}",
            pid.as_raw_pid()
        ));
        self.running = None;
        self.last_exit = Some(Exit {
            pid: pid.as_raw_pid(),
            how,
            at_ms: now_ms(),
        });
        self.last_exit
    }

    /// The mysqld that runs.
    pub(crate) fn running(&self) -> Option<Running> {
        self.running.map(|(_, running)| running)
    }

    /// How the latest one ended.
    pub(crate) fn last_exit(&self) -> Option<Exit> {
        self.last_exit
    }
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("cannot start mysqld: the command is empty")]
    EmptyCommand,
    #[error("cannot open mysqld's log file {path}")]
    OpenLog { path: PathBuf, source: io::Error },
    #[error("cannot execute {program} in directory {dir}")]
    Execute {
        program: String,
        dir: PathBuf,
        source: io::Error,
    },
}

fn spawn(start: &Start) -> Result<Pid, StartError> {
    let Some((program, arguments)) = start.argv.split_first() else {
        return Err(StartError::EmptyCommand);
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&start.env)
        .env(MYSQLD_PARENT_ENV, getpid().as_raw_pid().to_string())
        .current_dir(&start.dir)
        .stdin(Stdio::null());
    if let Log::File(path) = &start.log {
        let open_log = |source| StartError::OpenLog {
            path: path.clone(),
            source,
        };
        let file = append_to(path).map_err(open_log)?;
        command
            .stderr(file.try_clone().map_err(open_log)?)
            .stdout(file);
    }
    process::prepare(&mut command, None);
    let execute = |source| StartError::Execute {
        program: program.clone(),
        dir: start.dir.clone(),
        source,
    };
    // The handle is dropped at once: waiting is the reaper's, by pid.
    command
        .spawn()
        .map(|child| Pid::from_child(&child))
        .map_err(execute)
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

fn now_ms() -> u64 {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
