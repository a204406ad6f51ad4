use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};

use super::*;

fn wanted() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "x", "namespace": "app", "labels": { "a": "b" } },
        "spec": {
            "selector": { "a": "b" },
            "ports": [{ "name": "mysql", "port": 3306, "protocol": "TCP", "targetPort": "mysql" }],
            "finalizers": ["one"],
        },
    })
}

/// As the API server would return it.
fn live() -> Value {
    json!({
        "metadata": { "name": "x", "namespace": "app", "uid": "u", "labels": { "a": "b", "c": "d" } },
        "spec": {
            "clusterIP": "10.0.0.1",
            "selector": { "a": "b" },
            "ports": [
                { "name": "other", "port": 1, "protocol": "TCP" },
                { "name": "mysql", "port": 3306, "protocol": "TCP", "targetPort": "mysql", "nodePort": 30001 },
            ],
            "finalizers": ["two", "one"],
        },
    })
}

fn fields() -> Value {
    json!({
        "f:metadata": { "f:labels": { "f:a": {} } },
        "f:spec": {
            "f:selector": {},
            "f:ports": { "k:{\"port\":3306,\"protocol\":\"TCP\"}": {
                ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {},
            } },
            "f:finalizers": { "v:\"one\"": {} },
        },
    })
}

fn check(wanted: &Value, live: &Value, fields: Value, manager: &str) -> bool {
    let entry = ManagedFieldsEntry {
        manager: Some(manager.to_owned()),
        operation: Some("Apply".to_owned()),
        fields_v1: Some(FieldsV1(fields)),
        ..ManagedFieldsEntry::default()
    };
    let meta = ObjectMeta {
        managed_fields: Some(vec![entry]),
        ..ObjectMeta::default()
    };
    is_as_wanted(wanted, live, &meta)
}

#[test]
fn defaults_and_additions_of_others_are_no_difference() {
    assert!(check(&wanted(), &live(), fields(), FIELD_MANAGER));
}

#[test]
fn every_kind_of_difference_is_found() {
    let changed = |pointer: &str, value: Value| {
        let mut live = live();
        *live.pointer_mut(pointer).unwrap() = value;
        check(&wanted(), &live, fields(), FIELD_MANAGER)
    };
    assert!(!changed("/metadata/labels/a", json!("z")));
    assert!(!changed("/spec/selector", json!({})));
    assert!(!changed("/spec/ports/1/targetPort", json!("z")));
    assert!(!changed("/spec/ports", json!([])));
    assert!(!changed("/spec/finalizers", json!(["two"])));
}

#[test]
fn a_field_that_is_not_wanted_any_more_is_a_difference() {
    for pointer in [
        "/metadata/labels/a",
        "/spec/selector",
        "/spec/ports/0",
        "/spec/finalizers/0",
    ] {
        let mut wanted = wanted();
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        match wanted.pointer_mut(parent).unwrap() {
            Value::Object(fields) => drop(fields.remove(last)),
            Value::Array(items) => drop(items.remove(0)),
            _ => unreachable!(),
        }
        assert!(
            !check(&wanted, &live(), fields(), FIELD_MANAGER),
            "{pointer}"
        );
    }
}

#[test]
fn a_field_that_somebody_else_has_taken_over_is_a_difference() {
    let mut fields = fields();
    fields.as_object_mut().unwrap().remove("f:metadata");
    assert!(!check(&wanted(), &live(), fields, FIELD_MANAGER));
    assert!(!check(&wanted(), &live(), self::fields(), "kubectl"));
}

#[test]
fn quantities_are_compared_by_their_value_and_empty_lists_are_absent() {
    let wanted = json!({ "spec": {
        "resources": { "requests": { "cpu": "1000m", "memory": "1024Mi" } },
        "tolerations": [],
    } });
    let live = |memory: &str| json!({ "spec": { "resources": { "requests": { "cpu": "1", "memory": memory } } } });
    let fields = json!({ "f:spec": {
        "f:resources": { "f:requests": { "f:cpu": {}, "f:memory": {} } },
        "f:tolerations": {},
    } });
    assert!(check(&wanted, &live("1Gi"), fields.clone(), FIELD_MANAGER));
    assert!(!check(&wanted, &live("2Gi"), fields, FIELD_MANAGER));
}
