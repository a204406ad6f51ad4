//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// MOCO runs plain MySQL as a loss-less, self-healing cluster.
#[derive(Debug, Parser)]
#[command(name = "moco", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the controller.
    Controller(Box<moco_controller::Options>),
    /// Run as the first process of a member: starts the agent, and mysqld when the agent says so.
    Supervise(Supervise),
    /// Run beside mysqld; started by supervise.
    Agent(Box<moco_agent::Options>),
    /// Copy this program into a member's shared volume.
    Init(Init),
}

#[derive(Debug, Args)]
pub(crate) struct Supervise {
    /// The agent's program; to upgrade it, another file is renamed to this path.
    #[arg(long)]
    pub(crate) agent: PathBuf,
    /// Where to keep a copy of the last agent program that worked.
    #[arg(long)]
    pub(crate) last_good: PathBuf,
    /// Seconds after SIGTERM until mysqld is killed.
    #[arg(long, default_value_t = 290)]
    pub(crate) grace_seconds: u64,
    /// The agent's arguments.
    #[arg(last = true)]
    pub(crate) agent_args: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder to copy to.
    #[arg(long)]
    pub(crate) to: PathBuf,
}
