//! Rules for writing the register.

use std::collections::{BTreeMap, BTreeSet};

use moco_model::guard::DataState;
use moco_model::register::BasisKind;
use moco_model::{GtidSet, Guard, MemberId, Phase, Register, Role};

use super::facts::{
    barrier, earlier_set, held, is_counted, is_silenced, may_be_acknowledged, meets_every_ack_set,
    settled_barrier,
};
use super::{Refusal, acks_demanded, known};
use crate::observation::{Member, Observation};
use crate::plan::Expect;

pub(super) fn check(expect: Expect, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    if !expect.fits(seen.register.as_ref()) {
        return Err(Refusal::WrongExpectation);
    }
    known(new.primary, seen)?;
    // The kind stays in the register when it is written again: it says nothing then, and somebody counts by then.
    let newer = |old: &Register| {
        new.counted.is_empty()
            && (old.epoch, old.membership.version) < (new.epoch, new.membership.version)
    };
    if new.basis.kind == BasisKind::Recovered && seen.register.as_ref().is_none_or(newer) {
        return recovered(new, seen);
    }
    let Some(old) = &seen.register else {
        return first(new, seen);
    };
    forward(old, new)?;
    membership(old, new, seen)?;
    counted(old, new, seen)?;
    writer(old, new, seen)?;
    if new.epoch == old.epoch {
        return if new.primary == old.primary && new.basis.must_hold == old.basis.must_hold {
            Ok(())
        } else {
            Err(Refusal::PrimaryChanged(old.primary, new.primary))
        };
    }
    decision(old, new, seen)
}

fn first(new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let holds = |member: &Member| member.data() == Some(DataState::Holding);
    let unheard = |member: &Member| member.report.fresh().is_none();
    let unsafe_member = seen
        .members
        .values()
        .any(|member| holds(member) || unheard(member));
    let first = new.epoch.0 == 1 && new.basis.kind == BasisKind::Bootstrap && !new.initialised;
    if first && !unsafe_member && !seen.initialised_before && new.counted.is_empty() {
        Ok(())
    } else {
        Err(Refusal::SecondBootstrap)
    }
}

fn forward(old: &Register, new: &Register) -> Result<(), Refusal> {
    let version = new.membership.version.checked_sub(old.membership.version);
    let forward = new.revision == old.revision + 1
        && new.epoch >= old.epoch
        && version.is_some_and(|by| by <= 1)
        && (old.membership == new.membership) == (version == Some(0))
        && new.initialised >= old.initialised;
    if forward {
        Ok(())
    } else {
        Err(Refusal::NotForward)
    }
}

/// A decision is above everything that was promised, and its kind says what it needs.
fn decision(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let promised = seen
        .members
        .values()
        .filter_map(|member| Some(member.guard()?.promised));
    if promised.max().is_some_and(|highest| highest > new.epoch) {
        return Err(Refusal::NotForward);
    }
    let same = new.primary == old.primary;
    match new.basis.kind {
        BasisKind::RestartInPlace | BasisKind::Resumed if same => Ok(()),
        BasisKind::Failover if !same => failover(old, new, seen),
        BasisKind::Switchover if !same => switchover(old, new, seen),
        BasisKind::Forced if !same => {
            if seen.wanted.force == Some(old.epoch) {
                Ok(())
            } else {
                Err(Refusal::NotDemanded)
            }
        }
        _ => Err(Refusal::PrimaryChanged(old.primary, new.primary)),
    }
}

