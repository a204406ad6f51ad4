use std::collections::{BTreeMap, BTreeSet};

use moco_model::register::{Basis, BasisKind, Cause, Handover, Switchover};
use moco_model::{Epoch, GtidSet, MemberId, Membership, Register, ServerUuid};
use serde_json::Map;

use super::*;

/// The schema of a kind.
fn schema_of(kind: &str) -> Value {
    let crds = crds();
    let mut named = crds
        .iter()
        .filter(|crd| crd["spec"]["names"]["kind"] == kind);
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    named.next().unwrap().pointer(schema).unwrap().clone()
}

fn schema() -> Value {
    schema_of("MySQLCluster")
}

/// Goes over every property of a schema, with its path.
fn walk(path: &str, schema: &Value, look: &mut dyn FnMut(&str, &Value)) {
    look(path, schema);
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, inner) in properties.into_iter().flatten() {
        walk(&format!("{path}.{name}"), inner, look);
    }
    if let Some(items) = schema.get("items") {
        walk(&format!("{path}[]"), items, look);
    }
}

/// What an API server keeps of a value: the fields that the schema knows.
fn prune(value: &Value, schema: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let open = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
            let mut kept = Map::new();
            for (name, inner) in fields {
                let known = schema
                    .get("properties")
                    .and_then(|properties| properties.get(name))
                    .or_else(|| schema.get("additionalProperties"));
                match known {
                    Some(known) => kept.insert(name.clone(), prune(inner, known)),
                    None if open => kept.insert(name.clone(), inner.clone()),
                    None => None,
                };
            }
            Value::Object(kept)
        }
        Value::Array(items) => {
            let none = json!({});
            let of_items = schema.get("items").unwrap_or(&none);
            items.iter().map(|item| prune(item, of_items)).collect()
        }
        plain => plain.clone(),
    }
}

#[test]
fn the_definition_changes_only_on_purpose() {
    for (name, crd) in ["crd", "crd_backup_policy"].into_iter().zip(crds()) {
        insta::assert_snapshot!(name, serde_saphyr::to_string(&crd).unwrap());
    }
}

#[test]
fn every_rule_is_about_a_field_that_exists() {
    for (kind, rules) in [("MySQLCluster", RULES), ("BackupPolicy", POLICY_RULES)] {
        let mut schema = schema_of(kind);
        for rule in rules {
            assert!(field_mut(&mut schema, rule.at).is_some(), "{:?}", rule.at);
            assert!(rule.message.starts_with("spec.") || rule.message.starts_with("metadata."));
        }
        let text = schema.to_string();
        assert_eq!(text.matches("\"rule\":").count(), rules.len());
    }
}

#[test]
fn null_is_the_same_as_absent_but_where_a_job_asks_for_nothing() {
    for kind in ["MySQLCluster", "BackupPolicy"] {
        walk("", &schema_of(kind), &mut |path, schema| {
            let asks = path.ends_with("jobConfig.cpu") || path.ends_with("jobConfig.memory");
            assert_eq!(schema.get("nullable").is_some(), asks, "{kind}{path}");
        });
    }
}

#[test]
fn every_field_that_a_user_may_set_says_what_it_is_for() {
    let mut bare = BTreeSet::new();
    for kind in ["MySQLCluster", "BackupPolicy"] {
        let schema = schema_of(kind);
        walk(
            ".spec",
            &schema["properties"]["spec"],
            &mut |path, schema| {
                let described = schema["description"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.') && text.len() > 10);
                if !described && !path.ends_with(']') {
                    bare.insert(format!("{kind}{path}"));
                }
            },
        );
    }
    assert_eq!(bare, BTreeSet::new());
}

#[test]
fn both_kinds_have_short_names_and_are_listed_together() {
    let names: Vec<_> = crds()
        .iter()
        .map(|crd| crd["spec"]["names"].clone())
        .collect();
    assert_eq!(names[0]["shortNames"], json!(["myc"]));
    assert_eq!(names[1]["shortNames"], json!(["mbp"]));
    assert!(
        names
            .iter()
            .all(|names| names["categories"] == json!(["moco"]))
    );
}

#[test]
fn what_rules_iterate_over_is_bounded() {
    let mut unbounded = BTreeSet::new();
    for kind in ["MySQLCluster", "BackupPolicy"] {
        let schema = schema_of(kind);
        walk(
            ".spec",
            &schema["properties"]["spec"],
            &mut |path, schema| {
                if schema.get("type") == Some(&json!("array")) && schema.get("maxItems").is_none() {
                    unbounded.insert(path.to_owned());
                }
            },
        );
    }
    assert_eq!(unbounded, BTreeSet::new());
}

#[test]
fn the_register_survives_the_api_server() {
    let ids = |n| (0..n).map(MemberId).collect();
    let set: GtidSet = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9".parse().unwrap();
    for (kind, old) in [
        (BasisKind::Bootstrap, None),
        (BasisKind::Switchover, Some(ids(1))),
    ] {
        let register = Register {
            epoch: Epoch(7),
            revision: 11,
            primary: MemberId(2),
            membership: Membership {
                members: ids(3),
                old,
                version: 4,
            },
            initialised: true,
            basis: Basis {
                kind,
                decided_at: 1_800_000_000_000,
                because: "x".to_owned(),
                must_hold: set.clone(),
                writer: (kind == BasisKind::Switchover).then(|| ServerUuid::from_u128(7)),
            },
            counted: BTreeMap::from([(MemberId(1), "incarnation".to_owned())]),
            switchover: Some(Switchover {
                to: MemberId(1),
                because: "y".to_owned(),
                begun_at: 1,
                deadline: 2,
            }),
            handovers: vec![Handover {
                epoch: Epoch(7),
                kind,
                from: MemberId(0),
                to: MemberId(2),
                cause: Cause::Silent,
                because: "z".to_owned(),
                noticed_at: 1,
                decided_at: 2,
                opened_at: Some(3),
                promised: BTreeMap::from([(MemberId(1), set.clone())]),
                proof: "p".to_owned(),
            }],
        };
        let status = json!({ "status": { "register": register } });
        let pruned = prune(&status, &schema());
        assert_eq!(pruned, status);
        let back: Register = serde_json::from_value(pruned["status"]["register"].clone()).unwrap();
        assert_eq!(back, register);
    }
}

#[test]
fn what_a_user_writes_for_kubernetes_survives_the_api_server() {
    let manifest = json!({ "spec": {
        "podTemplate": { "spec": {
            "containers": [{ "name": "mysqld", "env": [{ "name": "A", "value": "b" }], "ports": [{ "containerPort": 1, "protocol": "TCP" }] }],
            "tolerations": [{ "operator": "Exists" }],
            "volumes": [{ "name": "x", "emptyDir": {} }],
        } },
        "volumeClaimTemplates": [{ "metadata": { "name": "mysql-data" }, "spec": {
            "storageClassName": "fast", "resources": { "requests": { "storage": "1Gi" } } } }],
        "primaryServiceTemplate": { "spec": { "type": "LoadBalancer" } },
        "restore": { "jobConfig": { "workVolume": { "emptyDir": {} }, "env": [{ "name": "A", "value": "b" }], "cpu": 1 } },
    } });
    assert_eq!(prune(&manifest, &schema()), manifest);
}
