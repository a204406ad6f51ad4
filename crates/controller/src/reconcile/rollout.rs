//! Which pods Kubernetes may make from a changed template by itself.
//!
//! A StatefulSet replaces pods from the highest ordinal down to its `partition`. MOCO keeps the
//! partition above every ordinal, so that nothing that works is restarted; here is how far it is
//! lowered for pods that do not work anyway. Replacing members that work, one after the other, is no
//! part of this.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use moco_model::{ClusterId, MemberId};

use crate::watch::{PodView, SetView};
use crate::world::pod_trouble;

/// Label of a pod with the revision of the template that it was made from.
const REVISION_LABEL: &str = "controller-revision-hash";

/// What is known of the members' work.
pub(super) struct Working<'a> {
    /// Their pods.
    pub(super) found: &'a BTreeMap<MemberId, Arc<PodView>>,
    /// Members whose pod runs and whose mysqld cannot be started as the pod is.
    pub(super) idle: &'a BTreeSet<MemberId>,
}

/// The partition for a set of `pods` pods whose template does not change now.
pub(super) fn partition(
    cluster: &ClusterId,
    set: Option<&SetView>,
    working: &Working<'_>,
    pods: u32,
) -> u32 {
    let Some(set) = set else { return pods };
    if set.status.observed_generation != set.metadata.generation.unwrap_or_default() {
        return pods; // which revision is the newest is not known yet
    }
    let newest = &set.status.update_revision;
    if set.status.current_revision == *newest {
        return pods; // nothing is left to replace
    }
    let mut lowered = pods;
    for ordinal in (0..pods).rev() {
        let member = MemberId(ordinal);
        if let Some(pod) = working.found.get(&member)
            && works_as_it_is(cluster, member, pod, newest, working.idle)
        {
            break;
        }
        lowered = ordinal;
    }
    lowered
}

/// Whether a pod is of an older template and must be left alone. A pod that is missing or on its way
/// out is made anew anyway: below the partition Kubernetes would make it from the older template
/// again, so it stays above until the newest template is the only one.
pub(super) fn works_as_it_is(
    cluster: &ClusterId,
    member: MemberId,
    pod: &PodView,
    newest: &str,
    idle: &BTreeSet<MemberId>,
) -> bool {
    !is_of_revision(pod, newest)
        && !pod.is_leaving()
        && !idle.contains(&member)
        && pod_trouble(cluster, member, pod).is_none()
}

/// Whether a pod was made from a revision of the template.
pub(super) fn is_of_revision(pod: &PodView, revision: &str) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels
        .and_then(|all| all.get(REVISION_LABEL))
        .is_some_and(|found| found == revision)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;
    use crate::testing::pod;

    #[derive(Clone, Copy)]
    enum Is {
        New,
        Old,
        OldAndBroken,
        OldAndIdle,
        OldAndLeaving,
    }

    fn lowered(members: &[Is], observed: i64) -> u32 {
        let set: SetView = serde_json::from_value(json!({
            "metadata": { "generation": 2 },
            "status": {
                "observedGeneration": observed, "updateRevision": "new", "currentRevision": "old",
            },
        }))
        .unwrap();
        let make = |(at, is): (usize, &Is)| {
            let ordinal = u32::try_from(at).unwrap();
            let waiting = json!([{ "name": "mysqld", "state": { "waiting": { "reason": "ImagePullBackOff" } } }]);
            let status = match is {
                Is::OldAndBroken => json!({ "containerStatuses": waiting }),
                Is::New | Is::Old | Is::OldAndIdle | Is::OldAndLeaving => {
                    json!({ "phase": "Running" })
                }
            };
            let mut pod = pod(ordinal, status);
            let revision = if matches!(is, Is::New) { "new" } else { "old" };
            let labels = pod.metadata.labels.as_mut().unwrap();
            labels.insert(REVISION_LABEL.to_owned(), revision.to_owned());
            if matches!(is, Is::OldAndLeaving) {
                pod.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            }
            (MemberId(ordinal), Arc::new(pod))
        };
        let found = members.iter().enumerate().map(make).collect();
        let idle = members
            .iter()
            .enumerate()
            .filter(|(_, is)| matches!(is, Is::OldAndIdle));
        let idle = idle
            .map(|(at, _)| MemberId(u32::try_from(at).unwrap()))
            .collect();
        let working = Working {
            found: &found,
            idle: &idle,
        };
        let id = ClusterId::new("app", "db").unwrap();
        partition(
            &id,
            Some(&set),
            &working,
            u32::try_from(members.len()).unwrap(),
        )
    }

    #[test]
    fn only_pods_that_cannot_run_are_replaced_and_none_above_them_that_works() {
        use Is::{New, Old, OldAndBroken, OldAndIdle, OldAndLeaving};
        for (members, expected) in [
            (vec![New, New, New], 0),
            (vec![New, Old, New], 2),
            (vec![Old, OldAndLeaving, New], 1),
            (vec![Old, Old, Old], 3),
            (vec![OldAndBroken, OldAndBroken, OldAndBroken], 0),
            (vec![Old, Old, OldAndBroken], 2),
            (vec![Old, OldAndBroken, New], 1),
            (vec![OldAndBroken, Old, Old], 3),
            (vec![OldAndBroken, Old, OldAndBroken], 2),
            (vec![OldAndIdle], 0),
            (vec![Old, OldAndIdle, OldAndBroken], 1),
        ] {
            assert_eq!(lowered(&members, 2), expected);
        }
    }

    #[test]
    fn nothing_is_replaced_before_kubernetes_has_taken_up_the_template() {
        assert_eq!(lowered(&[Is::OldAndBroken], 1), 1);
    }
}
