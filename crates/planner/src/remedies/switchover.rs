//! Another member shall become primary while the primary works: followers are chained behind the
//! target, the primary is closed, the target applies the rest, and then it is decided. Until the
//! decision everything can be taken back; after it there is only forward.

use std::collections::BTreeMap;

use moco_model::register::{Basis, BasisKind, Cause, Handover, Switchover};
use moco_model::report::FaultCode;
use moco_model::{Command, MemberId, Millis, Register, Role, quorum};

use super::failover::{promise, push_handover};
use super::{Treatment, install, successor};
use crate::asked::{answered, demand, hindrance, target};
use crate::observation::{Member, Observation};
use crate::plan::{Expect, Step};
use crate::round::Round;

/// A switchover that has not closed the primary for good after this time is given up, milliseconds.
const DEADLINE_MS: Millis = 30_000;
/// How often the target's applying is looked at while nobody can write.
const CATCH_UP_MS: Millis = 10;
/// How long the primary goes on for the sake of a follower that is far behind the target, milliseconds, and how many
/// transactions are far. Between the looks at the two a busy primary commits some.
const SLOW_CHAIN_MS: Millis = 3_000;
const FAR: u64 = 50;
/// How often a hindrance is looked at while the primary works.
const HINDERED_MS: Millis = 250;

/// Records what is to be done, once somebody can take over.
pub(super) fn begin(seen: &Observation, now: Millis) -> Treatment {
    if let Some(member) = answered(seen) {
        return Treatment::Act(vec![Step::Settle { member }]);
    }
    let (Some((register, primary)), Some(demand)) = (seen.primary(), demand(seen)) else {
        return Treatment::Nothing;
    };
    let open = primary.server().is_some_and(|server| server.writable);
    let Ok(to) = target(seen, demand.to) else {
        return Treatment::Nothing;
    };
    if !open {
        return Treatment::Nothing;
    }
    let mut new = successor(register, register.epoch);
    new.switchover = Some(Switchover {
        to,
        because: demand.because,
        begun_at: now,
        deadline: now + DEADLINE_MS,
    });
    Treatment::Act(vec![record(register, new)])
}

fn record(old: &Register, new: Register) -> Step {
    Step::Record {
        expect: Expect::of(old),
        register: new,
    }
}

/// Goes on with what was recorded.
pub(super) fn go_on(seen: &Observation, now: Millis) -> Treatment {
    let (Some((register, primary)), Some(round)) = (seen.primary(), Round::of(seen)) else {
        return Treatment::Nothing;
    };
    let Some(intent) = &register.switchover else {
        return Treatment::Nothing;
    };
    if is_closed_for_it(primary, register) {
        return take_over(seen, &round, intent, now);
    }
    if let Some(because) = impossible(seen, primary, intent, now) {
        return give_up(seen, register, &because);
    }
    prepare(seen, &round, intent, now)
}

/// The primary has promised the next epoch and takes no writes: only the decision is missing.
fn is_closed_for_it(primary: &Member, register: &Register) -> bool {
    let promised = primary
        .guard()
        .is_some_and(|guard| guard.promised > register.epoch);
    promised && primary.server().is_some_and(|server| !server.writable)
}

/// Why the switchover is given up while the primary still works.
fn impossible(
    seen: &Observation,
    primary: &Member,
    intent: &Switchover,
    now: Millis,
) -> Option<String> {
    let Some(to) = seen.members.get(&intent.to) else {
        return Some(format!("member {} is gone", intent.to));
    };
    if to.server().is_none() {
        return Some(format!("member {} does not answer", intent.to));
    }
    (now > intent.deadline).then(|| waits_for(seen, primary, intent))
}

