//! `kubectl moco status`: what is wrong with a cluster and what happens next, on one screen.
//!
//! What is wrong is what the controller wrote; what happens next is the advice of the planner's table of
//! problems. Nothing is said here in other words than there.

use std::process::ExitCode;

use moco_api::MemberStatus;
use moco_api::constants::{annotations, conditions};
use moco_model::register::Switchover;
use moco_model::{MemberId, Millis, Register, quorum};
use serde::Serialize;

use crate::cluster::{Cluster, NoRegister, is_counted};
use crate::failovers::Change;
use crate::times::moment;

mod live;
mod text;
mod trouble;

pub(crate) use live::Live;
use trouble::Trouble;

/// How a cluster is, as programs read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// NAMESPACE/NAME.
    cluster: String,
    /// What users have of it.
    pub(crate) standing: Standing,
    /// Whether it takes writes; none while nobody knows.
    takes_writes: Option<bool>,
    /// What it is doing.
    verdict: Option<Verdict>,
    /// Everything that is wrong, the most urgent first, and what happens next.
    problems: Vec<Trouble>,
    /// The number of the decision in force.
    epoch: Option<u64>,
    /// The member that may be opened for writing.
    primary: Option<u32>,
    /// Acknowledgements that each commit waits for.
    acknowledgements: Option<u32>,
    /// The members.
    members: Vec<Member>,
    /// The switchover under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    switchover: Option<UnderWay>,
    /// The last change of the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_handover: Option<Change>,
    /// What else a reader must know to understand the rest.
    notes: Vec<String>,
}

/// What users have of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// It takes writes, and every member does its work, as the manifest is now.
    Healthy,
    /// It takes writes, and something is wrong or under way.
    Degraded,
    /// It takes no writes, or nobody knows whether it does.
    Unavailable,
}

impl From<Standing> for ExitCode {
    /// 2 is left out: it says that the API server could not be asked.
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Healthy => Self::SUCCESS,
            Standing::Degraded => Self::from(1),
            Standing::Unavailable => Self::from(3),
        }
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Verdict {
    code: String,
    sentence: String,
    /// Since when the code has been this, in milliseconds since 1970; for people only.
    #[serde(skip)]
    since_ms: Millis,
    /// The same, RFC 3339.
    since: String,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    #[serde(rename = "member")]
    id: u32,
    role: Option<String>,
    phase: String,
    /// What it holds and lacks.
    gtid: Option<String>,
    /// Whether its promise counts in a failover: it was seen to hold everything that the primary
    /// held. None for the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<bool>,
    /// Whether it holds transactions that the primary lacks.
    errant: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
}

/// What keeps a member from doing what it was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Fault {
    code: String,
    sentence: String,
}

/// A switchover under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnderWay {
    to: u32,
    because: String,
    begun_at: String,
    deadline: String,
}

impl Summary {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let register = cluster.register().ok();
        let verdict = cluster.verdict.as_ref().map(|verdict| Verdict {
            code: verdict.code.clone(),
            sentence: verdict.sentence.clone(),
            since_ms: verdict.since.0.as_millisecond(),
            since: verdict.since.0.to_string(),
        });
        let members = cluster.members.iter();
        Self {
            cluster: cluster.id.to_string(),
            standing: standing(cluster),
            takes_writes: takes_writes(cluster),
            verdict,
            problems: trouble::all(cluster),
            epoch: register.map(|register| register.epoch.0),
            primary: register.map_or(cluster.current_primary_index, |register| {
                Some(register.primary.0)
            }),
            acknowledgements: register.map(|register| quorum::acks_under(&register.membership)),
            members: members
                .map(|member| Member::of(member, register, &cluster.errant))
                .collect(),
            switchover: register
                .and_then(|register| register.switchover.as_ref())
                .map(UnderWay::of),
            last_handover: register
                .and_then(|register| register.handovers.last())
                .map(Change::of),
            notes: notes(cluster),
        }
    }
}

impl Member {
    fn of(member: &MemberStatus, register: Option<&Register>, errant: &[u32]) -> Self {
        let id = MemberId(member.ordinal);
        let follower = register.filter(|register| register.primary != id);
        Self {
            id: id.0,
            role: member.role.clone(),
            phase: member.phase.clone(),
            gtid: member.gtid.clone(),
            counted: follower.map(|register| is_counted(register, id, Some(member))),
            errant: errant.contains(&id.0),
            agent_version: member.agent_version.clone(),
            fault: member.fault.as_ref().map(|fault| Fault {
                code: fault.code.clone(),
                sentence: fault.sentence.clone(),
            }),
        }
    }
}

impl UnderWay {
    fn of(switchover: &Switchover) -> Self {
        Self {
            to: switchover.to.0,
            because: switchover.because.clone(),
            begun_at: moment(switchover.begun_at),
            deadline: moment(switchover.deadline),
        }
    }
}

fn standing(cluster: &Cluster) -> Standing {
    if cluster.is_healthy() && !cluster.is(conditions::FOREIGN_CLUSTER) {
        Standing::Healthy
    } else if cluster.is(conditions::AVAILABLE) {
        Standing::Degraded
    } else {
        Standing::Unavailable
    }
}

fn takes_writes(cluster: &Cluster) -> Option<bool> {
    match cluster.condition(conditions::AVAILABLE)?.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

fn notes(cluster: &Cluster) -> Vec<String> {
    let mut notes = Vec::new();
    let name = &cluster.id.name;
    if cluster.clustering_stopped() {
        notes.push(format!(
            "clustering is stopped, nothing is decided; `kubectl moco start clustering {name}` ends that"
        ));
    }
    if cluster.has(annotations::RECONCILIATION_STOPPED) {
        notes.push(format!(
            "reconciliation is stopped, objects are left as they are; \
             `kubectl moco start reconciliation {name}` ends that"
        ));
    }
    if !cluster.is_observed() && !cluster.is(conditions::FOREIGN_CLUSTER) {
        notes.push("the controller has not looked at this manifest yet".to_owned());
    }
    if let Err(unreadable @ NoRegister::Unreadable(_)) = cluster.register() {
        notes.push(unreadable.to_string());
    }
    notes.extend(without_effect(cluster));
    let fields = cluster.unreadable.iter();
    let other = fields.filter(|field| !field.starts_with("register: "));
    notes.extend(other.map(|field| format!("this version cannot read status.{field}")));
    notes
}

/// What was given and has no effect, and what has not reached every pod, in the controller's words.
fn without_effect(cluster: &Cluster) -> Vec<String> {
    let told = [
        conditions::SPEC_HONOURED,
        conditions::CONFIG_HONOURED,
        conditions::STATEFUL_SET_READY,
    ];
    let denied = |kind: &&str| {
        let found = cluster.condition(kind)?;
        let is_told = found.status == "False" && !found.message.is_empty();
        is_told.then(|| format!("{kind} is False: {}", found.message))
    };
    told.iter().filter_map(denied).collect()
}

#[cfg(test)]
mod tests;
