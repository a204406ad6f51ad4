//! A `MySQLCluster` as it was read: leniently, so that one that cannot be understood is still known
//! by name, and its members go on.

use kube::core::DynamicObject;
use moco_api::TrustedCluster;
use moco_api::constants::{annotations, conditions};
use moco_model::{ClusterId, ClusterUid, Epoch, Register};
use moco_planner::observation::Rebuild;
use serde_json::Value;

use crate::watch::ClusterHead;

/// Version of the rules by which objects are made, as in `status.reconcileInfo`.
pub(crate) const RECONCILE_VERSION: i32 = 1;

/// A cluster as it was read.
#[derive(Clone, Debug)]
pub(crate) struct ClusterObject {
    pub(crate) id: ClusterId,
    pub(crate) object: DynamicObject,
}

impl ClusterObject {
    pub(crate) const fn new(id: ClusterId, object: DynamicObject) -> Self {
        Self { id, object }
    }

    /// Whether it is the one that `head` speaks of, not another of the same name.
    pub(crate) fn is(&self, head: &ClusterHead) -> bool {
        self.id == head.id && self.object.metadata.uid.as_deref() == Some(head.uid.0.as_str())
    }

    /// Its uid.
    pub(crate) fn uid(&self) -> ClusterUid {
        ClusterUid(self.object.metadata.uid.clone().unwrap_or_default())
    }

    /// Its generation.
    pub(crate) fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or_default()
    }

    /// The version that was read.
    pub(crate) fn version(&self) -> Option<&str> {
        self.object.metadata.resource_version.as_deref()
    }

    /// Whether it is being deleted.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    /// Its status, null when there is none.
    pub(crate) fn status(&self) -> &Value {
        self.object.data.get("status").unwrap_or(&Value::Null)
    }

    fn spec(&self, field: &str) -> &Value {
        self.object
            .data
            .get("spec")
            .and_then(|spec| spec.get(field))
            .unwrap_or(&Value::Null)
    }

    /// The register; an error when there is one that this version cannot read.
    pub(crate) fn register(&self) -> Result<Option<Register>, serde_json::Error> {
        match self.status().get("register") {
            None | Some(Value::Null) => Ok(None),
            Some(register) => serde_json::from_value(register.clone()).map(Some),
        }
    }

    /// Whether the condition `Initialized` has ever been true: it never becomes false again.
    pub(crate) fn initialised_before(&self) -> bool {
        let conditions = self.status().get("conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|condition| {
            condition.get("type").and_then(Value::as_str) == Some(conditions::INITIALIZED)
                && condition.get("status").and_then(Value::as_str) == Some("True")
        })
    }

    /// Whether an annotation has the value `"true"`.
    fn annotation(&self, key: &str) -> Option<&str> {
        let annotations = self.object.metadata.annotations.as_ref()?;
        annotations.get(key).map(String::as_str)
    }

    fn is_annotated(&self, key: &str) -> bool {
        self.annotation(key) == Some("true")
    }

    /// Whether the user stopped decisions about the members.
    pub(crate) fn clustering_stopped(&self) -> bool {
        self.is_annotated(annotations::CLUSTERING_STOPPED)
    }

    /// Whether MOCO may give up the data of a member that another history has overtaken.
    pub(crate) fn rebuild(&self) -> Rebuild {
        match self.annotation(annotations::REBUILD) {
            Some(annotations::REBUILD_NEVER) => Rebuild::Forbidden,
            _ => Rebuild::Allowed,
        }
    }

    /// The epoch that is to end with another primary, whatever is lost by it.
    pub(crate) fn force_failover(&self) -> Option<Epoch> {
        let text = self.annotation(annotations::FORCE_FAILOVER)?;
        text.parse().ok().map(Epoch)
    }

    /// Whether the user stopped changes of the objects.
    pub(crate) fn reconciliation_stopped(&self) -> bool {
        self.is_annotated(annotations::RECONCILIATION_STOPPED)
    }

    /// Whether the user lets Kubernetes roll a change out without waiting for health.
    pub(crate) fn rolls_by_force(&self) -> bool {
        self.is_annotated(annotations::FORCE_ROLLING_UPDATE)
    }

    /// Whether the user took the cluster down.
    pub(crate) fn offline(&self) -> bool {
        self.spec("offline").as_bool().unwrap_or(false)
    }

    /// Members wanted, read from the manifest as it is, checked or not; none when it says nothing
    /// that can be meant.
    pub(crate) fn replicas(&self) -> Option<u32> {
        match self.spec("replicas") {
            Value::Null => Some(1),
            given => given
                .as_u64()
                .and_then(|given| u32::try_from(given).ok())
                .filter(|given| (1..=moco_api::trusted::REPLICAS_MAX).contains(given)),
        }
    }

    /// The cluster as it can be trusted, or everything that is wrong with it, in sentences.
    pub(crate) fn trusted(&self) -> Result<TrustedCluster, Vec<String>> {
        let spec = self.object.data.get("spec").unwrap_or(&Value::Null);
        let read = moco_api::read(&self.object.metadata, spec);
        read.map_err(|invalid| invalid.iter().map(ToString::to_string).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::cluster_with;

    #[test]
    fn a_cluster_that_cannot_be_understood_still_has_its_register() {
        let cluster = cluster_with(
            json!({ "replicas": "three" }),
            json!({
                "conditions": "odd",
                "register": crate::testing::register(3),
            }),
        );
        assert_eq!(
            cluster.register().unwrap(),
            Some(crate::testing::register(3))
        );
        assert_eq!(cluster.replicas(), None);
        assert!(!cluster.initialised_before());
        let said = cluster.trusted().unwrap_err();
        assert!(
            said[0].starts_with("spec.replicas cannot be read"),
            "{said:?}"
        );
    }

    #[test]
    fn a_register_that_cannot_be_read_is_no_absent_register() {
        let cluster = cluster_with(json!({}), json!({ "register": { "epoch": "new" } }));
        assert!(cluster.register().is_err());
        assert_eq!(cluster_with(json!({}), json!({})).register().unwrap(), None);
        assert_eq!(
            cluster_with(json!({}), json!({ "register": null }))
                .register()
                .unwrap(),
            None
        );
    }

    #[test]
    fn initialised_is_read_from_the_condition() {
        let said = |status: &str| {
            let conditions = json!([{ "type": "Initialized", "status": status }]);
            cluster_with(json!({}), json!({ "conditions": conditions })).initialised_before()
        };
        assert!(said("True"));
        assert!(!said("False"));
    }
}
