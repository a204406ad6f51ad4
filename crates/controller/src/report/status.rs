//! The status of a cluster: what it should say, and the patch that makes it say so.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use moco_api::status::ReconcileInfo;
use moco_api::{MySQLClusterStatus, VerdictStatus};
use serde_json::{Map, Value, json};

use super::{Sources, conditions, members};
use crate::cluster::RECONCILE_VERSION;
use crate::reconcile::Outcome;

/// The fields that a report writes. The register is not among them: it is written by
/// compare-and-swap only, and a report must never touch it. Backup and restore have other writers.
const FIELDS: [&str; 9] = [
    "conditions",
    "observedGeneration",
    "verdict",
    "members",
    "currentPrimaryIndex",
    "syncedReplicas",
    "errantReplicas",
    "errantReplicaList",
    "reconcileInfo",
];

/// What the status should say, given what it says (`before`).
pub(super) fn status(of: &Sources<'_>, before: &Value, now: Timestamp) -> MySQLClusterStatus {
    // Times are kept in whole seconds.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let read = |field: &str| before.get(field).cloned().unwrap_or_default();
    let conditions_before: Vec<Condition> =
        serde_json::from_value(read("conditions")).unwrap_or_default();
    let verdict_before: Option<VerdictStatus> =
        serde_json::from_value(read("verdict")).unwrap_or_default();
    let verdict = &of.decision.verdict;
    let since = verdict_before
        .filter(|before| before.code == verdict.code)
        .map_or(Time(now), |before| before.since);
    let errant = members::errant(of.seen)
        .or_else(|| serde_json::from_value(read("errantReplicaList")).unwrap_or_default())
        .unwrap_or_default();
    let info_before = serde_json::from_value(read("reconcileInfo")).unwrap_or_default();
    MySQLClusterStatus {
        conditions: conditions::conditions(of, &conditions_before, now),
        observed_generation: Some(of.generation),
        verdict: Some(VerdictStatus {
            code: verdict.code.clone(),
            sentence: verdict.sentence.clone(),
            since,
        }),
        members: members::members(of.seen),
        // Of a lost register this is what is left.
        current_primary_index: of.seen.register.as_ref().map_or_else(
            || serde_json::from_value(read("currentPrimaryIndex")).unwrap_or_default(),
            |register| Some(register.primary.0),
        ),
        synced_replicas: Some(of.ready_pods),
        errant_replicas: u32::try_from(errant.len()).ok(),
        errant_replica_list: (!errant.is_empty()).then_some(errant),
        reconcile_info: match of.reconciled.outcome {
            Outcome::Done => Some(ReconcileInfo {
                generation: of.generation,
                reconcile_version: RECONCILE_VERSION,
            }),
            _ => info_before,
        },
        ..MySQLClusterStatus::default()
    }
}

/// The merge patch that adds the condition about another operator's cluster, and nothing else.
pub(super) fn foreign(of: &Sources<'_>, before: &Value, now: Timestamp) -> Option<Value> {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let read = before.get("conditions").cloned().unwrap_or_default();
    let known: Vec<Condition> = serde_json::from_value(read).unwrap_or_default();
    let wanted = conditions::foreign(of, &known, now);
    (wanted != known).then(|| json!({ "status": { "conditions": wanted } }))
}

/// The merge patch from what the status says to what it should say; none when it says so already.
pub(super) fn patch(before: &Value, wanted: &MySQLClusterStatus) -> Option<Value> {
    let wanted = json!(wanted);
    let mut changes = Map::new();
    for field in FIELDS {
        let (old, new) = (before.get(field), wanted.get(field));
        if old.filter(|old| !old.is_null()) != new {
            changes.insert(field.to_owned(), new.cloned().unwrap_or(Value::Null));
        }
    }
    (!changes.is_empty()).then(|| json!({ "status": changes }))
}
