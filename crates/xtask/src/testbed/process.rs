//! Long-running processes: started in a host's network namespace, recorded, and stopped by that record alone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::layout::{Host, Layout};

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A process of the cluster: what it is called and how it is started.
#[derive(Clone, Debug)]
pub(crate) struct Daemon {
    /// `etcd`, `kubelet-n0`.
    pub(crate) name: String,
    pub(crate) host: Host,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
}

/// A process that was started: the id alone could be another's after a while.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) pid: i32,
    /// Field 22 of `/proc/PID/stat`.
    started_ticks: u64,
    boot: String,
}

impl Daemon {
    /// Starts the process unless it runs.
    pub(crate) fn start(&self, layout: &Layout) -> Result<()> {
        if self.record(layout).is_some_and(|record| record.alive()) {
            return Ok(());
        }
        let log_file = self.log(layout);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log_file)
            .with_context(|| format!("open {}", log_file.display()))?;
        let folder = self.program.parent().unwrap_or(Path::new("/"));
        let child = Command::new("setsid")
            .arg("nsenter")
            .arg(format!("--net={}", layout.netns(self.host).display()))
            .arg(&self.program)
            .args(&self.args)
            // Nothing of the caller's environment: a proxy or a KUBECONFIG must not reach the cluster.
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display()),
            )
            .env("HOME", env::var_os("HOME").unwrap_or_else(|| "/".into()))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log file")?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.name))?;
        // setsid and nsenter become the program, so the id stays.
        let record = Record::of(i32::try_from(child.id()).context("a process id")?)
            .with_context(|| format!("{} ended at once; see {}", self.name, log_file.display()))?;
        let text = serde_json::to_string(&record).context("write a process record")?;
        let file = self.record_file(layout);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))
    }

    /// Stops the process if it runs.
    pub(crate) fn stop(&self, layout: &Layout) -> Result<()> {
        let records: Vec<Record> = self.record(layout).into_iter().collect();
        stop_all(&records)?;
        let file = self.record_file(layout);
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
        }
        Ok(())
    }

    /// The id of the process if it runs.
    pub(crate) fn pid(&self, layout: &Layout) -> Option<i32> {
        self.record(layout)
            .filter(Record::alive)
            .map(|record| record.pid)
    }

    /// An error with the end of its log if the process does not run.
    pub(crate) fn must_run(&self, layout: &Layout) -> Result<()> {
        if self.pid(layout).is_some() {
            return Ok(());
        }
        let log = self.log(layout);
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(8)..)
            .unwrap_or_default()
            .join("\n    ");
        bail!(
            "{} does not run; the end of {}:\n    {tail}",
            self.name,
            log.display()
        )
    }

    fn record(&self, layout: &Layout) -> Option<Record> {
        read_record(&self.record_file(layout))
    }

    fn record_file(&self, layout: &Layout) -> PathBuf {
        layout.records().join(format!("{}.json", self.name))
    }

    fn log(&self, layout: &Layout) -> PathBuf {
        layout.logs().join(format!("{}.log", self.name))
    }
}

impl Record {
    /// The record of a process that exists now.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self {
            pid,
            started_ticks: Stat::of(pid)?.started_ticks,
            boot: boot_id()?,
        })
    }

    /// True if this very process still runs.
    pub(crate) fn alive(&self) -> bool {
        boot_id().is_some_and(|boot| boot == self.boot)
            && Stat::of(self.pid)
                .is_some_and(|stat| stat.started_ticks == self.started_ticks && !stat.is_dead())
    }

    fn signal(&self, signal: Signal) {
        if self.alive()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // It may end between the look and the signal; the caller looks again.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Every process this cluster has recorded, whatever its configuration says now.
pub(crate) fn recorded(layout: &Layout) -> Vec<Record> {
    let Ok(folder) = fs::read_dir(layout.records()) else {
        return Vec::new();
    };
    folder
        .flatten()
        .filter_map(|entry| read_record(&entry.path()))
        .collect()
}

fn read_record(file: &Path) -> Option<Record> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// Asks the processes to end, waits, and kills those that have not.
pub(crate) fn stop_all(records: &[Record]) -> Result<()> {
    for record in records {
        record.signal(Signal::TERM);
        // A stopped process does not hear the request before it runs again.
        record.signal(Signal::CONT);
    }
    if wait_for_end(records, GRACE) {
        return Ok(());
    }
    kill_all(records)
}

/// Kills the processes and waits for their end.
pub(crate) fn kill_all(records: &[Record]) -> Result<()> {
    for record in records {
        record.signal(Signal::KILL);
    }
    if wait_for_end(records, GRACE) {
        return Ok(());
    }
    let left: Vec<_> = records.iter().filter(|record| record.alive()).collect();
    bail!("processes that survive SIGKILL: {left:?}")
}

fn wait_for_end(records: &[Record], limit: Duration) -> bool {
    let begin = Instant::now();
    while records.iter().any(Record::alive) {
        if begin.elapsed() > limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

/// What `/proc/PID/stat` says.
struct Stat {
    state: char,
    started_ticks: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Fields are counted behind the program's name, which may hold spaces and parentheses.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let state = fields.next()?.chars().next()?;
        Some(Self {
            state,
            started_ticks: fields.nth(18)?.parse().ok()?,
        })
    }

    /// A zombie has ended; only its parent has not asked yet.
    fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// The ids of all processes of the machine.
pub(crate) fn all_pids() -> Result<Vec<i32>> {
    let folder = fs::read_dir("/proc").context("read /proc")?;
    Ok(folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

/// The arguments of a process; empty for one that has ended.
pub(crate) fn argv(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split('\0')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.state, stat.started_ticks), ('S', 4242));
    }

    #[test]
    fn a_recorded_process_is_stopped_and_another_with_its_id_is_not() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let record = Record::of(pid).unwrap();
        let other = Record {
            started_ticks: record.started_ticks + 1,
            ..record.clone()
        };
        stop_all(&[other]).unwrap();
        assert!(
            record.alive(),
            "a process with another start time was stopped"
        );
        stop_all(std::slice::from_ref(&record)).unwrap();
        assert!(!record.alive());
        child.wait().unwrap();
    }
}
