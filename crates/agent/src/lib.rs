//! The agent: it runs beside mysqld in every member, and is the only one that logs in to it.
//!
//! It waits at the gate until the controller gives leave to start mysqld, keeps the member's
//! promises in the guard file, carries out the controller's orders, answers probes, and tells the
//! controller when something changed.
//!
//! What it deliberately does not do: decide. It has no access to Kubernetes and none to a bucket; it
//! does what an order of a high enough epoch says, and nothing else.
//!
//! Invariants: no mysqld starts without an order; an order of a lower epoch than the guard file's is
//! refused; epoch, role and membership are on disk before an order is acted upon; the death of the
//! agent does not touch mysqld.
//!
//! Start reading at [`member::Member`] and [`orders`].

mod guard_file;
mod image;
mod link;
mod member;
mod metrics;
mod notify;
mod options;
mod orders;
mod probes;
mod sql;
mod state;
mod terminate;
mod volume;
mod work;

pub mod run;

pub use options::Options;
pub use run::{RunError, run};
