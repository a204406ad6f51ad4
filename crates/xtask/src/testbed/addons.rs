//! The objects every cluster starts with: the name server's Service, the provisioner's configuration, the storage
//! class.

use serde_json::{Value, json};

use super::layout::{DNS_SERVICE, Host};

/// The storage class that claims get if they name none.
pub(crate) const STORAGE_CLASS: &str = "standard";

/// A List for `kubectl create`.
pub(crate) fn objects() -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": [
        dns_service(), dns_endpoints(), provisioner_namespace(), provisioner_account(),
        provisioner_config(), storage_class(),
    ]})
}

/// Without a selector: its endpoint is no pod.
fn dns_service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {"clusterIP": DNS_SERVICE, "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        ]},
    })
}

fn dns_endpoints() -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns", "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [Host::Api.address()], "conditions": {"ready": true}}],
        "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        ],
    })
}

const PROVISIONER_NAMESPACE: &str = "local-path-storage";

fn provisioner_namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PROVISIONER_NAMESPACE}})
}

/// The account of the pods that make and remove a volume's folder.
fn provisioner_account() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": "local-path-provisioner-service-account", "namespace": PROVISIONER_NAMESPACE,
        },
    })
}

fn provisioner_config() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "local-path-config", "namespace": PROVISIONER_NAMESPACE},
        "data": {
            "setup": "#!/bin/sh\nset -eu\nmkdir -m 0770 -p \"$VOL_DIR\"\n",
            "teardown": "#!/bin/sh\nset -eu\nrm -rf \"$VOL_DIR\"\n",
        },
    })
}

/// `local` volumes, because the kubelet hands these to the pod's `fsGroup`; `hostPath` ones it does not.
fn storage_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": {
            "storageclass.kubernetes.io/is-default-class": "true",
            "defaultVolumeType": "local",
        }},
        "provisioner": "rancher.io/local-path",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
        "allowVolumeExpansion": true,
    })
}