/// What an open primary's switchover waits for, for people.
pub(crate) fn waits_for(seen: &Observation, primary: &Member, intent: &Switchover) -> String {
    let to = seen.members.get(&intent.to);
    if let Some(because) = to.and_then(|to| hindrance(seen, intent.to, to)) {
        return format!("member {} {because}", intent.to);
    }
    let fault = primary
        .report
        .fresh()
        .and_then(|report| report.fault.as_ref())
        .filter(|fault| fault.code == FaultCode::CloseHeldUp);
    fault.map_or_else(
        || "the primary is being closed".to_owned(),
        |fault| fault.sentence.clone(),
    )
}

/// The primary works. Followers are chained behind the target, so that it can be acknowledged the
/// moment it is opened; then the primary is asked to close.
fn prepare(seen: &Observation, round: &Round<'_>, intent: &Switchover, now: Millis) -> Treatment {
    let register = round.register;
    let again_ms = HINDERED_MS;
    let Some(to) = seen.members.get(&intent.to) else {
        return Treatment::Wait { again_ms };
    };
    if hindrance(seen, intent.to, to).is_some() {
        return Treatment::Wait { again_ms };
    }
    let chain = chain(round, intent.to);
    let patient = now - intent.begun_at < SLOW_CHAIN_MS;
    if patient && chain.iter().any(|id| far_behind(round, *id, intent.to)) {
        return Treatment::Wait {
            again_ms: CATCH_UP_MS,
        };
    }
    let follow = |id: &MemberId| {
        let command = Command::Follow {
            source: to.endpoint.clone(),
            acknowledge: install::acknowledges(register, *id),
        };
        install::order(seen, register, *id, command)
    };
    let behind = |id: &MemberId| {
        round
            .followers
            .get(id)
            .is_some_and(|follower| follower.member.follows(&to.endpoint))
    };
    let missing: Vec<_> = chain.iter().filter(|id| !behind(id)).map(follow).collect();
    if !missing.is_empty() {
        return Treatment::Act(missing);
    }
    let ready = |id: &MemberId| {
        round
            .followers
            .get(id)
            .is_some_and(|follower| follower.server.semi_sync.replica_active)
    };
    if !chain.iter().all(ready) {
        return Treatment::Wait {
            again_ms: CATCH_UP_MS,
        };
    }
    Treatment::Act(vec![promise(seen, round, register.primary, Role::Primary)])
}

/// Whether a follower lacks much of what the target has executed. The new primary is closed until it has that.
fn far_behind(round: &Round<'_>, id: MemberId, to: MemberId) -> bool {
    let (Some(follower), Some(target)) = (round.followers.get(&id), round.followers.get(&to))
    else {
        return false;
    };
    let lacks = target.server.executed.subtract(&follower.held);
    lacks.count() > FAR
}

/// Followers to point at the target beforehand: as many as the primary can do without, those that
/// are best up to date first.
fn chain(round: &Round<'_>, to: MemberId) -> Vec<MemberId> {
    let register = round.register;
    let members = register.membership.members.len();
    let acks = usize::try_from(quorum::acks_under(&register.membership)).unwrap_or(usize::MAX);
    let spare = (members.saturating_sub(1)).saturating_sub(acks);
    let lag = |id: &MemberId| {
        let follower = round.followers.get(id)?;
        Some(follower.server.replication.as_ref()?.lag_ms)
    };
    let target = round
        .followers
        .get(&to)
        .map(|follower| &follower.member.endpoint);
    let mut others: Vec<_> = round
        .followers
        .iter()
        .filter(|(id, follower)| **id != to && follower.counted)
        .map(|(id, follower)| {
            // Whoever is behind the target already stays there, even if nothing reaches it now: the lag
            // changes from pass to pass, and one more would be too many.
            let elsewhere = target.is_none_or(|target| !follower.member.points_at(target));
            (elsewhere, lag(id).unwrap_or(u64::MAX), *id)
        })
        .collect();
    // A change of members or a member that is missing leaves nobody to spare.
    if register.membership.old.is_some() || others.len() + 2 < members {
        return Vec::new();
    }
    others.sort_unstable();
    others
        .into_iter()
        .take(spare)
        .map(|(_, _, id)| id)
        .collect()
}

