//! The command line.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Run a MySQLCluster manifest on this machine, without Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "moco-local", version)]
pub(crate) struct Cli {
    /// Where clusters are kept [default: $XDG_STATE_HOME/moco-local or ~/.local/state/moco-local].
    #[arg(long, global = true, env = "MOCO_LOCAL_DIR")]
    pub(crate) dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the cluster of a manifest, or take over a changed manifest, and wait until it is healthy.
    Up(Up),
    /// Show the cluster, its members and its addresses.
    Status(Status),
    /// Run SQL, or open a client.
    Sql(Sql),
    /// Make another member the primary, and wait until it is.
    Switchover(Switchover),
    /// Show the last changes of the primary: what happened when, and what proves that nothing was lost.
    Failovers(Failovers),
    /// Make another member the primary although it cannot be proven that nothing is lost.
    Force(Force),
    /// Stop the cluster.
    Down(Down),
    /// The background process of a cluster; started by `up`.
    #[command(hide = true)]
    Run(Run),
}

/// Which cluster is meant; may be left out while there is only one.
#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// NAME or NAMESPACE/NAME of the cluster; may be left out while there is only one.
    #[arg(long)]
    pub(crate) cluster: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The manifest: a MySQLCluster, and the ConfigMap it names, if any.
    pub(crate) file: PathBuf,
    /// The program mysqld.
    #[arg(long, env = "MOCO_MYSQLD", default_value = "mysqld")]
    pub(crate) mysqld: PathBuf,
    /// The program moco [default: beside this program].
    #[arg(long, env = "MOCO_PROGRAM")]
    pub(crate) moco: Option<PathBuf>,
    /// The network of the cluster's addresses, A.B.C.0; settled at the first start [default: a free
    /// one of 127.77.N.0].
    #[arg(long, env = "MOCO_LOCAL_NETWORK")]
    pub(crate) network: Option<Ipv4Addr>,
    /// A program that starts members, for instance in network namespaces of their own: it is given
    /// the member's number and a command line, and has to become that process.
    #[arg(long, env = "MOCO_LOCAL_LAUNCHER")]
    pub(crate) launcher: Option<PathBuf>,
    /// Seconds to wait until the cluster is healthy.
    #[arg(long, default_value_t = 300)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The form of the output.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Sql {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Through the replica address, read-only.
    #[arg(long)]
    pub(crate) replica: bool,
    /// To this member, as the administrator.
    #[arg(long, conflicts_with = "replica")]
    pub(crate) member: Option<u32>,
    /// The program mysql.
    #[arg(long, env = "MOCO_MYSQL", default_value = "mysql")]
    pub(crate) mysql: PathBuf,
    /// What to run; without it a client is opened.
    pub(crate) statement: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Switchover {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The member that shall become primary [default: the one that is best up to date].
    #[arg(long)]
    pub(crate) to: Option<u32>,
    /// Seconds to wait.
    #[arg(long, default_value_t = 60)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Failovers {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The form of the output.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Force {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The epoch that is to end; without it nothing is done, and what would be lost is told.
    #[arg(long)]
    pub(crate) epoch: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Delete the data, too.
    #[arg(long)]
    pub(crate) delete: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The cluster's folder.
    #[arg(long)]
    pub(crate) home: PathBuf,
}
