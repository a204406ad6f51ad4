//! `cargo xtask WORD`: the project's front door.
//!
//! It builds and runs everything a developer needs: the test cluster, the images, the test rings. It deliberately
//! holds nothing of the product, and it stays light to compile. What is slow to make it keeps in a cache outside the
//! checkout. Start reading at `cli.rs`, which lists the words.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks to its user"
)]

mod bench;
mod cache;
mod cargo;
mod chaos;
mod cli;
mod cmd;
mod compatibility;
mod counts;
mod demo;
mod e2e;
mod elf;
mod faults;
mod generate;
mod images;
mod mysql_root;
mod needs;
mod oci;
mod paths;
mod rings;
mod say;
mod sim;
mod testbed;
mod tools;
mod versions;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use cli::{Cli, K8s, Word};
use e2e::Afterwards;
use rings::Extent;
use testbed::{Config, Fsync};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    match cli.word {
        Word::K8s { cluster, action } => k8s(&cluster.name, &action),
        Word::Kubectl { args } => testbed::kubectl::pass_through(&cluster_name(), &args),
        Word::Check => rings::check()?.conclude(),
        Word::Test { fast: true, .. } => rings::test(Extent::Fast),
        Word::Test { all: true, .. } => rings::test(Extent::All),
        Word::Test { .. } => rings::test(Extent::Standard),
        Word::E2e { list: true, .. } => {
            e2e::list();
            Ok(())
        }
        Word::E2e {
            cluster,
            keep,
            stories,
            ..
        } => {
            let afterwards = if keep {
                Afterwards::Keep
            } else {
                Afterwards::Restore
            };
            e2e::run_named(&cluster.name, &stories, afterwards)
        }
        Word::Demo { once } => demo::run(if once {
            demo::End::Stop
        } else {
            demo::End::Leave
        }),
        Word::Chaos { options } => chaos::run(&options),
        Word::Sim { args } => sim::run(&args),
        Word::Gen { check: true } => generate::check(),
        Word::Gen { check: false } => generate::write(),
        Word::Bench { names, runs, json } => bench::run(&names, bench::Effort { runs }, json),
        Word::Images { build } => images::run(build.profile()),
    }
}

fn k8s(name: &str, action: &K8s) -> Result<()> {
    match action {
        K8s::Up { nodes, no_fsync } => {
            let fsync = if *no_fsync {
                Fsync::Skipped
            } else {
                Fsync::Kept
            };
            testbed::up::up(
                name,
                Config {
                    nodes: *nodes,
                    fsync,
                },
            )
        }
        K8s::Down => testbed::down(name),
        K8s::Status => testbed::show::status(name),
        K8s::Env => testbed::show::env(name),
        K8s::Load { build } => testbed::load::load(name, build.profile()),
        K8s::Fault { fault } => testbed::fault::run(name, fault),
    }
}

/// The cluster of the words that leave all their options to another program.
fn cluster_name() -> String {
    std::env::var("MOCO_TESTBED").unwrap_or_else(|_| testbed::layout::DEFAULT_NAME.to_owned())
}
