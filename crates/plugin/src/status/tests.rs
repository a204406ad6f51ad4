use serde_json::json;

use super::*;
use crate::cli::Format;
use crate::output::formatted;
use crate::testing::{cluster, handover, healthy, two_lost};

/// One hour after the verdict of the fixtures.
const NOW: Millis = 1_764_064_800_000;

#[test]
fn a_healthy_cluster_fits_a_few_lines() {
    let summary = Summary::of(&cluster(healthy()));
    assert!(summary.healthy);
    insta::assert_snapshot!(summary.text(NOW));
}

fn troubled() -> Cluster {
    let mut object = two_lost();
    object["metadata"]["annotations"] = json!({ "moco.cybozu.com/clustering-stopped": "true" });
    object["metadata"]["generation"] = json!(5);
    let status = &mut object["status"];
    status["errantReplicaList"] = json!([1]);
    status["members"][1]["fault"] = json!({
        "code": "CloneFailed", "sentence": "the clone from member 0 failed: connection lost",
    });
    status["register"]["counted"] = json!({ "1": "a" });
    status["register"]["handovers"] = json!([handover(7, "failover", true)]);
    status["register"]["switchover"] = json!({
        "to": 1, "because": "asked by annotation",
        "begunAt": 1_764_061_300_000_i64, "deadline": 1_764_061_360_000_i64,
    });
    cluster(object)
}

#[test]
fn everything_that_is_wrong_is_on_the_screen() {
    let summary = Summary::of(&troubled());
    assert!(!summary.healthy);
    insta::assert_snapshot!(summary.text(NOW));
}

#[test]
fn programs_see_the_same() {
    insta::assert_snapshot!(formatted(&Summary::of(&troubled()), Format::Yaml).unwrap());
}

#[test]
fn a_cluster_without_a_status_is_shown_and_not_healthy() {
    let summary = Summary::of(&cluster(
        json!({ "metadata": { "generation": 1 }, "spec": {} }),
    ));
    assert!(!summary.healthy);
    insta::assert_snapshot!(summary.text(NOW));
}

#[test]
fn a_register_that_cannot_be_read_is_said_and_the_rest_is_shown() {
    let mut object = healthy();
    object["status"]["register"]["epoch"] = json!("seven");
    let text = Summary::of(&cluster(object)).text(NOW);
    assert!(
        text.contains("use a kubectl-moco of the controller's version"),
        "{text}"
    );
    assert!(text.contains("primary is member 0"), "{text}");
    assert_eq!(text.matches("Note: ").count(), 1, "{text}");
}
