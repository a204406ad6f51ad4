use std::collections::BTreeSet;

use moco_model::MemberId;

use super::*;
use crate::testing::{cluster, healthy};

/// `shop/orders` with three members, changed.
fn form(change: impl FnOnce(&mut Value)) -> Form {
    let mut object = json!({
        "apiVersion": "moco.cybozu.com/v1beta2", "kind": "MySQLCluster",
        "metadata": { "name": "orders", "namespace": "shop", "uid": "u" },
        "spec": {
            "replicas": 3,
            "podTemplate": { "spec": { "containers": [{
                "name": "mysqld", "image": "mysql:9.7.4",
                "resources": { "requests": { "cpu": "1", "memory": "4Gi" } },
            }] } },
            "volumeClaimTemplates": [{
                "metadata": { "name": "mysql-data" },
                "spec": { "resources": { "requests": { "storage": "10Gi" } } },
            }],
        },
    });
    change(&mut object);
    Form {
        cluster: serde_json::from_value(object).unwrap(),
        options: Some(BTreeMap::new()),
    }
}

fn with(field: &str, value: &Value) -> Form {
    form(|object| {
        let mut at = &mut object["spec"];
        for part in field.split('.') {
            at = &mut at[part];
        }
        *at = value.clone();
    })
}

/// Member 0 is primary.
fn known() -> Known {
    Known {
        register: cluster(healthy()).register().ok().cloned(),
        ..Known::default()
    }
}

fn of_change(new: &Form) -> Plan {
    plan(Some(&form(|_| {})), new, &known())
}

/// A change of every field of the kind; those of the pods' template are taken apart.
fn every_field() -> Vec<(&'static str, Value)> {
    vec![
        ("replicas", json!(5)),
        (
            "podTemplate.metadata",
            json!({ "annotations": { "team": "a" } }),
        ),
        (
            "podTemplate.spec",
            json!({ "containers": [{
                "name": "mysqld", "image": "mysql:9.7.5",
                "resources": { "requests": { "cpu": "1", "memory": "8Gi" } },
            }] }),
        ),
        (
            "podTemplate.overwriteContainers",
            json!([
                { "name": "copy-moco-init", "resources": { "requests": { "cpu": "50m" } } },
                { "name": "slow-log", "resources": { "requests": { "cpu": "50m" } } },
                { "name": "mysqld-exporter", "resources": { "requests": { "cpu": "50m" } } },
                { "name": "agent", "resources": { "requests": { "cpu": "50m" } } },
            ]),
        ),
        (
            "volumeClaimTemplates",
            json!([{
                "metadata": { "name": "mysql-data" },
                "spec": { "resources": { "requests": { "storage": "20Gi" } } },
            }]),
        ),
        (
            "primaryServiceTemplate",
            json!({ "spec": { "type": "LoadBalancer" } }),
        ),
        (
            "replicaServiceTemplate",
            json!({ "metadata": { "labels": { "team": "a" } } }),
        ),
        ("mysqlConfigMapName", json!("options")),
        ("replicationSourceSecretName", json!("donor")),
        ("collectors", json!(["info_schema.tables"])),
        ("serverIDBase", json!(1000)),
        ("maxDelaySeconds", json!(120)),
        ("maxDelaySecondsForPodDeletion", json!(30)),
        ("startupWaitSeconds", json!(600)),
        ("logRotationSchedule", json!("0 * * * *")),
        ("logRotationSize", json!(1_000_000)),
        ("backupPolicyName", json!("daily")),
        (
            "restore",
            json!({
                "sourceName": "old", "sourceNamespace": "shop",
                "restorePoint": "2026-02-03T04:05:06Z",
                "jobConfig": {
                    "serviceAccountName": "backup", "bucketConfig": { "bucketName": "moco" },
                    "workVolume": { "emptyDir": {} },
                },
            }),
        ),
        ("disableSlowQueryLogContainer", json!(true)),
        (
            "slowQueryLogConfigTmpl",
            json!("[INPUT]\n    path {{ .Path }}"),
        ),
        ("agentUseLocalhost", json!(true)),
        ("initializeTimezoneData", json!(false)),
        ("offline", json!(true)),
    ]
}

/// The schemas of the spec's fields.
fn schemas() -> serde_json::Map<String, Value> {
    let crds = moco_api::crds();
    let crd = crds
        .iter()
        .find(|crd| crd["spec"]["names"]["kind"] == "MySQLCluster");
    let schema = &crd.unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let spec = schema["properties"]["spec"]["properties"].as_object();
    spec.unwrap().clone()
}

/// What the API server answers to whoever changes a field that stays as it is.
fn refusal_of_any_change(field: &str) -> Option<String> {
    let rules = schemas()
        .get(field)?
        .get("x-kubernetes-validations")?
        .clone();
    let mut rules = rules.as_array()?.iter();
    let rule = rules.find(|rule| rule["rule"] == "self == oldSelf")?;
    Some(rule["message"].as_str()?.to_owned())
}

