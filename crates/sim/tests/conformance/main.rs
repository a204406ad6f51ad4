//! Conformance: the same scripts on the fake mysqld and on a real one.
//!
//! A fact is a script over one to three servers and the transcript that it must leave. The fake half
//! always runs. The real half needs the program of MySQL 9.7 in `MOCO_TEST_MYSQLD`; without it each
//! fact says that the half was skipped. Where the two transcripts differ, both are printed: either
//! the fake is wrong, or mysqld has changed.
//!
//! `bench.rs` is what scripts see, `fake.rs` and `real.rs` are the two benches, the other files are
//! facts by topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test code states what it needs"
)]

mod bench;
mod fake;
mod real;

mod clone;
mod closing;
mod commits;
mod crashes;
mod receivers;
mod replicas;
mod tails;
