//! `moco-chaos`: writers with a ledger, readers, and a nemesis, for a cluster in local mode.
//!
//! It is a client of the cluster, like a user's program, and it deliberately knows nothing of how
//! MOCO decides: it reads the addresses and process ids that `moco-local` wrote into the cluster's
//! folder, writes through MySQL, and judges from outside. It never says "fine" for what it could not
//! check. It ends processes only by ids that were recorded in the cluster's folder.
//!
//! - `load` writes until it is told to stop on standard input, then checks every row.
//! - `run` breaks things meanwhile, in an order that a seed repeats.
//! - `rival` leads the same servers with the policy of MOCO for Go, for the benches.
//!
//! Exit codes: 0 all promises were kept, 1 one was broken, 2 the check itself could not be made.
//!
//! Start reading at `load.rs`; what is judged is in `judgement.rs` and `reigns.rs`.

mod cli;
mod clock;
mod commands;
mod ended;
mod gaps;
mod home;
mod judgement;
mod ledger;
mod load;
mod login;
mod nemesis;
mod processes;
mod reader;
mod register;
mod reigns;
mod report;
mod rival;
mod seed;
mod verify;
mod volume;
mod wires;
mod writer;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::run(cli::Cli::parse())
}
