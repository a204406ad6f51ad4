use kube_core::DeserializeGuard;
use serde_json::{Value, json};

use super::*;
use crate::trusted::{Meanwhile, Size, SlowLog};

fn sample() -> Value {
    json!({
        "apiVersion": "moco.cybozu.com/v1beta2",
        "kind": "MySQLCluster",
        "metadata": { "namespace": "prod", "name": "orders", "uid": "5d1b", "generation": 3 },
        "spec": {
            "replicas": 3,
            "podTemplate": { "spec": { "containers": [
                { "name": "mysqld", "image": "mysql:9.7.4",
                  "resources": { "requests": { "cpu": 2, "memory": "4Gi" } } },
                { "name": "side", "image": "busybox" },
            ] } },
            "volumeClaimTemplates": [{
                "metadata": { "name": "mysql-data" },
                "spec": { "resources": { "requests": { "storage": "10Gi" } } },
            }],
        },
    })
}

/// The sample with the value at `path` replaced, or added.
fn with(path: &str, value: Value) -> MySQLCluster {
    let mut manifest = sample();
    let (parent, name) = path.rsplit_once('/').unwrap();
    match manifest.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        _ => panic!("{parent} holds nothing"),
    }
    serde_json::from_value(manifest).unwrap()
}

fn sentences(cluster: &MySQLCluster) -> String {
    match validate(cluster) {
        Ok(_) => String::new(),
        Err(all) => all
            .iter()
            .flat_map(|one| [one.to_string(), "\n".to_owned()])
            .collect(),
    }
}

#[test]
fn a_plain_cluster_is_trusted() {
    let cluster = with("/spec/serverIDBase", json!(0));
    let trusted = validate(&cluster).unwrap();
    assert_eq!(trusted.id.prefixed_name(), "moco-orders");
    assert_eq!((trusted.replicas, trusted.generation), (3, 3));
    let size = Size {
        memory_bytes: Some(4 << 30),
        cpu_millis: Some(2000),
        data_bytes: Some(10 << 30),
    };
    assert_eq!(trusted.pod.size, size);
    assert_eq!(trusted.pod.sidecars.len(), 1);
    assert_eq!(
        (trusted.max_delay_secs, trusted.startup_wait_secs),
        (60, 3600)
    );
    assert_eq!(trusted.not_yet, []);
    assert_eq!(trusted.must_not_start(), None);
}

