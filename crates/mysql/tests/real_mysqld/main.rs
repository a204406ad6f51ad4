//! Contract tests: what the crate says to mysqld, said to a real one.
//!
//! They need the program of MySQL 9.7 in `MOCO_TEST_MYSQLD` and are skipped, loudly, without it. One
//! test program for all, so that one data directory is initialised for all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code states what it needs"
)]

mod clone;
mod cluster;
mod fence;
mod heartbeat;
mod numbers;
mod promote;
mod relay;
mod replication;
mod semi_sync;
mod server;
mod silence;
mod support;
mod tail;
mod variables;
