//! What is kept of a StatefulSet.

use std::borrow::Cow;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::pod::lean;

/// A StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct SetView {
    #[serde(deserialize_with = "lean")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default)]
    pub(crate) spec: SetSpec,
    #[serde(default)]
    pub(crate) status: SetStatus,
}

/// Its spec.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct SetSpec {
    pub(crate) replicas: Option<u32>,
}

/// Its status.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SetStatus {
    pub(crate) observed_generation: i64,
    pub(crate) available_replicas: u32,
    pub(crate) current_replicas: u32,
    pub(crate) updated_replicas: u32,
    pub(crate) current_revision: String,
    pub(crate) update_revision: String,
}

impl SetView {
    /// Whether it is known that every pod, there or to be made, is of the newest template.
    pub(crate) fn is_of_one_revision(&self) -> bool {
        let status = &self.status;
        status.observed_generation >= self.metadata.generation.unwrap_or_default()
            && status.current_revision == status.update_revision
    }

    /// Whether every pod is there, available, and made from the newest template; else what is missing.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let wanted = self.spec.replicas.unwrap_or(1);
        let status = &self.status;
        if status.observed_generation < self.metadata.generation.unwrap_or_default() {
            return Err("the StatefulSet's newest form has not been taken up yet".to_owned());
        }
        if status.available_replicas != wanted {
            return Err(format!(
                "{} of {wanted} pods are available",
                status.available_replicas
            ));
        }
        if status.current_revision != status.update_revision {
            return Err("not all pods are made from the newest template".to_owned());
        }
        Ok(())
    }
}

impl Resource for SetView {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "StatefulSet".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "apps".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "statefulsets".into()
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

    #[test]
    fn a_set_is_ready_when_all_pods_are_available_and_of_the_newest_template() {
        let set = |observed, available, current: &str| -> SetView {
            serde_json::from_value(json!({
                "metadata": { "generation": 2 },
                "spec": { "replicas": 3 },
                "status": {
                    "observedGeneration": observed, "availableReplicas": available,
                    "currentRevision": current, "updateRevision": "b",
                },
            }))
            .unwrap()
        };
        assert_eq!(set(2, 3, "b").ready(), Ok(()));
        assert!(set(1, 3, "b").ready().is_err());
        assert_eq!(
            set(2, 2, "b").ready(),
            Err("2 of 3 pods are available".to_owned())
        );
        assert!(set(2, 3, "a").ready().is_err());
    }
}
