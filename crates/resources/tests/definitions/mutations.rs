//! Every field of the definitions, mutated: left out, null, of a wrong type, at its edges and beyond,
//! absurd. Each mutation is either understood, and a cluster becomes objects, or refused by a sentence
//! that names the field; nothing panics. When a good manifest is changed into a mutated one later,
//! nothing changes of the StatefulSet that Kubernetes cannot change, but for the claims.

use std::collections::BTreeSet;

use moco_api::{Invalid, read, validate_policy};
use moco_resources::objects;
use serde_json::{Value, json};

use crate::given::{facts, spec_schema};

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Item,
}

/// A field of a definition.
struct Field {
    path: Vec<Step>,
    schema: Value,
}

/// A manifest in which every field of its kind has a value.
fn cluster() -> Value {
    json!({
        "replicas": 3, "serverIDBase": 7, "maxDelaySeconds": 60, "maxDelaySecondsForPodDeletion": 5,
        "startupWaitSeconds": 3600, "logRotationSchedule": "*/5 * * * *", "logRotationSize": 1000,
        "mysqlConfigMapName": "options", "replicationSourceSecretName": "source", "backupPolicyName": "daily",
        "collectors": ["info_schema.tables"], "disableSlowQueryLogContainer": false,
        "slowQueryLogConfigTmpl": "Path {{ .Path }}", "agentUseLocalhost": false, "initializeTimezoneData": true,
        "offline": false,
        "primaryServiceTemplate": { "metadata": { "name": "x", "labels": { "a": "b" }, "annotations": { "a": "b" } },
            "spec": { "type": "LoadBalancer", "ports": [{ "name": "extra", "port": 99 }] } },
        "replicaServiceTemplate": { "metadata": { "name": "x", "labels": { "a": "b" }, "annotations": { "a": "b" } },
            "spec": { "type": "ClusterIP" } },
        "restore": { "sourceName": "a", "sourceNamespace": "b", "restorePoint": "2026-01-02T03:04:05Z",
            "schema": "s", "users": "u", "jobConfig": job() },
        "podTemplate": {
            "metadata": { "name": "x", "labels": { "a": "b" }, "annotations": { "a": "b" } },
            "spec": {
                "containers": [{ "name": "mysqld", "image": "mysql:9.7.4", "ports": [{ "containerPort": 1234, "name": "mine" }],
                    "resources": { "requests": { "cpu": 1, "memory": "1Gi" } } }],
                "initContainers": [{ "name": "prepare", "image": "busybox", "ports": [{ "containerPort": 1, "name": "a" }] }],
                "volumes": [{ "name": "mine", "emptyDir": {} }],
                "hostPID": false, "shareProcessNamespace": false,
            },
            "overwriteContainers": [{ "name": "slow-log", "resources": { "limits": { "cpu": 1 } }, "securityContext": { "runAsUser": 1 } }],
        },
        "volumeClaimTemplates": [{
            "metadata": { "name": "mysql-data", "labels": { "a": "b" }, "annotations": { "a": "b" } },
            "spec": { "resources": { "requests": { "storage": "10Gi" } } },
        }],
    })
}

fn job() -> Value {
    json!({
        "serviceAccountName": "owner", "threads": 4, "cpu": 1, "maxCpu": 2, "memory": "1Gi", "maxMemory": "2Gi",
        "workVolume": { "emptyDir": {} }, "env": [{ "name": "A", "value": "b" }], "envFrom": [{ "secretRef": { "name": "x" } }],
        "affinity": { "nodeAffinity": {} }, "volumes": [{ "name": "v", "emptyDir": {} }],
        "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
        "bucketConfig": { "bucketName": "b", "region": "r", "endpointURL": "https://e", "usePathStyle": true,
            "backendType": "s3", "caCert": "/ca" },
    })
}

fn policy() -> Value {
    json!({
        "schedule": "0 3 * * *", "timeZone": "UTC", "jobConfig": job(), "concurrencyPolicy": "Allow",
        "startingDeadlineSeconds": 1, "activeDeadlineSeconds": 1, "backoffLimit": 1,
        "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1,
        "archive": { "maxAge": "5s", "maxSize": "16Mi" },
    })
}

