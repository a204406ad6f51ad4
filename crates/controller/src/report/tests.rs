use moco_model::report::{Fault, FaultCode};
use moco_model::{MemberId, MemberReport, Phase};
use moco_planner::observation::Clustering;
use moco_planner::{Memory, Seen, decide};
use serde_json::json;

use super::*;
use crate::reconcile::{Notes, Outcome};
use crate::testing::{holding, observation, silent};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

struct Case {
    seen: Observation,
    reconciled: Reconciled,
    set: Option<SetView>,
    ready_pods: u32,
}

impl Case {
    fn new(seen: Observation) -> Self {
        let reconciled = Reconciled {
            outcome: Outcome::Done,
            notes: Some(Notes::default()),
        };
        Self {
            seen,
            reconciled,
            set: None,
            ready_pods: 3,
        }
    }

    /// The status after a report on `before`, and the events.
    fn apply(&self, before: &mut Value, now: Timestamp) -> Vec<String> {
        let decision = decide(&self.seen, &Memory::default(), 0);
        let sources = Sources {
            seen: &self.seen,
            decision: &decision,
            reconciled: &self.reconciled,
            set: self.set.as_ref(),
            ready_pods: self.ready_pods,
            generation: 4,
        };
        let report = report(&sources, before, now);
        if let Some(patch) = report.patch {
            for (field, value) in patch["status"].as_object().unwrap() {
                before[field] = value.clone();
            }
        }
        report
            .events
            .iter()
            .map(|event| format!("{:?} {}", event.type_, event.reason))
            .collect()
    }
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let all = status["conditions"].as_array().unwrap();
    all.iter()
        .find(|one| one["type"] == kind)
        .unwrap_or(&Value::Null)
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let mut status = json!({});
    Case::new(observation(3)).apply(&mut status, at(100));
    let healthy = condition(&status, "Healthy").clone();
    assert_eq!(healthy["status"], json!("True"));
    assert_eq!(healthy["reason"], json!("Healthy"));
    assert_eq!(healthy["lastTransitionTime"], json!("1970-01-01T00:01:40Z"));
    let mut worse = observation(3);
    worse
        .members
        .insert(MemberId(2), silent(2, "its pod does not exist"));
    Case::new(worse).apply(&mut status, at(200));
    assert_eq!(
        condition(&status, "Healthy")["lastTransitionTime"],
        json!("1970-01-01T00:03:20Z")
    );
    assert_eq!(
        condition(&status, "Available")["lastTransitionTime"],
        json!("1970-01-01T00:01:40Z")
    );
    assert_eq!(
        condition(&status, "Available")["reason"],
        json!("ReplicaUnreachable")
    );
    assert_eq!(status["verdict"]["since"], json!("1970-01-01T00:03:20Z"));
}

#[test]
fn a_cluster_is_healthy_only_when_its_pods_are_ready() {
    let mut status = json!({});
    let mut case = Case::new(observation(3));
    case.ready_pods = 2;
    case.apply(&mut status, at(100));
    let healthy = condition(&status, "Healthy");
    assert_eq!(healthy["status"], json!("False"));
    assert_eq!(healthy["reason"], json!("PodsNotReady"));
    let message = healthy["message"].as_str().unwrap();
    assert!(message.contains("2 of 3 pods are ready"), "{message}");
    assert_eq!(condition(&status, "Available")["status"], json!("True"));
    case.ready_pods = 3;
    case.apply(&mut status, at(200));
    assert_eq!(condition(&status, "Healthy")["status"], json!("True"));
    assert_eq!(condition(&status, "Healthy")["reason"], json!("Healthy"));
}

#[test]
fn every_problem_is_said_where_health_is_denied() {
    let mut status = json!({});
    let mut seen = observation(3);
    seen.members
        .insert(MemberId(2), silent(2, "its pod does not exist"));
    seen.wanted.replicas = 1;
    Case::new(seen).apply(&mut status, at(100));
    let message = condition(&status, "Healthy")["message"].as_str().unwrap();
    assert!(message.contains("MembersChanging: "), "{message}");
    assert!(message.contains("ReplicaUnreachable: "), "{message}");
}

#[test]
fn the_same_again_is_no_change() {
    let mut status = json!({});
    let case = Case::new(observation(3));
    assert_eq!(case.apply(&mut status, at(100)), ["Normal Healthy"]);
    let once = status.clone();
    assert!(case.apply(&mut status, at(999)).is_empty());
    assert_eq!(status, once);
}

#[test]
fn what_has_no_effect_is_told_once_and_stays_in_a_condition() {
    let mut status = json!({});
    let mut case = Case::new(observation(3));
    let fields = vec!["spec.collectors has no effect".to_owned()];
    case.reconciled.notes = Some(Notes {
        fields,
        options: Vec::new(),
    });
    let events = case.apply(&mut status, at(100));
    assert_eq!(events, ["Normal Healthy", "Warning FieldsWithoutEffect"]);
    assert!(case.apply(&mut status, at(200)).is_empty());
    assert_eq!(condition(&status, "SpecHonoured")["status"], json!("False"));
    assert_eq!(
        condition(&status, "ConfigHonoured")["status"],
        json!("True")
    );
}

