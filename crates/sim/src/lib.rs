//! The deterministic world: what MOCO promises, searched for a counterexample.
//!
//! Two searches. [`exhaustive`] visits every state of a small world: the product's planner and linter
//! over members that are little state machines. [`swarm`] draws long runs at random, one seed a run:
//! the product's planner, pass, agent and SQL over fakes of mysqld ([`mysqld`]), of Kubernetes, of
//! networks, disks and clocks. What one sees the other cannot: the first every order of a few events,
//! the second time, half-done work and many faults.
//!
//! What this crate deliberately does not do: open a socket, start a process or read a clock of this
//! machine (but to say how long a search took). Nothing of it is part of the product.
//!
//! Invariants: the same seed gives the same run, letter for letter; a fake that does not understand
//! what it is told says so and the run counts as failed; a seeded bug ([`mutation`]) sits in a wrapper
//! and never in the product.
//!
//! Start reading at [`swarm`], then [`exhaustive`].

pub mod exhaustive;
pub mod mutation;
pub mod mysqld;
pub mod property;
pub mod swarm;