/// Parts of Kubernetes' own types that no definition spells out, and that decide much here.
const INSIDE: [&str; 14] = [
    "affinity",
    "securityContext",
    "tolerations",
    "terminationGracePeriodSeconds",
    "serviceAccountName",
    "restartPolicy",
    "containers[].resources",
    "containers[].env",
    "containers[].args",
    "containers[].command",
    "containers[].volumeMounts",
    "containers[].startupProbe",
    "containers[].readinessProbe",
    "containers[].securityContext",
];

fn fields(path: &[Step], schema: &Value, found: &mut Vec<Field>) {
    found.push(Field {
        path: path.to_vec(),
        schema: schema.clone(),
    });
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = [path, &[Step::Field(name.clone())]].concat();
        fields(&path, inner, found);
    }
    if let Some(items) = schema.get("items") {
        fields(&[path, &[Step::Item]].concat(), items, found);
    }
}

/// `a.b[].c` below the pod's spec.
fn inside(text: &str) -> Field {
    let mut path: Vec<_> = ["podTemplate", "spec"]
        .map(|name| Step::Field(name.to_owned()))
        .into();
    for part in text.split('.') {
        let (name, item) = part
            .strip_suffix("[]")
            .map_or((part, false), |name| (name, true));
        path.push(Step::Field(name.to_owned()));
        if item {
            path.push(Step::Item);
        }
    }
    Field {
        path,
        schema: json!({}),
    }
}

/// Values for a field; `None` leaves it out.
fn values(schema: &Value) -> Vec<Option<Value>> {
    let long = "x".repeat(100_000);
    let mut all: Vec<Option<Value>> = [
        json!(null),
        json!(true),
        json!(0),
        json!(1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!({ "no-such-field": { "a": [1] } }),
        json!("\u{0}\n\r\u{202e}"),
        json!("../../etc/passwd"),
        json!("{{ .Secret }}"),
        json!("'; DROP TABLE users; --"),
        json!(long),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!("99999999999999999999999999999999E"),
        json!("-1"),
    ]
    .into_iter()
    .map(Some)
    .collect();
    all.push(None);
    for (bound, step) in [("minimum", -1), ("maximum", 1)] {
        if let Some(bound) = schema[bound].as_i64() {
            all.extend([bound, bound + step, bound - step].map(|value| Some(json!(value))));
        }
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        let most = usize::try_from(most).unwrap();
        all.extend([most, most + 1].map(|length| Some(json!("a".repeat(length)))));
    }
    for one in schema["enum"].as_array().into_iter().flatten() {
        all.push(Some(one.clone()));
    }
    all
}

/// The place of a path in a value.
fn place<'a>(value: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Field(name) => &mut value[name.as_str()],
        Step::Item => &mut value[0],
    })
}

/// The spec with another value at a path.
fn mutated(spec: &Value, path: &[Step], value: Option<&Value>) -> Value {
    let mut spec = spec.clone();
    let Some((last, parents)) = path.split_last() else {
        return value.cloned().unwrap_or_default();
    };
    let parent = place(&mut spec, parents);
    match (last, value) {
        (Step::Field(name), Some(value)) => parent[name.as_str()] = value.clone(),
        (Step::Field(name), None) => drop(parent.as_object_mut().unwrap().remove(name)),
        (Step::Item, Some(value)) => parent[0] = value.clone(),
        (Step::Item, None) => drop(parent.as_array_mut().unwrap().remove(0)),
    }
    spec
}

fn text(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Item => "[]".to_owned(),
    });
    format!("spec{}", steps.collect::<String>())
}

/// Whether a sentence leads a person to the field: it is about it, about something in it or around it,
/// or says its name.
fn names(invalid: &Invalid, path: &[Step]) -> bool {
    let plain = |text: &str| {
        let mut inside = false;
        text.chars()
            .filter(|c| {
                inside = *c == '[' || inside && *c != ']';
                !inside && *c != ']'
            })
            .collect::<String>()
    };
    let (about, field) = (plain(&invalid.field), plain(&text(path)));
    let said = path.iter().rev().find_map(|step| match step {
        Step::Field(name) => Some(invalid.to_string().contains(name.as_str())),
        Step::Item => None,
    });
    // Nobody is led anywhere by a sentence about the whole.
    let around = field.starts_with(&about) && about != "spec";
    about.starts_with(&field) || around || said == Some(true)
}

