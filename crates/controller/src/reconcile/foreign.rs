//! Clusters that another operator runs, and objects of another maker.

use kube::core::DynamicObject;
use moco_api::constants::volumes;
use serde_json::Value;

use crate::cluster::ClusterObject;
use crate::watch::ClusterHead;

/// The sentence about a cluster that was made by the Go MOCO; none for ours and for new ones.
///
/// Its StatefulSet has the same name and owner as ours would have. What ours alone has is the volume
/// in which mysqld keeps its socket, a name that no user may give to a volume. Where the StatefulSet
/// is missing, a status that says who is primary and was not written by this program tells.
pub(super) fn foreign(
    cluster: &ClusterObject,
    head: &ClusterHead,
    set: Option<&DynamicObject>,
) -> Option<String> {
    let status = cluster.status();
    let has = |field: &str| status.get(field).is_some_and(|value| !value.is_null());
    if has("register") {
        return None;
    }
    let name = head.id.prefixed_name();
    let belongs = |set: &&DynamicObject| {
        let owners = set.metadata.owner_references.iter().flatten();
        let mut owners = owners.filter(|owner| owner.controller == Some(true));
        owners.any(|owner| owner.uid == head.uid.0)
    };
    if let Some(set) = set.filter(belongs) {
        return (!has_our_volume(set)).then(|| {
            format!(
                "StatefulSet {name} belongs to this cluster and was made by another operator (the Go MOCO?); nothing is written"
            )
        });
    }
    (has("currentPrimaryIndex") && !has("verdict")).then(|| {
        "the cluster's status was written by another operator (the Go MOCO?); nothing is written".to_owned()
    })
}

fn has_our_volume(set: &DynamicObject) -> bool {
    let volumes = set
        .data
        .pointer("/spec/template/spec/volumes")
        .and_then(Value::as_array);
    volumes
        .into_iter()
        .flatten()
        .any(|volume| volume.get("name").and_then(Value::as_str) == Some(volumes::SOCKETS))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
    use kube::core::ObjectMeta;
    use serde_json::json;

    use super::*;
    use crate::testing::{cluster_with, head, register};

    fn set(owner: &str, volume: &str) -> DynamicObject {
        let owner = OwnerReference {
            uid: owner.to_owned(),
            controller: Some(true),
            ..OwnerReference::default()
        };
        DynamicObject {
            types: None,
            metadata: ObjectMeta {
                owner_references: Some(vec![owner]),
                ..ObjectMeta::default()
            },
            data: json!({ "spec": { "template": { "spec": { "volumes": [{ "name": volume }] } } } }),
        }
    }

    #[test]
    fn a_set_of_this_cluster_without_our_volume_was_made_by_another_operator() {
        let new = cluster_with(json!({}), json!({}));
        let said = |set: &DynamicObject| foreign(&new, &head(), Some(set));
        assert!(said(&set("u", "mysql-conf")).is_some());
        assert_eq!(said(&set("u", volumes::SOCKETS)), None);
        assert_eq!(
            said(&set("another", "x")),
            None,
            "that is a clash of names, told elsewhere"
        );
        assert_eq!(foreign(&new, &head(), None), None);
    }

    #[test]
    fn a_status_of_another_writer_is_known() {
        let theirs = json!({ "currentPrimaryIndex": 0, "conditions": [] });
        assert!(foreign(&cluster_with(json!({}), theirs), &head(), None).is_some());
        let ours = json!({ "currentPrimaryIndex": 0, "verdict": { "code": "RegisterLost" } });
        assert_eq!(foreign(&cluster_with(json!({}), ours), &head(), None), None);
    }

    #[test]
    fn a_cluster_with_a_register_is_ours() {
        let ours = cluster_with(json!({}), json!({ "register": register(1) }));
        assert_eq!(foreign(&ours, &head(), Some(&set("u", "mysql-conf"))), None);
    }
}
