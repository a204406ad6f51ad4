use std::io::Read as _;

use serde_json::json;

use super::*;
use crate::annotate::LAST_APPLIED;
use crate::testing::{Server, dynamic, healthy, labels, labels_of_controllers};

/// What must be nowhere.
const PLANTED: &str = "hunter2";

#[test]
fn what_was_planted_in_an_object_is_in_none_that_is_shown() {
    let pod = json!({
        "kind": "Pod",
        "metadata": {
            "name": "moco-orders-0",
            "managedFields": [{ "manager": PLANTED }],
            "annotations": {
                LAST_APPLIED: format!("{{\"env\":\"{PLANTED}\"}}"),
                "note": format!("password: {PLANTED}"),
            },
        },
        "spec": {
            "containers": [{
                "name": "mysqld",
                "env": [
                    { "name": "DSN", "value": PLANTED },
                    { "name": "P", "valueFrom": { "secretKeyRef": { "name": "s", "key": "K" } } },
                ],
                "args": ["--require-secure-transport", format!("--init-password={PLANTED}")],
                "command": ["sh", "-c", format!("mysql -p{PLANTED}")],
                "livenessProbe": { "httpGet": { "httpHeaders": [{ "name": "A", "value": PLANTED }] } },
            }],
            "volumes": [{ "name": "v", "secret": { "secretName": "moco-orders" } }],
            "adminPassword": PLANTED,
        },
    });
    let config_map = json!({
        "kind": "ConfigMap",
        "metadata": { "name": "options" },
        "data": {
            "report_password": PLANTED,
            "my.cnf": format!("[mysqld]\nport = 3306\nreport_password = {PLANTED}\n"),
            "key.pem": format!("-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----\n"),
        },
    });
    for object in [pod, config_map] {
        let text = shown(object.clone()).to_string();
        assert!(object.to_string().contains(PLANTED));
        assert!(!text.contains(PLANTED), "{text}");
    }
}

#[test]
fn what_is_not_secret_stays() {
    let object = json!({
        "metadata": { "name": "x", "annotations": { "moco.cybozu.com/demote": "true" } },
        "spec": {
            "replicationSourceSecretName": "donor",
            "containers": [{ "name": "mysqld", "image": "mysql:9.7.4", "args": ["--port=1"] }],
            "volumes": [{ "name": "v", "secret": { "secretName": "moco-orders" } }],
        },
        "data": { "my.cnf": "[mysqld]\nport = 3306\n" },
        "status": { "message": "the Secret moco-orders: not found" },
    });
    assert_eq!(shown(object.clone()), object);
}

#[test]
fn of_a_secret_the_names_of_its_keys_are_told_and_nothing_of_its_annotations() {
    let metadata: kube::core::ObjectMeta = serde_json::from_value(json!({
        "name": "moco-orders",
        "annotations": { LAST_APPLIED: PLANTED },
        "managedFields": [{
            "manager": "moco-controller", "operation": "Apply", "fieldsType": "FieldsV1",
            "fieldsV1": { "f:data": { "f:ADMIN_PASSWORD": {}, "f:READONLY_PASSWORD": {} }, "f:type": {} },
        }],
    }))
    .unwrap();
    let shown = secret(&metadata);
    assert_eq!(
        shown["keys"],
        json!(["ADMIN_PASSWORD", "READONLY_PASSWORD"])
    );
    assert!(!shown.to_string().contains(PLANTED));
}

/// The files of an archive, by their places.
pub(crate) fn unpack(archive: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let file = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (path, text)
    };
    archive.entries().unwrap().map(file).collect()
}

#[test]
fn what_is_written_can_be_unpacked() {
    let file = File {
        path: "logs/a.log".to_owned(),
        text: "ä\n".to_owned(),
    };
    let mut written = Vec::new();
    archive::write(&mut written, "r", &[file], 1).unwrap();
    assert_eq!(
        unpack(&written),
        [("r/logs/a.log".to_owned(), "ä\n".to_owned())]
    );
}

/// A configuration as fluent-bit reads it: nothing stands between a name and its value.
fn fluent_bit() -> String {
    format!("[OUTPUT]\n    name http\n    header Authorization {PLANTED}\n")
}

