//! `cargo xtask sim`: searches for a way to break what MOCO promises, in a world of fakes.
//!
//! The searches are the program `moco-sim`; it is built and run as a child, and it reads its own options.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;

use crate::cargo::{Profile, build_static};
use crate::cmd::Cmd;
use crate::counts::Counts;

/// The program, of the package of the same name.
const PROGRAM: &str = "moco-sim";

/// It ends by itself; what it is told bounds it.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// The runs of every `cargo xtask test`: the same seeds each time.
const RUNS: u32 = 1_200;

/// Seconds for all small worlds in every `cargo xtask test`.
const SECONDS: u32 = 40;

/// Passes everything on.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    let program = build_static(PROGRAM, Profile::Quick)?;
    Cmd::new(program).args(args).within(LONGEST).run_shown()
}

/// What every change has to pass.
pub(crate) fn ring() -> Counts {
    let told = |args: &[&str]| -> Vec<OsString> { args.iter().map(OsString::from).collect() };
    let swarm = told(&["--runs", &RUNS.to_string()]);
    let worlds = told(&["--exhaustive", "--seconds", &SECONDS.to_string()]);
    let mut counts = Counts::of("cargo xtask sim --runs", run(&swarm));
    counts += Counts::of("cargo xtask sim --exhaustive", run(&worlds));
    counts
}
