//! The one program in MOCO's image. It parses its command line and hands over; see the crates.

mod cli;
mod commands;
mod process;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => process::fail(&error),
    }
}
