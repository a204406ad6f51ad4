//! The pods of a cluster, by member.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use moco_model::{ClusterId, MemberId};

/// The pods that are members', by member.
pub(crate) fn by_member(id: &ClusterId, pods: Vec<Pod>) -> BTreeMap<MemberId, Pod> {
    let member = |pod: Pod| Some((id.member_of(pod.metadata.name.as_deref()?)?, pod));
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