/// The ConfigMap that the controller makes of it.
fn slow_log_config_map() -> Value {
    let cluster = serde_json::from_value(json!({
        "apiVersion": "moco.cybozu.com/v1beta2", "kind": "MySQLCluster",
        "metadata": { "name": "orders", "namespace": "shop", "uid": "u" },
        "spec": {
            "podTemplate": { "spec": { "containers": [{ "name": "mysqld", "image": "i" }] } },
            "volumeClaimTemplates": [{
                "metadata": { "name": "mysql-data" },
                "spec": { "resources": { "requests": { "storage": "10Gi" } } },
            }],
            "slowQueryLogConfigTmpl": fluent_bit(),
        },
    }));
    let cluster = moco_api::validate(&cluster.unwrap()).unwrap();
    let facts = moco_resources::Facts {
        system_namespace: "moco-system".to_owned(),
        images: moco_resources::Images {
            moco: "moco".to_owned(),
            fluent_bit: Some("fluent-bit".to_owned()),
            exporter: None,
        },
        pods: 1,
        user_options: [].into(),
        passwords: moco_model::Passwords::collect(|_| Some("same".to_owned())).unwrap(),
        certificate: moco_resources::Certificate {
            ca: String::new(),
            cert: String::new(),
            key: String::new(),
        },
    };
    let made = moco_resources::objects(&cluster, &facts).slow_log_config_map;
    let made = json!(made.unwrap());
    assert!(made.to_string().contains(PLANTED));
    made
}

/// An API server whose objects and logs hold what must be nowhere, wherever a user may have put it.
fn planted() -> Server {
    let server = Server::default();
    let mut cluster = healthy();
    cluster["spec"]["mysqlConfigMapName"] = json!("options");
    cluster["spec"]["slowQueryLogConfigTmpl"] = json!(fluent_bit());
    cluster["spec"]["podTemplate"] = json!({ "spec": { "containers": [
        { "name": "mysqld", "env": [{ "name": "DSN", "value": PLANTED }] },
    ] } });
    cluster["metadata"]["annotations"] = json!({ LAST_APPLIED: PLANTED });
    server.put("mysqlclusters", json!(dynamic(cluster)));
    server.put("pods", json!({
        "metadata": { "name": "moco-orders-0", "labels": labels() },
        "spec": { "containers": [{ "name": "mysqld", "args": [format!("--password={PLANTED}")] }] },
        "status": { "containerStatuses": [
            { "name": "mysqld", "image": "i", "imageID": "", "ready": true, "restartCount": 1 },
        ] },
    }));
    for (name, labels) in [
        (
            "moco-others-0",
            json!({ "app.kubernetes.io/name": "mysql" }),
        ),
        ("moco-controller-x", labels_of_controllers()),
    ] {
        server.put(
            "pods",
            json!({
                "metadata": { "name": name, "labels": labels },
                "spec": { "containers": [{ "name": "c" }] },
            }),
        );
    }
    server.put(
        "configmaps",
        json!({
            "metadata": { "name": "options" }, "data": { "report_password": PLANTED },
        }),
    );
    server.put("configmaps", slow_log_config_map());
    // Data of Secrets is there for whoever asks for it.
    server.put(
        "secrets",
        json!({
            "metadata": {
                "name": "moco-orders", "labels": labels(), "annotations": { LAST_APPLIED: PLANTED },
            },
            "data": { "ADMIN_PASSWORD": PLANTED },
        }),
    );
    server.put(
        "deployments",
        json!({
            "metadata": { "name": "moco-controller", "labels": labels_of_controllers() },
            "spec": {
                "selector": {},
                "template": { "spec": { "containers": [
                    { "name": "moco", "env": [{ "name": "TOKEN", "value": PLANTED }] },
                ] } },
            },
        }),
    );
    server.set_log(&format!(
        "2026-02-03T04:05:06Z A temporary password is generated for root@localhost: {PLANTED}\n"
    ));
    server
}

#[tokio::test]
async fn what_was_planted_anywhere_is_in_no_file_of_the_report() {
    let server = planted();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("r.tar.gz");
    let asked = crate::cli::Report {
        cluster: "orders".to_owned(),
        file: Some(path.clone()),
        system_namespace: "moco-system".to_owned(),
    };
    run(&server.calls(), &asked).await.unwrap();
    let files = unpack(&std::fs::read(path).unwrap());
    for (path, text) in &files {
        assert!(!text.contains(PLANTED), "{path}: {text}");
    }
    let paths: Vec<_> = files
        .iter()
        .map(|(path, _)| path.split_once('/').unwrap().1)
        .collect();
    insta::assert_snapshot!("files", paths.join("\n"));
    let text = |wanted: &str| {
        &files
            .iter()
            .find(|(path, _)| path.ends_with(wanted))
            .unwrap()
            .1
    };
    assert!(text("logs/moco-orders-0.mysqld.previous.log").contains("temporary password"));
    assert!(text("agents/0.txt").contains("moco_instance_writable"));
    assert!(text("status.txt").contains("primary 0 takes writes"));
    assert!(text("configmaps.yaml").contains("fluent-bit.conf"));
    assert!(text("secrets.yaml").contains("moco-orders"));
    assert!(text("controller/deployment.yaml").contains("TOKEN"));
}

#[tokio::test]
async fn a_report_of_a_cluster_that_is_not_there_is_refused() {
    let asked = crate::cli::Report {
        cluster: "orders".to_owned(),
        file: None,
        system_namespace: "moco-system".to_owned(),
    };
    let answer = run(&Server::default().calls(), &asked).await.unwrap();
    assert_eq!(answer, crate::commands::Answer::No);
}
