//! Which pods Kubernetes may make from a changed template by itself.
//!
//! A StatefulSet replaces pods from the highest ordinal down to its `partition`. MOCO keeps the
//! partition above every ordinal, so that nothing that works is restarted; here is how far it is
//! lowered for pods that do not work anyway. Replacing members that work, one after the other, is no
//! part of this.

use std::collections::BTreeMap;
use std::sync::Arc;

use moco_model::{ClusterId, MemberId};

use crate::watch::{PodView, SetView};
use crate::world::pod_trouble;

/// Label of a pod with the revision of the template that it was made from.
const REVISION_LABEL: &str = "controller-revision-hash";

/// The partition for a set of `pods` pods whose template does not change now.
pub(super) fn partition(
    cluster: &ClusterId,
    set: Option<&SetView>,
    found: &BTreeMap<MemberId, Arc<PodView>>,
    pods: u32,
) -> u32 {
    let Some(set) = set else { return pods };
    if set.status.observed_generation != set.metadata.generation.unwrap_or_default() {
        return pods; // which revision is the newest is not known yet
    }
    let newest = &set.status.update_revision;
    let mut lowered = pods;
    for ordinal in (0..pods).rev() {
        let member = MemberId(ordinal);
        let Some(pod) = found.get(&member) else {
            continue;
        };
        let revision = pod
            .metadata
            .labels
            .as_ref()
            .and_then(|all| all.get(REVISION_LABEL));
        if revision == Some(newest) {
            continue;
        }
        if pod_trouble(cluster, member, pod).is_none() {
            break; // it works, or may yet
        }
        lowered = ordinal;
    }
    lowered
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::pod;

    #[derive(Clone, Copy)]
    enum Is {
        New,
        Old,
        OldAndBroken,
    }

    fn lowered(members: &[Is], observed: i64) -> u32 {
        let set: SetView = serde_json::from_value(json!({
            "metadata": { "generation": 2 },
            "status": { "observedGeneration": observed, "updateRevision": "new" },
        }))
        .unwrap();
        let make = |(at, is): (usize, &Is)| {
            let ordinal = u32::try_from(at).unwrap();
            let waiting = json!([{ "name": "mysqld", "state": { "waiting": { "reason": "ImagePullBackOff" } } }]);
            let status = match is {
                Is::OldAndBroken => json!({ "containerStatuses": waiting }),
                Is::New | Is::Old => json!({ "phase": "Running" }),
            };
            let mut pod = pod(ordinal, status);
            let revision = if matches!(is, Is::New) { "new" } else { "old" };
            let labels = pod.metadata.labels.as_mut().unwrap();
            labels.insert(REVISION_LABEL.to_owned(), revision.to_owned());
            (MemberId(ordinal), Arc::new(pod))
        };
        let found = members.iter().enumerate().map(make).collect();
        let id = ClusterId::new("app", "db").unwrap();
        partition(
            &id,
            Some(&set),
            &found,
            u32::try_from(members.len()).unwrap(),
        )
    }

    #[test]
    fn only_pods_that_cannot_run_are_replaced_and_none_above_them_that_works() {
        use Is::{New, Old, OldAndBroken};
        for (members, expected) in [
            (vec![New, New, New], 3),
            (vec![Old, Old, Old], 3),
            (vec![OldAndBroken, OldAndBroken, OldAndBroken], 0),
            (vec![Old, Old, OldAndBroken], 2),
            (vec![Old, OldAndBroken, New], 1),
            (vec![OldAndBroken, Old, Old], 3),
            (vec![OldAndBroken, Old, OldAndBroken], 2),
        ] {
            assert_eq!(lowered(&members, 2), expected);
        }
    }

    #[test]
    fn nothing_is_replaced_before_kubernetes_has_taken_up_the_template() {
        assert_eq!(lowered(&[Is::OldAndBroken], 1), 1);
    }
}
