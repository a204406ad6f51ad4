//! From what users wrote to values that can be trusted.
//!
//! The same is said by the rules in the CRD wherever CEL can say it. This is the judge for objects
//! that were stored before those rules, and for what they cannot express. An error is a sentence that
//! names the field; all errors are collected, so that a user mends a manifest in one go.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::ResourceExt;
use moco_model::{ClusterId, ClusterUid};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::{Metadata, MySQLCluster, MySQLClusterSpec};
use crate::constants::annotations;
use crate::cron::{self, TimeZones};
use crate::names::fnv32a;
use crate::quantity;
use crate::trusted::{NotYet, REPLICAS_MAX, Stopped, TrustedCluster};

mod claims;
mod job;
mod lenient;
mod mysqld;
mod not_yet;
mod pod;
mod policy;
mod restore;
mod services;
mod sidecars;

pub use lenient::missing;
pub use policy::validate_policy;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct Invalid {
    /// The field, from the root.
    pub field: String,
    /// What is wrong and what would be right; together with the field, a sentence.
    pub problem: String,
}

/// Collects what is wrong with a manifest, and which of its fields have no effect.
#[derive(Default)]
struct Findings {
    invalid: Vec<Invalid>,
    not_yet: Vec<NotYet>,
}

impl Findings {
    fn refuse(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.invalid.push(Invalid {
            field: cut(field.into()),
            problem: cut(problem.into()),
        });
    }

    /// Reads one of Kubernetes' types. What the type does not know is noted: it would be lost.
    fn read<T>(&mut self, field: &str, value: &Value) -> Option<T>
    where
        T: DeserializeOwned + serde::Serialize,
    {
        match lenient::read(value) {
            Ok((read, unknown)) => {
                let lost = unknown
                    .into_iter()
                    .map(|path| not_yet::unknown(field, &path));
                self.not_yet.extend(lost);
                Some(read)
            }
            Err(error) => {
                self.invalid.push(unreadable(field, &error));
                None
            }
        }
    }

    /// A number that must not be negative.
    fn at_least_zero<N: TryFrom<i64>>(&mut self, field: &str, value: i64) -> Option<N> {
        let read = N::try_from(value).ok();
        if read.is_none() {
            self.refuse(field, format!("is {value}; it must be 0 or more"));
        }
        read
    }

    /// An amount of something, of which any unit may be given.
    fn quantity(&mut self, field: &str, amount: &str) {
        if quantity::millis(amount).is_none() {
            let problem = format!("is {amount:?}, which is no quantity such as 500m or 2Gi");
            self.refuse(field, problem);
        }
    }

    /// The end of a reading: what was read, with the fields that have no effect, unless anything is
    /// wrong.
    fn settle<T>(self, read: Option<T>) -> Result<(T, Vec<NotYet>), Vec<Invalid>> {
        match read {
            Some(read) if self.invalid.is_empty() => Ok((read, self.not_yet)),
            _ => Err(self.invalid),
        }
    }
}

fn unreadable(field: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Invalid {
    let path = error.path().to_string();
    let field = match path.as_str() {
        "." => field.to_owned(),
        _ if path.starts_with('[') => format!("{field}{path}"),
        _ => format!("{field}.{path}"),
    };
    Invalid {
        field: cut(field),
        problem: cut(format!("cannot be read: {}", error.inner())),
    }
}

/// What a user wrote may be of any length, and a sentence about it is kept in the status.
fn cut(text: String) -> String {
    const LONGEST: usize = 400;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text,
    }
}

/// Reads a spec; what cannot be read is named.
fn spec_of<T: DeserializeOwned>(spec: &Value) -> Result<T, Invalid> {
    serde_path_to_error::deserialize(spec).map_err(|error| unreadable("spec", &error))
}

/// Reads a cluster as it is stored, checks it and makes trusted values of it, or says what is wrong
/// with it. Unlike a [`MySQLCluster`] that is read as a whole, this names the field that cannot be
/// read.
pub fn read(metadata: &ObjectMeta, spec: &Value) -> Result<TrustedCluster, Vec<Invalid>> {
    let cluster = MySQLCluster {
        metadata: metadata.clone(),
        spec: spec_of(spec).map_err(|invalid| vec![invalid])?,
        status: None,
    };
    validate(&cluster)
}

/// Checks a cluster and makes trusted values of it, or says everything that is wrong with it.
pub fn validate(cluster: &MySQLCluster) -> Result<TrustedCluster, Vec<Invalid>> {
    let mut findings = Findings::default();
    let read = read_cluster(cluster, &mut findings);
    let (cluster, not_yet) = findings.settle(read)?;
    Ok(TrustedCluster { not_yet, ..cluster })
}

