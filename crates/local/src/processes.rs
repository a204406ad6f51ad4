//! Processes that outlive the program that started them, known again by pid, start time and boot.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::home;

/// A process that was started before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pid: i32,
    /// Clock ticks after boot (`proc_pid_stat(5)`, field 22): another process of the same pid differs.
    started: u64,
    boot: String,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in field 2 may hold spaces and brackets; fields are counted after its end.
        let rest = stat.get(stat.rfind(')')? + 2..)?;
        let mut fields = rest.split(' ');
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()?
            .trim()
            .to_owned();
        (state != "Z").then_some(Self { pid, started, boot })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Sends a signal, if it still runs.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        // The descriptor holds on to the process; whether it is the right one is asked afterwards.
        let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else {
            return Ok(());
        };
        if !self.runs() {
            return Ok(());
        }
        pidfd_send_signal(held, signal)
            .with_context(|| format!("cannot signal process {}", self.pid))
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&self, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        while self.runs() {
            if Instant::now() > deadline {
                bail!(
                    "process {} did not end within {} s",
                    self.pid,
                    within.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// The process recorded in a file, if it still runs.
pub(crate) fn recorded(file: &Path) -> anyhow::Result<Option<Process>> {
    Ok(home::read_json::<Process>(file)?.filter(Process::runs))
}

/// Starts a process in a group of its own, with its output in `log`, and records it in `file`.
pub(crate) fn start(command: &mut Command, log: &Path, file: &Path) -> anyhow::Result<Process> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write the log {}", log.display()))?;
    let errors = output.try_clone().context("cannot share the log")?;
    let child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let pid = i32::try_from(child.id()).context("a pid out of range")?;
    let process =
        Process::of(pid).with_context(|| format!("{name} ended at once; see {}", log.display()))?;
    home::write_json(file, &process)?;
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_again_and_its_pid_alone_is_not_enough() {
        let folder = tempfile::tempdir().unwrap();
        let (log, file) = (
            folder.path().join("log"),
            folder.path().join("process.json"),
        );
        let started = start(Command::new("sleep").arg("100"), &log, &file).unwrap();
        assert_eq!(recorded(&file).unwrap(), Some(started.clone()));
        let other = Process {
            started: started.started + 1,
            ..started.clone()
        };
        assert!(!other.runs());
        other.signal(Signal::KILL).unwrap();
        assert!(started.runs());
        started.signal(Signal::KILL).unwrap();
        started.wait(Duration::from_secs(10)).unwrap();
        assert_eq!(recorded(&file).unwrap(), None);
    }
}
