//! What the status says about a switchover while somebody waits for it.

use std::time::Duration;

use moco_model::register::{BasisKind, Handover};
use moco_model::{MemberId, Register};

use super::Start;
use crate::cluster::Cluster;
use crate::times::span;

/// What was learned so far.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    start: Start,
    to: Option<MemberId>,
    /// Whether the controller was seen to have begun.
    begun: bool,
    /// The verdict that was last said.
    verdict: String,
    /// What a person should know if it ends now.
    stand: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Another member is primary and takes writes.
    Done(String),
    /// It is not, and the sentence says why.
    Failed(String),
}

/// What one look at the cluster brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// What is new, for people.
    pub(crate) said: Vec<String>,
    /// Set when there is nothing to wait for any more.
    pub(crate) end: Option<End>,
}

impl Look {
    fn end(end: End) -> Self {
        Self {
            said: Vec::new(),
            end: Some(end),
        }
    }
}

impl Wait {
    /// Waits for a switchover that was asked for.
    pub(crate) fn asked(start: Start, to: Option<MemberId>) -> Self {
        Self {
            to,
            begun: false,
            verdict: String::new(),
            stand: format!("member {} is still primary", start.primary),
            start,
        }
    }

    /// Waits for a switchover that was under way before.
    pub(crate) fn joined(start: Start, to: MemberId) -> Self {
        Self {
            begun: true,
            ..Self::asked(start, Some(to))
        }
    }

    /// Looks at the cluster; `None` when it does not exist any more.
    pub(crate) fn look(&mut self, cluster: Option<&Cluster>) -> Look {
        let Some(cluster) = cluster else {
            return Look::end(End::Failed("the cluster was deleted".to_owned()));
        };
        let mut look = Look::default();
        if let Ok(register) = cluster.register() {
            look = if register.primary == self.start.primary {
                self.before(cluster, register)
            } else {
                self.after(register)
            };
        }
        let verdict = cluster.verdict_line();
        if verdict != self.verdict && !matches!(look.end, Some(End::Done(_))) {
            look.said.push(verdict.clone());
            self.verdict = verdict;
        }
        look
    }

    /// The primary is the one of the start.
    fn before(&mut self, cluster: &Cluster, register: &Register) -> Look {
        if let Some(under_way) = &register.switchover {
            let is_new = !std::mem::replace(&mut self.begun, true);
            let said = format!("The switchover to member {} has begun.", under_way.to);
            return Look {
                said: is_new.then_some(said).into_iter().collect(),
                end: None,
            };
        }
        let (then, now) = (&self.start, &register.basis);
        let resumed = register.epoch > then.epoch && now.kind == BasisKind::Resumed;
        // The beginning may have been missed: two writes can be one change for who watches.
        let reasoned = register.epoch == then.epoch && now.because != then.because;
        if !(self.begun || resumed || reasoned) {
            return Look::default();
        }
        let because = if now.because == then.because {
            format!("the switchover was given up: {}", cluster.verdict_line())
        } else {
            now.because.clone()
        };
        let sentence = format!("member {} is still primary: {because}", then.primary);
        Look::end(End::Failed(sentence))
    }

    /// Another member is primary.
    fn after(&mut self, register: &Register) -> Look {
        let primary = register.primary;
        if let Some(to) = self.to.filter(|to| *to != primary) {
            let because = &register.basis.because;
            let sentence = format!("member {primary} became primary, not member {to}: {because}");
            return Look::end(End::Failed(sentence));
        }
        let handovers = register.handovers.iter().rev();
        let handover = handovers
            .filter(|one| one.epoch > self.start.epoch)
            .find(|one| one.to == primary);
        if handover.is_some_and(|handover| handover.opened_at.is_none()) {
            let epoch = register.epoch;
            let stand =
                format!("member {primary} is primary since epoch {epoch} and takes no writes yet");
            let is_new = stand != self.stand;
            self.stand.clone_from(&stand);
            let said = is_new.then(|| format!("{}.", capitalised(&stand)));
            return Look {
                said: said.into_iter().collect(),
                end: None,
            };
        }
        let took = handover.and_then(took).unwrap_or_default();
        Look::end(End::Done(format!(
            "Member {primary} is primary since epoch {}, member {} no more{took}.",
            register.epoch, self.start.primary
        )))
    }

    /// The end when the time is over.
    pub(crate) fn timed_out(&self, after: Duration) -> End {
        End::Failed(format!(
            "after {after:?} {}: {}",
            self.standing(),
            self.verdict
        ))
    }

    /// The end when the person does not want to wait any more.
    pub(crate) fn interrupted(&self) -> End {
        End::Failed(format!("not waiting any more: {}", self.standing()))
    }

    /// Where it stands, when nothing more will be said.
    fn standing(&self) -> String {
        let still = if self.begun {
            ", the switchover that was begun may still succeed"
        } else {
            ""
        };
        format!("{}{still}", self.stand)
    }
}

fn took(handover: &Handover) -> Option<String> {
    let opened = handover.opened_at?;
    let whole = span(opened.saturating_sub(handover.noticed_at));
    Some(format!("; it took writes {whole} after the beginning"))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
