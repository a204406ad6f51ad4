//! The StatefulSet: the one object of which a careless write restarts a database.
//!
//! The image that members copy the program from is part of the pods' template. A new version of the
//! operator must not restart anything, so a set keeps the image that it has as long as nothing else
//! in it changes.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use moco_api::constants::{FIELD_MANAGER, containers};
use serde_json::{Value, json};

use super::ReconcileError;
use super::same::is_as_wanted;
use crate::call::{Attempt, call};
use crate::context::Context;
use crate::watch::{ClusterHead, Mark, ObjectKey};

const REPLICAS: &str = "/spec/replicas";
const PARTITION: &str = "/spec/updateStrategy/rollingUpdate/partition";

/// The set as it was last applied.
pub(super) struct KnownSet {
    /// Its mark at that time.
    pub(super) mark: Mark,
    /// The image that its members copy the program from.
    pub(super) image: String,
    /// What was applied, without the number of pods and the partition.
    pub(super) frame: Value,
}

/// What the next form of the set is.
pub(super) struct Form {
    /// The set to apply, but for the partition.
    pub(super) wanted: Value,
    /// The image that its members copy the program from.
    pub(super) image: String,
    /// Whether the template differs from the one in the cluster.
    pub(super) template: Template,
}

/// Whether pods would be made otherwise than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Template {
    Same,
    Changes,
}

/// The resource `statefulsets`.
pub(super) fn resource() -> ApiResource {
    ApiResource::erase::<StatefulSet>(&())
}

pub(super) fn key(head: &ClusterHead) -> ObjectKey {
    ObjectKey {
        kind: "StatefulSet".to_owned(),
        namespace: head.id.namespace.clone(),
        name: head.id.prefixed_name(),
    }
}

/// Reads the set.
pub(super) async fn read(
    context: &Context,
    head: &ClusterHead,
) -> Result<Option<DynamicObject>, ReconcileError> {
    let key = key(head);
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &key.namespace, &resource());
    let attempt = Attempt::new("get", "StatefulSet", &key.namespace, &key.name);
    call(attempt, api.get_opt(&key.name))
        .await
        .map_err(ReconcileError::Call)
}

/// The form after what is known from the last pass, if it is still so.
pub(super) fn form_of_known(
    known: &KnownSet,
    own_image: &str,
    make: impl Fn(&str) -> Value,
) -> Form {
    let wanted = make(&known.image);
    if frame(&wanted) == known.frame {
        return Form {
            wanted,
            image: known.image.clone(),
            template: Template::Same,
        };
    }
    changed(own_image, make)
}

/// The form after what is in the cluster.
pub(super) fn form_of_live(
    live: &DynamicObject,
    own_image: &str,
    make: impl Fn(&str) -> Value,
) -> Form {
    let (compared, image) = as_live(live, own_image, &make);
    let value = json!({ "metadata": live.metadata, "spec": live.data.get("spec") });
    if is_as_wanted(&compared, &value, &live.metadata) {
        return Form {
            wanted: make(&image),
            image,
            template: Template::Same,
        };
    }
    changed(own_image, make)
}

/// The set as wanted, but with the image, the number of pods and the partition that it has; and that
/// image.
pub(super) fn as_live(
    live: &DynamicObject,
    own_image: &str,
    make: impl Fn(&str) -> Value,
) -> (Value, String) {
    let image = image_of(live).unwrap_or(own_image).to_owned();
    let mut wanted = make(&image);
    let value = json!({ "spec": live.data.get("spec") });
    for field in [REPLICAS, PARTITION] {
        if let (Some(place), Some(found)) = (wanted.pointer_mut(field), value.pointer(field)) {
            *place = found.clone();
        }
    }
    (wanted, image)
}

/// Asks the API server whether applying `wanted` would leave the spec as it is. When it does not
/// answer, it would not.
pub(super) async fn would_change_nothing(
    context: &Context,
    head: &ClusterHead,
    live: &DynamicObject,
    wanted: &Value,
) -> bool {
    let key = key(head);
    let api: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &key.namespace, &resource());
    let params = PatchParams::apply(FIELD_MANAGER).force().dry_run();
    let patch = Patch::Apply(wanted);
    let attempt = Attempt::new("patch", "StatefulSet", &key.namespace, &key.name);
    let answer = call(attempt, api.patch(&key.name, &params, &patch)).await;
    answer.is_ok_and(|answer| answer.data.get("spec") == live.data.get("spec"))
}

