//! Who may do what.

use serde_json::{Value, json};

use super::{CONTROLLER, controller_labels, metadata};

const RBAC: &str = "rbac.authorization.k8s.io";

/// The controller's rights: in all namespaces those that clusters need, in its own those that its
/// lease, its authority and the passwords need.
pub(super) fn of_controller(namespace: &str) -> Vec<Value> {
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": { "name": CONTROLLER, "labels": controller_labels() },
            "rules": everywhere(),
        }),
        bind(
            "ClusterRoleBinding",
            "ClusterRole",
            &json!({ "name": CONTROLLER, "labels": controller_labels() }),
            namespace,
        ),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata(CONTROLLER, namespace),
            "rules": at_home(),
        }),
        bind(
            "RoleBinding",
            "Role",
            &metadata(CONTROLLER, namespace),
            namespace,
        ),
    ]
}

fn bind(kind: &str, role: &str, metadata: &Value, namespace: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": { "apiGroup": RBAC, "kind": role, "name": CONTROLLER },
        "subjects": [{ "kind": "ServiceAccount", "name": CONTROLLER, "namespace": namespace }],
    })
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

/// What is applied is created and patched; what is read is read by a watch. Nodes are not read.
///
/// Secrets: the passwords and the certificate of a cluster must be in its namespace, whose name nobody
/// knows beforehand, so the right to `get`, `create` and `patch` cannot be narrowed by name. `list` and
/// `watch` are there to see that one was edited or deleted; the controller asks for metadata only, but
/// rights cannot say so. Who does not want that runs the controller for one namespace.
fn everywhere() -> Vec<Value> {
    let read = ["get", "list", "watch"];
    let apply = ["get", "list", "watch", "create", "patch"];
    let apply_and_delete = ["get", "list", "watch", "create", "patch", "delete"];
    vec![
        // `patch` for the finalizer.
        rule(
            "moco.cybozu.com",
            &["mysqlclusters"],
            &["get", "list", "watch", "patch", "update"],
        ),
        rule(
            "moco.cybozu.com",
            &["mysqlclusters/status"],
            &["get", "patch", "update"],
        ),
        // So that its objects may name the cluster as the owner that waits for them.
        rule(
            "moco.cybozu.com",
            &["mysqlclusters/finalizers"],
            &["update"],
        ),
        rule("apps", &["statefulsets"], &apply),
        rule("", &["services", "serviceaccounts", "secrets"], &apply),
        // Another my.cnf is another ConfigMap; old ones are removed.
        rule("", &["configmaps"], &apply_and_delete),
        // A cluster of one has none.
        rule("policy", &["poddisruptionbudgets"], &apply_and_delete),
        // `patch` for the label with the role; `delete` for pods of an older template that do not work.
        rule("", &["pods"], &["get", "list", "watch", "patch", "delete"]),
        rule("", &["persistentvolumeclaims"], &read),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
    ]
}

fn at_home() -> Vec<Value> {
    vec![
        rule(
            "coordination.k8s.io",
            &["leases"],
            &["get", "create", "update"],
        ),
        // The authority and the passwords are written by compare-and-swap, and go with their cluster.
        rule(
            "",
            &["secrets"],
            &[
                "get", "list", "watch", "create", "update", "patch", "delete",
            ],
        ),
    ]
}

/// Rights for users of a namespace, joined to Kubernetes' own roles of that name. Nobody but the
/// controller writes the status: the register in it says who is primary.
pub(super) fn of_tenants() -> Vec<Value> {
    let clusters = |verbs: &[&str]| {
        vec![
            rule("moco.cybozu.com", &["mysqlclusters"], verbs),
            rule("moco.cybozu.com", &["mysqlclusters/status"], &["get"]),
        ]
    };
    let policies = |verbs: &[&str]| vec![rule("moco.cybozu.com", &["backuppolicies"], verbs)];
    let edit = [
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    ];
    let view = ["get", "list", "watch"];
    vec![
        role(
            "moco-mysqlcluster-editor",
            &["admin", "edit"],
            &clusters(&edit),
        ),
        role("moco-mysqlcluster-viewer", &["view"], &clusters(&view)),
        role(
            "moco-backuppolicy-editor",
            &["admin", "edit"],
            &policies(&edit),
        ),
        role("moco-backuppolicy-viewer", &["view"], &policies(&view)),
    ]
}

/// A role that is joined to others.
fn role(name: &str, joined: &[&str], rules: &[Value]) -> Value {
    let mut labels = controller_labels();
    for to in joined {
        let key = format!("rbac.authorization.k8s.io/aggregate-to-{to}");
        labels.insert(key, "true".to_owned());
    }
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": { "name": name, "labels": labels },
        "rules": rules,
    })
}
