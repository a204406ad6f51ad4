//! `kubectl moco status`: how a cluster is, on one screen.

use std::fmt::Write as _;

use moco_api::MemberStatus;
use moco_api::constants::annotations;
use moco_model::register::Switchover;
use moco_model::{MemberId, Millis, Register, quorum};
use serde::Serialize;

use crate::cluster::{Cluster, NoRegister, is_counted};
use crate::failovers::Change;
use crate::table::{Row, table};
use crate::times::{moment, span};

/// How a cluster is, as programs read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// NAMESPACE/NAME.
    cluster: String,
    /// Whether the controller calls this manifest's cluster healthy.
    pub(crate) healthy: bool,
    /// What it is doing.
    verdict: Option<Verdict>,
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
            healthy: cluster.is_healthy(),
            verdict,
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

    /// One screen for people; `now` in milliseconds since 1970.
    pub(crate) fn text(&self, now: Millis) -> String {
        let mut text = format!("{}: {}\n", self.cluster, self.headline(now));
        for note in &self.notes {
            let _ = writeln!(text, "Note: {note}.");
        }
        let _ = writeln!(text, "\n{}", self.decision());
        let rows: Vec<_> = self.members.iter().map(Member::row).collect();
        let header = ["MEMBER", "ROLE", "STATE", "GTIDS", "COUNTED", "AGENT"];
        text.push_str(&table(header, &rows));
        if let Some(switchover) = &self.switchover {
            let UnderWay {
                to,
                because,
                begun_at,
                deadline,
            } = switchover;
            let _ = writeln!(
                text,
                "\nSwitchover to member {to} since {begun_at} ({because}); given up at {deadline} if not done by then"
            );
        }
        if let Some(last) = &self.last_handover {
            let _ = writeln!(text, "\nLast change of the primary: {}", last.line());
        }
        text
    }

    fn headline(&self, now: Millis) -> String {
        self.verdict.as_ref().map_or_else(
            || "the controller has said nothing about it yet".to_owned(),
            |verdict| {
                let since = span(now.saturating_sub(verdict.since_ms).max(0));
                let Verdict { code, sentence, .. } = verdict;
                format!("{code} for {since}\n{sentence}")
            },
        )
    }

    fn decision(&self) -> String {
        let primary = self.primary.map_or_else(
            || "no primary yet".to_owned(),
            |primary| format!("primary is member {primary}"),
        );
        match (self.epoch, self.acknowledgements) {
            (Some(epoch), Some(acks)) => {
                let s = if acks == 1 { "" } else { "s" };
                format!("Epoch {epoch}, {primary}, each commit waits for {acks} acknowledgement{s}")
            }
            _ => format!("Epoch unknown, {primary}"),
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

    fn row(&self) -> Row<6> {
        let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
        // A long reason would make the column wider than the screen.
        let (state, reason) = match self.phase.split_once(": ") {
            Some((state, reason)) => (state, Some(reason)),
            None => (self.phase.as_str(), None),
        };
        let counted = self.counted.map(|yes| if yes { "yes" } else { "no" });
        let mut below: Vec<_> = reason.map(str::to_owned).into_iter().collect();
        if self.errant {
            below.push("errant: it holds transactions that the primary lacks".to_owned());
        }
        if let Some(Fault { code, sentence }) = &self.fault {
            below.push(format!("{code}: {sentence}"));
        }
        Row {
            cells: [
                self.id.to_string(),
                or_dash(self.role.as_deref()),
                state.to_owned(),
                or_dash(self.gtid.as_deref()),
                or_dash(counted),
                or_dash(self.agent_version.as_deref()),
            ],
            below,
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

fn notes(cluster: &Cluster) -> Vec<String> {
    let mut notes = Vec::new();
    let name = &cluster.id.name;
    if cluster.offline {
        notes.push("the cluster is offline (spec.offline)".to_owned());
    }
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
    if !cluster.is_observed() {
        notes.push("the controller has not looked at the changed manifest yet".to_owned());
    }
    if let Err(unreadable @ NoRegister::Unreadable(_)) = cluster.register() {
        notes.push(unreadable.to_string());
    }
    let fields = cluster.unreadable.iter();
    let other = fields.filter(|field| !field.starts_with("register: "));
    notes.extend(other.map(|field| format!("this version cannot read status.{field}")));
    notes
}

#[cfg(test)]
mod tests;
