use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::trusted::Backend;

fn sample() -> Value {
    json!({
        "schedule": "0 3 * * *",
        "jobConfig": {
            "serviceAccountName": "backup-owner",
            "bucketConfig": { "bucketName": "moco" },
            "workVolume": { "emptyDir": {} },
        },
    })
}

/// The sample with the value at `path` replaced, or added.
fn with(path: &str, value: Value) -> Value {
    let mut spec = sample();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(name.to_owned(), value);
    spec
}

fn sentences(spec: &Value) -> String {
    let all = validate_policy(spec).err().unwrap_or_default();
    all.iter()
        .flat_map(|one| [one.to_string(), "\n".to_owned()])
        .collect()
}

#[test]
fn what_is_left_out_has_the_defaults_of_moco() {
    let policy = validate_policy(&sample()).unwrap();
    assert_eq!(policy.concurrency, Concurrency::Allow);
    assert_eq!((policy.backoff_limit, policy.archive), (None, None));
    assert_eq!(policy.not_yet, []);
    let job = &policy.job;
    assert_eq!((job.threads, job.bucket.backend), (4, Backend::S3));
    let requests = job.resources.requests.clone().unwrap();
    assert_eq!(
        (requests["cpu"].0.as_str(), requests["memory"].0.as_str()),
        ("4", "4Gi")
    );
    assert_eq!(job.resources.limits, None);
    assert_eq!(job.work_volume.name, "work");
}

#[test]
fn what_is_given_is_taken() {
    let mut spec = with("/archive", json!({ "maxSize": 4_194_304 }));
    let more = json!({
        "timeZone": "Asia/Tokyo", "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 10,
        "activeDeadlineSeconds": 20, "backoffLimit": 0, "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 2,
    });
    let fields = spec.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    let job = fields["jobConfig"].as_object_mut().unwrap();
    let more = json!({
        "threads": 1, "cpu": null, "maxCpu": 2, "memory": "1Gi", "maxMemory": "2Gi",
        "env": [{ "name": "AWS_REGION", "value": "x" }], "envFrom": [{ "secretRef": { "name": "keys" } }],
        "volumes": [{ "name": "ca", "configMap": { "name": "ca" } }], "volumeMounts": [{ "name": "ca", "mountPath": "/ca" }],
        "affinity": { "nodeAffinity": {} },
        "bucketConfig": { "bucketName": "$(BUCKET)", "endpointURL": "https://s3.example", "usePathStyle": true, "caCert": "/ca/ca.crt" },
    });
    job.extend(more.as_object().unwrap().clone());
    let policy = validate_policy(&spec).unwrap();
    let archive = policy.archive.unwrap();
    assert_eq!(
        (archive.max_age, archive.max_size_bytes),
        (Duration::from_secs(5), 4 << 20)
    );
    assert_eq!(policy.time_zone.as_deref(), Some("Asia/Tokyo"));
    assert_eq!(
        (policy.starting_deadline_secs, policy.active_deadline_secs),
        (Some(10), Some(20))
    );
    assert_eq!(
        (
            policy.backoff_limit,
            policy.successful_jobs,
            policy.failed_jobs
        ),
        (Some(0), Some(1), Some(2))
    );
    let requests = policy.job.resources.requests.clone().unwrap();
    assert!(!requests.contains_key("cpu"), "null asks for none");
    assert_eq!(
        (
            policy.job.env.len(),
            policy.job.env_from.len(),
            policy.job.volumes.len()
        ),
        (1, 1, 1)
    );
    assert_eq!(policy.not_yet, []);
}

#[test]
fn each_mistake_is_answered_by_a_sentence_that_names_the_field() {
    let mut answers = String::new();
    let job = |path: &str| format!("/jobConfig/{path}");
    for (path, value) in [
        ("/schedule".to_owned(), json!("every day")),
        ("/schedule".to_owned(), json!("TZ=UTC 0 3 * * *")),
        ("/schedule".to_owned(), json!("0 25 * * *")),
        ("/schedule".to_owned(), json!(5)),
        ("/timeZone".to_owned(), json!("Local")),
        ("/timeZone".to_owned(), json!("../etc")),
        ("/concurrencyPolicy".to_owned(), json!("Maybe")),
        ("/startingDeadlineSeconds".to_owned(), json!(-1)),
        ("/activeDeadlineSeconds".to_owned(), json!("soon")),
        ("/backoffLimit".to_owned(), json!(-1)),
        ("/archive".to_owned(), json!({ "maxAge": "10ms" })),
        ("/archive".to_owned(), json!({ "maxAge": "1d" })),
        ("/archive".to_owned(), json!({ "maxSize": "2Gi" })),
        ("/archive".to_owned(), json!({ "maxSize": [] })),
        ("/jobConfig".to_owned(), json!({})),
        ("/jobConfig".to_owned(), json!([])),
        (job("serviceAccountName"), json!("")),
        (job("serviceAccountName"), json!("Me")),
        (job("threads"), json!(0)),
        (job("threads"), json!(4_000_000)),
        (job("cpu"), json!("many")),
        (job("maxCpu"), json!(3)),
        (job("maxMemory"), json!("1Mi")),
        (job("workVolume"), json!({})),
        (
            job("workVolume"),
            json!({ "emptyDir": {}, "hostPath": { "path": "/" } }),
        ),
        (job("workVolume"), json!({ "ephemeral": 5 })),
        (job("env"), json!([{ "name": "A", "value": 1 }])),
        (job("envFrom"), json!("all")),
        (job("affinity"), json!({ "nodeAffinity": 1 })),
        (job("volumes"), json!([{ "name": "work", "emptyDir": {} }])),
        (
            job("volumeMounts"),
            json!([{ "name": "x" , "mountPath": 7 }]),
        ),
        (job("bucketConfig"), json!({ "bucketName": "" })),
        (job("bucketConfig"), json!({ "bucketName": "a b" })),
        (
            job("bucketConfig"),
            json!({ "bucketName": "a", "endpointURL": "s3.example" }),
        ),
        (
            job("bucketConfig"),
            json!({ "bucketName": "a", "endpointURL": "https://" }),
        ),
        (
            job("bucketConfig"),
            json!({ "bucketName": "a", "backendType": "tape" }),
        ),
        (
            job("bucketConfig"),
            json!({ "bucketName": "a", "region": "x y" }),
        ),
    ] {
        let sentences = sentences(&with(&path, value.clone()));
        assert!(!sentences.is_empty(), "{path} = {value} was accepted");
        writeln!(answers, "{path} = {value}\n{sentences}").unwrap();
    }
    insta::assert_snapshot!("invalid_policy", answers);
}

#[test]
fn what_a_policy_holds_without_effect_is_listed() {
    let bucket = json!({ "bucketName": "a", "backendType": "gcs", "caCert": "/x", "prefiks": "y" });
    let policy = validate_policy(&with("/jobConfig/bucketConfig", bucket)).unwrap();
    let fields: Vec<_> = policy
        .not_yet
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "spec.jobConfig.bucketConfig.prefiks",
            "spec.jobConfig.bucketConfig.caCert"
        ]
    );
}
