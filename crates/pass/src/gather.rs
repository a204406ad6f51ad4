//! Asking every member's agent, all at once, the primary last.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use moco_model::sentence::with_causes;
use moco_model::{MemberId, MemberReport, Millis};
use moco_planner::{Member, Observation, Seen};

use crate::world::{Agents, Facts, MemberFacts};

/// How long an agent may take to answer. mysqld gets the smaller part of it.
const PATIENT: Duration = Duration::from_secs(2);
/// How long the primary's agent may take when no replica hears it: then it is most likely gone, and
/// everybody waits.
const SHORT: Duration = Duration::from_millis(300);

/// Since when each member has been silent.
#[derive(Debug, Default)]
pub(crate) struct Silence(BTreeMap<MemberId, Millis>);

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
    let asking = others
        .iter()
        .map(|id| async move { (*id, asked.report(*id, PATIENT).await) });
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
    Observation {
        cluster: facts.cluster,
        uid: facts.uid,
        wanted: facts.wanted,
        register: facts.register,
        initialised_before: facts.initialised_before,
        platform: facts.platform,
        members,
    }
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
    fn seen<E: std::error::Error + 'static>(
        &mut self,
        id: MemberId,
        found: &MemberFacts,
        answer: Option<Result<MemberReport, E>>,
        now: Millis,
    ) -> Seen<MemberReport> {
        let because = match (&found.agent, answer) {
            (Ok(_), Some(Ok(report))) => {
                self.0.remove(&id);
                return Seen::Fresh(report);
            }
            (Ok(_), Some(Err(error))) => with_causes(&error),
            (Ok(address), None) => format!("nobody has asked {address}"),
            (Err(because), _) => because.clone(),
        };
        let since = *self.0.entry(id).or_insert(now);
        Seen::Silent { since, because }
    }
}
