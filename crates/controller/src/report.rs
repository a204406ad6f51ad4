//! Telling people: the status, its conditions, events and metrics, all from one verdict.
//!
//! The status is written from a [`Decision`] and from nothing else. A pass that finds nothing new
//! writes nothing. Nothing here ever touches the register.

use jiff::Timestamp;
use kube::runtime::events::Event;
use moco_planner::{Decision, Observation};
use serde_json::Value;

use crate::reconcile::{Outcome, Reconciled};
use crate::watch::SetView;

mod conditions;
mod events;
mod members;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use events::Glimpse;

/// Everything that a report is made of.
pub(crate) struct Sources<'a> {
    /// What was seen.
    pub(crate) seen: &'a Observation,
    /// What was decided.
    pub(crate) decision: &'a Decision,
    /// What became of the cluster's objects.
    pub(crate) reconciled: &'a Reconciled,
    /// The StatefulSet.
    pub(crate) set: Option<&'a SetView>,
    /// Pods that are ready.
    pub(crate) ready_pods: u32,
    /// The manifest's generation.
    pub(crate) generation: i64,
}

impl Sources<'_> {
    /// Pods whose members do their work and that Kubernetes leads no client to, or not yet: how many are missing.
    fn pods_not_ready(&self) -> u32 {
        self.seen.wanted.replicas.saturating_sub(self.ready_pods)
    }

    /// Whether every member does its work and can be reached by clients.
    pub(crate) fn healthy(&self) -> bool {
        self.decision.verdict.standing.healthy && self.pods_not_ready() == 0
    }
}

/// What to write and to tell.
pub(crate) struct Report {
    /// A merge patch of the status.
    pub(crate) patch: Option<Value>,
    /// Events that belong to the patch: they are told once it is written.
    pub(crate) events: Vec<Event>,
}

/// The report after a pass, given what the status says.
pub(crate) fn report(of: &Sources<'_>, before: &Value, now: Timestamp) -> Report {
    if let Outcome::Foreign(sentence) = &of.reconciled.outcome {
        return foreign(of, sentence, before, now);
    }
    let wanted = status::status(of, before, now);
    let patch = status::patch(before, &wanted);
    let events = if patch.is_some() {
        events::of_status(before, &wanted)
    } else {
        Vec::new()
    };
    Report { patch, events }
}

/// The status of another operator's cluster is that operator's: it gets one condition, and one event
/// when it gets it. Its other fields may be what that operator decides by.
fn foreign(of: &Sources<'_>, sentence: &str, before: &Value, now: Timestamp) -> Report {
    let patch = status::foreign(of, before, now);
    let known = || Report {
        patch: None,
        events: Vec::new(),
    };
    patch.map_or_else(known, |patch| Report {
        patch: Some(patch),
        events: vec![events::foreign(sentence)],
    })
}

/// Changes between two passes that are told beside the verdict.
pub(crate) fn changes(before: &Glimpse, seen: &Observation) -> (Glimpse, Vec<Event>) {
    let now = before.then(seen);
    let events = before.changes(&now);
    (now, events)
}

/// Number of replicas with transactions that the primary lacks; while the primary cannot be asked,
/// as the status says.
pub(crate) fn errant_count(seen: &Observation, before: &Value) -> usize {
    members::errant(seen).map_or_else(
        || {
            before
                .get("errantReplicaList")
                .and_then(Value::as_array)
                .map_or(0, Vec::len)
        },
        |errant| errant.len(),
    )
}
