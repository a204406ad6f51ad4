//! `kubectl moco`: what people ask of MOCO's clusters.
//!
//! It talks to the API server only, with the rights of whoever calls it: to an agent's metrics and into
//! a pod it comes through the API server as well. What a verb decides and what it prints are pure
//! functions of what was read, in the verb's own file; reading and writing is in [`calls`]. Which rights
//! each verb needs is in `docs/kubectl-moco.md`, and a test compares that with the requests.
//!
//! Exit codes: 0 is yes, 1 is no (not healthy, refused, not switched over), 2 is "could not ask", and 3,
//! of `status` only, is "takes no writes".
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
mod difference;
mod failovers;
mod force;
mod kubectl;
mod logs;
mod mysql;
mod output;
mod pause;
mod plan;
mod pods;
mod redact;
mod report;
#[cfg(test)]
mod rights;
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
