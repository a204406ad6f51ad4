//! Replacing pods that do not work anyway.
//!
//! A StatefulSet replaces one pod after the other, and waits until each is ready. A new cluster's
//! members become ready only when all of them have been heard, so a template that was mended would
//! reach the first pod and no other. The pods that may be replaced, and are of an older template, are
//! therefore deleted here; the StatefulSet makes them anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use moco_model::{ClusterId, MemberId};

use super::rollout::{Working, is_of_revision, works_as_it_is};
use crate::call::{Attempt, CallError, call};
use crate::context::Context;
use crate::watch::{ClusterHead, PodView, SetView};

/// Which pods do nothing that would be lost with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaceable {
    /// All: the cluster never had a primary, no mysqld of it has been started for work.
    All,
    /// Those that cannot run, or whose mysqld cannot be started as the pod is.
    Broken,
}

/// Pods from the partition on that are of an older template and may be replaced.
pub(super) fn outdated(
    cluster: &ClusterId,
    set: &SetView,
    working: &Working<'_>,
    partition: u32,
    which: Replaceable,
) -> BTreeMap<MemberId, Arc<PodView>> {
    let newest = set.status.update_revision.as_str();
    let settled = set.status.observed_generation == set.metadata.generation.unwrap_or_default();
    if !settled || newest.is_empty() {
        return BTreeMap::new(); // which revision is the newest is not known yet
    }
    let goes = |member: MemberId, pod: &PodView| {
        member.0 >= partition
            && !pod.is_leaving()
            && !is_of_revision(pod, newest)
            && (which == Replaceable::All
                || !works_as_it_is(cluster, member, pod, newest, working.idle))
    };
    let found = working
        .found
        .iter()
        .filter(|(member, pod)| goes(**member, pod));
    found
        .map(|(member, pod)| (*member, Arc::clone(pod)))
        .collect()
}

/// Deletes pods, each only if it is still the one that was seen.
pub(super) async fn delete(
    context: &Context,
    head: &ClusterHead,
    pods: &BTreeMap<MemberId, Arc<PodView>>,
) -> Result<(), CallError> {
    let namespace = &head.id.namespace;
    let api: Api<PodView> = Api::namespaced(context.client.clone(), namespace);
    for (member, pod) in pods {
        let name = head.id.pod_name(*member);
        tracing::info!(cluster = %head.id, "replacing pod {name}, which is of an older template and does not work");
        let preconditions = Preconditions {
            uid: pod.metadata.uid.clone(),
            ..Preconditions::default()
        };
        let params = DeleteParams::default().preconditions(preconditions);
        let attempt = Attempt::new("delete", "Pod", namespace, &name);
        match call(attempt, api.delete(&name, &params)).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::testing::{head, pod};

    /// Members 0 works on the old template, 1 is broken on it, 2 is idle on it, 3 is of the newest.
    fn goes(partition: u32, which: Replaceable, observed: i64) -> Vec<u32> {
        let set: SetView = serde_json::from_value(json!({
            "metadata": { "generation": 2 },
            "status": { "observedGeneration": observed, "updateRevision": "new" },
        }))
        .unwrap();
        let waiting =
            json!([{ "name": "mysqld", "state": { "waiting": { "reason": "ImagePullBackOff" } } }]);
        let statuses = [
            json!({ "phase": "Running" }),
            json!({ "containerStatuses": waiting }),
            json!({ "phase": "Running" }),
            json!({ "containerStatuses": waiting }),
        ];
        let made = |(at, status): (usize, serde_json::Value)| {
            let ordinal = u32::try_from(at).unwrap();
            let mut pod = pod(ordinal, status);
            let revision = if ordinal == 3 { "new" } else { "old" };
            let labels = pod.metadata.labels.as_mut().unwrap();
            labels.insert("controller-revision-hash".to_owned(), revision.to_owned());
            (MemberId(ordinal), Arc::new(pod))
        };
        let found = statuses.into_iter().enumerate().map(made).collect();
        let idle = BTreeSet::from([MemberId(2)]);
        let working = Working {
            found: &found,
            idle: &idle,
        };
        let gone = outdated(&head().id, &set, &working, partition, which);
        gone.keys().map(|member| member.0).collect()
    }

    #[test]
    fn only_pods_of_an_older_template_that_do_not_work_are_replaced() {
        assert_eq!(goes(0, Replaceable::Broken, 2), [1, 2]);
        assert_eq!(
            goes(2, Replaceable::Broken, 2),
            [2],
            "below the partition nothing is"
        );
        assert_eq!(goes(0, Replaceable::All, 2), [0, 1, 2]);
        assert!(goes(4, Replaceable::All, 2).is_empty());
    }

    #[test]
    fn nothing_is_replaced_before_kubernetes_has_taken_up_the_template() {
        assert!(goes(0, Replaceable::All, 1).is_empty());
    }
}
