//! The controllers.

use moco_api::constants::ports;
use serde_json::{Value, json};

use super::{CONTROLLER, controller_labels, metadata};
use crate::command::PROGRAM_IN_IMAGE;

/// Two controllers, of which one leads.
const CONTROLLERS: u32 = 2;

/// The Deployment.
pub(super) fn make(image: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(CONTROLLER, namespace),
        "spec": {
            "replicas": CONTROLLERS,
            "selector": { "matchLabels": controller_labels() },
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 0 },
            },
            "template": {
                "metadata": { "labels": controller_labels() },
                "spec": pod(image),
            },
        },
    })
}

fn pod(image: &str) -> Value {
    json!({
        "serviceAccountName": CONTROLLER,
        // A controller that is asked to end gives up its lease at once.
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 10000,
            "runAsGroup": 10000,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "affinity": { "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": {
                    "labelSelector": { "matchLabels": controller_labels() },
                    "topologyKey": "kubernetes.io/hostname",
                },
            }],
        } },
        "containers": [container(image)],
    })
}

fn container(image: &str) -> Value {
    let from_pod = |name: &str, field: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": field } } });
    let port = |name: &str, number: u16| json!({ "name": name, "containerPort": number, "protocol": "TCP" });
    let ask = |path: &str| json!({ "path": path, "port": "probes", "scheme": "HTTP" });
    json!({
        "name": CONTROLLER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PROGRAM_IN_IMAGE],
        "args": ["controller"],
        "env": [
            from_pod("POD_NAME", "metadata.name"),
            from_pod("POD_NAMESPACE", "metadata.namespace"),
            from_pod("POD_IP", "status.podIP"),
            { "name": "MOCO_IMAGE", "value": image },
        ],
        "ports": [
            port("notify", ports::CONTROLLER_NOTIFY),
            port("metrics", ports::CONTROLLER_METRICS),
            port("probes", ports::CONTROLLER_PROBES),
        ],
        "livenessProbe": { "httpGet": ask("/healthz"), "initialDelaySeconds": 15, "periodSeconds": 20 },
        "readinessProbe": { "httpGet": ask("/readyz"), "periodSeconds": 2 },
        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
    })
}
