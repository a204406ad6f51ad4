//! The Kubernetes interface of MOCO: the kinds `MySQLCluster` and `BackupPolicy`.
//!
//! [`MySQLCluster`] and [`BackupPolicy`] are what users write and the API server stores, with the
//! schemas and the rules that [`crds()`] gives to the API server. [`read()`] makes a [`TrustedCluster`]
//! of the one, and [`validate_policy()`] a [`TrustedPolicy`] of the other: the only forms in which the
//! rest of the program takes them. [`constants`] and [`names`] hold every word that users, dashboards
//! and other programs rely on.
//!
//! What this crate deliberately does not do: talk to an API server, read a clock or a random source,
//! or make objects (that is `moco-resources`).
//!
//! Invariants: the group, version, kind and fields are those of MOCO's `v1beta2`, so its manifests
//! apply unchanged. A field that was given is used, refused by a sentence that names it, or listed in
//! [`TrustedCluster::not_yet`]; none is dropped. Nothing in a stored object makes this crate panic:
//! an object that cannot be read at all is an error of its deserialisation, for which
//! `kube_core::DeserializeGuard` keeps its name.
//!
//! Start reading at [`cluster`], then [`validate()`].

pub mod cluster;
pub mod constants;
pub mod crd;
mod cron;
mod duration;
pub mod job;
pub mod names;
pub mod policy;
pub mod quantity;
mod rules;
mod schema;
pub mod status;
mod template;
pub mod trusted;
pub mod validate;

pub use cluster::{MySQLCluster, MySQLClusterSpec};
pub use crd::crds;
pub use policy::{BackupPolicy, BackupPolicySpec};
pub use status::{MemberStatus, MySQLClusterStatus, VerdictStatus};
pub use trusted::{Meanwhile, NotYet, TrustedCluster, TrustedPolicy};
pub use validate::{Invalid, read, validate, validate_policy};
