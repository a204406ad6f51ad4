//! The controller: runs MOCO clusters on Kubernetes.
//!
//! Two controllers run; one leads (`lease`). The leader has one task for each `MySQLCluster`
//! (`clusters`). A task reads the cluster, makes its objects as the manifest says (`reconcile`),
//! and makes one pass over its members (`moco_pass`, in the surroundings of `world`), which reports
//! to people (`report`). It is woken by what the watches see (`watch`) and by what agents tell
//! (`notices`), and looks by itself once a minute.
//!
//! What this crate deliberately does not do: it does not log in to MySQL, it does not decide about
//! members (that is `moco_planner`), and it does not know what the objects of a cluster look like
//! (that is `moco_resources`).
//!
//! Invariants:
//!
//! - The register is written by compare-and-swap only, after a read with a quorum, and what comes
//!   back is compared with what was written. No report ever touches it. A register that cannot be
//!   read is never taken for an absent one.
//! - New passwords are made for a cluster that never had a primary, and for no other.
//! - A cluster that another operator made is not written to.
//! - The pass over the members runs whether or not the objects could be written. What fails in one
//!   cluster does not stop another.
//! - A pass with nothing to do writes nothing; a new version of the operator changes no pod template.
//! - Nothing is written once the lease may be another's.
//! - No password and no key is logged, told or kept in a status.
//!
//! Start reading at [`run()`], then `clusters/task.rs`, which is one pass on one screen.

mod authority;
mod backoff;
mod call;
mod cluster;
mod clusters;
mod context;
mod finalizer;
mod http;
mod lease;
mod metrics;
mod notices;
mod options;
mod ready;
mod reconcile;
mod report;
mod run;
mod secrets;
#[cfg(test)]
mod testing;
mod wake;
mod watch;
mod world;

pub use options::Options;
pub use run::{RunError, run};
