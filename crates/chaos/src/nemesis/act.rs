//! Doing what was planned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use moco_model::MemberId;
use rustix::process::Signal;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::plan::{Event, Kind};
use crate::home::{Home, Status};
use crate::processes::{MemberProcesses, Process, daemon};
use crate::wires::Wires;

/// Seconds that the verbs of moco-local may take; they give up by themselves.
const VERB_SECONDS: u64 = 60;
/// How long after a switchover was asked for its primary is killed, at most.
const MEANWHILE: Duration = Duration::from_millis(300);

/// The cluster, and the program that people drive it with.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    /// Its folder.
    pub(crate) home: Home,
    /// The program moco-local.
    pub(crate) program: PathBuf,
    /// The wires between members, where they can be cut.
    pub(crate) wires: Option<Wires>,
}

impl Cluster {
    /// The cluster in a folder, and the name of its network namespaces.
    pub(crate) fn new(
        folder: &Path,
        program: Option<PathBuf>,
        hosts: Option<String>,
    ) -> anyhow::Result<Self> {
        let program = match program {
            Some(given) => given,
            None => std::env::current_exe()
                .context("cannot find this program's own file")?
                .with_file_name("moco-local"),
        };
        let missing = format!(
            "there is no program {}; name it with --program",
            program.display()
        );
        ensure!(program.is_file(), missing);
        Ok(Self {
            home: Home::open(folder)?,
            program,
            wires: hosts.map(Wires::new),
        })
    }

    /// Does it, and says to whom. An event without anybody to do it to is done to nobody.
    pub(crate) async fn act(&self, event: &Event) -> anyhow::Result<String> {
        let status = self.home.status()?;
        match event.kind {
            Kind::KillPrimary => self.signal_mysqld(primary(&status), Signal::KILL),
            Kind::KillReplica => self.signal_mysqld(replica(&status, event), Signal::KILL),
            Kind::KillAll => self.kill_all(&status),
            Kind::KillAgent => self.kill_agent(any(&status, event)),
            Kind::KillPrimaryContainer => self.kill_container(primary(&status)),
            Kind::KillReplicaContainer => self.kill_container(replica(&status, event)),
            Kind::FreezePrimary => {
                self.freeze(primary(&status), Extent::Mysqld, event.hold)
                    .await
            }
            Kind::FreezeReplica => {
                let member = replica(&status, event);
                self.freeze(member, Extent::Mysqld, event.hold).await
            }
            Kind::FreezePrimaryContainer => {
                self.freeze(primary(&status), Extent::Container, event.hold)
                    .await
            }
            Kind::FreezeReplicaContainer => {
                let member = replica(&status, event);
                self.freeze(member, Extent::Container, event.hold).await
            }
            Kind::FreezeAgent => {
                self.freeze(any(&status, event), Extent::Agent, event.hold)
                    .await
            }
            Kind::CutPrimary
            | Kind::PartPrimary
            | Kind::DeafenPrimary
            | Kind::MutePrimary
            | Kind::HidePrimary
            | Kind::ForsakePrimary
            | Kind::LossyPrimary
            | Kind::CutReplica => self.cut(&status, event).await,
            Kind::FillPrimary => self.fill(primary(&status), event.hold).await,
            Kind::FillReplica => self.fill(replica(&status, event), event.hold).await,
            Kind::LoseVolume => self.lose_volume(replica(&status, event)).await,
            Kind::Switchover => self.switchover().await,
            Kind::KillDuringSwitchover => self.kill_during_switchover(&status, event).await,
            Kind::KillDaemon => self.kill_daemon(event.hold / 4).await,
            Kind::FreezeDaemon => self.freeze_daemon(event.hold).await,
            Kind::Resize => self.resize().await,
        }
    }

    pub(super) fn processes(&self, member: Option<MemberId>) -> anyhow::Result<MemberProcesses> {
        match member {
            Some(member) => MemberProcesses::of(&self.home, member),
            None => Ok(MemberProcesses::default()),
        }
    }

    fn signal_mysqld(&self, member: Option<MemberId>, signal: Signal) -> anyhow::Result<String> {
        let mysqld = self.processes(member)?.mysqld;
        signal_all(mysqld.as_slice(), signal)?;
        Ok(told("mysqld", member, mysqld.as_slice()))
    }

    fn kill_all(&self, status: &Status) -> anyhow::Result<String> {
        let mut all = Vec::new();
        for member in &status.members {
            all.extend(self.processes(Some(member.id))?.mysqld);
        }
        signal_all(&all, Signal::KILL)?;
        Ok(format!("{} mysqld", all.len()))
    }

    fn kill_agent(&self, member: Option<MemberId>) -> anyhow::Result<String> {
        let agent = self.processes(member)?.agent;
        signal_all(agent.as_slice(), Signal::KILL)?;
        Ok(told("agent", member, agent.as_slice()))
    }

    fn kill_container(&self, member: Option<MemberId>) -> anyhow::Result<String> {
        let all: Vec<_> = self.processes(member)?.all().into_iter().cloned().collect();
        signal_all(&all, Signal::KILL)?;
        Ok(told("all processes", member, &all))
    }

    async fn freeze(
        &self,
        member: Option<MemberId>,
        extent: Extent,
        hold: Duration,
    ) -> anyhow::Result<String> {
        let found = self.processes(member)?;
        let frozen: Vec<_> = match extent {
            Extent::Mysqld => found.mysqld.into_iter().collect(),
            Extent::Agent => found.agent.into_iter().collect(),
            Extent::Container => found.all().into_iter().cloned().collect(),
        };
        signal_all(&frozen, Signal::STOP)?;
        sleep(hold).await;
        signal_all(&frozen, Signal::CONT)?;
        let whom = told("frozen", member, &frozen);
        Ok(format!("{whom}, for {:.1} s", hold.as_secs_f64()))
    }