fn read_cluster(cluster: &MySQLCluster, findings: &mut Findings) -> Option<TrustedCluster> {
    let spec = &cluster.spec;
    let id = identity(cluster, findings);
    let uid = cluster.uid().filter(|uid| !uid.is_empty());
    if uid.is_none() {
        findings.refuse("metadata.uid", "is missing");
    }
    let replicas = replicas(spec, findings);
    let pod = pod::read(spec, findings);
    let claims = claims::read(spec, findings);
    let primary_service = services::read(
        "spec.primaryServiceTemplate",
        spec.primary_service_template.as_ref(),
        findings,
    );
    let replica_service = services::read(
        "spec.replicaServiceTemplate",
        spec.replica_service_template.as_ref(),
        findings,
    );
    let numbers = numbers(spec, findings);
    names(spec, findings);
    rotation(spec, findings);
    let slow_log = sidecars::slow_log(spec, findings);
    let collectors = sidecars::collectors(spec, findings);
    let restore = spec.restore.as_ref();
    let restore = restore.map(|restore| restore::read(restore, findings));
    not_yet::fields(spec, findings);
    // Everything was looked at before the first missing part ends the reading.
    let (id, uid, numbers, mut pod, claims) = (id?, uid?, numbers?, pod?, claims?);
    pod.size.data_bytes = claims::data_bytes(&claims);
    Some(TrustedCluster {
        server_id_base: server_id_base(numbers.server_id_base, &uid),
        id,
        uid: ClusterUid(uid),
        generation: cluster.metadata.generation.unwrap_or_default(),
        replicas: replicas?,
        pod,
        claims,
        primary_service: primary_service?,
        replica_service: replica_service?,
        mysql_config_map: spec.mysql_config_map_name.clone(),
        max_delay_secs: numbers.max_delay_secs,
        max_delay_for_deletion_secs: numbers.max_delay_for_deletion_secs,
        startup_wait_secs: numbers.startup_wait_secs,
        offline: cluster.spec.offline,
        stopped: stopped(cluster),
        slow_log,
        collectors,
        restore: restore.flatten(),
        not_yet: Vec::new(),
    })
}

fn identity(cluster: &MySQLCluster, findings: &mut Findings) -> Option<ClusterId> {
    let namespace = cluster.namespace().unwrap_or_default();
    match ClusterId::new(&namespace, &cluster.name_any()) {
        Ok(id) => Some(id),
        Err(error) => {
            findings.refuse("metadata.name", format!("cannot be used: {error}"));
            None
        }
    }
}

fn replicas(spec: &MySQLClusterSpec, findings: &mut Findings) -> Option<u32> {
    let replicas = u32::try_from(spec.replicas)
        .ok()
        .filter(|n| (1..=REPLICAS_MAX).contains(n));
    if replicas.is_none() {
        let problem = format!("is {}; it must be from 1 to {REPLICAS_MAX}", spec.replicas);
        findings.refuse("spec.replicas", problem);
    }
    replicas
}

struct Numbers {
    server_id_base: u32,
    max_delay_secs: u32,
    max_delay_for_deletion_secs: u64,
    startup_wait_secs: u32,
}

fn numbers(spec: &MySQLClusterSpec, findings: &mut Findings) -> Option<Numbers> {
    let server_id_base = findings.at_least_zero("spec.serverIDBase", spec.server_id_base.into());
    let max_delay = findings.at_least_zero("spec.maxDelaySeconds", spec.max_delay_seconds.into());
    let for_deletion = findings.at_least_zero(
        "spec.maxDelaySecondsForPodDeletion",
        spec.max_delay_seconds_for_pod_deletion,
    );
    let startup =
        findings.at_least_zero("spec.startupWaitSeconds", spec.startup_wait_seconds.into());
    let _: Option<u64> = findings.at_least_zero("spec.logRotationSize", spec.log_rotation_size);
    Some(Numbers {
        server_id_base: server_id_base?,
        max_delay_secs: max_delay?,
        max_delay_for_deletion_secs: for_deletion?,
        startup_wait_secs: startup?,
    })
}

fn names(spec: &MySQLClusterSpec, findings: &mut Findings) {
    let given = [
        ("spec.mysqlConfigMapName", &spec.mysql_config_map_name),
        (
            "spec.replicationSourceSecretName",
            &spec.replication_source_secret_name,
        ),
        ("spec.backupPolicyName", &spec.backup_policy_name),
    ];
    for (field, name) in given {
        let Some(name) = name else { continue };
        if !is_object_name(name) {
            findings.refuse(
                field,
                "must be the name of an object: words of lower-case letters, digits and inner '-', joined by '.', at most 253 characters",
            );
        }
    }
}

fn rotation(spec: &MySQLClusterSpec, findings: &mut Findings) {
    let schedule = spec.log_rotation_schedule.as_deref().unwrap_or_default();
    if !schedule.is_empty()
        && let Err(error) = cron::check(schedule, TimeZones::Named)
    {
        findings.refuse("spec.logRotationSchedule", error.to_string());
    }
}

/// Whether an object can have a name (a DNS subdomain, RFC 1123).
fn is_object_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(claims::is_label_of_any_length)
}

/// The user's choice, else one that is the same for ever for the same object and very likely another
/// for another one.
fn server_id_base(given: u32, uid: &str) -> u32 {
    if given > 0 {
        return given;
    }
    fnv32a(uid.as_bytes()) % (1 << 30) + 1
}

fn stopped(cluster: &MySQLCluster) -> Stopped {
    let is_true = |key| {
        cluster
            .annotations()
            .get(key)
            .is_some_and(|value| value == "true")
    };
    Stopped {
        reconciliation: is_true(annotations::RECONCILIATION_STOPPED),
        clustering: is_true(annotations::CLUSTERING_STOPPED),
    }
}

type StringMap = BTreeMap<String, String>;

fn labels_and_annotations(metadata: Option<&Metadata>) -> (StringMap, StringMap) {
    metadata.map_or_else(Default::default, |metadata| {
        (
            metadata.labels.clone().unwrap_or_default(),
            metadata.annotations.clone().unwrap_or_default(),
        )
    })
}

#[cfg(test)]
mod tests;