/// The fields that the kind's schema has.
fn fields_of_the_kind() -> BTreeSet<String> {
    let spec = schemas();
    let mut fields: BTreeSet<_> = spec.keys().cloned().collect();
    fields.remove("podTemplate");
    let pods = spec["podTemplate"]["properties"].as_object().unwrap();
    fields.extend(pods.keys().map(|name| format!("podTemplate.{name}")));
    fields
}

#[test]
fn every_field_of_the_kind_has_a_rule() {
    let mut tried = BTreeSet::new();
    let mut all = String::new();
    for (field, value) in every_field() {
        let mut new = with(field, &value);
        if field == "mysqlConfigMapName" {
            let options = [
                ("max_connections", "500"),
                ("log_error", "x"),
                ("innodb_page_size", "4k"),
            ];
            let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
            new.options = Some(options.into());
        }
        let refusal = refusal_of_any_change(field);
        let known = Known {
            refusal: refusal.clone(),
            ..known()
        };
        let plan = plan(Some(&form(|_| {})), &new, &known);
        assert_eq!(plan.refused, Vec::from_iter(refusal), "{field}");
        assert!(!plan.changes.is_empty(), "{field}");
        let said = [
            plan.refused.len(),
            plan.effects.len(),
            plan.without_effect.len(),
        ];
        let said = said.iter().any(|count| *count > 0);
        assert!(
            said,
            "{field} changes something, and nothing is said about it"
        );
        all.extend(["=== ", field, "\n", &plan.text(), "\n"]);
        tried.insert(field.to_owned());
    }
    assert_eq!(tried, fields_of_the_kind());
    insta::assert_snapshot!("every_field", all);
}

#[test]
fn the_same_manifest_changes_nothing() {
    let plan = of_change(&form(|_| {}));
    assert_eq!(plan.text(), "shop/orders: nothing would change\n");
    let spelt = form(|object| {
        object["spec"]["podTemplate"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] =
            json!("1000m");
    });
    assert_eq!(
        of_change(&spelt).text(),
        "shop/orders: nothing would change\n"
    );
}

#[test]
fn what_the_controller_refuses_is_refused_in_its_words_and_nothing_else_is_said() {
    let mut bad = with("replicas", &json!(0));
    bad.cluster.spec.max_delay_seconds = -1;
    let plan = of_change(&bad);
    let said = "spec.replicas is 0; it must be from 1 to 31";
    assert_eq!(plan.refused[0], said);
    assert_eq!(plan.refused.len(), 2);
    assert!(plan.effects.is_empty());
    assert!(
        plan.text()
            .contains("nothing of this manifest would be done")
    );
}

#[test]
fn what_the_api_server_refuses_is_refused_in_its_words() {
    let refusal = "spec.restore can be given only when the cluster is created";
    let known = Known {
        refusal: Some(refusal.to_owned()),
        ..known()
    };
    let plan = plan(Some(&form(|_| {})), &with("replicas", &json!(5)), &known);
    assert_eq!(plan.refused, [refusal]);
    assert!(plan.effects.is_empty());
}

#[test]
fn options_of_a_config_map_that_is_nowhere_are_refused() {
    let mut new = with("mysqlConfigMapName", &json!("options"));
    new.options = None;
    assert!(of_change(&new).refused[0].contains("ConfigMap options"));
}

#[test]
fn options_alone_are_a_change_too() {
    let options = |value: &str| {
        Some(BTreeMap::from([(
            "long_query_time".to_owned(),
            value.to_owned(),
        )]))
    };
    let mut old = with("mysqlConfigMapName", &json!("options"));
    let mut new = old.clone();
    old.options = options("1");
    new.options = options("5");
    let text = plan(Some(&old), &new, &known()).text();
    assert!(
        text.contains("ConfigMap options.long_query_time: 1 -> 5"),
        "{text}"
    );
    assert!(text.contains("long_query_time: 1 -> 5 (dynamic"), "{text}");
    assert!(
        text.contains("delete the pods one by one, from moco-orders-2"),
        "{text}"
    );
}

#[test]
fn a_comment_in_my_cnf_makes_the_pods_anew_although_no_option_changes() {
    let included = |text: &str| Some([("_include".to_owned(), text.to_owned())].into());
    let mut old = with("mysqlConfigMapName", &json!("options"));
    let mut new = old.clone();
    old.options = included("[mysqld]\n# one\n");
    new.options = included("[mysqld]\n# two\n");
    let text = plan(Some(&old), &new, &known()).text();
    assert!(text.contains("no option of mysqld does"), "{text}");
    assert!(
        text.contains("delete the pods one by one, from moco-orders-2"),
        "{text}"
    );
}

