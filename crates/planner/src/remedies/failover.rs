//! The primary is lost: promises of enough followers, an election, the drain of the winner, the
//! decision. Each pass looks how far it has come and does what is missing, so that any controller can
//! go on from any point.

use moco_model::guard::DataState;
use moco_model::register::{Basis, BasisKind, Cause, HANDOVERS_MAX, Handover};
use moco_model::{Command, MemberId, Millis, Phase, Register, Role, quorum};

use super::{Treatment, install};
use crate::memory::Memory;
use crate::observation::Observation;
use crate::plan::{Expect, Step};
use crate::problem::Problem;
use crate::round::{Election, Round, elect};
use crate::suspicion::{STUCK_WITH_REPLICAS_MS, Suspicion, calm_until, suspicion};

/// How often a drain is looked at when no agent says that it has ended.
const DRAIN_MS: Millis = 100;
/// How often a loss that replicas do not confirm yet is looked at, and for how long so often, milliseconds. They
/// notice a silence one after the other.
const DOUBT_MS: Millis = 100;
const DOUBTS_MS: Millis = 2_000;

pub(super) fn treat(seen: &Observation, memory: &Memory, now: Millis) -> Treatment {
    let (Some(round), Some(suspicion)) = (Round::of(seen), suspicion(seen)) else {
        return Treatment::Nothing;
    };
    let register = round.register;
    let able = round.able();
    if !round.suffices(&able) {
        return without_enough(seen, &round, &suspicion, now);
    }
    let writers = usize::try_from(quorum::acks_under(&register.membership)).unwrap_or(usize::MAX);
    if able.len() <= writers && restartable(seen, register, &suspicion) {
        return super::restart::treat(seen, now); // nobody could acknowledge a new primary's commits
    }
    if let Some(treatment) = too_early(register, &suspicion, memory, now) {
        return treatment;
    }
    if !round.suffices(&round.promised()) {
        return Treatment::Act(fences(seen, &round));
    }
    let election = elect(&round);
    let Some(winner) = election.winner else {
        return Treatment::Wait { again_ms: DRAIN_MS };
    };
    let history = round.history(winner);
    let follower = round.followers.get(&winner);
    if !follower.is_some_and(|follower| follower.server.executed.contains(&history)) {
        return Treatment::Wait { again_ms: DRAIN_MS };
    }
    let noticed_at = noticed(memory, now);
    let new = decision(&round, &election, winner, &suspicion, noticed_at, now);
    let mut steps = vec![Step::Record {
        expect: Expect::of(register),
        register: new.clone(),
    }];
    // Whoever holds more than the history must neither follow nor acknowledge.
    let fits = |id: &MemberId| {
        let follower = round.followers.get(id);
        follower.is_some_and(|follower| history.contains(&follower.held))
    };
    let mut told = round.promised();
    told.insert(winner);
    let told = told.into_iter().filter(fits);
    steps.extend(install::orders(seen, &new, told));
    Treatment::Act(steps)
}

/// A guess has to last, and must not follow another one at once.
fn too_early(
    register: &Register,
    suspicion: &Suspicion,
    memory: &Memory,
    now: Millis,
) -> Option<Treatment> {
    if suspicion.cause.is_guess() && calm_until(register, now).is_some() {
        return Some(Treatment::Nothing);
    }
    let lasts = now - noticed(memory, now);
    if !suspicion.corroborated {
        let again_ms = DOUBT_MS;
        let doubtful = lasts < DOUBTS_MS;
        return Some(if doubtful {
            Treatment::Wait { again_ms }
        } else {
            Treatment::Nothing
        });
    }
    if suspicion.must_last {
        let again_ms = STUCK_WITH_REPLICAS_MS - lasts;
        return (again_ms > 0).then_some(Treatment::Wait { again_ms });
    }
    None
}

/// Fewer followers can promise than a failover needs. A primary whose mysqld ended is started again
/// in place; otherwise a person may demand a new primary.
fn without_enough(
    seen: &Observation,
    round: &Round<'_>,
    suspicion: &Suspicion,
    now: Millis,
) -> Treatment {
    if restartable(seen, round.register, suspicion) {
        return super::restart::treat(seen, now);
    }
    if seen.wanted.force == Some(round.register.epoch) {
        return super::force::treat(seen, suspicion, now);
    }
    Treatment::Nothing
}

fn restartable(seen: &Observation, register: &Register, suspicion: &Suspicion) -> bool {
    suspicion.cause == Cause::Ended
        && seen.members.get(&register.primary).is_some_and(|member| {
            member.phase() == Some(Phase::AtGate) && member.data() == Some(DataState::Holding)
        })
}

/// Asks every follower that has not promised, whether its promise counts or not: who has promised
/// acknowledges no more.
fn fences(seen: &Observation, round: &Round<'_>) -> Vec<Step> {
    let asked = round
        .followers
        .iter()
        .filter(|(_, follower)| !follower.promised);
    asked
        .map(|(id, _)| promise(seen, round, *id, Role::Replica))
        .collect()
}

/// The order to promise the next epoch.
pub(super) fn promise(seen: &Observation, round: &Round<'_>, member: MemberId, role: Role) -> Step {
    match install::order(seen, round.register, member, Command::Fence) {
        Step::Send(mut order) => {
            order.promise = round.next;
            order.role = role;
            Step::Send(order)
        }
        other => other,
    }
}

/// When the loss was first seen.
fn noticed(memory: &Memory, now: Millis) -> Millis {
    let lost = [
        Problem::PrimaryEnded,
        Problem::PrimaryUnreachable,
        Problem::PrimaryStuck,
    ];
    let seen = lost
        .iter()
        .filter_map(|problem| memory.since.get(problem).copied());
    seen.min().unwrap_or(now)
}

fn decision(
    round: &Round<'_>,
    election: &Election,
    winner: MemberId,
    suspicion: &Suspicion,
    noticed_at: Millis,
    now: Millis,
) -> Register {
    let register = round.register;
    let sets = round.sets();
    let losers: Vec<_> = election
        .losers
        .iter()
        .map(|(id, because)| format!("member {id}: {because}"))
        .collect();
    let because = if losers.is_empty() {
        suspicion.sentence.clone()
    } else {
        format!("{}; not chosen: {}", suspicion.sentence, losers.join(", "))
    };
    let must_hold = round.history(winner);
    let proof = format!(
        "{} of {} followers promised before the decision, and any {} acknowledgements include one \
         of them; member {winner} holds all of their {} transactions",
        sets.len(),
        register.membership.members.len() - 1,
        quorum::acks_under(&register.membership),
        must_hold.count()
    );
    let mut new = super::successor(register, round.next);
    new.primary = winner;
    new.switchover = None;
    new.basis = Basis {
        kind: BasisKind::Failover,
        decided_at: now,
        because: because.clone(),
        must_hold,
        writer: round.uuid(winner),
    };
    push_handover(
        &mut new,
        Handover {
            epoch: round.next,
            kind: BasisKind::Failover,
            from: register.primary,
            to: winner,
            cause: suspicion.cause,
            because,
            noticed_at,
            decided_at: now,
            opened_at: None,
            promised: sets,
            proof,
        },
    );
    new
}

/// Adds to the list of handovers, and keeps its bound.
pub(super) fn push_handover(register: &mut Register, handover: Handover) {
    register.handovers.push(handover);
    let surplus = register.handovers.len().saturating_sub(HANDOVERS_MAX);
    register.handovers.drain(..surplus);
}
