use serde_json::{Value, json};

use super::*;
use crate::testing::{cluster_with, pod, register};

fn read(spec: Value, status: Value, pods: &[PodView]) -> Facts {
    let cluster = cluster_with(spec, status);
    let pods = pods
        .iter()
        .map(|pod| (pod.member(&cluster.id).unwrap(), Arc::new(pod.clone())))
        .collect();
    facts(&cluster, &pods, Vec::new())
}

#[test]
fn members_are_those_wanted_recorded_and_found() {
    let status = json!({ "register": register(3) });
    let facts = read(json!({ "replicas": 1 }), status, &[pod(7, json!({}))]);
    let ids: Vec<_> = facts.members.keys().map(|id| id.0).collect();
    assert_eq!(ids, [0, 1, 2, 7]);
    assert_eq!(facts.wanted.replicas, 1);
    assert_eq!(
        facts.members[&MemberId(2)].endpoint.host,
        "moco-db-2.moco-db.app.svc"
    );
}

#[test]
fn an_agent_is_where_its_pod_is_or_there_is_a_reason() {
    let agent = |status: Value| super::agent(Some(&pod(0, status)));
    assert_eq!(super::agent(None), Err("its pod does not exist".to_owned()));
    let running = json!([{ "name": "mysqld", "state": { "running": {} } }]);
    let up = json!({ "podIP": "10.0.0.7", "containerStatuses": running });
    assert_eq!(agent(up), Ok("10.0.0.7:9080".to_owned()));
    assert_eq!(
        agent(json!({ "podIP": "fd00::7" })),
        Ok("[fd00::7]:9080".to_owned())
    );
    let crashed =
        json!([{ "name": "mysqld", "state": { "waiting": { "reason": "CrashLoopBackOff" } } }]);
    assert_eq!(
        agent(json!({ "podIP": "10.0.0.7", "containerStatuses": crashed })),
        Err("container mysqld of its pod waits: CrashLoopBackOff".to_owned())
    );
    let unschedulable =
        json!([{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable" }]);
    assert_eq!(
        agent(json!({ "phase": "Pending", "conditions": unschedulable })),
        Err("its pod is Pending: Unschedulable".to_owned())
    );
    assert_eq!(
        agent(json!({ "phase": "Running" })),
        Err("its pod has no address".to_owned())
    );
}

#[test]
fn a_register_that_cannot_be_read_freezes_the_cluster_and_is_told() {
    let facts = read(json!({}), json!({ "register": { "epoch": "x" } }), &[]);
    assert!(facts.initialised_before);
    assert_eq!(facts.register, None);
    assert!(
        facts.platform[0]
            .sentence
            .starts_with("status.register cannot be read")
    );
}

#[test]
fn a_manifest_that_cannot_be_meant_leaves_the_members_as_they_are() {
    let status = json!({ "register": register(3) });
    assert_eq!(
        read(json!({ "replicas": "x" }), status.clone(), &[])
            .wanted
            .replicas,
        3
    );
    assert_eq!(
        read(json!({ "replicas": 0 }), json!({}), &[])
            .wanted
            .replicas,
        1
    );
    assert_eq!(
        read(json!({}), status, &[]).wanted.replicas,
        1,
        "1 when left out"
    );
}

#[test]
fn a_pod_that_cannot_run_is_told_with_its_member() {
    let failed = json!({ "phase": "Failed", "reason": "Evicted" });
    let facts = read(json!({ "replicas": 2 }), json!({}), &[pod(1, failed)]);
    assert_eq!(facts.platform.len(), 1);
    assert_eq!(facts.platform[0].member, Some(MemberId(1)));
    assert_eq!(facts.platform[0].kind, PlatformFaultKind::PodCannotRun);
}

#[test]
fn what_the_user_stopped_is_known() {
    let facts = read(json!({ "offline": true }), json!({}), &[]);
    assert_eq!(facts.wanted.clustering, Clustering::Offline);
    assert_eq!(
        read(json!({}), json!({}), &[]).wanted.clustering,
        Clustering::Active
    );
}
