//! The versions of everything the test cluster is made of. Cache folders are named after them.

/// Kubernetes and kubectl; `testbed/hyperkube/go.mod` names the same.
pub(crate) const KUBERNETES: &str = "1.36.3";
/// containerd, its shim and `ctr`.
pub(crate) const CONTAINERD: &str = "2.2.9";
/// The cluster's name server.
pub(crate) const COREDNS: &str = "1.14.7";
/// The provisioner of volumes.
pub(crate) const LOCAL_PATH: &str = "0.0.30";
/// MySQL, from Debian sid.
pub(crate) const MYSQL: &str = "9.7.4";
/// What a mirror must offer to be accepted as [`MYSQL`]: the long-term series.
pub(crate) const MYSQL_SERIES: &str = "9.7.";