    async fn switchover(&self) -> anyhow::Result<String> {
        let limit = VERB_SECONDS.to_string();
        let output = self.verb(&["switchover", "--timeout", &limit]).await?;
        Ok(last_line(&output))
    }

    async fn kill_during_switchover(
        &self,
        status: &Status,
        event: &Event,
    ) -> anyhow::Result<String> {
        let asked = self.clone();
        let asked = tokio::spawn(async move { asked.switchover().await });
        sleep(event.hold.min(MEANWHILE)).await;
        let killed = self.signal_mysqld(primary(status), Signal::KILL)?;
        let answer = asked.await.context("the switchover broke off")??;
        Ok(format!("{killed}; {answer}"))
    }

    async fn kill_daemon(&self, away: Duration) -> anyhow::Result<String> {
        let killed = daemon(&self.home)?;
        signal_all(killed.as_slice(), Signal::KILL)?;
        sleep(away).await;
        self.up(self.home.file("manifest.yaml")).await?;
        let seconds = away.as_secs_f64();
        Ok(format!(
            "away for {seconds:.1} s{}",
            pids(killed.as_slice())
        ))
    }

    async fn freeze_daemon(&self, hold: Duration) -> anyhow::Result<String> {
        let frozen = daemon(&self.home)?;
        signal_all(frozen.as_slice(), Signal::STOP)?;
        sleep(hold).await;
        signal_all(frozen.as_slice(), Signal::CONT)?;
        let seconds = hold.as_secs_f64();
        Ok(format!(
            "frozen for {seconds:.1} s{}",
            pids(frozen.as_slice())
        ))
    }

    /// Three members become five, and any other number three.
    async fn resize(&self) -> anyhow::Result<String> {
        let manifest = self.home.file("manifest.yaml");
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let (text, count) = resized(&text).context("the manifest has no line `replicas:`")?;
        let wanted = self.home.file("manifest-wanted.yaml");
        fs::write(&wanted, text).with_context(|| format!("cannot write {}", wanted.display()))?;
        self.up(wanted).await?;
        Ok(format!("{count} members are wanted"))
    }

    /// `up`, for as long as it takes the background process to hear of it; that the cluster becomes
    /// healthy is waited for elsewhere, so that this may fail.
    async fn up(&self, manifest: PathBuf) -> anyhow::Result<()> {
        let manifest = manifest.display().to_string();
        let output = self.verb(&["up", &manifest, "--timeout", "5"]).await?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let begun = output.status.success() || text.contains("is not healthy after");
        ensure!(begun, "moco-local up: {}", text.trim());
        Ok(())
    }

    async fn verb(&self, words: &[&str]) -> anyhow::Result<Output> {
        let (name, root) = self.home.name()?;
        let settings = self.home.settings()?;
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .env("MOCO_LOCAL_DIR", root)
            .env("MOCO_MYSQLD", settings.mysqld)
            .env("MOCO_PROGRAM", settings.moco)
            .stdin(Stdio::null());
        if words.first() != Some(&"up") {
            command.args(["--cluster", &name]);
        }
        spawn_blocking(move || command.output())
            .await
            .context("the call broke off")?
            .with_context(|| format!("cannot run {}", self.program.display()))
    }
}

#[derive(Clone, Copy)]
enum Extent {
    Mysqld,
    Agent,
    Container,
}

pub(super) fn primary(status: &Status) -> Option<MemberId> {
    status.primary().map(|member| member.id)
}

pub(super) fn replica(status: &Status, event: &Event) -> Option<MemberId> {
    picked(&status.replicas(), event)
}

fn any(status: &Status, event: &Event) -> Option<MemberId> {
    picked(&status.members.iter().collect::<Vec<_>>(), event)
}

fn picked(members: &[&crate::home::Member], event: &Event) -> Option<MemberId> {
    let count = u64::try_from(members.len()).ok()?;
    let at = usize::try_from(event.pick.checked_rem(count)?).ok()?;
    members.get(at).map(|member| member.id)
}

pub(super) fn signal_all(processes: &[Process], signal: Signal) -> anyhow::Result<()> {
    processes
        .iter()
        .try_for_each(|process| process.signal(signal))
}

pub(super) fn told(what: &str, member: Option<MemberId>, processes: &[Process]) -> String {
    match member {
        Some(member) if !processes.is_empty() => {
            format!("member {member}: {what}{}", pids(processes))
        }
        Some(member) => format!("member {member}: it did not run"),
        None => "there is none".to_owned(),
    }
}

fn pids(processes: &[Process]) -> String {
    processes.iter().fold(String::new(), |text, process| {
        format!("{text} pid {}", process.pid)
    })
}

fn last_line(output: &Output) -> String {
    let text = if output.status.success() {
        &output.stdout
    } else {
        &output.stderr
    };
    let text = String::from_utf8_lossy(text);
    text.trim().lines().last().unwrap_or_default().to_owned()
}

/// The manifest with another number of members, and that number.
fn resized(text: &str) -> Option<(String, u32)> {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("replicas:"))?;
    let (key, value) = line.split_once(':')?;
    let count = if value.trim() == "3" { 5 } else { 3 };
    Some((text.replacen(line, &format!("{key}: {count}"), 1), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_resized_and_back() {
        let three = include_str!("../../../../examples/mysqlcluster.yaml");
        let (five, count) = resized(three).unwrap();
        assert_eq!(count, 5);
        assert!(five.contains("\n  replicas: 5\n"));
        assert_eq!(resized(&five).unwrap(), (three.to_owned(), 3));
        assert_eq!(resized("kind: Pod"), None);
    }
}