#[test]
fn a_manifest_that_cannot_work_gets_a_condition_and_keeps_what_was_known() {
    let mut status = json!({});
    let mut case = Case::new(observation(3));
    case.apply(&mut status, at(100));
    let sentence = "spec.x is wrong".to_owned();
    case.reconciled = Reconciled {
        outcome: Outcome::Invalid(sentence),
        notes: None,
    };
    case.seen.platform.extend(case.reconciled.fault());
    assert_eq!(case.apply(&mut status, at(200)), ["Warning InvalidSpec"]);
    let success = condition(&status, "ReconcileSuccess");
    assert_eq!(
        (&success["status"], &success["reason"]),
        (&json!("False"), &json!("InvalidSpec"))
    );
    assert_eq!(success["message"], json!("spec.x is wrong"));
    assert_eq!(
        condition(&status, "Available")["status"],
        json!("True"),
        "the members run on"
    );
    assert_eq!(
        status["reconcileInfo"],
        json!({ "generation": 4, "reconcileVersion": 1 })
    );
    assert_eq!(condition(&status, "SpecHonoured")["status"], json!("True"));
}

#[test]
fn a_stopped_cluster_is_neither_well_nor_unwell() {
    let mut status = json!({});
    let mut case = Case::new(observation(3));
    case.seen.wanted.clustering = Clustering::Stopped;
    case.reconciled = Reconciled {
        outcome: Outcome::Stopped,
        notes: None,
    };
    case.apply(&mut status, at(100));
    assert_eq!(condition(&status, "Available")["status"], json!("Unknown"));
    assert_eq!(condition(&status, "Initialized")["status"], json!("True"));
    assert_eq!(
        condition(&status, "ClusteringActive")["status"],
        json!("False")
    );
    assert_eq!(
        condition(&status, "ReconciliationActive")["status"],
        json!("False")
    );
    assert_eq!(condition(&status, "ReconcileSuccess"), &Value::Null);
}

#[test]
fn what_was_said_of_objects_stays_until_they_are_looked_at_again() {
    let mut status = json!({});
    let mut case = Case::new(observation(3));
    case.apply(&mut status, at(100));
    let before = status.clone();
    case.reconciled = Reconciled::default();
    assert!(case.apply(&mut status, at(200)).is_empty());
    assert_eq!(status, before);
}

#[test]
fn a_foreign_cluster_gets_its_condition_only_and_loses_it_again() {
    let mut status = json!({ "currentPrimaryIndex": 2 });
    let mut case = Case::new(observation(3));
    let outcome = Outcome::Foreign("made by another operator".to_owned());
    case.reconciled = Reconciled {
        outcome,
        notes: None,
    };
    case.seen.register = None;
    case.seen.platform.extend(case.reconciled.fault());
    assert_eq!(case.apply(&mut status, at(100)), ["Warning ForeignCluster"]);
    assert_eq!(
        condition(&status, "ForeignCluster")["status"],
        json!("True")
    );
    assert_eq!(
        status["currentPrimaryIndex"],
        json!(2),
        "what the other decides by stays"
    );
    assert_eq!(
        status.as_object().unwrap().len(),
        2,
        "and nothing else is said"
    );
    assert!(case.apply(&mut status, at(150)).is_empty());
    Case::new(observation(3)).apply(&mut status, at(200));
    assert_eq!(
        condition(&status, "ForeignCluster")["status"],
        json!("False")
    );
    assert_eq!(condition(&status, "ForeignVolumes"), &Value::Null);
}

#[test]
fn errant_replicas_are_remembered_while_the_primary_cannot_be_asked() {
    let mut status = json!({ "errantReplicaList": [2] });
    let mut seen = observation(3);
    seen.members.insert(MemberId(0), silent(0, "gone"));
    Case::new(seen).apply(&mut status, at(100));
    assert_eq!(
        (&status["errantReplicas"], &status["errantReplicaList"]),
        (&json!(1), &json!([2]))
    );
    Case::new(observation(3)).apply(&mut status, at(200));
    assert_eq!(
        (&status["errantReplicas"], &status["errantReplicaList"]),
        (&json!(0), &Value::Null)
    );
}

#[test]
fn only_changes_of_members_are_told() {
    let told = |before: &Glimpse, seen: &Observation| {
        let (after, events) = changes(before, seen);
        let events: Vec<_> = events.into_iter().map(|event| event.reason).collect();
        (after, events)
    };
    let with = |phase: Phase, fault: Option<FaultCode>| {
        let mut seen = observation(3);
        let mut member = holding(1);
        if let Seen::Fresh(MemberReport {
            phase: its,
            fault: wrong,
            ..
        }) = &mut member.report
        {
            *its = phase;
            *wrong = fault.map(|code| Fault {
                code,
                sentence: String::new(),
            });
        }
        seen.members.insert(MemberId(1), member);
        seen
    };
    let (glimpse, events) = told(&Glimpse::default(), &with(Phase::Cloning(3), None));
    assert!(events.is_empty(), "what was so at the start is no change");
    let mut unheard = observation(3);
    unheard.members.insert(MemberId(1), silent(1, "x"));
    let (glimpse, events) = told(&glimpse, &unheard);
    assert!(events.is_empty(), "silence is no change");
    let (glimpse, events) = told(&glimpse, &with(Phase::Running, None));
    assert_eq!(events, ["Cloned"]);
    let (_, events) = told(
        &glimpse,
        &with(Phase::Running, Some(FaultCode::CloneFailed)),
    );
    assert_eq!(events, ["CloneFailed"]);
}
