use super::*;
use crate::to_yaml;

const IMAGE: &str = "moco:test";

/// The definitions are stored beside the crate that makes them.
fn without_definitions() -> Vec<Value> {
    let mut all = install(IMAGE, "moco-system");
    all.retain(|object| object["kind"] != "CustomResourceDefinition");
    all
}

#[test]
fn the_installation_changes_only_on_purpose() {
    insta::assert_snapshot!("install", to_yaml(&without_definitions()).unwrap());
}

#[test]
fn everything_is_in_the_namespace_that_was_asked_for() {
    let all = install(IMAGE, "elsewhere");
    assert!(!to_yaml(&all).unwrap().contains("moco-system"));
    assert_eq!(all[0]["metadata"]["name"], "elsewhere");
    let kinds: Vec<_> = all
        .iter()
        .filter_map(|object| object["kind"].as_str())
        .collect();
    assert!(kinds.contains(&"CustomResourceDefinition"));
    assert_eq!(kinds.last(), Some(&"Deployment"), "programs come last");
}

#[test]
fn rights_are_no_wider_than_they_must_be() {
    for object in without_definitions() {
        for rule in object["rules"].as_array().into_iter().flatten() {
            let text = rule.to_string();
            assert!(
                !text.contains('*') && !text.contains("nodes") && !text.contains("escalate"),
                "{text}"
            );
        }
    }
}

#[test]
fn tenants_cannot_write_the_status() {
    for role in roles::of_tenants() {
        for rule in role["rules"].as_array().unwrap() {
            let resources = rule["resources"].to_string();
            if resources.contains("status") {
                assert_eq!(rule["verbs"], json!(["get"]));
            }
            assert!(!resources.contains('*'));
        }
    }
}
