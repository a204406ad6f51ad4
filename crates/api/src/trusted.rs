//! A cluster that passed [`crate::validate()`], and a policy that passed [`crate::validate_policy()`].
//!
//! Whoever holds one of these need not check anything again: names fit, numbers are in their range,
//! Kubernetes' own types are parsed, `mysqld` and `mysql-data` exist.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, PersistentVolumeClaimSpec, PodSpec, ResourceRequirements, SecurityContext,
    ServiceSpec,
};
use moco_model::{ClusterId, ClusterUid};

mod backup;

pub use backup::{
    Archive, Backend, Bucket, Concurrency, TrustedJob, TrustedPolicy, TrustedRestore,
};

/// Most members of a cluster. More would gain nothing, and the bound keeps `server_id` in its range.
pub const REPLICAS_MAX: u32 = 31;

/// A cluster that passed validation.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedCluster {
    /// Namespace and name.
    pub id: ClusterId,
    /// The object's uid.
    pub uid: ClusterUid,
    /// The manifest's generation.
    pub generation: i64,
    /// Members wanted, 1 to [`REPLICAS_MAX`].
    pub replicas: u32,
    /// Whether the user took the cluster down: it has no pods, and keeps its volumes.
    pub offline: bool,
    /// The members' pods.
    pub pod: TrustedPod,
    /// The members' volumes; one is `mysql-data`, names are unique.
    pub claims: Vec<TrustedClaim>,
    /// What the primary's Service should be beside what MOCO needs of it.
    pub primary_service: TrustedService,
    /// What the replicas' Service should be beside what MOCO needs of it.
    pub replica_service: TrustedService,
    /// The user's ConfigMap with options of mysqld.
    pub mysql_config_map: Option<String>,
    /// Member i has `server_id` = this + i; 1 to 2³¹ − 1, so that the sum fits MySQL's 32 bits.
    pub server_id_base: u32,
    /// A replica that lags more is not ready, in seconds; 0 when lag does not matter.
    pub max_delay_secs: u32,
    /// A primary is not taken away while replicas lag more, in seconds; 0 when lag does not matter.
    pub max_delay_for_deletion_secs: u64,
    /// How long mysqld may take to start, in seconds.
    pub startup_wait_secs: u32,
    /// What the user stopped by annotations.
    pub stopped: Stopped,
    /// Whether and how the slow query log is printed.
    pub slow_log: SlowLog,
    /// Collectors of mysqld_exporter, each the end of an argument `--collect.…`; none means no exporter.
    pub collectors: Vec<String>,
    /// Where the first data comes from; `None` for an empty cluster.
    pub restore: Option<TrustedRestore>,
    /// Fields that were given and have no effect (yet), for a condition.
    pub not_yet: Vec<NotYet>,
}

impl TrustedCluster {
    /// The first field that forbids to make the cluster now, because its data would be wrong without
    /// it. A cluster that exists already goes on.
    pub fn must_not_start(&self) -> Option<&NotYet> {
        self.not_yet
            .iter()
            .find(|field| field.meanwhile == Meanwhile::MustNotStart)
    }
}

/// The members' pods.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedPod {
    /// Labels of the user's.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the user's.
    pub annotations: BTreeMap<String, String>,
    /// The user's container `mysqld`, which has an image. Its command and arguments are taken out.
    pub mysqld: Container,
    /// Options of mysqld that the user gave as arguments of the container.
    pub mysqld_options: BTreeMap<String, String>,
    /// What a member has to live on.
    pub size: Size,
    /// The user's other containers.
    pub sidecars: Vec<Container>,
    /// The user's init containers.
    pub init_containers: Vec<Container>,
    /// Everything else of the user's PodSpec; its containers and init containers are empty.
    pub rest: PodSpec,
    /// What the user put in place of MOCO's for containers that MOCO adds.
    pub overwrites: Overwrites,
}

/// What a member has to live on: requests, else limits, of the container `mysqld`, and its volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
    /// Bytes of the volume `mysql-data`.
    pub data_bytes: Option<u64>,
}

/// What the user put in place of MOCO's for containers that MOCO adds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overwrites {
    /// For the container that copies the program.
    pub copy_init: Overwrite,
    /// For the container that prints the slow query log.
    pub slow_log: Overwrite,
    /// For mysqld_exporter.
    pub exporter: Overwrite,
}

/// Whether and how the slow query log is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlowLog {
    /// It is not.
    Off,
    /// As MOCO does it.
    Plain,
    /// With this configuration of fluent-bit, in which the log's path stands already.
    Configured(String),
}

/// What the user put in place of MOCO's for a container that MOCO adds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overwrite {
    /// In place of its resources.
    pub resources: Option<ResourceRequirements>,
    /// In place of its security context.
    pub security_context: Option<SecurityContext>,
}

/// A volume of every member.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedClaim {
    /// Name, a DNS label.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// The claim; it requests storage.
    pub spec: PersistentVolumeClaimSpec,
}

/// What a Service should be beside what MOCO needs of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrustedService {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// The user's spec.
    pub spec: ServiceSpec,
}

/// What the user stopped by annotations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Changes of the cluster's objects.
    pub reconciliation: bool,
    /// Decisions about its members.
    pub clustering: bool,
}

/// A field that was given and has no effect (yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYet {
    /// The field, from the root.
    pub field: String,
    /// What that means for the user. Begins with the field.
    pub sentence: String,
    /// What to do until the field has its effect.
    pub meanwhile: Meanwhile,
}

/// What to do with a cluster while one of its fields has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meanwhile {
    /// Run it, and say so.
    Run,
    /// Do not make its first data, which would be the wrong data; say so.
    MustNotStart,
}
