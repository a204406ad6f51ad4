//! How many members may be evicted at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use moco_api::TrustedCluster;

use crate::metadata::{metadata, selector};

/// ⌈N/2⌉ − 1: with so many members gone, the others still acknowledge commits. `None` for a cluster
/// of one, which nothing could evict otherwise. A cluster of two allows none: its nodes are drained by
/// hand, after a switchover.
pub fn disruptions_allowed(replicas: u32) -> Option<u32> {
    (replicas > 1).then(|| replicas.div_ceil(2) - 1)
}

/// The budget of a cluster, if it has one.
pub(crate) fn make(cluster: &TrustedCluster) -> Option<PodDisruptionBudget> {
    let allowed = disruptions_allowed(cluster.replicas)?;
    // At most 15; the type is Kubernetes'.
    let allowed = i32::try_from(allowed).unwrap_or_default();
    Some(PodDisruptionBudget {
        metadata: metadata(cluster, cluster.id.prefixed_name()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(allowed)),
            selector: Some(selector(&cluster.id)),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use moco_model::quorum::acks;

    #[test]
    fn an_eviction_leaves_enough_members_to_acknowledge() {
        for n in 2..=31 {
            let allowed = disruptions_allowed(n).unwrap();
            // The primary and its W replicas.
            assert!(n - allowed > acks(n), "{n}");
        }
        let some = [1, 2, 3, 4, 5].map(disruptions_allowed);
        assert_eq!(some, [None, Some(0), Some(1), Some(1), Some(2)]);
    }
}
