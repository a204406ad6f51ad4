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

#[test]
fn what_the_api_server_refuses_is_put_into_force() {
    let all = without_definitions();
    let of_kind = |kind: &str| {
        all.iter()
            .filter(|object| object["kind"] == kind)
            .collect::<Vec<_>>()
    };
    let policies = of_kind("ValidatingAdmissionPolicy");
    let bindings = of_kind("ValidatingAdmissionPolicyBinding");
    assert_eq!((policies.len(), bindings.len()), (2, 2));
    for (policy, binding) in policies.iter().zip(&bindings) {
        assert_eq!(binding["spec"]["policyName"], policy["metadata"]["name"]);
        assert_eq!(binding["spec"]["validationActions"], json!(["Deny"]));
        let asks = policy["spec"].get("paramKind").is_some();
        assert_eq!(binding["spec"].get("paramRef").is_some(), asks);
        assert!(
            policy["spec"].get("matchConstraints").is_some(),
            "matches nothing else"
        );
    }
}

#[test]
fn tenants_have_a_role_to_see_and_one_to_change_each_kind() {
    let names: Vec<_> = roles::of_tenants()
        .iter()
        .map(|role| role["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    for kind in ["mysqlcluster", "backuppolicy"] {
        for may in ["editor", "viewer"] {
            assert!(names.contains(&format!("moco-{kind}-{may}")));
        }
    }
}