/// Nobody can write now: the target, or whoever holds everything, becomes primary; when nobody does in
/// time, the old one goes on in a new epoch.
fn take_over(seen: &Observation, round: &Round<'_>, intent: &Switchover, now: Millis) -> Treatment {
    let Some(all) = seen
        .primary()
        .and_then(|(_, primary)| primary.server())
        .map(|server| &server.executed)
    else {
        return Treatment::Nothing;
    };
    let has_all = |id: &MemberId| {
        round
            .followers
            .get(id)
            .is_some_and(|follower| follower.counted && follower.server.executed.contains(all))
    };
    let target_lost = !round.followers.contains_key(&intent.to);
    let substitute = || {
        let others = round.followers.keys().copied();
        others.into_iter().find(|id| target_lost && has_all(id))
    };
    let winner = Some(intent.to).filter(has_all).or_else(substitute);
    match winner {
        Some(winner) => Treatment::Act(decide(seen, round, winner, intent, now)),
        None if now > intent.deadline || target_lost => {
            let did_not = if target_lost {
                "answer"
            } else {
                "apply everything"
            };
            let because = given_up(&format!(
                "member {} did not {did_not} while the primary was closed",
                intent.to
            ));
            super::resume::because(seen, &because, now)
        }
        None => Treatment::Wait {
            again_ms: CATCH_UP_MS,
        },
    }
}

fn decide(
    seen: &Observation,
    round: &Round<'_>,
    winner: MemberId,
    intent: &Switchover,
    now: Millis,
) -> Vec<Step> {
    let register = round.register;
    let all = seen
        .primary()
        .and_then(|(_, primary)| primary.server())
        .map(|server| server.executed.clone())
        .unwrap_or_default();
    let mut new = successor(register, round.next);
    new.primary = winner;
    new.switchover = None;
    new.basis = Basis {
        kind: BasisKind::Switchover,
        decided_at: now,
        because: intent.because.clone(),
        must_hold: all.clone(),
        writer: round.uuid(winner),
    };
    let proof = format!(
        "primary {} was closed first and held {} transactions; member {winner} had executed all of \
         them before the decision",
        register.primary,
        all.count()
    );
    push_handover(
        &mut new,
        Handover {
            epoch: round.next,
            kind: BasisKind::Switchover,
            from: register.primary,
            to: winner,
            cause: Cause::Asked,
            because: intent.because.clone(),
            noticed_at: intent.begun_at,
            decided_at: now,
            opened_at: None,
            promised: BTreeMap::from([(register.primary, all.clone())]),
            proof,
        },
    );
    let mut steps = vec![record(register, new.clone())];
    let others = round
        .followers
        .iter()
        .filter(|(_, follower)| follower.counted && all.contains(&follower.server.executed))
        .map(|(id, _)| *id);
    // The old primary follows in a later pass: nobody has to wait for it.
    steps.extend(install::orders(seen, &new, others));
    steps.extend(settled(seen));
    steps
}

/// Gives up while the primary works; it was never closed.
fn give_up(seen: &Observation, register: &Register, because: &str) -> Treatment {
    let mut new = successor(register, register.epoch);
    new.switchover = None;
    new.basis.because = given_up(because);
    let mut steps = vec![record(register, new)];
    steps.extend(settled(seen));
    Treatment::Act(steps)
}

/// A reason, as `kubectl moco switchover` shows it.
fn given_up(because: &str) -> String {
    format!("the switchover was given up: {because}")
}

/// Whatever was asked is answered.
pub(super) fn settled(seen: &Observation) -> impl Iterator<Item = Step> + '_ {
    seen.members
        .iter()
        .filter(|(_, member)| member.ask.is_some())
        .map(|(id, _)| Step::Settle { member: *id })
}
