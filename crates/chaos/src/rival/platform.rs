//! The platform's part: the servers as containers that are started again when they have ended.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use moco_model::MemberId;
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use crate::home::{Home, Status};

/// How often it is looked whether a server has ended.
const LOOK: Duration = Duration::from_millis(1);

/// The servers. They are killed when this is dropped.
pub(super) struct Platform {
    containers: Vec<Container>,
}

struct Container {
    member: MemberId,
    command: Command,
    running: Option<Child>,
    ended: Option<Instant>,
}

impl Platform {
    /// Starts a server for each member, with the options that its agent starts it with.
    pub(super) fn start(home: &Home, status: &Status) -> anyhow::Result<Self> {
        let mysqld = home.settings()?.mysqld;
        let mut containers = Vec::new();
        for member in &status.members {
            let id = member.id;
            let folder = home.file(&format!("member-{id}"));
            let log = folder.join("rival.log");
            let output =
                File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
            let mut command = Command::new(&mysqld);
            command
                .arg(format!(
                    "--defaults-file={}",
                    folder.join("my.cnf").display()
                ))
                .arg(format!("--server-id={}", 1_000 + id.0))
                .arg(format!("--report-host={}", member.address.ip()))
                .arg(format!("--report-port={}", member.address.port()))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(output);
            if rustix::process::geteuid().is_root() {
                command.arg("--user=root");
            }
            let running = Some(command.spawn().context("cannot start mysqld")?);
            // Who breaks things finds a server as the child of what is recorded here.
            home.record_supervise(id, std::process::id())?;
            containers.push(Container {
                member: id,
                command,
                running,
                ended: None,
            });
        }
        Ok(Self { containers })
    }

    /// Tells of every death, and starts the server again so long after it; never if none.
    pub(super) async fn run(
        mut self,
        restart: Option<Duration>,
        deaths: Sender<MemberId>,
    ) -> anyhow::Result<()> {
        loop {
            for container in &mut self.containers {
                if container.has_ended()? {
                    // Whoever listens is in this process and ends with it.
                    let _ = deaths.send(container.member).await;
                }
                container.restart(restart)?;
            }
            sleep(LOOK).await;
        }
    }
}

impl Container {
    fn has_ended(&mut self) -> anyhow::Result<bool> {
        let Some(child) = &mut self.running else {
            return Ok(false);
        };
        let ended = child
            .try_wait()
            .context("cannot wait for mysqld")?
            .is_some();
        if ended {
            self.running = None;
            self.ended = Some(Instant::now());
        }
        Ok(ended)
    }

    fn restart(&mut self, after: Option<Duration>) -> anyhow::Result<()> {
        let due = self.ended.zip(after);
        if due.is_some_and(|(ended, after)| ended.elapsed() >= after) {
            self.running = Some(self.command.spawn().context("cannot start mysqld again")?);
            self.ended = None;
        }
        Ok(())
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        for child in self
            .containers
            .iter_mut()
            .filter_map(|c| c.running.as_mut())
        {
            // One that has ended already is no error.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
