//! Which events a pass is worth. An event tells a change, never a state.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::events::{Event, EventType};
use moco_api::MySQLClusterStatus;
use moco_api::constants::{conditions, events};
use moco_model::register::{BasisKind, Handover};
use moco_model::report::FaultCode;
use moco_model::{Epoch, MemberId, Phase};
use moco_planner::{Observation, Problem};
use serde_json::Value;

/// Longest note of an event, in bytes (`events.k8s.io/v1`).
const NOTE_BYTES_MAX: usize = 1024;

/// What was seen in the pass before, as far as changes of it are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glimpse {
    members: BTreeMap<MemberId, MemberGlimpse>,
    /// The last change of the primary that is complete; not known before the first look.
    handover: LastHandover,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum LastHandover {
    #[default]
    NotLookedYet,
    Never,
    Was(Handover),
}

impl LastHandover {
    fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Was(handover) => Some(handover.epoch),
            Self::NotLookedYet | Self::Never => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MemberGlimpse {
    clones: bool,
    clone_failed: bool,
    writable: bool,
}

impl Glimpse {
    /// What is seen now. A member that is not heard is remembered as it was: silence is no change.
    pub(super) fn then(&self, seen: &Observation) -> Self {
        let glimpse = |(id, member): (&MemberId, &moco_planner::Member)| {
            let heard = member.report.fresh().map(|report| MemberGlimpse {
                clones: matches!(report.phase, Phase::Cloning(_)),
                clone_failed: report
                    .fault
                    .as_ref()
                    .is_some_and(|fault| fault.code == FaultCode::CloneFailed),
                writable: report.server.as_ref().is_some_and(|server| server.writable),
            });
            heard
                .or_else(|| self.members.get(id).copied())
                .map(|glimpse| (*id, glimpse))
        };
        let handovers = seen
            .register
            .iter()
            .flat_map(|register| &register.handovers);
        let complete = handovers.rev().find(|one| one.opened_at.is_some());
        Self {
            members: seen.members.iter().filter_map(glimpse).collect(),
            handover: complete.map_or(LastHandover::Never, |one| LastHandover::Was(one.clone())),
        }
    }

    /// Changes from `self` to `now` that MOCO has always told.
    pub(super) fn changes(&self, now: &Self) -> Vec<Event> {
        let mut told = Vec::new();
        if let LastHandover::Was(new) = &now.handover
            && self.handover != LastHandover::NotLookedYet
            && self.handover.epoch() != Some(new.epoch)
        {
            told.push(handed_over(new));
        }
        for (id, new) in &now.members {
            let Some(old) = self.members.get(id) else {
                continue;
            };
            if new.clone_failed && !old.clone_failed {
                let note = format!("cloning member {id} failed");
                told.push(event(EventType::Warning, events::CLONE_FAILED, note));
            } else if old.clones && !new.clones && !new.clone_failed {
                let note = format!("member {id} was cloned");
                told.push(event(EventType::Normal, events::CLONED, note));
            }
            if new.writable && !old.writable {
                let note = format!("member {id} takes writes");
                told.push(event(EventType::Normal, events::WRITABLE, note));
            }
        }
        told
    }
}

/// Another member takes writes: why, how long it took, and what proves that nothing was lost.
fn handed_over(handover: &Handover) -> Event {
    let (type_, reason) = match handover.kind {
        BasisKind::Switchover => (EventType::Normal, events::SWITCH_OVER),
        _ => (EventType::Warning, events::FAIL_OVER),
    };
    let took_ms = handover.opened_at.unwrap_or(handover.decided_at) - handover.noticed_at;
    let note = format!(
        "member {} took over from member {} within {took_ms} ms: {}; {}",
        handover.to, handover.from, handover.because, handover.proof
    );
    event(type_, reason, note)
}

/// Events of a changed status: a new verdict, and what newly has no effect.
pub(super) fn of_status(before: &Value, now: &MySQLClusterStatus) -> Vec<Event> {
    let mut told = Vec::new();
    let old_code = before.pointer("/verdict/code").and_then(Value::as_str);
    if let Some(verdict) = now
        .verdict
        .as_ref()
        .filter(|new| old_code != Some(new.code.as_str()))
    {
        told.push(event(
            kind_of(&verdict.code),
            &verdict.code,
            verdict.sentence.clone(),
        ));
    }
    let old: Vec<Condition> =
        serde_json::from_value(before.get("conditions").cloned().unwrap_or_default())
            .unwrap_or_default();
    for (kind, reason) in [
        (conditions::SPEC_HONOURED, events::FIELDS_WITHOUT_EFFECT),
        (conditions::CONFIG_HONOURED, events::OPTIONS_WITHOUT_EFFECT),
    ] {
        let find = |all: &[Condition]| all.iter().find(|one| one.type_ == kind).cloned();
        let Some(new) = find(&now.conditions).filter(|new| new.status == "False") else {
            continue;
        };
        let same = |old: Condition| old.status == new.status && old.message == new.message;
        if !find(&old).is_some_and(same) {
            told.push(event(EventType::Warning, reason, new.message));
        }
    }
    told
}

/// The event about another operator's cluster.
pub(super) fn foreign(sentence: &str) -> Event {
    event(
        EventType::Warning,
        Problem::ForeignCluster.code(),
        sentence.to_owned(),
    )
}

/// Steps on the way of a cluster that does well are Normal, everything else is a Warning.
fn kind_of(code: &str) -> EventType {
    let normal = [
        Problem::Offline,
        Problem::ClusteringStopped,
        Problem::WaitingForMembers,
        Problem::NotInitialised,
        Problem::MembersAtGate,
        Problem::MembersEmpty,
        Problem::ReplicaDetached,
        Problem::PrimaryClosed,
        Problem::WrongAcks,
        Problem::MembersChanging,
        Problem::SwitchoverAsked,
        Problem::SwitchoverUnderWay,
        Problem::PromisePending,
        Problem::BookOutdated,
        Problem::LabelsOutdated,
    ];
    let is_normal = code == moco_planner::verdict::HEALTHY
        || normal.iter().any(|problem| problem.code() == code);
    if is_normal {
        EventType::Normal
    } else {
        EventType::Warning
    }
}

fn event(type_: EventType, reason: &str, mut note: String) -> Event {
    if note.len() > NOTE_BYTES_MAX {
        note.truncate(note.floor_char_boundary(NOTE_BYTES_MAX - "…".len()));
        note.push('…');
    }
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: "Report".to_owned(),
        secondary: None,
    }
}
