//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Write to a cluster of moco-local, break it, and check that nothing acknowledged is lost.
#[derive(Debug, Parser)]
#[command(name = "moco-chaos", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write until `stop` is read on standard input, then check every row. Other words there: `mark
    /// NAME` begins a stretch of the report, `break KIND [MILLISECONDS]` does the same and then what
    /// an event of `run` does, `look` prints what is seen as one line of JSON, `stretches` the part of
    /// the report that belongs to the marks.
    Load(Load),
    /// Break things while writing, in an order that the seed repeats, then check every row.
    Run(Run),
    /// Lead the servers of a stopped cluster as MOCO for Go does, until standard input ends.
    Rival(crate::rival::Rival),
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The cluster's folder: NAMESPACE.NAME in the folder of moco-local.
    #[arg(long)]
    pub(crate) home: PathBuf,
    /// The program moco-local [default: beside this program].
    #[arg(long, env = "MOCO_LOCAL_PROGRAM")]
    pub(crate) program: Option<PathBuf>,
    /// Members run in the network namespaces NAME-0, NAME-1 and so on, and everything else in NAME:
    /// then wires can be cut, too.
    #[arg(long, value_name = "NAME")]
    pub(crate) hosts: Option<String>,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// How is written and read.
#[derive(Clone, Debug, Args)]
pub(crate) struct Writing {
    /// Writers through the primary address, one connection each.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) writers: u32,
    /// Bytes of each row beside its key; they cannot be compressed.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) rows_bytes: u32,
    /// Rows a second of all writers together at most [default: as fast as they can].
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Milliseconds that a connection may take; doubled after each that took longer, up to 8 times.
    #[arg(long, default_value_t = 500)]
    pub(crate) connect_ms: u64,
    /// Milliseconds that a statement may take until its outcome is unknown.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) statement_ms: u64,
    /// Milliseconds between two writes at each member's own address, whatever its role.
    #[arg(long, default_value_t = 50)]
    pub(crate) stray_ms: u64,
    /// Milliseconds between two reads of each reader.
    #[arg(long, default_value_t = 50)]
    pub(crate) read_ms: u64,
}

impl Writing {
    /// The time between two rows of one writer; none without a rate.
    pub(crate) fn every(&self) -> Duration {
        self.rate
            .filter(|rate| *rate > 0)
            .map_or(Duration::ZERO, |rate| {
                Duration::from_secs(1) * self.writers / rate
            })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The cluster's folder: NAMESPACE.NAME in the folder of moco-local.
    #[arg(long)]
    pub(crate) home: PathBuf,
    /// How many things are broken.
    #[arg(long, default_value_t = 50)]
    pub(crate) events: u32,
    /// What chooses them; the same seed chooses the same.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Only events of these kinds, separated by commas; `--kinds list` shows all.
    #[arg(long, value_delimiter = ',')]
    pub(crate) kinds: Vec<String>,
    /// The program moco-local [default: beside this program].
    #[arg(long, env = "MOCO_LOCAL_PROGRAM")]
    pub(crate) program: Option<PathBuf>,
    /// Minutes after which no further event is begun [default: one for each event, and 5].
    #[arg(long)]
    pub(crate) minutes: Option<u64>,
    /// Members run in the network namespaces NAME-0, NAME-1 and so on, and everything else in NAME:
    /// then wires are cut, too.
    #[arg(long, value_name = "NAME")]
    pub(crate) hosts: Option<String>,
    /// Seconds in which the cluster must become healthy again.
    #[arg(long, default_value_t = 180)]
    pub(crate) patience: u64,
    #[command(flatten)]
    pub(crate) writing: Writing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_all_writers_together() {
        let line = |words: &str| Cli::parse_from(words.split(' ')).command;
        let Command::Load(load) = line("moco-chaos load --home h --writers 4 --rate 200") else {
            panic!("not a load");
        };
        assert_eq!(load.writing.every(), Duration::from_millis(20));
        let Command::Load(load) = line("moco-chaos load --home h") else {
            panic!("not a load");
        };
        assert_eq!(load.writing.every(), Duration::ZERO);
    }
}
