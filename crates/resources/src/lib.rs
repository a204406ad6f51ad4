//! From a trusted cluster to its Kubernetes objects and its my.cnf.
//!
//! [`objects()`] makes every object of a cluster, with the names that users know; [`config`] makes
//! the text of my.cnf, for Kubernetes and for local mode alike; [`install()`] makes the operator's
//! own objects.
//!
//! What this crate deliberately does not do: read or write anything, know the time, draw random
//! numbers, or fail. Passwords, certificates and the user's options come in as values ([`Facts`]).
//!
//! Invariants: the same input gives the same objects, byte for byte, so applying them again changes
//! nothing. No process argument and no environment variable holds a secret. A user's option or field
//! never weakens what safety depends on; where it has no effect, a note says so.
//!
//! Start reading at [`objects()`], then [`pod`], where most of a member is decided.

pub mod command;
pub mod config;
mod containers;
mod install;
mod metadata;
mod objects;
mod pdb;
pub mod pod;
mod probes;
mod secrets;
mod security;
mod services;
mod sidecars;
mod stateful_set;
mod yaml;

pub use install::{controller_labels, install};
pub use metadata::{member_labels, owner_reference};
pub use objects::{Certificate, Facts, Images, Objects, objects, pods_to_run};
pub use pdb::disruptions_allowed;
pub use yaml::to_yaml;
