//! What the API server itself refuses, by rules that look at more than one object.
//!
//! No program of MOCO is asked, so nothing hangs on whether one runs.

use moco_api::constants::{API_VERSION, GROUP, KIND, VERSION, annotations};
use serde_json::{Value, json};

use super::controller_labels;

/// All policies, each with what puts it into force.
pub(super) fn all() -> Vec<Value> {
    let mut all = policy_in_use();
    all.extend(kept_pods());
    all
}

/// A `BackupPolicy` stays as long as a cluster of its namespace names it: the rule is asked once for
/// each cluster there, as its parameter. A cluster that is being deleted needs none any more.
fn policy_in_use() -> Vec<Value> {
    let name = "moco-backuppolicy-in-use";
    let is_another = "params.spec.backupPolicyName != oldObject.metadata.name";
    let rule = format!(
        "has(params.metadata.deletionTimestamp) || !has(params.spec.backupPolicyName) || {is_another}"
    );
    let message = "'the BackupPolicy ' + oldObject.metadata.name + ' is in use: spec.backupPolicyName of the MySQLCluster ' + params.metadata.name + ' names it'";
    let spec = json!({
        "failurePolicy": "Fail",
        "paramKind": { "apiVersion": API_VERSION, "kind": KIND },
        "matchConstraints": { "resourceRules": [{
            "apiGroups": [GROUP],
            "apiVersions": [VERSION],
            "operations": ["DELETE"],
            "resources": ["backuppolicies"],
        }] },
        "validations": [{ "expression": rule, "messageExpression": message, "reason": "Forbidden" }],
    });
    // No namespace: that of the policy is meant.
    let parameters = json!({ "selector": {}, "parameterNotFoundAction": "Allow" });
    vec![policy(name, &spec), binding(name, Some(&parameters))]
}

/// A pod of MOCO's with the annotation is not deleted.
fn kept_pods() -> Vec<Value> {
    let name = "moco-delete-validator";
    let key = annotations::PREVENT_DELETE;
    let all = "oldObject.metadata.annotations";
    let rule = format!("!has({all}) || !('{key}' in {all}) || {all}['{key}'] != 'true'");
    let message = format!("the pod has the annotation {key}; take it off first");
    let spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": {
            "objectSelector": { "matchLabels": { "app.kubernetes.io/created-by": "moco" } },
            "resourceRules": [{
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["DELETE"],
                "resources": ["pods"],
            }],
        },
        "validations": [{ "expression": rule, "message": message, "reason": "Forbidden" }],
    });
    vec![policy(name, &spec), binding(name, None)]
}

fn policy(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name, "labels": controller_labels() },
        "spec": spec,
    })
}

fn binding(name: &str, parameters: Option<&Value>) -> Value {
    let mut spec = json!({ "policyName": name, "validationActions": ["Deny"] });
    if let (Some(parameters), Value::Object(fields)) = (parameters, &mut spec) {
        fields.insert("paramRef".to_owned(), parameters.clone());
    }
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name, "labels": controller_labels() },
        "spec": spec,
    })
}