#[test]
fn the_servers_numbers_depend_on_the_object_alone() {
    let of = |uid: &str| {
        validate(&with("/metadata/uid", json!(uid)))
            .unwrap()
            .server_id_base
    };
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
    assert!((1..=1 << 30).contains(&of("a")));
    let given = validate(&with("/spec/serverIDBase", json!(i32::MAX))).unwrap();
    assert_eq!(given.server_id_base, 2_147_483_647);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_mistake_is_answered_by_a_sentence_that_names_the_field() {
    let pod = "/spec/podTemplate/spec";
    let mysqld = "/spec/podTemplate/spec/containers/0";
    let mut answers = String::new();
    for (path, value) in [
        ("/metadata/name".to_owned(), json!("a".repeat(41))),
        ("/metadata/name".to_owned(), json!("a.b")),
        ("/metadata/uid".to_owned(), json!("")),
        ("/spec/replicas".to_owned(), json!(0)),
        ("/spec/replicas".to_owned(), json!(32)),
        ("/spec/serverIDBase".to_owned(), json!(-1)),
        ("/spec/maxDelaySeconds".to_owned(), json!(-1)),
        ("/spec/mysqlConfigMapName".to_owned(), json!("")),
        ("/spec/volumeClaimTemplates".to_owned(), json!([])),
        ("/spec/volumeClaimTemplates/0/spec".to_owned(), json!({})),
        (
            "/spec/volumeClaimTemplates/0/spec".to_owned(),
            json!({ "accessModes": "ReadWriteOnce" }),
        ),
        (
            "/spec/volumeClaimTemplates/0/metadata/name".to_owned(),
            json!("tmp"),
        ),
        (
            format!("{pod}/containers"),
            json!([{ "name": "other", "image": "x" }]),
        ),
        (pod.to_owned(), json!({})),
        (pod.to_owned(), json!("text")),
        (format!("{pod}/containers/1/name"), json!("agent")),
        (format!("{pod}/containers/1/name"), json!("slow-log")),
        (format!("{pod}/containers/1/name"), json!("mysqld")),
        (format!("{pod}/containers/1/name"), json!("Side")),
        (
            format!("{pod}/containers/1/volumeMounts"),
            json!([{ "name": "moco-run", "mountPath": "/x" }]),
        ),
        (
            format!("{pod}/initContainers"),
            json!([{ "name": "copy-moco-init" }]),
        ),
        (
            format!("{pod}/volumes"),
            json!([{ "name": "shared", "emptyDir": {} }]),
        ),
        (format!("{pod}/shareProcessNamespace"), json!(true)),
        (format!("{pod}/restartPolicy"), json!("Never")),
        (format!("{mysqld}/image"), Value::Null),
        (
            format!("{mysqld}/ports"),
            json!([{ "containerPort": 3306 }]),
        ),
        (
            format!("{mysqld}/ports"),
            json!([{ "containerPort": 1, "name": "health" }]),
        ),
        (
            format!("{mysqld}/env"),
            json!([{ "name": "A", "value": 1 }]),
        ),
        (
            format!("{mysqld}/env"),
            json!([{ "name": "MOCO_MEMBER", "value": "1" }]),
        ),
        (format!("{mysqld}/args"), json!(["max_connections"])),
        (
            format!("{mysqld}/resources"),
            json!({ "limits": { "memory": "much" } }),
        ),
        (
            format!("{mysqld}/volumeMounts"),
            json!([{ "name": "mine", "mountPath": "/var/lib/mysql/" }]),
        ),
        (
            "/spec/primaryServiceTemplate".to_owned(),
            json!({ "spec": { "type": "ExternalName" } }),
        ),
        ("/spec/mysqlConfigMapName".to_owned(), json!("-a")),
        ("/spec/logRotationSchedule".to_owned(), json!("often")),
        ("/spec/collectors".to_owned(), json!(["a b", "--web.x"])),
        (
            "/spec/slowQueryLogConfigTmpl".to_owned(),
            json!("{{ range .Paths }}"),
        ),
        (
            format!("{pod}/containers/1/resources"),
            json!({ "requests": { "cpu": "-1" } }),
        ),
        (
            "/spec/podTemplate/overwriteContainers".to_owned(),
            json!([{ "name": "slow-log", "resources": { "limits": { "cpu": "x" } } }]),
        ),
        (
            "/spec/restore".to_owned(),
            json!({ "sourceName": "a.b", "sourceNamespace": "", "restorePoint": "2026-01-02T03:04:05Z", "jobConfig": { "threads": 0 } }),
        ),
    ] {
        let sentences = sentences(&with(&path, value.clone()));
        assert!(!sentences.is_empty(), "{path} = {value} was accepted");
        answers.extend([
            path.as_str(),
            " = ",
            &value.to_string(),
            "\n",
            &sentences,
            "\n",
        ]);
    }
    insta::assert_snapshot!("invalid", answers);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut cluster = with("/spec/replicas", json!(0));
    cluster.spec.server_id_base = -1;
    cluster.spec.volume_claim_templates.clear();
    assert_eq!(validate(&cluster).unwrap_err().len(), 3);
}

#[test]
fn fields_without_effect_are_listed() {
    let mut manifest = sample();
    let spec = manifest["spec"].as_object_mut().unwrap();
    let more = json!({
        "replicationSourceSecretName": "source",
        "restore": { "sourceName": "a", "sourceNamespace": "b", "restorePoint": "2026-01-02T03:04:05Z", "jobConfig": {
            "serviceAccountName": "x", "bucketConfig": { "bucketName": "y" }, "workVolume": { "emptyDir": {} } } },
        "backupPolicyName": "daily",
        "disableSlowQueryLogContainer": true,
        "maxDelaySecondsForPodDeletion": 10,
        "logRotationSchedule": "*/5 * * * *",
        "logRotationSize": 100,
        "slowQueryLogConfigTmpl": "x",
        "agentUseLocalhost": true,
        "initializeTimezoneData": false,
        "offline": true,
        "primaryServiceTemplate": { "spec": { "selector": { "a": "b" } } },
    });
    spec.extend(more.as_object().unwrap().clone());
    spec["podTemplate"] = json!({
        "spec": {
            "serviceAccountName": "mine",
            "brandNew": { "a": 1 },
            "containers": [{ "name": "mysqld", "image": "x", "command": ["mysqld"], "imagePullPolicie": "Always" }],
        },
        "overwriteContainers": [{ "name": "agent" }, { "name": "copy-moco-init" }, { "name": "slow-log" }, { "name": "mysqld-exporter" }],
    });
    let cluster: MySQLCluster = serde_json::from_value(manifest).unwrap();
    let trusted = validate(&cluster).unwrap();
    let list: Vec<_> = trusted
        .not_yet
        .iter()
        .map(|one| one.sentence.as_str())
        .collect();
    insta::assert_snapshot!("not_yet", list.join("\n"));
    assert_eq!(trusted.must_not_start().unwrap().field, "spec.restore");
    let runs = trusted
        .not_yet
        .iter()
        .filter(|one| one.meanwhile == Meanwhile::Run)
        .count();
    assert_eq!(runs, trusted.not_yet.len() - 2);
}

#[test]
fn arguments_of_mysqld_become_options() {
    let args = json!(["--max-connections=10", "--skip-show-database"]);
    let trusted = validate(&with("/spec/podTemplate/spec/containers/0/args", args)).unwrap();
    let options: Vec<_> = trusted.pod.mysqld_options.into_iter().collect();
    let expected = [("max-connections", "10"), ("skip-show-database", "ON")];
    assert_eq!(
        options,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(trusted.pod.mysqld.args, None);
}

#[test]
fn containers_that_moco_adds_are_as_the_user_asked() {
    let plain = validate(&with("/spec/collectors", json!([]))).unwrap();
    assert_eq!(
        (plain.slow_log, plain.collectors.len()),
        (SlowLog::Plain, 0)
    );
    let off = validate(&with("/spec/disableSlowQueryLogContainer", json!(true))).unwrap();
    assert_eq!(off.slow_log, SlowLog::Off);
    let template = json!("[INPUT]\n  Path {{ .Path }}\n");
    let own = validate(&with("/spec/slowQueryLogConfigTmpl", template)).unwrap();
    let expected = "[INPUT]\n  Path /var/log/mysql/mysql.slow\n";
    assert_eq!(own.slow_log, SlowLog::Configured(expected.to_owned()));
    let overwrite = json!([{ "name": "slow-log", "resources": { "limits": { "cpu": 1 } } }]);
    let small = validate(&with("/spec/podTemplate/overwriteContainers", overwrite)).unwrap();
    assert!(small.pod.overwrites.slow_log.resources.is_some());
    assert_eq!(small.not_yet, []);
}

#[test]
fn where_the_first_data_comes_from_is_read() {
    let restore = json!({
        "sourceName": "a", "sourceNamespace": "b", "restorePoint": "2026-01-02T03:04:05Z",
        "schema": "", "users": "x, y,,", "jobConfig": {
            "serviceAccountName": "s", "bucketConfig": { "bucketName": "y" }, "workVolume": { "emptyDir": {} } },
    });
    let trusted = validate(&with("/spec/restore", restore)).unwrap();
    let restore = trusted.restore.unwrap();
    assert_eq!(
        (restore.schema, restore.users),
        (None, vec!["x".to_owned(), "y".to_owned()])
    );
    assert_eq!(restore.restore_point.to_string(), "2026-01-02T03:04:05Z");
}

#[test]
fn what_cannot_be_read_of_a_stored_object_is_named() {
    for (path, value, named) in [
        ("/spec/replicas", json!("three"), "spec.replicas"),
        (
            "/spec/volumeClaimTemplates",
            json!([{ "metadata": 1 }]),
            "spec.volumeClaimTemplates[0].metadata",
        ),
        ("/spec/podTemplate", json!({}), "spec.podTemplate"),
    ] {
        let mut manifest = sample();
        let (parent, name) = path.rsplit_once('/').unwrap();
        manifest.pointer_mut(parent).unwrap()[name] = value;
        let metadata = serde_json::from_value(manifest["metadata"].clone()).unwrap();
        let invalid = read(&metadata, &manifest["spec"]).unwrap_err();
        assert_eq!(invalid[0].field, named);
    }
    let plain = sample();
    let metadata = serde_json::from_value(plain["metadata"].clone()).unwrap();
    assert!(read(&metadata, &plain["spec"]).is_ok());
}

#[test]
fn a_stored_object_that_cannot_be_read_is_an_error_with_its_name() {
    for (path, value) in [
        ("/spec/replicas", json!("three")),
        ("/spec/podTemplate", json!([])),
        ("/spec/volumeClaimTemplates", json!({})),
    ] {
        let mut manifest = sample();
        *manifest.pointer_mut(path).unwrap() = value;
        let guarded: DeserializeGuard<MySQLCluster> = serde_json::from_value(manifest).unwrap();
        let error = guarded.0.unwrap_err();
        assert_eq!(error.metadata.name.as_deref(), Some("orders"));
        assert!(!error.error.is_empty());
    }
}

#[test]
fn a_status_written_by_the_go_program_can_be_read() {
    let mut manifest = sample();
    manifest["status"] = json!({
        "conditions": [{ "type": "Healthy", "status": "True", "reason": "Healthy", "message": "the current state is Healthy",
            "lastTransitionTime": "2026-01-02T03:04:05Z" }],
        "currentPrimaryIndex": 1, "syncedReplicas": 3, "errantReplicas": 0,
        "backup": { "time": null, "elapsed": "0s", "sourceIndex": 0, "sourceUUID": "", "uuidSet": null,
            "binlogFilename": "", "gtidSet": "", "dumpSize": 0, "binlogSize": 0, "workDirUsage": 0, "warnings": null },
        "cloned": false,
        "reconcileInfo": { "generation": 1, "reconcileVersion": 1 },
    });
    let cluster: Result<MySQLCluster, _> = serde_json::from_value(manifest);
    let status = cluster.unwrap().status.unwrap();
    assert_eq!(status.current_primary_index, Some(1));
    assert_eq!(status.register, None);
}
