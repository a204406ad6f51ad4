//! A `MySQLCluster` as it was read: piece by piece, so that what this version cannot read hides
//! nothing else.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::DynamicObject;
use moco_api::constants::{annotations, conditions};
use moco_api::{MemberStatus, VerdictStatus};
use moco_model::{ClusterId, MemberId, Register};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::annotate;

/// A cluster as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) id: ClusterId,
    pub(crate) annotations: BTreeMap<String, String>,
    /// The generation of the manifest.
    pub(crate) generation: i64,
    /// The generation that the status speaks of.
    pub(crate) observed_generation: Option<i64>,
    /// Members wanted.
    pub(crate) replicas: u32,
    /// Whether the user took the cluster down.
    pub(crate) offline: bool,
    conditions: Vec<Condition>,
    pub(crate) verdict: Option<VerdictStatus>,
    pub(crate) members: Vec<MemberStatus>,
    pub(crate) current_primary_index: Option<u32>,
    pub(crate) errant: Vec<u32>,
    register: Option<Register>,
    /// Fields of the status that this version cannot read, with the reason.
    pub(crate) unreadable: Vec<String>,
}

/// Why there is no register to go by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRegister {
    /// The controller has decided nothing yet.
    #[error("the cluster has no primary yet")]
    Undecided,
    /// There is one.
    #[error(
        "the record of who is primary cannot be read ({0}): use a kubectl-moco of the controller's version"
    )]
    Unreadable(String),
}

/// The field of the status that holds the register.
const REGISTER: &str = "register";

impl Cluster {
    /// Takes an object apart.
    pub(crate) fn of(id: ClusterId, object: &DynamicObject) -> Self {
        let part = |name: &str| object.data.get(name).cloned().unwrap_or_default();
        let (spec, status) = (part("spec"), part("status"));
        let mut reader = Reader {
            status: &status,
            unreadable: Vec::new(),
        };
        Self {
            id,
            annotations: object.metadata.annotations.clone().unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            observed_generation: reader.read("observedGeneration"),
            replicas: spec
                .get("replicas")
                .and_then(Value::as_u64)
                .and_then(|given| u32::try_from(given).ok())
                .unwrap_or(1),
            offline: spec.get("offline").and_then(Value::as_bool) == Some(true),
            conditions: reader.read("conditions").unwrap_or_default(),
            verdict: reader.read("verdict"),
            members: reader.read("members").unwrap_or_default(),
            current_primary_index: reader.read("currentPrimaryIndex"),
            errant: reader.read("errantReplicaList").unwrap_or_default(),
            register: reader.read(REGISTER),
            unreadable: reader.unreadable,
        }
    }

    /// The record of who is primary.
    pub(crate) fn register(&self) -> Result<&Register, NoRegister> {
        self.register.as_ref().ok_or_else(|| {
            let start = format!("{REGISTER}: ");
            let mut all = self.unreadable.iter();
            let because = all.find_map(|field| field.strip_prefix(&start));
            because.map_or(NoRegister::Undecided, |because| {
                NoRegister::Unreadable(because.to_owned())
            })
        })
    }

    /// The condition of a kind.
    pub(crate) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|found| found.type_ == kind)
    }

    /// Whether a condition is True.
    pub(crate) fn is(&self, condition: &str) -> bool {
        self.condition(condition)
            .is_some_and(|found| found.status == "True")
    }

    /// Whether the controller calls this manifest's cluster healthy.
    pub(crate) fn is_healthy(&self) -> bool {
        self.is(conditions::HEALTHY) && self.is_observed()
    }

    /// Whether the status speaks of the manifest as it is now.
    pub(crate) fn is_observed(&self) -> bool {
        self.observed_generation
            .is_some_and(|observed| observed >= self.generation)
    }

    /// Whether an annotation switches something on.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.annotations
            .get(key)
            .is_some_and(|value| value == annotate::TRUE)
    }

    /// Whether the user stopped decisions about the members.
    pub(crate) fn clustering_stopped(&self) -> bool {
        self.has(annotations::CLUSTERING_STOPPED)
    }

    /// The verdict in one line.
    pub(crate) fn verdict_line(&self) -> String {
        self.verdict.as_ref().map_or_else(
            || "the controller has said nothing about it yet".to_owned(),
            |verdict| format!("{}: {}", verdict.code, verdict.sentence),
        )
    }

    /// What the status says of a member.
    pub(crate) fn member(&self, id: MemberId) -> Option<&MemberStatus> {
        self.members.iter().find(|member| member.ordinal == id.0)
    }
}

/// Whether the controller heard the member's agent: only then it knows the agent's version.
pub(crate) const fn is_heard(member: &MemberStatus) -> bool {
    member.agent_version.is_some()
}

/// Whether a member's promise counts in a failover: by the controller's word if it heard the member, which knows
/// whether the member's data is still the one that the register counts.
pub(crate) fn is_counted(register: &Register, id: MemberId, member: Option<&MemberStatus>) -> bool {
    let told = member.and_then(|member| member.counted);
    told.unwrap_or_else(|| register.counted.contains_key(&id))
}

/// Reads fields and keeps what it could not read.
struct Reader<'a> {
    status: &'a Value,
    unreadable: Vec<String>,
}

impl Reader<'_> {
    fn read<T: DeserializeOwned>(&mut self, field: &str) -> Option<T> {
        let value = self.status.get(field).filter(|value| !value.is_null())?;
        match T::deserialize(value) {
            Ok(read) => Some(read),
            Err(error) => {
                self.unreadable.push(format!("{field}: {error}"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{cluster, healthy};

    #[test]
    fn what_cannot_be_read_hides_nothing_else() {
        let mut object = healthy();
        object["status"]["register"] = json!({ "epoch": "seven" });
        object["status"]["members"][0]["ordinal"] = json!("zero");
        let cluster = cluster(object);
        assert_eq!(cluster.verdict.as_ref().unwrap().code, "Healthy");
        assert_eq!(cluster.unreadable.len(), 2, "{:?}", cluster.unreadable);
        let error = cluster.register().unwrap_err();
        assert!(matches!(error, NoRegister::Unreadable(_)), "{error}");
        assert!(error.to_string().contains("seven"), "{error}");
    }

    #[test]
    fn a_cluster_without_a_status_has_no_primary_yet_and_is_not_healthy() {
        let cluster = cluster(json!({ "metadata": { "generation": 1 }, "spec": {} }));
        assert_eq!(cluster.register(), Err(NoRegister::Undecided));
        assert!(!cluster.is_healthy());
        assert_eq!((cluster.replicas, cluster.offline), (1, false));
    }

    #[test]
    fn health_of_an_older_manifest_is_no_health() {
        let mut object = healthy();
        assert!(cluster(object.clone()).is_healthy());
        object["metadata"]["generation"] = json!(5);
        assert!(!cluster(object).is_healthy());
    }
}
