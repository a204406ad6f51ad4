//! A person demands a new primary although too few followers can promise: what only the missing
//! members hold is lost, and the record says so.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use moco_model::register::{Basis, BasisKind, Handover};
use moco_model::{MemberId, Membership, Millis, Register, Role};

use super::Treatment;
use super::failover::{promise, push_handover};
use crate::observation::Observation;
use crate::plan::{Expect, Step};
use crate::round::{Follower, Round};
use crate::suspicion::Suspicion;

pub(super) fn treat(seen: &Observation, suspicion: &Suspicion, now: Millis) -> Treatment {
    let Some(round) = Round::of(seen) else {
        return Treatment::Nothing;
    };
    let unpromised = round.followers.iter().filter(|(_, f)| !f.promised);
    let fences: Vec<_> = unpromised
        .map(|(id, _)| promise(seen, &round, *id, Role::Replica))
        .collect();
    if !fences.is_empty() {
        return Treatment::Act(fences);
    }
    // Whoever holds most; of equals the lower number.
    let best = round
        .followers
        .iter()
        .max_by_key(|(id, follower)| (follower.held.count(), Reverse(**id)));
    let Some((winner, follower)) = best else {
        return Treatment::Nothing;
    };
    if !follower.server.executed.contains(&follower.held) {
        return Treatment::Wait { again_ms: 100 };
    }
    Treatment::Act(vec![Step::Record {
        expect: Expect::of(round.register),
        register: decision(&round, *winner, follower, suspicion, now),
    }])
}

fn decision(
    round: &Round<'_>,
    winner: MemberId,
    follower: &Follower<'_>,
    suspicion: &Suspicion,
    now: Millis,
) -> Register {
    let register = round.register;
    let members: BTreeSet<_> = round.followers.keys().copied().collect();
    let everybody = register.membership.all();
    let missing: Vec<_> = everybody.difference(&members).copied().collect();
    let promised = round.followers.iter();
    let promised = promised.map(|(id, follower)| (*id, follower.held.clone()));
    let because = format!("{}; demanded by a person", suspicion.sentence);
    let handover = Handover {
        epoch: round.next,
        kind: BasisKind::Forced,
        from: register.primary,
        to: winner,
        cause: suspicion.cause,
        because: because.clone(),
        noticed_at: now,
        decided_at: now,
        opened_at: None,
        promised: promised.collect(),
        proof: format!(
            "nothing is proven: transactions that only {} held are lost, even acknowledged ones",
            list(&missing)
        ),
    };
    let mut new = super::successor(register, round.next);
    new.primary = winner;
    new.switchover = None;
    new.membership = Membership {
        members,
        old: None,
        version: register.membership.version + 1,
    };
    new.basis = Basis {
        kind: BasisKind::Forced,
        decided_at: now,
        because,
        must_hold: follower.held.clone(),
        writer: None,
    };
    push_handover(&mut new, handover);
    new
}

/// "member 1 and member 2", for people.
fn list(members: &[MemberId]) -> String {
    let names: Vec<_> = members.iter().map(|id| format!("member {id}")).collect();
    names.join(" and ")
}
