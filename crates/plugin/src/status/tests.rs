use serde_json::{Value, json};

use super::*;
use crate::cli::Format;
use crate::output::formatted;
use crate::testing::{cluster, condition, handover, healthy, lost, member, silent, verdict};

/// One hour after the verdict of the fixtures.
const NOW: Millis = 1_764_064_800_000;

fn shown(object: Value) -> (Standing, String) {
    let summary = Summary::of(&cluster(object));
    (summary.standing, summary.text(NOW, None))
}

#[test]
fn a_healthy_cluster_fits_a_few_lines() {
    let (standing, text) = shown(healthy());
    assert_eq!(standing, Standing::Healthy);
    insta::assert_snapshot!("healthy", text);
}

/// Member 2 is gone; the others go on.
fn degraded() -> Value {
    let mut object = healthy();
    let gone = "replica 2 cannot be reached: its pod does not exist";
    verdict(&mut object, "ReplicaUnreachable", gone);
    let status = &mut object["status"];
    status["members"][2] = silent(2, "replica");
    status["conditions"] = json!([
        condition("Initialized", "True", "ReplicaUnreachable", gone),
        condition("Available", "True", "ReplicaUnreachable", gone),
        condition("Healthy", "False", "ReplicaUnreachable", gone),
        condition(
            "StatefulSetReady",
            "False",
            "StatefulSetNotReady",
            "2 of 3 pods are available"
        ),
        condition("SpecHonoured", "True", "AllHonoured", ""),
    ]);
    object
}

#[test]
fn a_degraded_cluster_says_what_is_wrong_and_what_happens_next() {
    let (standing, text) = shown(degraded());
    assert_eq!(standing, Standing::Degraded);
    insta::assert_snapshot!("degraded", text);
}

/// The primary's node is drained: it hands over to member 1, and member 2 clones.
fn switching() -> Value {
    let mut object = healthy();
    let because = "pod moco-orders-0 is going away";
    let first = format!("member 1 becomes primary ({because}): the primary is being closed");
    verdict(
        &mut object,
        "SwitchoverUnderWay",
        &format!("{first} (and 1 more)"),
    );
    let both =
        format!("SwitchoverUnderWay: {first}; ReplicaUnreachable: replica 2 clones, 40 % done");
    let status = &mut object["status"];
    status["conditions"] = json!([
        condition("Available", "True", "SwitchoverUnderWay", &first),
        condition("Healthy", "False", "SwitchoverUnderWay", &both),
    ]);
    status["members"][2] = member(2, "replica", "holds no data yet");
    status["members"][2]["phase"] = json!("clones, 40 % done");
    status["members"][2]["counted"] = json!(false);
    status["verdict"]["since"] = json!("2025-11-25T09:59:58Z");
    status["register"]["switchover"] = json!({
        "to": 1, "because": because, "begunAt": NOW - 1_877, "deadline": NOW + 58_123,
    });
    object
}

#[test]
fn a_cluster_that_switches_over_says_to_whom_until_when_and_what_it_waits_for() {
    let (standing, text) = shown(switching());
    assert_eq!(standing, Standing::Degraded);
    insta::assert_snapshot!("switching", text);
}

#[test]
fn a_lost_cluster_names_who_is_missing_and_the_last_resort() {
    let (standing, text) = shown(lost());
    assert_eq!(standing, Standing::Unavailable);
    assert!(text.contains("kubectl moco force"), "{text}");
    insta::assert_snapshot!("lost", text);
}

