//! The agent: it runs beside mysqld in every member, and is the only one that logs in to it.
//!
//! It waits at the gate until the controller gives leave to start mysqld, keeps the member's
//! promises in the guard file, carries out the controller's orders, answers probes, tells the
//! controller when something changed, and exchanges heartbeats with the other members' agents.
//!
//! What it deliberately does not do: decide who is primary. It has no access to Kubernetes and none to
//! a bucket; it does what an order of a high enough epoch says, and nothing else. What it does by
//! itself is bounded: it tells, it closes a primary that is alone, and it stops a member that is asked
//! to leave.
//!
//! Invariants:
//!
//! - No mysqld starts without an order.
//! - An order that carries a lower epoch than this member has ever promised is refused, and a promise
//!   is on disk before anything is done about it.
//! - What a report shows beside a promise was read after the promise.
//! - That a member takes writes is on disk before the first one; that it acknowledges as a replica is
//!   on disk before its receiver starts. So a binary log is cut only of a member that was open and has
//!   acknowledged nothing since.
//! - The guard says that there is nothing to keep before any data is removed.
//! - The death of the agent does not touch mysqld.
//!
//! Everything but [`mod@run`] and the real machine is written against [`host::Host`], so that a
//! simulated machine runs the same logic.
//!
//! Start reading at [`member::Member`] and [`orders`].

pub mod alone;
pub mod commits;
mod digest;
pub mod exits;
pub mod host;
pub mod leave;
pub mod member;
mod metrics;
pub mod notify;
mod options;
pub mod orders;
pub mod peers;
mod probes;
mod report;
mod settings;
mod sql;
mod state;
#[cfg(test)]
mod testing;
pub mod watch;
mod work;

pub mod run;

pub use host::Host;
pub use member::Member;
pub use options::Options;
pub use run::{RunError, run};
pub use settings::Settings;
pub use sql::SqlError;
