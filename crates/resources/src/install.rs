//! The operator's own objects: everything that `kubectl apply` needs to begin with.

use std::collections::BTreeMap;

use moco_api::constants::{labels, ports};
use serde_json::{Value, json};

mod deployment;
mod policies;
mod roles;

/// Name of the controller's Deployment, Service and accounts.
pub(crate) const CONTROLLER: &str = "moco-controller";

/// All objects of the operator, in the order in which they are applied: namespace, definitions,
/// rights, and then the programs that need them.
pub fn install(image: &str, namespace: &str) -> Vec<Value> {
    let mut all = vec![self::namespace(namespace)];
    all.extend(moco_api::crds());
    all.push(json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(CONTROLLER, namespace),
    }));
    all.extend(roles::of_controller(namespace));
    all.extend(roles::of_tenants());
    all.extend(policies::all());
    all.push(service(namespace));
    all.push(disruption_budget(namespace));
    all.push(deployment::make(image, namespace));
    all
}

fn namespace(name: &str) -> Value {
    let level = "restricted";
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                labels::NAME: "moco",
                "pod-security.kubernetes.io/enforce": level,
                "pod-security.kubernetes.io/audit": level,
                "pod-security.kubernetes.io/warn": level,
            },
        },
    })
}

/// The labels of the operator's own objects, by which its pods are selected too.
pub fn controller_labels() -> BTreeMap<String, String> {
    [
        (labels::NAME, "moco"),
        ("app.kubernetes.io/component", CONTROLLER),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn metadata(name: &str, namespace: &str) -> Value {
    json!({ "name": name, "namespace": namespace, "labels": controller_labels() })
}

/// Where agents tell what changed. Only ready controllers are behind it.
fn service(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(CONTROLLER, namespace),
        "spec": {
            "selector": controller_labels(),
            "ports": [{
                "name": "notify",
                "port": ports::CONTROLLER_NOTIFY,
                "protocol": "TCP",
                "targetPort": "notify",
            }],
        },
    })
}

/// One controller at a time may be evicted; the other leads meanwhile.
fn disruption_budget(namespace: &str) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(CONTROLLER, namespace),
        "spec": { "maxUnavailable": 1, "selector": { "matchLabels": controller_labels() } },
    })
}

#[cfg(test)]
mod tests;