#[test]
fn another_operator_s_cluster_is_called_so_whatever_its_status_says() {
    let sentence = "StatefulSet moco-orders belongs to this cluster and was made by another operator \
                    (the Go MOCO?); nothing is written";
    let (standing, text) = shown(json!({
        "metadata": { "name": "orders", "namespace": "shop", "generation": 4 },
        "spec": { "replicas": 3 },
        "status": {
            // As that operator writes it.
            "currentPrimaryIndex": 0, "syncedReplicas": 3,
            "reconcileInfo": { "generation": 4, "reconcileVersion": 1 },
            "conditions": [
                condition("Available", "True", "Available", "the primary is available"),
                condition("Healthy", "True", "Healthy", "the cluster is healthy"),
                condition("ForeignCluster", "True", "ForeignCluster", sentence),
            ],
        },
    }));
    assert_eq!(standing, Standing::Degraded, "it is never healthy to us");
    insta::assert_snapshot!("foreign", text);
}

/// Everything at once.
fn troubled() -> Value {
    let mut object = lost();
    object["metadata"]["annotations"] = json!({ "moco.cybozu.com/clustering-stopped": "true" });
    object["metadata"]["generation"] = json!(5);
    let status = &mut object["status"];
    status["errantReplicaList"] = json!([1]);
    status["members"][1]["fault"] = json!({
        "code": "CloneFailed", "sentence": "the clone from member 0 failed: connection lost",
    });
    status["register"]["counted"] = json!({ "1": "a" });
    status["register"]["handovers"] = json!([handover(7, "failover", true)]);
    let told = "spec.collectors has no effect: this version adds no metrics exporter";
    let all = status["conditions"].as_array_mut().unwrap();
    all.push(condition(
        "SpecHonoured",
        "False",
        "FieldsWithoutEffect",
        told,
    ));
    object
}

#[test]
fn everything_that_is_wrong_is_on_the_screen() {
    insta::assert_snapshot!("troubled", shown(troubled()).1);
}

#[test]
fn programs_see_the_same() {
    let summary = Summary::of(&cluster(troubled()));
    insta::assert_snapshot!("yaml", formatted(&summary, Format::Yaml).unwrap());
}

#[test]
fn a_cluster_without_a_status_is_shown_and_not_available() {
    let (standing, text) = shown(json!({ "metadata": { "generation": 1 }, "spec": {} }));
    assert_eq!(standing, Standing::Unavailable);
    insta::assert_snapshot!("new", text);
}

#[test]
fn a_cluster_whose_pods_are_not_ready_yet_says_which_are_missing() {
    let mut object = healthy();
    let message =
        "every member does its work, and 2 of 3 pods are ready: the Services lead to these only";
    object["status"]["conditions"][1] = condition("Healthy", "False", "PodsNotReady", message);
    let (standing, text) = shown(object);
    assert_eq!(standing, Standing::Degraded);
    let summary = text.lines().take(2).collect::<Vec<_>>().join("\n");
    assert!(summary.contains("it takes writes"), "{text}");
    assert!(text.contains(message), "{text}");
}

#[test]
fn whether_writes_are_taken_is_not_guessed_while_clustering_is_stopped() {
    let mut object = healthy();
    for at in 0..2 {
        object["status"]["conditions"][at]["status"] = json!("Unknown");
    }
    verdict(
        &mut object,
        "ClusteringStopped",
        "clustering is stopped by annotation; no member is touched",
    );
    let (standing, text) = shown(object);
    assert_eq!(standing, Standing::Unavailable);
    assert!(
        text.contains("it is not known whether it takes writes"),
        "{text}"
    );
    assert!(text.contains("Remove the annotation"), "{text}");
}

#[test]
fn a_register_that_cannot_be_read_is_said_and_the_rest_is_shown() {
    let mut object = healthy();
    object["status"]["register"]["epoch"] = json!("seven");
    let text = shown(object).1;
    assert!(
        text.contains("use a kubectl-moco of the controller's version"),
        "{text}"
    );
    assert!(text.contains("primary is member 0"), "{text}");
    assert_eq!(text.matches("Note: ").count(), 1, "{text}");
}

#[test]
fn the_wide_form_says_what_could_not_be_had() {
    let summary = Summary::of(&cluster(healthy()));
    insta::assert_snapshot!("wide", summary.text(NOW, Some(&live::tests::example())));
}
