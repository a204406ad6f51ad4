//! A cluster on this machine under load, for the benches that break it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cargo::Profile;
use crate::chaos::{self, Load, Report, Stretch};
use crate::demo::Local;
use crate::paths;
use crate::say::say;

/// Writers of every load.
pub(super) const WRITERS: &str = "8";
/// Their rows a second, all together. It leaves half of a small machine to the servers: what is measured is how soon
/// writes go on, not how many fit.
pub(super) const RATE: &str = "400";

/// A cluster of three, and the program that writes to it.
pub(super) struct Bench {
    pub(super) local: Local,
    pub(super) chaos: PathBuf,
}

impl Bench {
    /// Builds the programs and starts the cluster.
    pub(super) fn start(word: &str, folder: &str) -> Result<Self> {
        let dir = paths::state()?.join(folder);
        let local = Local::prepare(word, Profile::Quick, dir)?;
        let chaos = chaos::program()?;
        local.delete().context("remove what an earlier run left")?;
        local.up_quietly(&manifest()?)?;
        Ok(Self { local, chaos })
    }

    /// Starts a load with rows of this many bytes.
    pub(super) fn load(&self, bytes: u32) -> Result<Load> {
        let bytes = bytes.to_string();
        let words = ["--writers", WRITERS, "--rate", RATE, "--rows-bytes", &bytes];
        Load::start(&self.chaos, &self.local, &words)
    }

    /// Does the same to the cluster over and over while it is written to: each time the primary must change, and the
    /// cluster must be whole again before the next time. The ledger must be clean.
    pub(super) fn repeat(&self, event: &str, runs: usize, bytes: u32) -> Result<Vec<Stretch>> {
        let mut load = self.load(bytes)?;
        for run in 1..=runs {
            load.wait_until_whole()?;
            let before = load.look()?;
            load.tell(&format!("break {event}"))?;
            load.wait_for_change(before.server)?;
            say(&format!(
                "  {event}: run {run} of {runs}, load average {}",
                load_average()
            ));
        }
        load.wait_until_whole()?;
        let report = load.stop()?;
        ledger(event, &report);
        Ok(report.marks)
    }

    /// Does something to a new cluster while it is written to, over and over: for failovers that are decided by a
    /// guess. Guesses that follow each other are held up on purpose, longer each time; what is measured is one alone.
    pub(super) fn repeat_anew(&self, event: &str, runs: usize) -> Result<Vec<Stretch>> {
        let mut stretches = Vec::new();
        for run in 1..=runs {
            self.local.delete()?;
            self.local.up_quietly(&manifest()?)?;
            say(&format!("  {event}: new cluster {run} of {runs}"));
            stretches.extend(self.repeat(event, 1, 200)?);
        }
        Ok(stretches)
    }

    /// Stops the cluster and deletes it.
    pub(super) fn end(&self) -> Result<()> {
        self.local.delete()
    }
}

fn manifest() -> Result<PathBuf> {
    Ok(paths::checkout()?.join("examples/mysqlcluster.yaml"))
}

fn ledger(event: &str, report: &Report) {
    say(&format!(
        "  {event}: ledger clean: acked {}, lost {}, phantom {}, acknowledged by an old primary {}",
        report.acked, report.lost, report.phantom, report.overlapping
    ));
}

/// The gap of every stretch, seconds. A stretch without one is an error: a change that was never over.
pub(super) fn gaps(stretches: &[Stretch]) -> Result<Vec<f64>> {
    let gap = |stretch: &Stretch| {
        let gap = stretch.longest_gap_ms.map(|ms| ms / 1000.0);
        gap.with_context(|| format!("nothing was acknowledged after {}", stretch.name))
    };
    stretches.iter().map(gap).collect()
}

/// The load average of the last minute: what else the machine did.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
