//! `moco supervise`: the process that owns mysqld.
//!
//! It is PID 1 of the mysqld container (and, in local mode, an ordinary process). It starts the agent, starts and
//! signals mysqld only when the agent says so, reaps every child, and tells the agent of each exit at once. An agent
//! that crashes or is replaced is started again without mysqld noticing; a new agent binary that does not say hello is
//! replaced by the last one that did.
//!
//! What it deliberately does not do: decide anything about MySQL (whether mysqld may start, what an exit code means,
//! when it may stop), speak TLS, use threads or an async runtime. It is never replaced while its pod lives, so it stays
//! small and its protocol only grows.
//!
//! Invariants:
//!
//! 1. At most one mysqld runs, and only a [`protocol::ToSupervise::Start`] starts it.
//! 2. Nothing that happens to an agent signals mysqld, and nothing but the agent or the end of the grace time does.
//!    SIGTERM from outside is never passed on: a primary that shuts down politely acknowledges commits that no replica
//!    holds, so only the agent may choose that moment.
//! 3. At most one agent runs: the next one starts after the previous one was reaped.
//! 4. When supervise dies, however it dies, agent and mysqld die with it.
//! 5. Only this process reaps, in one thread. A pid it holds therefore names its own child, alive or zombie, until the
//!    reap that forgets it, and `kill(pid)` cannot hit a stranger; pidfds would add nothing.
//! 6. The loop never waits for an agent: its socket does not block and what is queued for it is bounded.
//!
//! Start reading at [`run()`] (`run.rs` holds the loop), then [`protocol`].

mod agent;
mod binaries;
mod log;
mod mysqld;
mod options;
mod process;
pub mod protocol;
mod run;
mod signals;

pub use options::{Error, ExitReason, Options};
pub use process::{InheritError, inherited_socket};
pub use run::run;
