//! Clusters for tests.

use kube::core::DynamicObject;
use moco_model::ClusterId;
use serde_json::{Value, json};

use crate::cluster::Cluster;

mod server;

pub(crate) use server::{Asked, Server};

/// A UUID that wrote transactions.
pub(crate) const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

/// The cluster `shop/orders` as the controller left it.
pub(crate) fn cluster(object: Value) -> Cluster {
    let id = ClusterId::new("shop", "orders").unwrap();
    Cluster::of(id, &dynamic(object))
}

/// The labels of the objects of `shop/orders`.
pub(crate) fn labels() -> Value {
    json!(moco_resources::member_labels(
        &ClusterId::new("shop", "orders").unwrap()
    ))
}

/// The labels of the controllers' objects.
pub(crate) fn labels_of_controllers() -> Value {
    json!(moco_resources::controller_labels())
}

/// The object with a kind, as the API server sends it.
pub(crate) fn dynamic(mut object: Value) -> DynamicObject {
    object["apiVersion"] = json!("moco.cybozu.com/v1beta2");
    object["kind"] = json!("MySQLCluster");
    serde_json::from_value(object).unwrap()
}

/// A member whose agent is heard.
pub(crate) fn member(ordinal: u32, role: &str, gtid: &str) -> Value {
    json!({
        "ordinal": ordinal, "role": role, "phase": "runs", "gtid": gtid, "agentVersion": "0.1.0",
    })
}

/// A member whose agent is not heard.
pub(crate) fn silent(ordinal: u32, role: &str) -> Value {
    json!({ "ordinal": ordinal, "role": role, "phase": "not heard: its pod does not exist" })
}

/// A condition as the controller writes it.
pub(crate) fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "observedGeneration": 4, "lastTransitionTime": "2025-11-25T09:00:00Z",
    })
}

/// Gives a cluster another verdict.
pub(crate) fn verdict(object: &mut Value, code: &str, sentence: &str) {
    object["status"]["verdict"]["code"] = json!(code);
    object["status"]["verdict"]["sentence"] = json!(sentence);
}

/// What is said of a healthy cluster of three.
const ALL_WELL: &str = "primary 0 takes writes and 2 replicas follow it";

/// Three members in epoch 7, member 0 primary, nothing wrong.
pub(crate) fn healthy() -> Value {
    let condition = |kind: &str| condition(kind, "True", "Healthy", ALL_WELL);
    json!({
        "metadata": {
            "name": "orders", "namespace": "shop", "generation": 4, "uid": "u", "resourceVersion": "9",
        },
        "spec": {
            "replicas": 3,
            "podTemplate": { "spec": { "containers": [{ "name": "mysqld", "image": "mysql:9.7.4" }] } },
            "volumeClaimTemplates": [{
                "metadata": { "name": "mysql-data" },
                "spec": { "resources": { "requests": { "storage": "10Gi" } } },
            }],
        },
        "status": {
            "observedGeneration": 4,
            "conditions": [condition("Available"), condition("Healthy")],
            "verdict": {
                "code": "Healthy", "sentence": ALL_WELL,
                "since": "2025-11-25T09:00:00Z",
            },
            "members": [
                member(0, "primary", "holds everything"),
                member(1, "replica", "follows closely"),
                member(2, "replica", "follows closely"),
            ],
            "currentPrimaryIndex": 0,
            "register": {
                "epoch": 7, "primary": 0, "initialised": true,
                "membership": { "members": [0, 1, 2], "version": 1 },
                "basis": { "kind": "switchover", "decidedAt": 1_764_061_200_000_i64, "because": "asked" },
                "counted": { "1": "a", "2": "b" },
            },
        },
    })
}

/// The same with its primary gone and member 2 gone, too.
pub(crate) fn two_lost() -> Value {
    let mut object = healthy();
    let status = &mut object["status"];
    status["conditions"] = json!([]);
    status["verdict"]["code"] = json!("PrimaryUnreachable");
    status["verdict"]["sentence"] = json!("member 0, the primary, is not heard");
    status["members"][0] = silent(0, "primary");
    status["members"][2] = silent(2, "replica");
    object
}

/// The same in the controller's own words: nobody can take over, and writes have ended.
pub(crate) fn lost() -> Value {
    let mut object = two_lost();
    let first = "primary 0 cannot be reached: its pod does not exist; 1 replicas still hear it, or too few \
                 replicas can be asked; nobody can take over: member 2 cannot be reached (its pod does not exist)";
    let both = format!(
        "PrimaryUnreachable: {first}; ReplicaUnreachable: replica 2 cannot be reached: its pod does not exist"
    );
    verdict(
        &mut object,
        "PrimaryUnreachable",
        &format!("{first} (and 1 more)"),
    );
    object["status"]["conditions"] = json!([
        condition("Initialized", "True", "PrimaryUnreachable", first),
        condition("Available", "False", "PrimaryUnreachable", first),
        condition("Healthy", "False", "PrimaryUnreachable", &both),
    ]);
    object
}

/// A handover to member 1 that began epoch `epoch`.
pub(crate) fn handover(epoch: u64, kind: &str, opened: bool) -> Value {
    let mut handover = json!({
        "epoch": epoch, "kind": kind, "from": 0, "to": 1, "cause": "ended",
        "because": "mysqld of member 0 ended", "proof": "2 of 2 promises hold all that was acknowledged",
        "noticedAt": 1_764_061_200_123_i64, "decidedAt": 1_764_061_200_335_i64,
        "promised": { "1": format!("{UUID}:1-100"), "2": format!("{UUID}:1-98") },
    });
    if opened {
        handover["openedAt"] = json!(1_764_061_200_764_i64);
    }
    handover
}
