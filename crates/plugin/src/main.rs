//! `kubectl moco`: what people ask of MOCO's clusters.
//!
//! It reads and writes Kubernetes objects only, with the rights of whoever calls it; it talks to no
//! agent and to no controller. What a verb decides and what it prints are pure functions of what
//! was read, in the verb's own file; reading and writing is in [`calls`].
//!
//! Exit codes: 0 is yes, 1 is no (not healthy, refused, not switched over), 2 is "could not ask".
//!
//! Start reading at [`commands`].

mod annotate;
mod calls;
mod cli;
mod cluster;
mod commands;
mod complete;
mod connection;
mod credential;
mod failovers;
mod force;
mod mysql;
mod output;
mod pause;
mod status;
mod switchover;
mod table;
#[cfg(test)]
mod testing;
mod times;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::start(std::env::args_os().collect())
}