#[test]
fn fewer_members_hand_over_first_when_the_primary_goes() {
    let mut known = known();
    known.register.as_mut().unwrap().primary = MemberId(2);
    let plan = |replicas: i32| {
        plan(
            Some(&form(|_| {})),
            &with("replicas", &json!(replicas)),
            &known,
        )
        .text()
    };
    insta::assert_snapshot!("fewer", [plan(2), plan(1)].join("\n"));
}

#[test]
fn a_change_of_the_pods_costs_a_second_switchover_when_the_primary_is_not_the_last_one() {
    let mut known = known();
    known.register.as_mut().unwrap().primary = MemberId(1);
    let new = with("maxDelaySeconds", &json!(120));
    let text = plan(Some(&form(|_| {})), &new, &known).text();
    assert!(
        text.contains("a switchover when moco-orders-1 is deleted, and another one"),
        "{text}"
    );
}

#[test]
fn a_single_member_has_nobody_to_take_over() {
    let one = |change: &dyn Fn(&mut Form)| {
        let mut form = with("replicas", &json!(1));
        change(&mut form);
        form
    };
    let old = one(&|_| {});
    let new = one(&|form| form.cluster.spec.startup_wait_seconds = 60);
    let mut known = known();
    known.register.as_mut().unwrap().membership = moco_model::Membership::first(1);
    let text = plan(Some(&old), &new, &known).text();
    assert!(
        text.contains("nobody takes over from the only member"),
        "{text}"
    );
}

#[test]
fn what_annotations_ask_of_moco_is_shown() {
    let new = form(|object| {
        object["metadata"]["annotations"] = json!({
            "moco.cybozu.com/clustering-stopped": "true", "moco.cybozu.com/rebuild": "never",
            "team": "a",
        });
    });
    insta::assert_snapshot!("annotations", of_change(&new).text());
}

#[test]
fn a_new_cluster_says_what_is_made_and_one_that_would_hold_the_wrong_data_is_refused() {
    let new = form(|_| {});
    insta::assert_snapshot!("new", plan(None, &new, &Known::default()).text());
    let copy = with("replicationSourceSecretName", &json!("donor"));
    let plan = plan(None, &copy, &Known::default());
    assert!(plan.refused[0].starts_with("spec.replicationSourceSecretName cannot be honoured yet"));
}

#[test]
fn what_counts_on_an_image_that_the_operator_may_lack_says_so_and_nothing_else_does() {
    let notes = |new: &Form| of_change(new).notes.join("\n");
    let slow_log = notes(&with("disableSlowQueryLogContainer", &json!(true)));
    assert!(slow_log.contains("--fluent-bit-image"), "{slow_log}");
    assert!(!slow_log.contains("--mysqld-exporter-image"), "{slow_log}");
    let collectors = with("collectors", &json!(["info_schema.tables"]));
    let exporter = notes(&collectors);
    assert!(exporter.contains("--mysqld-exporter-image"), "{exporter}");
    assert!(!exporter.contains("--fluent-bit-image"), "{exporter}");
    assert_eq!(notes(&with("maxDelaySeconds", &json!(120))), "");
    let of_new = |new: &Form| plan(None, new, &Known::default()).notes.join("\n");
    assert_eq!(of_new(&collectors), exporter);
    assert_eq!(of_new(&form(|_| {})), "");
}

#[test]
fn a_rollout_that_is_left_to_kubernetes_asks_nobody_to_delete_pods() {
    let forced = |object: &mut Value| {
        let annotations = json!({ "moco.cybozu.com/force-rolling-update": "true" });
        object["metadata"]["annotations"] = annotations;
    };
    let new = form(|object| {
        forced(object);
        object["spec"]["maxDelaySeconds"] = json!(120);
    });
    let text = of_change(&new).text();
    assert!(text.contains("Kubernetes makes the pods anew"), "{text}");
    assert!(!text.contains("delete the pods"), "{text}");
    let text = of_change(&form(forced)).text();
    assert!(
        text.contains("moco.cybozu.com/force-rolling-update: - -> true"),
        "{text}"
    );
}

#[test]
fn what_may_be_secret_is_not_shown() {
    let mut new = form(|object| {
        let spec = &mut object["spec"];
        spec["mysqlConfigMapName"] = json!("options");
        let container = &mut spec["podTemplate"]["spec"]["containers"][0];
        container["env"] = json!([{ "name": "DSN", "value": "hunter2" }]);
        container["args"] = json!(["--init-password=hunter2", "--token", "hunter2"]);
        container["startupProbe"] = json!({ "httpGet": {
            "port": 1, "httpHeaders": [{ "name": "A", "value": "hunter2" }],
        } });
    });
    let included = "report_password = hunter2\n".to_owned();
    new.options = Some([("_include".to_owned(), included)].into());
    let plan = of_change(&new);
    let text = format!("{}{}", plan.text(), json!(plan));
    assert!(!text.contains("hunter2") && text.contains("env"), "{text}");
    assert!(text.contains("_include: - -> report_password"), "{text}");
}
