//! The processes of a cluster: found by the ids that `moco-local` recorded, and by who started whom
//! from there. A process that only has the same id, or a similar name, is never touched.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use moco_model::MemberId;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::home::Home;

/// A process, known again by its id and by when it was started.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: i32,
    /// Clock ticks after boot: `proc_pid_stat(5)`, field 22.
    pub(crate) started: u64,
}

/// How long the kernel may take to end a process that was killed.
const END: Duration = Duration::from_secs(20);

/// The processes of one member that run now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberProcesses {
    /// The first process of the member.
    pub(crate) supervise: Option<Process>,
    /// Its agent.
    pub(crate) agent: Option<Process>,
    /// Its mysqld.
    pub(crate) mysqld: Option<Process>,
}

impl MemberProcesses {
    /// Those of a member.
    pub(crate) fn of(home: &Home, member: MemberId) -> anyhow::Result<Self> {
        let file = format!("member-{member}/supervise.json");
        let supervise = home.json::<Process>(&file)?.filter(Process::runs);
        let options = home.file(&format!("member-{member}/my.cnf"));
        let options = format!("--defaults-file={}", options.display());
        let mut found = Self::default();
        let Some(supervise) = supervise else {
            return Ok(found);
        };
        for (child, words) in children(supervise.pid) {
            if words.get(1).is_some_and(|word| word == "agent") {
                found.agent = Some(child);
            } else if words.contains(&options) {
                found.mysqld = Some(child);
            }
        }
        found.supervise = Some(supervise);
        Ok(found)
    }

    /// All of them, supervise first: killed in this order, it starts nothing again meanwhile.
    pub(crate) fn all(&self) -> Vec<&Process> {
        [&self.supervise, &self.agent, &self.mysqld]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// The cluster's background process, if it runs.
pub(crate) fn daemon(home: &Home) -> anyhow::Result<Option<Process>> {
    Ok(home.json::<Process>("daemon.json")?.filter(Process::runs))
}

impl Process {
    /// The process that has this id now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        stat(pid).map(|stat| Self {
            pid,
            started: stat.started,
        })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.state != "Z" && stat.started == self.started)
    }

    /// Waits until it has ended, after SIGKILL.
    pub(crate) async fn ended(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.runs() {
            ensure!(began.elapsed() < END, "process {} does not end", self.pid);
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Sends a signal; one that has ended meanwhile is no error.
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
}

struct Stat {
    state: String,
    parent: i32,
    started: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in field 2 may hold spaces and brackets; fields are counted after its end.
    let rest = text.get(text.rfind(')')? + 2..)?;
    let mut fields = rest.split(' ');
    Some(Stat {
        state: fields.next()?.to_owned(),
        parent: fields.next()?.parse().ok()?,
        started: fields.nth(17)?.parse().ok()?,
    })
}

/// The children of a process that run, with their command lines.
fn children(parent: i32) -> Vec<(Process, Vec<String>)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let child = |pid: i32| {
        let stat = stat(pid).filter(|stat| stat.parent == parent && stat.state != "Z")?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = line
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned());
        let started = stat.started;
        Some((Process { pid, started }, words.collect()))
    };
    pids.filter_map(child).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn own(child: &Child) -> Process {
        Process::of(i32::try_from(child.id()).unwrap()).unwrap()
    }

    #[test]
    fn children_are_found_with_their_command_lines_and_ended_by_their_own_id_only() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let process = own(&child);
        let me = i32::try_from(std::process::id()).unwrap();
        let found = children(me);
        let (_, words) = found.iter().find(|(found, _)| *found == process).unwrap();
        assert!(words.contains(&"100".to_owned()), "{words:?}");
        let other = Process {
            started: process.started + 1,
            ..process.clone()
        };
        assert!(!other.runs());
        other.signal(Signal::KILL).unwrap();
        assert!(process.runs());
        process.signal(Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(!process.runs());
    }
}
