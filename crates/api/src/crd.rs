//! The CustomResourceDefinitions, ready to be applied.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;
use serde_json::{Value, json};

use crate::cluster::MySQLCluster;
use crate::policy::BackupPolicy;
use crate::rules::{POLICY_RULES, RULES, Rule};
use crate::schema::tidy;

/// The [`CustomResourceDefinition`]s of all kinds, as JSON, which is what is printed and applied.
pub fn crds() -> Vec<Value> {
    vec![
        with_rules(&MySQLCluster::crd(), RULES),
        with_rules(&BackupPolicy::crd(), POLICY_RULES),
    ]
}

fn with_rules(derived: &CustomResourceDefinition, rules: &[Rule]) -> Value {
    let mut crd = json!(derived);
    let schema = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema");
    if let Some(schema) = schema {
        tidy(schema);
        for rule in rules {
            add_rule(schema, rule);
        }
    }
    crd
}

/// Adds a rule to the schema of the field it is about. A test keeps every rule's field existing.
fn add_rule(schema: &mut Value, rule: &Rule) {
    if let Some(Value::Object(field)) = field_mut(schema, rule.at) {
        let rules = field
            .entry("x-kubernetes-validations")
            .or_insert_with(|| json!([]));
        if let Value::Array(rules) = rules {
            rules.push(json!({ "rule": rule.cel, "message": rule.message }));
        }
    }
}

fn field_mut<'a>(schema: &'a mut Value, at: &[&str]) -> Option<&'a mut Value> {
    at.iter().try_fold(schema, |schema, name| {
        schema.get_mut("properties")?.get_mut(name)
    })
}

#[cfg(test)]
mod tests;
