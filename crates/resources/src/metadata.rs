//! Names, labels and owners of a cluster's objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use moco_api::TrustedCluster;
use moco_api::constants::{API_VERSION, KIND, labels};
use moco_model::{ClusterId, Role};

/// The labels of every object of a cluster, by which its pods are selected too.
pub fn member_labels(id: &ClusterId) -> BTreeMap<String, String> {
    [
        (labels::NAME, labels::NAME_MYSQL),
        (labels::INSTANCE, id.name.as_str()),
        (labels::CREATED_BY, labels::CREATED_BY_MOCO),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The labels of the pod of a role.
pub(crate) fn role_labels(id: &ClusterId, role: Role) -> BTreeMap<String, String> {
    let mut all = member_labels(id);
    all.insert(labels::ROLE.to_owned(), role.as_str().to_owned());
    all
}

/// Selects the pods of a cluster.
pub(crate) fn selector(id: &ClusterId) -> LabelSelector {
    LabelSelector {
        match_labels: Some(member_labels(id)),
        ..LabelSelector::default()
    }
}

/// Makes an object go when its cluster goes.
pub fn owner_reference(cluster: &TrustedCluster) -> OwnerReference {
    OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        name: cluster.id.name.clone(),
        uid: cluster.uid.to_string(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Metadata of an object in the cluster's namespace.
pub(crate) fn metadata(cluster: &TrustedCluster, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(cluster.id.namespace.clone()),
        labels: Some(member_labels(&cluster.id)),
        owner_references: Some(vec![owner_reference(cluster)]),
        ..ObjectMeta::default()
    }
}
