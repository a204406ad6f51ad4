use moco_api::{MySQLCluster, validate};
use moco_model::{Account, MemberId};
use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::to_yaml;

const PASSWORD: &str = "hunter2";

fn cluster(namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> TrustedCluster {
    let mut manifest = json!({
        "apiVersion": "moco.cybozu.com/v1beta2",
        "kind": "MySQLCluster",
        "metadata": { "namespace": namespace, "name": name, "uid": "5d1bb5b8-1c9e-4f0b-9a53-6f0c6a3d2a11" },
        "spec": {
            "replicas": 3,
            "podTemplate": { "spec": { "containers": [{
                "name": "mysqld", "image": "mysql:9.7.4",
                "resources": { "requests": { "cpu": 1, "memory": "2Gi" } },
            }] } },
            "volumeClaimTemplates": [{
                "metadata": { "name": "mysql-data" },
                "spec": { "resources": { "requests": { "storage": "10Gi" } } },
            }],
        },
    });
    change(&mut manifest);
    let manifest: MySQLCluster = serde_json::from_value(manifest).unwrap();
    validate(&manifest).unwrap()
}

fn facts() -> Facts {
    Facts {
        system_namespace: "moco-system".to_owned(),
        images: Images {
            moco: "moco:test".to_owned(),
            fluent_bit: None,
            exporter: None,
        },
        pods: 3,
        user_options: [("max_connections".to_owned(), "10".to_owned())].into(),
        passwords: Passwords::collect(|_| Some(PASSWORD.to_owned())).unwrap(),
        certificate: Certificate {
            ca: "the authority".to_owned(),
            cert: "the certificate".to_owned(),
            key: "the key".to_owned(),
        },
    }
}

fn value(object: &impl Serialize) -> Value {
    serde_json::to_value(object).unwrap()
}

fn without_secrets(all: &Objects) -> Vec<Value> {
    let mut values = vec![
        value(&all.service_account),
        value(&all.headless_service),
        value(&all.primary_service),
        value(&all.replica_service),
        value(&all.stateful_set),
    ];
    values.extend(all.disruption_budget.as_ref().map(value));
    values
}

#[test]
fn the_objects_of_a_plain_cluster_change_only_on_purpose() {
    let plain = cluster("prod", "orders", |_| ());
    let all = objects(&plain, &facts());
    insta::assert_snapshot!("objects", to_yaml(&without_secrets(&all)).unwrap());
}

#[test]
fn the_secrets_of_a_plain_cluster_change_only_on_purpose() {
    let all = objects(&cluster("prod", "orders", |_| ()), &facts());
    let readable = |secret: &Secret| {
        let mut object = value(secret);
        let texts: BTreeMap<_, _> = secret.data.iter().flatten().collect();
        object["data"] = texts
            .into_iter()
            .map(|(key, bytes)| {
                (
                    key.clone(),
                    json!(String::from_utf8(bytes.0.clone()).unwrap()),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        object
    };
    let secrets = [
        &all.controller_secret,
        &all.user_secret,
        &all.my_cnf_secret,
        &all.grpc_secret,
    ];
    insta::assert_snapshot!("secrets", to_yaml(&secrets.map(readable)).unwrap());
}

#[test]
fn what_the_user_gives_is_kept_beside_what_moco_adds() {
    let rich = cluster("prod", "orders", |manifest| {
        let pod = &mut manifest["spec"]["podTemplate"];
        pod["metadata"] = json!({ "labels": { "team": "a", "app.kubernetes.io/name": "mine" }, "annotations": { "a": "b" } });
        pod["spec"] = json!({
            "nodeSelector": { "disk": "fast" },
            "terminationGracePeriodSeconds": 60,
            "affinity": {},
            "securityContext": { "fsGroup": 999 },
            "volumes": [{ "name": "mine", "emptyDir": {} }],
            "initContainers": [{ "name": "prepare", "image": "busybox" }],
            "containers": [
                { "name": "side", "image": "busybox", "securityContext": { "runAsUser": 65534 } },
                { "name": "mysqld", "image": "mysql:9.7.4", "args": ["--max-connections=20"],
                  "env": [{ "name": "TZ", "value": "UTC" }],
                  "ports": [{ "containerPort": 1234, "name": "mine" }],
                  "volumeMounts": [{ "name": "mine", "mountPath": "/mine" }, { "name": "mysql-data", "mountPath": "/var/lib/mysql" }],
                  "readinessProbe": { "periodSeconds": 7, "exec": { "command": ["true"] } } },
            ],
        });
        pod["overwriteContainers"] =
            json!([{ "name": "copy-moco-init", "resources": { "limits": { "cpu": 1 } } }]);
        manifest["spec"]["primaryServiceTemplate"] = json!({
            "metadata": { "labels": { "team": "a" }, "annotations": { "lb": "internal" } },
            "spec": { "type": "LoadBalancer", "selector": { "x": "y" }, "ports": [
                { "name": "mysql", "port": 1, "nodePort": 30306, "targetPort": 9 },
                { "name": "extra", "port": 99 },
            ] },
        });
    });
    let all = objects(&rich, &facts());
    let both = [
        value(&all.primary_service),
        value(&all.stateful_set.spec.as_ref().unwrap().template),
    ];
    insta::assert_snapshot!("rich", to_yaml(&both).unwrap());
    let my_cnf = &all.config_map.data.unwrap()["my.cnf"];
    assert!(
        my_cnf.contains("\nmax_connections = 20\n"),
        "arguments win over the ConfigMap"
    );
    assert_eq!(my_cnf.matches("max_connections").count(), 1);
}

#[test]
fn containers_that_were_asked_for_are_there_with_what_they_need() {
    let asked = cluster("prod", "orders", |manifest| {
        manifest["spec"]["collectors"] = json!(["info_schema.tables", "engine_innodb_status"]);
        manifest["spec"]["podTemplate"]["overwriteContainers"] = json!([
            { "name": "slow-log", "resources": { "requests": { "cpu": "10m" } } },
            { "name": "mysqld-exporter", "securityContext": { "runAsUser": 65534 } },
        ]);
    });
    let images = Images {
        fluent_bit: Some("fluent-bit:test".to_owned()),
        exporter: Some("exporter:test".to_owned()),
        ..facts().images
    };
    let all = objects(&asked, &Facts { images, ..facts() });
    assert_eq!(all.without_effect, Vec::<String>::new());
    let pod = all.stateful_set.spec.unwrap().template.spec.unwrap();
    let volumes = pod.volumes.unwrap();
    let added = volumes.iter().filter(|volume| {
        let name = volume.name.as_str();
        matches!(name, "slow-fluent-bit-config" | "moco-exporter")
    });
    let mut shown: Vec<_> = pod.containers[1..].iter().map(value).collect();
    shown.extend(added.map(value));
    shown.push(value(&all.slow_log_config_map.unwrap()));
    insta::assert_snapshot!("sidecars", to_yaml(&shown).unwrap());
}

#[test]
fn what_lacks_its_image_is_told_and_nothing_else() {
    let silent = cluster("prod", "orders", |_| ());
    let all = objects(&silent, &facts());
    assert_eq!(all.without_effect, Vec::<String>::new());
    assert_eq!(all.slow_log_config_map, None);
    let asked = cluster("prod", "orders", |manifest| {
        manifest["spec"]["collectors"] = json!(["x"]);
        manifest["spec"]["slowQueryLogConfigTmpl"] = json!("{{ .Path }}");
    });
    let all = objects(&asked, &facts());
    let fields: Vec<_> = all
        .without_effect
        .iter()
        .map(|sentence| sentence.split(' ').next().unwrap())
        .collect();
    assert_eq!(fields, ["spec.slowQueryLogConfigTmpl", "spec.collectors"]);
    assert!(all.stateful_set == objects(&silent, &facts()).stateful_set);
}

#[test]
fn a_container_that_is_switched_off_is_not_there_and_its_name_is_free() {
    let images = Images {
        fluent_bit: Some("fluent-bit:test".to_owned()),
        ..facts().images
    };
    let off = cluster("prod", "orders", |manifest| {
        manifest["spec"]["disableSlowQueryLogContainer"] = json!(true);
        let containers = &mut manifest["spec"]["podTemplate"]["spec"]["containers"];
        let mine = json!({ "name": "slow-log", "image": "mine" });
        containers.as_array_mut().unwrap().push(mine);
    });
    let all = objects(&off, &Facts { images, ..facts() });
    assert_eq!(all.slow_log_config_map, None);
    let pod = all.stateful_set.spec.unwrap().template.spec.unwrap();
    let images: Vec<_> = pod
        .containers
        .iter()
        .map(|one| one.image.as_deref())
        .collect();
    assert_eq!(images, [Some("mysql:9.7.4"), Some("mine")]);
}

#[test]
fn the_longest_names_fit_every_limit() {
    let (namespace, name) = ("n".repeat(63), "c".repeat(40));
    let all = objects(
        &cluster(&namespace, &name, |_| ()),
        &Facts {
            pods: 31,
            ..facts()
        },
    );
    for service in [
        &all.headless_service,
        &all.primary_service,
        &all.replica_service,
    ] {
        assert!(
            service.metadata.name.as_ref().unwrap().len() <= 63,
            "a Service's name is a DNS label"
        );
    }
    // The StatefulSet's pods carry `NAME-HASH` as a label, with a hash of ten characters.
    let set = all.stateful_set.metadata.name.clone().unwrap();
    assert!(set.len() + 11 <= 63);
    let pod = format!("{set}-30");
    assert!(pod.len() <= 63, "the pod's name is its host name");
    assert!(format!("mysql-data-{pod}").len() <= 63);
    let id = moco_model::ClusterId::new(&namespace, &name).unwrap();
    assert!(id.pod_host(MemberId(30)).len() <= 253);
    let secrets = [
        value(&all.controller_secret),
        value(&all.user_secret),
        value(&all.my_cnf_secret),
        value(&all.grpc_secret),
        value(&all.config_map),
    ];
    for object in without_secrets(&all).iter().chain(&secrets) {
        assert!(object["metadata"]["name"].as_str().unwrap().len() <= 253);
        for (key, label) in object["metadata"]["labels"].as_object().unwrap() {
            assert!(label.as_str().unwrap().len() <= 63, "{key}");
        }
    }
}

#[test]
fn a_pods_host_in_the_command_is_the_one_that_others_use() {
    let plain = cluster("prod", "orders", |_| ());
    let command = crate::command::agent_command(&plain, "moco-system", 300).join(" ");
    let host = plain
        .id
        .pod_host(MemberId(2))
        .replace("orders-2", "orders-$(MOCO_MEMBER)");
    assert!(
        command.contains(&format!("--report-host={host}")),
        "{command}"
    );
}

#[test]
fn no_secret_is_in_what_everybody_may_read() {
    let all = objects(&cluster("prod", "orders", |_| ()), &facts());
    let readable = format!(
        "{:?}{}{:?}",
        without_secrets(&all),
        value(&all.config_map),
        facts()
    );
    for secret in [PASSWORD, "the key"] {
        assert!(!readable.contains(secret), "{secret}");
    }
    let passwords = all.user_secret.data.unwrap();
    assert_eq!(passwords.len(), Account::ALL.len());
}

#[test]
fn the_same_input_gives_the_same_objects() {
    let plain = cluster("prod", "orders", |_| ());
    assert!(objects(&plain, &facts()) == objects(&plain, &facts()));
    let mut other = facts();
    other
        .user_options
        .insert("wait_timeout".to_owned(), "1".to_owned());
    let (one, two) = (objects(&plain, &facts()), objects(&plain, &other));
    assert_ne!(one.config_map.metadata.name, two.config_map.metadata.name);
    assert!(
        one.stateful_set != two.stateful_set,
        "pods take the new file when they restart"
    );
}

#[test]
fn a_cluster_of_one_has_no_disruption_budget() {
    let one = cluster("prod", "orders", |manifest| {
        manifest["spec"]["replicas"] = json!(1);
    });
    assert_eq!(objects(&one, &facts()).disruption_budget, None);
}

#[test]
fn a_cluster_without_pods_has_no_disruption_budget() {
    let plain = cluster("prod", "orders", |_| ());
    let all = objects(&plain, &Facts { pods: 0, ..facts() });
    assert_eq!(all.disruption_budget, None);
    assert_eq!(all.stateful_set.spec.unwrap().replicas, Some(0));
}

#[test]
fn pods_follow_the_facts_and_nothing_restarts_by_itself() {
    let one = cluster("prod", "orders", |manifest| {
        manifest["spec"]["replicas"] = json!(1);
    });
    let set = objects(&one, &Facts { pods: 5, ..facts() })
        .stateful_set
        .spec
        .unwrap();
    assert_eq!(set.replicas, Some(5));
    let partition = set
        .update_strategy
        .unwrap()
        .rolling_update
        .unwrap()
        .partition;
    assert_eq!(partition, Some(5));
}
