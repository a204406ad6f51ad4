//! The pods of a cluster, by member.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use moco_model::{ClusterId, MemberId};

/// The member that a pod is; none for a pod that is no member's.
pub(crate) fn ordinal(id: &ClusterId, pod: &Pod) -> Option<MemberId> {
    let name = pod.metadata.name.as_deref()?;
    let number = name.strip_prefix(&id.prefixed_name())?.strip_prefix('-')?;
    let member = MemberId(number.parse().ok()?);
    (id.pod_name(member) == name).then_some(member)
}

/// The pods that are members', by member.
pub(crate) fn by_member(id: &ClusterId, pods: Vec<Pod>) -> BTreeMap<MemberId, Pod> {
    let member = |pod: Pod| Some((ordinal(id, &pod)?, pod));
    pods.into_iter().filter_map(member).collect()
}

/// Names of a pod's containers, those that run once before the others first.
pub(crate) fn containers(pod: &Pod) -> Vec<String> {
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let first = spec.init_containers.iter().flatten();
    let all = first.chain(&spec.containers);
    all.map(|container| container.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_a_member_only_under_the_exact_name() {
        let id = ClusterId::new("shop", "a").unwrap();
        let member = |name: &str| {
            let pod = json!({ "metadata": { "name": name } });
            ordinal(&id, &serde_json::from_value(pod).unwrap())
        };
        assert_eq!(member("moco-a-12"), Some(MemberId(12)));
        for other in ["moco-a-b-0", "moco-a-", "moco-a-01", "moco-a-+1", "x"] {
            assert_eq!(member(other), None, "{other}");
        }
    }
}
