//! The words of `cargo xtask`.

use std::ffi::OsString;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand};

use crate::cargo::Profile;
use crate::testbed::fault::Fault;
use crate::testbed::layout::{DEFAULT_NAME, MAX_NODES};

/// The project's front door: builds, tests and runs everything.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) word: Word,
}

/// A word and what follows it.
#[derive(Debug, Subcommand)]
pub(crate) enum Word {
    /// A two-minute tour: three real mysqld on this machine, without Kubernetes.
    Demo {
        /// Unattended: checks every claim, then stops and deletes the cluster.
        #[arg(long)]
        once: bool,
    },
    /// Breaks a cluster on this machine on purpose, while it is written to; checks that nothing acknowledged is lost.
    Chaos {
        #[command(flatten)]
        options: crate::chaos::Options,
    },
    /// Searches for a way to break what MOCO promises, in a world of fakes; `--help` says how.
    #[command(disable_help_flag = true)]
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Writes the files that are made from the code: `config/`, `docs/problems/`, and two pages of `docs/`.
    Gen {
        /// Writes nothing; fails if a file is not what the code says.
        #[arg(long)]
        check: bool,
    },
    /// Measures, with the rival beside; without a name lists what can be measured.
    Bench {
        /// What to measure.
        names: Vec<String>,
        /// Runs of each pair, 1 to 1000.
        #[arg(long, default_value_t = 7, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
        runs: usize,
        /// One JSON object a line, and nothing else on standard output.
        #[arg(long)]
        json: bool,
    },
    /// The test cluster: a real Kubernetes on this machine.
    K8s {
        #[command(flatten)]
        cluster: Cluster,
        #[command(subcommand)]
        action: K8s,
    },
    /// kubectl on the test cluster; everything that follows is kubectl's.
    Kubectl {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Formats, lints and documentation.
    Check,
    /// Runs the rings of tests and prints a line of counts.
    Test {
        /// Leaves out what needs mysqld or root.
        #[arg(long, conflicts_with = "all")]
        fast: bool,
        /// Adds every story and every long ring.
        #[arg(long)]
        all: bool,
    },
    /// Tells stories on the test cluster, which it starts if it is not up.
    E2e {
        #[command(flatten)]
        cluster: Cluster,
        /// Shows the stories.
        #[arg(long)]
        list: bool,
        /// Leaves the cluster and the story's objects as they are at the end.
        #[arg(long)]
        keep: bool,
        /// The stories to tell.
        stories: Vec<String>,
    },
    /// Writes the container images and prints where they are.
    Images {
        #[command(flatten)]
        build: Build,
    },
}

/// Which test cluster.
#[derive(Debug, Args)]
pub(crate) struct Cluster {
    /// The cluster's name; with different names several run side by side.
    #[arg(long, env = "MOCO_TESTBED", default_value = DEFAULT_NAME)]
    pub(crate) name: String,
}

/// How our own programs are built.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// As for a release: small and slow to build.
    #[arg(long)]
    release: bool,
}

impl Build {
    pub(crate) fn profile(&self) -> Profile {
        if self.release {
            Profile::Release
        } else {
            Profile::Quick
        }
    }
}

/// What is done with the test cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum K8s {
    /// Starts it; builds what it needs the first time.
    Up {
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_NODES)))]
        nodes: u8,
        /// Lets etcd not wait for the disk.
        #[arg(long)]
        no_fsync: bool,
    },
    /// Takes it away completely, whatever state it is in.
    Down,
    /// Shows its processes and nodes; fails if something is wrong.
    Status,
    /// Prints shell lines for scripts: eval "$(cargo xtask k8s env)".
    Env,
    /// Rebuilds our image, loads it on every node, restarts the controllers.
    Load {
        #[command(flatten)]
        build: Build,
    },
    /// Breaks something on purpose, or mends it.
    Fault {
        #[command(subcommand)]
        fault: Fault,
    },
}