/// What becomes of a cluster's spec.
fn cluster_objects(spec: &Value) -> Result<(), Vec<Invalid>> {
    let metadata =
        serde_json::from_value(json!({ "namespace": "app", "name": "db", "uid": "u" })).unwrap();
    let made = objects(&read(&metadata, spec)?, &facts());
    let set = made.stateful_set.spec.unwrap();
    assert_eq!(set.service_name.as_deref(), Some("moco-db"));
    assert_eq!(set.pod_management_policy.as_deref(), Some("Parallel"));
    assert_eq!(
        set.selector.match_labels,
        made.headless_service.spec.unwrap().selector
    );
    let template = set.template.spec.unwrap();
    let mysqld = template.containers.iter().find(|one| one.name == "mysqld");
    assert!(mysqld.is_some_and(|mysqld| mysqld.image.is_some()));
    assert!(made.config_map.data.unwrap()["my.cnf"].contains("super_read_only"));
    Ok(())
}

fn try_all(
    base: &Value,
    all: &[Field],
    judge: impl Fn(&Value) -> Result<(), Vec<Invalid>>,
) -> [usize; 2] {
    assert_eq!(judge(base), Ok(()), "the manifest to begin with is good");
    let [mut taken, mut refused] = [0; 2];
    for field in all {
        for value in values(&field.schema) {
            let spec = mutated(base, &field.path, value.as_ref());
            match judge(&spec) {
                Ok(()) => taken += 1,
                Err(invalid) => {
                    refused += 1;
                    let shown = value.map_or("left out".to_owned(), |value| {
                        value.to_string().chars().take(80).collect()
                    });
                    let path = text(&field.path);
                    assert!(
                        !invalid.is_empty(),
                        "{path} = {shown}: refused without a word"
                    );
                    assert!(
                        invalid.iter().any(|one| names(one, &field.path)),
                        "{path} = {shown}: {invalid:?}"
                    );
                    let longest = invalid.iter().map(|one| one.to_string().len()).max();
                    assert!(
                        longest < Some(1000),
                        "{path} = {shown}: the answer floods the status"
                    );
                }
            }
        }
    }
    [taken, refused]
}

#[test]
fn every_mutation_of_a_cluster_becomes_objects_or_is_refused_by_name() {
    let mut all = Vec::new();
    fields(&[], &spec_schema("MySQLCluster"), &mut all);
    all.extend(INSIDE.map(inside));
    assert!(all.len() > 80, "only {} fields were found", all.len());
    let [taken, refused] = try_all(&cluster(), &all, cluster_objects);
    println!(
        "{} fields: {taken} mutations taken, {refused} refused",
        all.len()
    );
    assert!(taken > 400 && refused > 2000, "{taken} {refused}");
}

#[test]
fn every_mutation_of_a_policy_is_understood_or_refused_by_name() {
    let mut all = Vec::new();
    fields(&[], &spec_schema("BackupPolicy"), &mut all);
    assert!(all.len() > 30, "only {} fields were found", all.len());
    let judge = |spec: &Value| validate_policy(spec).map(|_| ());
    let [taken, refused] = try_all(&policy(), &all, judge);
    println!(
        "{} fields: {taken} mutations taken, {refused} refused",
        all.len()
    );
    assert!(taken > 100 && refused > 600, "{taken} {refused}");
}

#[test]
fn every_field_of_the_definitions_has_a_value_to_begin_with() {
    for (kind, base) in [("MySQLCluster", cluster()), ("BackupPolicy", policy())] {
        let mut all = Vec::new();
        fields(&[], &spec_schema(kind), &mut all);
        let missing = all.iter().filter(|field| {
            let mut base = base.clone();
            place(&mut base, &field.path).is_null()
        });
        let missing: Vec<_> = missing.map(|field| text(&field.path)).collect();
        assert_eq!(missing, Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn fields_that_must_not_change_later_have_a_rule_of_the_api_server() {
    let mut fixed = BTreeSet::new();
    let mut all = Vec::new();
    fields(&[], &spec_schema("MySQLCluster"), &mut all);
    for field in &all {
        let rules = field.schema["x-kubernetes-validations"].as_array();
        for rule in rules.into_iter().flatten() {
            if rule["rule"].as_str().unwrap().contains("oldSelf") {
                let message = rule["message"].as_str().unwrap();
                fixed.insert(message.split(' ').next().unwrap().to_owned());
            }
        }
    }
    let expected = [
        "spec.replicationSourceSecretName",
        "spec.restore",
        "spec.serverIDBase",
    ];
    assert_eq!(fixed.into_iter().collect::<Vec<_>>(), expected);
}
