//! What is kept of a pod: a small part. A pod as the API server sends it costs some 190 KB in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moco_api::constants::{annotations, labels};
use moco_model::{ClusterId, MemberId};
use serde::{Deserialize, Deserializer};

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct PodView {
    #[serde(deserialize_with = "lean")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default)]
    pub(crate) status: PodStatus,
}

/// Its status.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodStatus {
    pub(crate) phase: Option<String>,
    #[serde(rename = "podIP")]
    pub(crate) pod_ip: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) conditions: Vec<PodCondition>,
    pub(crate) init_container_statuses: Vec<ContainerStatus>,
    pub(crate) container_statuses: Vec<ContainerStatus>,
}

/// A condition of a pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PodCondition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerStatus {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) restart_count: u32,
    pub(crate) state: ContainerState,
    pub(crate) last_state: ContainerState,
}

/// What a container is doing: one of three, or none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerState {
    pub(crate) waiting: Option<Waiting>,
    pub(crate) running: Option<Running>,
    pub(crate) terminated: Option<Terminated>,
}

/// Why a container does not run yet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
}

/// A container that runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Running {}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Terminated {
    pub(crate) exit_code: i32,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
}

impl PodView {
    /// The cluster that its labels say it belongs to.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        let name = self.metadata.labels.as_ref()?.get(labels::INSTANCE)?;
        ClusterId::new(self.metadata.namespace.as_deref()?, name).ok()
    }

    /// Which member of `cluster` it is, by its name.
    pub(crate) fn member(&self, cluster: &ClusterId) -> Option<MemberId> {
        cluster.member_of(self.metadata.name.as_deref()?)
    }

    /// Whether a condition is true.
    pub(crate) fn is(&self, condition: &str) -> bool {
        self.status
            .conditions
            .iter()
            .any(|one| one.kind == condition && one.status == "True")
    }

    /// Whether an annotation that asks something of the member is `"true"`.
    pub(crate) fn asks(&self, annotation: &str) -> bool {
        let annotations = self.metadata.annotations.as_ref();
        annotations
            .and_then(|all| all.get(annotation))
            .is_some_and(|value| value == "true")
    }

    /// Whether it is being deleted.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }
}

/// Leaves out of an object's metadata what nobody here looks at: it is most of its bytes.
pub(super) fn lean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let full = ObjectMeta::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: full.name,
        namespace: full.namespace,
        uid: full.uid,
        resource_version: full.resource_version,
        generation: full.generation,
        labels: full.labels,
        annotations: asked(full.annotations),
        owner_references: full.owner_references,
        deletion_timestamp: full.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

/// The annotations that ask something of the member.
fn asked(annotations: Option<BTreeMap<String, String>>) -> Option<BTreeMap<String, String>> {
    let asks = |(name, _): &(String, String)| {
        [annotations::DEMOTE, annotations::PROMOTE].contains(&name.as_str())
    };
    let kept: BTreeMap<_, _> = annotations?.into_iter().filter(asks).collect();
    (!kept.is_empty()).then_some(kept)
}

impl Resource for PodView {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(cluster: &str, name: &str) -> PodView {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": "app",
                "labels": { labels::INSTANCE: cluster },
                "managedFields": [{ "manager": "kubelet" }],
            },
            "spec": { "containers": [] },
            "status": {
                "podIP": "10.0.0.7",
                "containerStatuses": [{ "name": "mysqld", "state": { "running": { "startedAt": "x" } } }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_belongs_to_the_cluster_of_its_label_and_not_of_a_prefix() {
        let id = |name| ClusterId::new("app", name).unwrap();
        let view = pod("a-0", "moco-a-0-1");
        assert_eq!(view.cluster(), Some(id("a-0")));
        assert_eq!(view.member(&id("a-0")), Some(MemberId(1)));
        assert_eq!(view.member(&id("a")), None);
        assert_eq!(pod("a", "moco-a-01").member(&id("a")), None);
        assert_eq!(pod("a", "moco-a-x").member(&id("a")), None);
    }

    #[test]
    fn only_what_is_looked_at_is_kept() {
        let view = pod("a", "moco-a-0");
        assert_eq!(view.metadata.managed_fields, None);
        assert!(view.status.container_statuses[0].state.running.is_some());
        assert_eq!(view.status.pod_ip.as_deref(), Some("10.0.0.7"));
    }
}
