//! The rivals of the failover: MOCO for Go, as its policy is emulated by `moco-chaos rival` over the same servers with the
//! same settings, and the floor, which is what the servers alone take.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::under_load::{Bench, gaps};
use crate::chaos::Stretch;
use crate::cmd::Cmd;
use crate::say::say;

/// The gaps of `runs` kills of the primary's mysqld while `who` leads, seconds. Every run begins with the same data: MOCO
/// leaves an old primary that is ahead to a person, so its cluster is not whole afterwards.
pub(super) fn kills(bench: &Bench, who: &str, runs: usize) -> Result<Vec<f64>> {
    let (home, saved) = (bench.local.home(), saved(bench));
    let mut stretches: Vec<Stretch> = Vec::new();
    for run in 1..=runs {
        copy(&saved, &home)?;
        let rival = Rival::start(&bench.chaos, &home, who)?;
        let mut load = bench.load(200)?;
        let before = load.look()?;
        load.tell("break kill-primary")?;
        load.wait_for_writes_again(&before)?;
        stretches.extend(load.stretches()?);
        drop(load);
        rival.end()?;
        say(&format!("  {who}: run {run} of {runs}"));
    }
    gaps(&stretches)
}

/// Stops the cluster and keeps a copy of it for the rivals.
pub(super) fn save(bench: &Bench) -> Result<()> {
    bench.local.stop()?;
    copy(&bench.local.home(), &saved(bench))
}

/// Takes the copy away.
pub(super) fn forget(bench: &Bench) -> Result<()> {
    remove(&saved(bench))
}

/// Beside the folder of clusters, so that it is not taken for one.
fn saved(bench: &Bench) -> PathBuf {
    bench.local.dir().with_extension("saved")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    Cmd::new("cp").arg("-a").arg(from).arg(to).run()
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// A rival that leads.
struct Rival(Child);

impl Rival {
    fn start(program: &Path, home: &Path, who: &str) -> Result<Self> {
        let child = Command::new(program)
            .args(["rival", "--who", who, "--home"])
            .arg(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the rival")?;
        let mut rival = Self(child);
        let output = rival.0.stdout.take().context("no pipe from the rival")?;
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .context("read from the rival")?;
        ensure!(
            line.contains("ready"),
            "the rival {who} did not begin; see above"
        );
        Ok(rival)
    }

    /// Its servers end with it.
    fn end(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        let status = self.0.wait().context("wait for the rival")?;
        ensure!(status.success(), "the rival: {status}");
        Ok(())
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // Without its input it kills its servers and ends; killed, it would leave them.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