fn failover(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let promised: BTreeMap<MemberId, GtidSet> = seen
        .members
        .iter()
        .filter(|(id, member)| {
            **id != old.primary && is_counted(old, **id, member) && is_silenced(member, new.epoch)
        })
        .filter_map(|(id, member)| Some((*id, may_be_acknowledged(old, &held(member)?))))
        .collect();
    let ids: BTreeSet<_> = promised.keys().copied().collect();
    let winner = known(new.primary, seen)?;
    let can = is_silenced(winner, new.epoch)
        && winner.phase() == Some(Phase::Running)
        && winner.data() == Some(DataState::Holding);
    if !meets_every_ack_set(old, &ids) || !can {
        return Err(Refusal::PrimaryChanged(old.primary, new.primary));
    }
    let all = promised
        .values()
        .fold(GtidSet::new(), |all, set| all.union(set));
    in_order(old, new, &all, seen)?;
    complete(new, &all, seen)
}

/// A new primary with transactions of an earlier epoch that the history went on without: only if it did not go on.
fn in_order(
    old: &Register,
    new: &Register,
    all: &GtidSet,
    seen: &Observation,
) -> Result<(), Refusal> {
    let own = held(known(new.primary, seen)?).unwrap_or_default();
    let beside = own.subtract(&may_be_acknowledged(old, &own));
    let went_on = !all.subtract(&old.basis.must_hold).is_empty();
    if beside.is_empty() || !went_on {
        Ok(())
    } else {
        Err(Refusal::OutOfOrder(new.primary, beside.count()))
    }
}

fn switchover(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let refused = Refusal::PrimaryChanged(old.primary, new.primary);
    let member = known(old.primary, seen)?;
    let promised = member
        .guard()
        .is_some_and(|guard| guard.promised >= new.epoch);
    let Some(server) = member.server().filter(|_| promised) else {
        return Err(refused);
    };
    if server.writable || server.semi_sync.waiting > 0 {
        return Err(refused);
    }
    if !is_counted(old, new.primary, known(new.primary, seen)?) {
        return Err(refused);
    }
    complete(new, &server.executed, seen)
}

/// A new primary's own server is the writer, or none is told; the same primary's stays.
fn writer(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let own = seen
        .members
        .get(&new.primary)
        .and_then(Member::server)
        .map(|server| server.server_uuid);
    let kept = new.primary == old.primary
        && new.basis.writer == old.basis.writer
        && new.basis.must_hold == old.basis.must_hold;
    if new.basis.writer.is_none() || kept || (new.epoch > old.epoch && new.basis.writer == own) {
        Ok(())
    } else {
        Err(Refusal::WrongWriter(new.primary))
    }
}

/// The new primary has executed `all` and whatever it holds, and the register says that it must.
fn complete(new: &Register, all: &GtidSet, seen: &Observation) -> Result<(), Refusal> {
    let member = known(new.primary, seen)?;
    let executed = member
        .server()
        .map(|server| server.executed.clone())
        .unwrap_or_default();
    let own = held(member).unwrap_or_default();
    let lacks = all
        .union(&own)
        .subtract(&executed.intersect(&new.basis.must_hold));
    if lacks.is_empty() {
        Ok(())
    } else {
        Err(Refusal::LosesTransactions(new.primary, lacks.count()))
    }
}

/// Members that are newly counted were seen to hold everything by an open primary of this epoch: what it has, or what it
/// had in an earlier pass in which the member's data was the same.
fn counted(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    for (id, incarnation) in &new.counted {
        if old.counted.get(id) == Some(incarnation) {
            continue;
        }
        let refused = Refusal::CountsTooEarly(*id);
        let vouches = |member: &&Member| {
            member.server().is_some_and(|server| server.writable)
                && member.guard().is_some_and(|guard| guard.epoch == old.epoch)
        };
        let Some(primary) = seen.members.get(&old.primary).filter(vouches) else {
            return Err(refused);
        };
        let member = known(*id, seen)?;
        let same = member
            .guard()
            .is_some_and(|guard| guard.incarnation == *incarnation);
        let wanted = primary.server().map(|server| server.executed.clone());
        let complete = *id == old.primary
            || held(member)
                .zip(wanted)
                .is_some_and(|(held, wanted)| held.contains(&wanted))
            || earlier_set(seen, old.epoch, *id, incarnation)
                .zip(held(member))
                .is_some_and(|(wanted, held)| held.contains(wanted));
        if !same || !complete || member.data() != Some(DataState::Holding) {
            return Err(refused);
        }
    }
    Ok(())
}

