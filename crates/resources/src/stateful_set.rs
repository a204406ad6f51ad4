//! The StatefulSet that holds the members.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moco_api::TrustedCluster;
use moco_api::trusted::TrustedClaim;

use crate::metadata::{metadata, owner_reference, selector};
use crate::pod::{self, Pinned};

/// Makes it with a number of pods.
pub(crate) fn make(cluster: &TrustedCluster, pinned: &Pinned<'_>, pods: u32) -> StatefulSet {
    // At most 31; the type is Kubernetes'.
    let pods = i32::try_from(pods).unwrap_or(i32::MAX);
    StatefulSet {
        metadata: metadata(cluster, cluster.id.prefixed_name()),
        spec: Some(StatefulSetSpec {
            replicas: Some(pods),
            selector: selector(&cluster.id),
            service_name: Some(cluster.id.prefixed_name()),
            // Members start and stop in whatever order their nodes allow; who may write is not
            // decided by the order.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(nothing_restarts_by_itself(pods)),
            template: pod::template(cluster, pinned),
            volume_claim_templates: Some(
                cluster
                    .claims
                    .iter()
                    .map(|one| claim(cluster, one))
                    .collect(),
            ),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

/// A partition above every ordinal: Kubernetes takes a changed template for no pod by itself, whether
/// the others are healthy or not. Who lowers the partition, one member at a time, looks first.
fn nothing_restarts_by_itself(pods: i32) -> StatefulSetUpdateStrategy {
    StatefulSetUpdateStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateStatefulSetStrategy {
            partition: Some(pods),
            ..RollingUpdateStatefulSetStrategy::default()
        }),
    }
}

/// A volume of every member. The owner reference makes the data go with the cluster; who wants to keep
/// it takes the reference off the claims first.
fn claim(cluster: &TrustedCluster, user: &TrustedClaim) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(user.name.clone()),
            labels: Some(user.labels.clone()).filter(|all| !all.is_empty()),
            annotations: Some(user.annotations.clone()).filter(|all| !all.is_empty()),
            owner_references: Some(vec![owner_reference(cluster)]),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: user
                .spec
                .access_modes
                .clone()
                .filter(|modes| !modes.is_empty())
                .or_else(|| Some(vec!["ReadWriteOnce".to_owned()])),
            volume_mode: user
                .spec
                .volume_mode
                .clone()
                .or_else(|| Some("Filesystem".to_owned())),
            ..user.spec.clone()
        }),
        ..PersistentVolumeClaim::default()
    }
}
