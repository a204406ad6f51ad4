//! Manifests as MOCO's users write them, unchanged: the API server keeps every field, each is
//! understood, and clusters become objects.

use moco_api::{read, validate_policy};
use moco_resources::objects;
use serde_json::{Value, json};

use crate::given::{facts, spec_schema};

const CLUSTERS: &str = include_str!("moco/clusters.yaml");
const POLICIES: &str = include_str!("moco/policies.yaml");

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// The paths in a value that a schema does not know: what an API server prunes.
fn pruned(path: &str, value: &Value, schema: &Value, lost: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
            for (name, inner) in fields {
                let path = format!("{path}.{name}");
                let known = schema["properties"].get(name);
                match known.or_else(|| schema.get("additionalProperties")) {
                    Some(known) => pruned(&path, inner, known, lost),
                    None if open || inner.is_null() => {}
                    None => lost.push(path),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                pruned(&format!("{path}[]"), item, &schema["items"], lost);
            }
        }
        _ => {}
    }
}

#[test]
fn the_api_server_keeps_every_field_of_mocos_manifests() {
    for (kind, text) in [("MySQLCluster", CLUSTERS), ("BackupPolicy", POLICIES)] {
        let schema = spec_schema(kind);
        let documents = documents(text);
        assert!(documents.len() > 1);
        for document in documents {
            assert_eq!(document["kind"], kind);
            let mut lost = Vec::new();
            pruned("spec", &document["spec"], &schema, &mut lost);
            assert_eq!(lost, Vec::<String>::new(), "{}", document["metadata"]);
        }
    }
}

#[test]
fn clusters_of_mocos_users_become_objects() {
    let mut without_effect = Vec::new();
    for mut document in documents(CLUSTERS) {
        document["metadata"]["uid"] = Value::from("u");
        let metadata = serde_json::from_value(document["metadata"].clone()).unwrap();
        let cluster = read(&metadata, &document["spec"]);
        let cluster = cluster.unwrap_or_else(|invalid| panic!("{invalid:?}"));
        let made = objects(&cluster, &facts());
        assert_eq!(made.without_effect, Vec::<String>::new());
        assert!(made.stateful_set.spec.is_some());
        let name = &cluster.id.name;
        let fields = cluster.not_yet.iter();
        without_effect.extend(fields.map(|one| format!("{name}: {}", one.sentence)));
    }
    insta::assert_snapshot!("without_effect", without_effect.join("\n"));
}

#[test]
fn policies_of_mocos_users_are_understood() {
    for document in documents(POLICIES) {
        let policy = validate_policy(&document["spec"]);
        let policy = policy.unwrap_or_else(|invalid| panic!("{invalid:?}"));
        assert_eq!(policy.not_yet, []);
        assert_eq!(policy.archive, None, "it is new, and nobody asked for it");
    }
}

#[test]
fn a_field_that_the_schema_does_not_know_is_found() {
    let mut lost = Vec::new();
    let value = json!({ "schedule": "x", "jobConfig": { "env": [{ "any": 1 }], "typo": 1 } });
    pruned("spec", &value, &spec_schema("BackupPolicy"), &mut lost);
    assert_eq!(lost, ["spec.jobConfig.typo"]);
}