/// One change at a time, in one direction; final only when everything is held under the new rule and
/// nobody else acknowledges.
fn membership(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let (before, after) = (&old.membership, &new.membership);
    // The kind stays in the register when it is written again in the same epoch: it says nothing then.
    let forced = new.basis.kind == BasisKind::Forced && new.epoch > old.epoch;
    if before == after || forced {
        return Ok(());
    }
    if new.epoch != old.epoch || !after.members.contains(&new.primary) {
        return Err(Refusal::WrongMembership);
    }
    match (&before.old, &after.old) {
        (None, Some(kept)) => {
            let one_way = after.members.is_superset(kept) || after.members.is_subset(kept);
            if *kept == before.members && one_way {
                Ok(())
            } else {
                Err(Refusal::WrongMembership)
            }
        }
        (Some(_), None) if after.members == before.members => finished(old, new, seen),
        _ => Err(Refusal::WrongMembership),
    }
}

fn finished(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let members = &new.membership.members;
    for id in old.membership.all().difference(members) {
        let member = known(*id, seen)?;
        let at_gate = member.phase() == Some(Phase::AtGate);
        let silent = member.server().is_some_and(|server| {
            let asks = server.semi_sync.replica_enabled && server.replication.is_some();
            !(server.semi_sync.replica_active || asks)
        });
        if !at_gate && !silent {
            return Err(Refusal::LeaverAcknowledges(*id));
        }
    }
    let leavers = old.membership.all() != *members;
    let joins = !members.is_subset(old.membership.old.as_ref().unwrap_or(members));
    let probe = seen
        .members
        .get(&old.primary)
        .and_then(|primary| primary.report.fresh()?.commits);
    if joins && !probe.is_some_and(|probe| probe.settled) {
        return Err(Refusal::Unsettled);
    }
    let needed = acks_demanded(old);
    let server = seen.members.get(&old.primary).and_then(Member::server);
    let set = server.map(|server| server.semi_sync.wait_for);
    if needed > 0 && set != Some(needed) {
        return Err(Refusal::TooFewAcks {
            given: set.unwrap_or(0),
            needed,
        });
    }
    // A smaller membership cannot give more acknowledgements than it has followers.
    let followers = u32::try_from(members.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let needed = needed.min(followers);
    match barrier(seen, old, members, needed) {
        Err(_) if !leavers => settled_barrier(seen, old, members, needed),
        outcome => outcome,
    }
}

/// The guards of enough members tell this register.
fn recovered(new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let guards: BTreeMap<MemberId, &Guard> = seen
        .members
        .iter()
        .filter_map(|(id, member)| Some((*id, member.guard()?)))
        .filter(|(_, guard)| guard.data == DataState::Holding)
        .collect();
    let newest = guards.values().map(|guard| guard.epoch).max();
    let told = guards.values().any(|guard| {
        guard.epoch == new.epoch && guard.membership.as_ref() == Some(&new.membership)
    });
    let other_primary = guards.iter().any(|(id, guard)| {
        guard.epoch == new.epoch && guard.role == Some(Role::Primary) && *id != new.primary
    });
    let sets = [Some(&new.membership.members), new.membership.old.as_ref()];
    let enough = sets.into_iter().flatten().all(|members| {
        let unheard = members.iter().filter(|id| !guards.contains_key(id)).count();
        unheard <= members.len() / 2
    });
    let careful = new.counted.is_empty() && new.initialised && new.switchover.is_none();
    if newest == Some(new.epoch) && told && !other_primary && enough && careful {
        Ok(())
    } else {
        Err(Refusal::NotRecovered)
    }
}
