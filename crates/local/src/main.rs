//! `moco-local`: a MySQLCluster manifest on one machine, without Kubernetes.
//!
//! The same planner, supervise, agents and real mysqld processes as on Kubernetes; each member has a
//! loopback address, the register is a file, and two TCP fronts stand for the primary and the replica
//! Service. What differs from the controller is [`world`] and nothing else.
//!
//! Start reading at [`daemon`].

mod cli;
mod commands;
mod daemon;
mod fronts;
mod home;
mod manifest;
mod members;
mod processes;
mod requests;
mod status;
mod world;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run(cli::Cli::parse())
}