/// The form of a set whose pods are made otherwise than before.
pub(super) fn changed(own_image: &str, make: impl Fn(&str) -> Value) -> Form {
    let image = own_image.to_owned();
    Form {
        wanted: make(own_image),
        image,
        template: Template::Changes,
    }
}

/// Sets the partition.
pub(super) fn with_partition(mut wanted: Value, partition: u32) -> Value {
    if let Some(place) = wanted.pointer_mut(PARTITION) {
        *place = json!(partition);
    }
    wanted
}

/// The set without the parts that say nothing about its pods.
pub(super) fn frame(wanted: &Value) -> Value {
    let mut frame = wanted.clone();
    for field in [REPLICAS, PARTITION] {
        if let Some(place) = frame.pointer_mut(field) {
            *place = Value::Null;
        }
    }
    frame
}

/// The image that a set's members copy the program from.
fn image_of(live: &DynamicObject) -> Option<&str> {
    let containers = live
        .data
        .pointer("/spec/template/spec/initContainers")?
        .as_array()?;
    let name = |container: &Value| {
        container.get("name").and_then(Value::as_str) == Some(containers::COPY_INIT)
    };
    containers
        .iter()
        .find(|container| name(container))?
        .get("image")?
        .as_str()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
    use kube::core::ObjectMeta;

    use super::*;

    fn made(image: &str, setting: &str) -> Value {
        json!({
            "metadata": { "name": "moco-db" },
            "spec": {
                "replicas": 3,
                "updateStrategy": { "rollingUpdate": { "partition": 3 } },
                "template": { "spec": {
                    "initContainers": [{ "name": containers::COPY_INIT, "image": image }],
                    "hostname": setting,
                } },
            },
        })
    }

    fn live(image: &str, setting: &str) -> DynamicObject {
        let fields = json!({ "f:spec": {
            "f:replicas": {},
            "f:updateStrategy": { "f:rollingUpdate": { "f:partition": {} } },
            "f:template": { "f:spec": {
                "f:initContainers": { "k:{\"name\":\"copy-moco-init\"}": { ".": {}, "f:name": {}, "f:image": {} } },
                "f:hostname": {},
            } },
        } });
        let entry = ManagedFieldsEntry {
            manager: Some("moco-controller".to_owned()),
            operation: Some("Apply".to_owned()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        };
        let mut spec = made(image, setting)["spec"].clone();
        spec["replicas"] = json!(1);
        spec["updateStrategy"]["rollingUpdate"]["partition"] = json!(0);
        DynamicObject {
            types: None,
            metadata: ObjectMeta {
                managed_fields: Some(vec![entry]),
                ..ObjectMeta::default()
            },
            data: json!({ "spec": spec }),
        }
    }

    #[test]
    fn a_new_operator_alone_changes_no_template() {
        let form = form_of_live(&live("moco:1", "a"), "moco:2", |image| made(image, "a"));
        assert_eq!(
            (form.template, form.image.as_str()),
            (Template::Same, "moco:1")
        );
        assert_eq!(
            form.wanted,
            made("moco:1", "a"),
            "the number of pods is the wanted one"
        );
    }

    #[test]
    fn a_change_of_the_pods_takes_the_new_image_along() {
        let form = form_of_live(&live("moco:1", "a"), "moco:2", |image| made(image, "b"));
        assert_eq!(
            (form.template, form.image.as_str()),
            (Template::Changes, "moco:2")
        );
        let known = KnownSet {
            mark: Mark::of("StatefulSet", &ObjectMeta::default()),
            image: "moco:1".to_owned(),
            frame: frame(&made("moco:1", "a")),
        };
        let same = form_of_known(&known, "moco:2", |image| made(image, "a"));
        assert_eq!(
            (same.template, same.image.as_str()),
            (Template::Same, "moco:1")
        );
        let other = form_of_known(&known, "moco:2", |image| made(image, "b"));
        assert_eq!(
            (other.template, other.image.as_str()),
            (Template::Changes, "moco:2")
        );
    }
}
