//! Asking every member's agent, all at once, the primary last.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use moco_model::report::Hearing;
use moco_model::sentence::with_causes;
use moco_model::{MemberId, MemberReport, Millis};
use moco_planner::observation::Mark;
use moco_planner::{Member, Observation, Seen};

use crate::world::{Agents, Facts, MemberFacts};

/// How long a replica's agent may take to answer.
const PATIENT: Duration = Duration::from_secs(2);
/// How long the primary's may take, and everybody's while clients wait. An agent answers within 0.7 s even when its
/// mysqld hangs; whoever falls silent in the midst of a pass must not keep it for long.
const PRESSED: Duration = Duration::from_secs(1);
/// How long an agent may take that is most likely gone while nobody can write: the primary's when no replica hears it,
/// and that of a member that was silent before while no primary is open.
const SHORT: Duration = Duration::from_millis(300);
/// How long it may take once it was silent before: whoever is there again answers at once.
const GLANCE: Duration = Duration::from_millis(50);
/// For how long after it fell silent a member is only glanced at, milliseconds; longer than a failover takes. One that
/// always answers late must get through afterwards, or it would be silent for good.
const GLANCES_MS: Millis = 3_000;
/// A replica's agent that has heard the primary's within this time, milliseconds, hears it. Heartbeats come four times
/// a second. The limit for a loss is longer, and replicas reach that one after the other: the first one's notice must
/// not find another that "hears" the primary.
const HEARD_MS: u64 = 600;

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
        let within = silence.patience(*id, now);
        async move { (*id, asked.report(*id, within).await) }
    });
    let mut answers: BTreeMap<_, _> = join_all(asking).await.into_iter().collect();
    if let Some(primary) = primary.filter(reached) {
        let reports = answers.values().flatten().flatten();
        let hearings = reports.filter_map(|report| report.hearing.as_ref());
        let within = if is_heard(primary, hearings) {
            PRESSED
        } else {
            silence.short(primary, now)
        };
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

/// Whether one of the others' agents hears the primary, or none says anything of it.
fn is_heard<'a>(primary: MemberId, hearings: impl Iterator<Item = &'a Hearing>) -> bool {
    let mut of_it = hearings.filter(|of| of.member == primary).peekable();
    of_it.peek().is_none() || of_it.any(|of| !of.refused && of.silent_ms < HEARD_MS)
}

impl Silence {
    /// How long a replica's agent may take.
    fn patience(&self, id: MemberId, now: Millis) -> Duration {
        match (self.clients_wait, self.since.contains_key(&id)) {
            (true, true) => self.short(id, now),
            (true, false) => PRESSED,
            (false, _) => PATIENT,
        }
    }

    /// How long an agent may take that is most likely gone while clients wait.
    fn short(&self, id: MemberId, now: Millis) -> Duration {
        match self.since.get(&id) {
            Some(since) if now - since < GLANCES_MS => GLANCE,
            _ => SHORT,
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
    fn the_primary_is_waited_for_only_while_somebody_has_heard_it_just_now_or_nobody_listens() {
        let of = |member, silent_ms, refused| Hearing {
            member: MemberId(member),
            silent_ms,
            refused,
        };
        let heard = |hearings: &[Hearing]| is_heard(MemberId(0), hearings.iter());
        assert!(heard(&[]));
        assert!(heard(&[of(2, 5_000, false)]), "of another member");
        assert!(heard(&[of(0, 1_100, false), of(0, 300, false)]));
        assert!(
            !heard(&[of(0, 1_100, false), of(0, 800, false)]),
            "in a moment neither does"
        );
        assert!(!heard(&[of(0, 0, true)]), "nobody is there");
    }

    #[test]
    fn while_clients_wait_a_silent_member_is_not_waited_for_and_the_others_are() {
        let mut silence = Silence::default();
        silence.since.insert(MemberId(1), 0);
        silence.remember(&of_a_silent_primary());
        assert_eq!(silence.patience(MemberId(1), 500), GLANCE);
        assert_eq!(
            silence.patience(MemberId(1), GLANCES_MS),
            SHORT,
            "one that answers late gets through"
        );
        assert_eq!(silence.patience(MemberId(2), 500), PRESSED);
        silence.remember(&without_members(None));
        assert_eq!(silence.patience(MemberId(1), 500), PATIENT, "nobody waits");
    }
}
