//! Asking every member's agent, all at once, the primary last.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use moco_model::sentence::with_causes;
use moco_model::{MemberId, MemberReport, Millis};
use moco_planner::observation::Mark;
use moco_planner::{Member, Observation, Seen};

use crate::world::{Agents, Facts, MemberFacts};

/// How long an agent may take to answer. mysqld gets the smaller part of it.
const PATIENT: Duration = Duration::from_secs(2);
/// How long an agent may take that is most likely gone while nobody can write: the primary's when no replica hears it,
/// and that of a member that was silent before while no primary is open.
const SHORT: Duration = Duration::from_millis(300);

/// What was learned in earlier passes.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    /// Since when each member has been silent.
    since: BTreeMap<MemberId, Millis>,
    /// Whether clients wait: the primary was not open when it was last read.
    clients_wait: bool,
    /// What the open primary had.
    mark: Option<Mark>,
}

/// Asks every agent, and puts all that is known together.
pub(crate) async fn gather<A: Agents>(
    agents: &mut A,
    silence: &mut Silence,
    facts: Facts,
    now: Millis,
) -> Observation {
    agents.connect(&facts.cluster, &facts.members);
    let primary = facts.register.as_ref().map(|register| register.primary);
    let reached = |id: &MemberId| {
        facts
            .members
            .get(id)
            .is_some_and(|found| found.agent.is_ok())
    };
    let others: Vec<_> = facts
        .members
        .keys()
        .copied()
        .filter(|id| Some(*id) != primary && reached(id))
        .collect();
    let asked = &*agents;
    let asking = others.iter().map(|id| {
        let within = silence.patience(*id);
        async move { (*id, asked.report(*id, within).await) }
    });
    let mut answers: BTreeMap<_, _> = join_all(asking).await.into_iter().collect();
    if let Some(primary) = primary.filter(reached) {
        let reports = answers.values().flatten().flatten();
        let within = patience(primary, reports);
        answers.insert(primary, agents.report(primary, within).await);
    }
    let mut members = BTreeMap::new();
    for (id, found) in facts.members {
        let report = silence.seen(id, &found, answers.remove(&id).flatten(), now);
        members.insert(
            id,
            Member {
                endpoint: found.endpoint,
                report,
                label: found.label,
                ask: found.ask,
            },
        );
    }
    let seen = Observation {
        cluster: facts.cluster,
        uid: facts.uid,
        wanted: facts.wanted,
        register: facts.register,
        initialised_before: facts.initialised_before,
        platform: facts.platform,
        members,
        mark: silence.mark.take(),
    };
    silence.remember(&seen);
    seen
}

/// How long to wait for the primary, by what the others' agents hear of it.
fn patience<'a>(primary: MemberId, mut others: impl Iterator<Item = &'a MemberReport>) -> Duration {
    let mut unheard = 0;
    let heard = others.any(|report| {
        let hearing = report.hearing.as_ref().filter(|of| of.member == primary);
        let hears = hearing.is_some_and(|of| !of.refused && of.silent_ms < 1_000);
        unheard += usize::from(hearing.is_some() && !hears);
        hears
    });
    if heard || unheard == 0 {
        PATIENT
    } else {
        SHORT
    }
}

impl Silence {
    /// How long a replica's agent may take.
    fn patience(&self, id: MemberId) -> Duration {
        if self.clients_wait && self.since.contains_key(&id) {
            SHORT
        } else {
            PATIENT
        }
    }

    fn remember(&mut self, seen: &Observation) {
        self.mark = Mark::after(seen);
        let open = |(_, primary): (_, &Member)| primary.server().is_some_and(|one| one.writable);
        self.clients_wait = seen.primary().is_some_and(|primary| !open(primary));
    }

    fn seen<E: std::error::Error + 'static>(
        &mut self,
        id: MemberId,
        found: &MemberFacts,
        answer: Option<Result<MemberReport, E>>,
        now: Millis,
    ) -> Seen<MemberReport> {
        let because = match (&found.agent, answer) {
            (Ok(_), Some(Ok(report))) => {
                self.since.remove(&id);
                return Seen::Fresh(report);
            }
            (Ok(_), Some(Err(error))) => with_causes(&error),
            (Ok(address), None) => format!("nobody has asked {address}"),
            (Err(because), _) => because.clone(),
        };
        let since = *self.since.entry(id).or_insert(now);
        Seen::Silent { since, because }
    }
}

#[cfg(test)]
mod tests {
    use moco_model::{ClusterId, ClusterUid, Register};

    use super::*;
    use crate::testing::{register, wanted};

    fn without_members(register: Option<Register>) -> Observation {
        Observation {
            cluster: ClusterId::new("app", "db").unwrap(),
            uid: ClusterUid("uid".into()),
            wanted: wanted(3),
            register,
            initialised_before: true,
            platform: Vec::new(),
            members: BTreeMap::new(),
            mark: None,
        }
    }

    fn of_a_silent_primary() -> Observation {
        let mut seen = without_members(Some(register(3)));
        let member = Member {
            endpoint: moco_model::Endpoint {
                member: MemberId(0),
                host: "host".into(),
                port: 3306,
            },
            report: Seen::Silent {
                since: 0,
                because: "timeout".into(),
            },
            label: None,
            ask: None,
        };
        seen.members.insert(MemberId(0), member);
        seen
    }

    #[test]
    fn while_clients_wait_a_silent_member_is_not_waited_for_and_the_others_are() {
        let mut silence = Silence::default();
        silence.since.insert(MemberId(1), 0);
        silence.remember(&of_a_silent_primary());
        assert_eq!(silence.patience(MemberId(1)), SHORT);
        assert_eq!(silence.patience(MemberId(2)), PATIENT);
        silence.remember(&without_members(None));
        assert_eq!(silence.patience(MemberId(1)), PATIENT, "nobody waits");
    }
}
