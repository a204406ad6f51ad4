//! The program `moco-sim`: `cargo xtask sim` builds it and runs it.

#![expect(
    clippy::print_stdout,
    reason = "a command line tool speaks to its user"
)]

mod score;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use moco_sim::exhaustive;
use moco_sim::swarm::report::{self, Swarm};

/// Searches for a way to break what MOCO promises, among fakes of everything but MOCO.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask sim",
    bin_name = "cargo xtask sim",
    max_term_width = 100
)]
struct Options {
    /// Runs drawn at random, for so many minutes. Without another word: one minute.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    minutes: Option<u64>,
    /// So many runs drawn at random.
    #[arg(long, conflicts_with = "minutes")]
    runs: Option<u64>,
    /// The first seed; without a time or a number, the run of this seed is told.
    #[arg(long)]
    seed: Option<u64>,
    /// Every state of small worlds.
    #[arg(long, conflicts_with_all = ["minutes", "runs", "seed"])]
    exhaustive: bool,
    /// Of these worlds only those whose names hold this.
    #[arg(long, requires = "exhaustive")]
    world: Option<String>,
    /// Seconds for all worlds together.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Looks for every seeded bug, or for the one that is named.
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "NAME")]
    mutants: Option<String>,
    /// Runs a story, and tells how it goes.
    #[arg(long, value_name = "FILE")]
    story: Option<PathBuf>,
    /// Where the story of a failure is put.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Threads; as many as the machine has cores.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<ExitCode> {
    let held = run(&Options::parse())?;
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// True when everything held, or every seeded bug was found.
fn run(options: &Options) -> Result<bool> {
    let say = |line: &str| println!("{line}");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).max(1);
    let seconds = Duration::from_secs(options.seconds);
    if let Some(file) = &options.story {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("read the story {}", file.display()))?;
        return report::story_of(&text, say).context("read the story");
    }
    if let Some(name) = &options.mutants {
        return score::run(name, threads, say);
    }
    if options.exhaustive {
        let name = options.world.as_deref().unwrap_or_default();
        return Ok(exhaustive::report::run(name, seconds, threads, say));
    }
    if let (Some(seed), None, None) = (options.seed, options.minutes, options.runs) {
        return Ok(report::seed(seed, say));
    }
    let minutes = options.minutes.unwrap_or(1);
    let swarm = Swarm {
        first: options.seed.unwrap_or(1),
        runs: options.runs.unwrap_or(u64::MAX),
        time: if options.runs.is_some() {
            Duration::MAX
        } else {
            Duration::from_secs(60 * minutes)
        },
        threads,
        stories: options.keep.as_deref(),
    };
    Ok(report::swarm(&swarm, say))
}
