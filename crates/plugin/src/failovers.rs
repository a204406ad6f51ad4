//! `kubectl moco failovers`: the last changes of the primary.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use moco_model::register::{BasisKind, Cause, Handover};
use moco_model::{Millis, Register};
use serde::Serialize;

use crate::times::{moment, span};

/// One change of the primary, as programs read it. Times are RFC 3339 in UTC, to the millisecond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// The epoch that began with it.
    epoch: u64,
    /// Failover, switchover or forced.
    kind: BasisKind,
    /// Who was primary.
    from: u32,
    /// Who became primary.
    to: u32,
    /// What kind of evidence made it necessary.
    cause: Cause,
    /// The evidence.
    because: String,
    /// When the problem was first seen, or the switchover begun.
    noticed_at: String,
    /// When it was decided.
    decided_at: String,
    /// Milliseconds from noticing to deciding.
    decided_after_ms: Millis,
    /// When the new primary was seen to take writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
    /// Milliseconds from noticing to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_after_ms: Option<Millis>,
    /// Who promised, and the GTID set that each held.
    promised: BTreeMap<u32, String>,
    /// What proves that nothing acknowledged was lost, or what could not be proven.
    proof: String,
}

impl Change {
    pub(crate) fn of(handover: &Handover) -> Self {
        let after = |at: Millis| at.saturating_sub(handover.noticed_at);
        let promised = handover.promised.iter();
        Self {
            epoch: handover.epoch.0,
            kind: handover.kind,
            from: handover.from.0,
            to: handover.to.0,
            cause: handover.cause,
            because: handover.because.clone(),
            noticed_at: moment(handover.noticed_at),
            decided_at: moment(handover.decided_at),
            decided_after_ms: after(handover.decided_at),
            opened_at: handover.opened_at.map(moment),
            opened_after_ms: handover.opened_at.map(after),
            promised: promised.map(|(id, set)| (id.0, set.to_string())).collect(),
            proof: handover.proof.clone(),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let kind = kind(self.kind);
        let (from, to) = (self.from, self.to);
        let opened = self.opened_after_ms.map_or_else(
            || "not seen to take writes yet".to_owned(),
            |after| format!("took writes after {}", span(after)),
        );
        let (epoch, at) = (self.epoch, &self.noticed_at);
        format!("epoch {epoch}, {kind} from member {from} to member {to}, noticed {at}, {opened}")
    }

    /// Everything about it, for people.
    fn block(&self) -> String {
        let mut text = format!(
            "Epoch {}: {} from member {} to member {}\n",
            self.epoch,
            kind(self.kind),
            self.from,
            self.to
        );
        let mut line = |name: &str, said: &str| {
            let _ = writeln!(text, "  {name:<8}  {said}");
        };
        line(
            "because",
            &format!("{}: {}", cause(self.cause), self.because),
        );
        line("noticed", &self.noticed_at);
        let decided = span(self.decided_after_ms);
        line("decided", &format!("{}  after {decided}", self.decided_at));
        let opened = match (&self.opened_at, self.opened_after_ms) {
            (Some(at), Some(after)) => format!("{at}  after {}", span(after)),
            _ => "not seen to take writes yet".to_owned(),
        };
        line("opened", &opened);
        let mut name = "promised";
        for (member, set) in &self.promised {
            let set = if set.is_empty() {
                "no transaction"
            } else {
                set
            };
            line(name, &format!("member {member}: {set}"));
            name = "";
        }
        if self.promised.is_empty() {
            line(name, "nobody");
        }
        line("proof", &self.proof);
        text
    }
}

const fn kind(kind: BasisKind) -> &'static str {
    match kind {
        BasisKind::Bootstrap => "bootstrap",
        BasisKind::RestartInPlace => "restart in place",
        BasisKind::Failover => "failover",
        BasisKind::Switchover => "switchover",
        BasisKind::Resumed => "return",
        BasisKind::Recovered => "recovery",
        BasisKind::Forced => "forced failover",
    }
}

const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Ended => "ended",
        Cause::Silent => "silent",
        Cause::Stuck => "stuck",
        Cause::Asked => "asked",
    }
}

/// The changes that the register remembers, the newest last.
pub(crate) fn changes(register: &Register) -> Vec<Change> {
    register.handovers.iter().map(Change::of).collect()
}

/// The changes for people, the newest last.
pub(crate) fn text(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "The primary has never been changed.\n".to_owned();
    }
    let blocks: Vec<_> = changes.iter().map(Change::block).collect();
    blocks.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::Format;
    use crate::output::formatted;
    use crate::testing::{cluster, handover, healthy};

    fn two() -> Vec<Change> {
        let mut object = healthy();
        let mut second = handover(8, "forced", false);
        second["promised"] = json!({});
        object["status"]["register"]["handovers"] = json!([handover(7, "failover", true), second]);
        changes(cluster(object).register().unwrap())
    }

    #[test]
    fn people_see_when_who_why_and_what_proves_it() {
        insta::assert_snapshot!(text(&two()));
    }

    #[test]
    fn programs_see_the_same() {
        insta::assert_snapshot!(formatted(&two(), Format::Json).unwrap());
    }

    #[test]
    fn a_cluster_whose_primary_was_never_changed_says_so() {
        let cluster = cluster(healthy());
        let changes = changes(cluster.register().unwrap());
        assert_eq!(text(&changes), "The primary has never been changed.\n");
    }

    #[test]
    fn one_line_is_enough_for_the_status() {
        let lines: Vec<_> = two().iter().map(Change::line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
