//! From what was read of Kubernetes to the facts of a pass.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use moco_api::constants::{annotations, containers, labels, ports};
use moco_model::{ClusterId, Endpoint, MemberId, Register, Role};
use moco_pass::{Facts, MemberFacts};
use moco_planner::Wanted;
use moco_planner::observation::{Ask, Clustering, PlatformFault, PlatformFaultKind};

use super::platform;
use crate::cluster::ClusterObject;
use crate::watch::PodView;

/// The facts of a pass over `cluster`; `found` are faults that were found on the way.
pub(super) fn facts(
    cluster: &ClusterObject,
    pods: &BTreeMap<MemberId, Arc<PodView>>,
    found: Vec<PlatformFault>,
) -> Facts {
    let mut platform = found;
    let (register, unreadable) = match cluster.register() {
        Ok(register) => (register, None),
        Err(error) => (None, Some(error)),
    };
    if let Some(error) = &unreadable {
        platform.push(PlatformFault {
            kind: PlatformFaultKind::ObjectRefused,
            member: None,
            sentence: format!(
                "status.register cannot be read by this version of MOCO ({error}); run the version that wrote it"
            ),
        });
    }
    let replicas = wanted_replicas(cluster, register.as_ref());
    for (id, pod) in pods {
        if let Some(sentence) = platform::trouble(&cluster.id, *id, pod) {
            let kind = PlatformFaultKind::PodCannotRun;
            platform.push(PlatformFault {
                kind,
                member: Some(*id),
                sentence,
            });
        }
    }
    let members = member_ids(replicas, register.as_ref(), pods)
        .into_iter()
        .map(|id| {
            (
                id,
                member(&cluster.id, id, pods.get(&id).map(AsRef::as_ref)),
            )
        })
        .collect();
    Facts {
        cluster: cluster.id.clone(),
        uid: cluster.uid(),
        wanted: Wanted {
            replicas,
            clustering: clustering(cluster),
            rebuild: cluster.rebuild(),
            force: cluster.force_failover(),
        },
        // A register that cannot be read was written by somebody: nothing may be initialised.
        initialised_before: cluster.initialised_before() || unreadable.is_some(),
        register,
        platform,
        members,
    }
}

fn clustering(cluster: &ClusterObject) -> Clustering {
    if cluster.offline() {
        Clustering::Offline
    } else if cluster.clustering_stopped() {
        Clustering::Stopped
    } else {
        Clustering::Active
    }
}

/// What the manifest says; where it says nothing that can be meant, the members that are recorded.
fn wanted_replicas(cluster: &ClusterObject, register: Option<&Register>) -> u32 {
    let recorded = || {
        let members = register.map_or(1, |register| register.membership.members.len());
        u32::try_from(members).unwrap_or(1).max(1)
    };
    cluster.replicas().unwrap_or_else(recorded)
}

/// Members that are wanted, recorded or found.
fn member_ids(
    replicas: u32,
    register: Option<&Register>,
    pods: &BTreeMap<MemberId, Arc<PodView>>,
) -> BTreeSet<MemberId> {
    let mut ids: BTreeSet<_> = (0..replicas).map(MemberId).collect();
    if let Some(register) = register {
        ids.extend(register.membership.all());
        ids.insert(register.primary);
    }
    ids.extend(pods.keys());
    ids
}

fn member(cluster: &ClusterId, id: MemberId, pod: Option<&PodView>) -> MemberFacts {
    let endpoint = Endpoint {
        member: id,
        host: cluster.pod_host(id),
        port: ports::MYSQL,
    };
    MemberFacts {
        endpoint,
        agent: agent(pod),
        label: pod.and_then(label),
        ask: pod.and_then(ask),
    }
}

/// What a person or Kubernetes asks of the member. A pod that is going away cannot stay primary,
/// whatever else is asked.
fn ask(pod: &PodView) -> Option<Ask> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    if pod.is_leaving() {
        let because = format!("pod {name} is being deleted");
        Some(Ask::Leave { because })
    } else if pod.asks(annotations::PROMOTE) {
        let because = format!("pod {name} is annotated {}", annotations::PROMOTE);
        Some(Ask::Lead { because })
    } else if pod.asks(annotations::DEMOTE) {
        let because = format!("pod {name} is annotated {}", annotations::DEMOTE);
        Some(Ask::Leave { because })
    } else {
        None
    }
}

fn label(pod: &PodView) -> Option<Role> {
    let text = pod.metadata.labels.as_ref()?.get(labels::ROLE)?;
    [Role::Primary, Role::Replica]
        .into_iter()
        .find(|role| role.as_str() == text)
}

/// `host:port` of the agent in a pod, or why there is none.
fn agent(pod: Option<&PodView>) -> Result<String, String> {
    let pod = pod.ok_or_else(|| "its pod does not exist".to_owned())?;
    let mysqld = pod
        .status
        .container_statuses
        .iter()
        .find(|one| one.name == containers::MYSQLD);
    if let Some(state) = mysqld.map(|mysqld| &mysqld.state) {
        if let Some(waiting) = &state.waiting {
            let reason = waiting.reason.as_deref().unwrap_or("no reason given");
            return Err(format!("container mysqld of its pod waits: {reason}"));
        }
        if let Some(ended) = &state.terminated {
            let code = ended.exit_code;
            return Err(format!(
                "container mysqld of its pod has ended with exit code {code}"
            ));
        }
    }
    let address: Option<IpAddr> = pod.status.pod_ip.as_deref().and_then(|ip| ip.parse().ok());
    match address {
        Some(ip) => Ok(SocketAddr::new(ip, ports::AGENT).to_string()),
        None if pod.status.phase.as_deref() == Some("Pending") => {
            Err(format!("its pod is Pending{}", pending(pod)))
        }
        None => Err("its pod has no address".to_owned()),
    }
}

fn pending(pod: &PodView) -> String {
    let unmet = pod
        .status
        .conditions
        .iter()
        .find(|condition| condition.status == "False" && condition.reason.is_some());
    unmet
        .and_then(|condition| condition.reason.as_deref())
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
