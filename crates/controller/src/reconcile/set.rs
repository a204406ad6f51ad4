//! The StatefulSet: the one object of which a careless write restarts a database.
//!
//! The images of MOCO's containers, above all the one that members copy the program from, are part of
//! the pods' template. A new version of the operator must not restart anything, so a set keeps the
//! images that it has as long as nothing else in it changes.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use moco_api::constants::{FIELD_MANAGER, containers};
use moco_resources::Images;
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
    /// The images of MOCO's containers in it.
    pub(super) images: Images,
    /// What was applied, without the number of pods and the partition.
    pub(super) frame: Value,
}

/// What the next form of the set is.
pub(super) struct Form {
    /// The set to apply, but for the partition.
    pub(super) wanted: Value,
    /// The images of MOCO's containers in it.
    pub(super) images: Images,
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
    own: &Images,
    make: impl Fn(&Images) -> Value,
) -> Form {
    let wanted = make(&known.images);
    if frame(&wanted) == known.frame {
        return Form {
            wanted,
            images: known.images.clone(),
            template: Template::Same,
        };
    }
    changed(own, make)
}

/// The form after what is in the cluster.
pub(super) fn form_of_live(
    live: &DynamicObject,
    own: &Images,
    make: impl Fn(&Images) -> Value,
) -> Form {
    let (compared, images) = as_live(live, own, &make);
    let value = json!({ "metadata": live.metadata, "spec": live.data.get("spec") });
    if is_as_wanted(&compared, &value, &live.metadata) {
        return Form {
            wanted: make(&images),
            images,
            template: Template::Same,
        };
    }
    changed(own, make)
}

/// The set as wanted, but with the images, the number of pods and the partition that it has; and
/// those images.
pub(super) fn as_live(
    live: &DynamicObject,
    own: &Images,
    make: impl Fn(&Images) -> Value,
) -> (Value, Images) {
    let images = images_of(live, own);
    let mut wanted = make(&images);
    let value = json!({ "spec": live.data.get("spec") });
    for field in [REPLICAS, PARTITION] {
        if let (Some(place), Some(found)) = (wanted.pointer_mut(field), value.pointer(field)) {
            *place = found.clone();
        }
    }
    (wanted, images)
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
pub(super) fn changed(own: &Images, make: impl Fn(&Images) -> Value) -> Form {
    Form {
        wanted: make(own),
        images: own.clone(),
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

/// The images of MOCO's containers in a set, and the operator's own where it has none.
fn images_of(live: &DynamicObject, own: &Images) -> Images {
    let image = |list: &str, name: &str| {
        let containers = live.data.pointer("/spec/template/spec")?.get(list)?;
        let mut named = containers
            .as_array()?
            .iter()
            .filter(|container| container.get("name").and_then(Value::as_str) == Some(name));
        named.next()?.get("image")?.as_str().map(str::to_owned)
    };
    Images {
        moco: image("initContainers", containers::COPY_INIT).unwrap_or_else(|| own.moco.clone()),
        fluent_bit: image("containers", containers::SLOW_LOG).or_else(|| own.fluent_bit.clone()),
        exporter: image("containers", containers::EXPORTER).or_else(|| own.exporter.clone()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
    use kube::core::ObjectMeta;

    use super::*;

    fn images(moco: &str) -> Images {
        Images {
            moco: moco.to_owned(),
            fluent_bit: None,
            exporter: None,
        }
    }

    fn made(images: &Images, setting: &str) -> Value {
        json!({
            "metadata": { "name": "moco-db" },
            "spec": {
                "replicas": 3,
                "updateStrategy": { "rollingUpdate": { "partition": 3 } },
                "template": { "spec": {
                    "initContainers": [{ "name": containers::COPY_INIT, "image": images.moco }],
                    "hostname": setting,
                } },
            },
        })
    }

    fn live(moco: &str, setting: &str) -> DynamicObject {
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
        let mut spec = made(&images(moco), setting)["spec"].clone();
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
        let form = form_of_live(&live("moco:1", "a"), &images("moco:2"), |images| {
            made(images, "a")
        });
        assert_eq!(
            (form.template, form.images.moco.as_str()),
            (Template::Same, "moco:1")
        );
        assert_eq!(
            form.wanted,
            made(&images("moco:1"), "a"),
            "the number of pods is the wanted one"
        );
    }

    #[test]
    fn a_change_of_the_pods_takes_the_new_image_along() {
        let form = form_of_live(&live("moco:1", "a"), &images("moco:2"), |images| {
            made(images, "b")
        });
        assert_eq!(
            (form.template, form.images.moco.as_str()),
            (Template::Changes, "moco:2")
        );
        let known = KnownSet {
            mark: Mark::of("StatefulSet", &ObjectMeta::default()),
            images: images("moco:1"),
            frame: frame(&made(&images("moco:1"), "a")),
        };
        let same = form_of_known(&known, &images("moco:2"), |images| made(images, "a"));
        assert_eq!(
            (same.template, same.images.moco.as_str()),
            (Template::Same, "moco:1")
        );
        let other = form_of_known(&known, &images("moco:2"), |images| made(images, "b"));
        assert_eq!(
            (other.template, other.images.moco.as_str()),
            (Template::Changes, "moco:2")
        );
    }

    #[test]
    fn containers_of_others_keep_their_images_too_and_missing_ones_get_the_operators() {
        let mut set = live("moco:1", "a");
        let mut own = images("moco:2");
        own.fluent_bit = Some("fluent-bit:2".to_owned());
        own.exporter = Some("exporter:2".to_owned());
        let slow_log = json!([{ "name": containers::SLOW_LOG, "image": "fluent-bit:1" }]);
        set.data["spec"]["template"]["spec"]["containers"] = slow_log;
        let kept = images_of(&set, &own);
        assert_eq!(kept.moco, "moco:1");
        assert_eq!(kept.fluent_bit.as_deref(), Some("fluent-bit:1"));
        assert_eq!(kept.exporter.as_deref(), Some("exporter:2"));
    }
}
