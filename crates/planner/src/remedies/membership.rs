//! Other members are wanted than recorded. Newcomers catch up without acknowledging; then both
//! memberships are recorded and the larger number of acknowledgements is set; leavers stop
//! acknowledging; when everything acknowledged so far is held under the new rule, the new membership
//! becomes final. One change at a time; until it is final a failover needs promises under both.

use std::collections::BTreeSet;

use moco_model::register::Membership;
use moco_model::{GtidSet, MemberId, Millis, Phase, Register, quorum};

use crate::members::{holds_everything, ready_followers, settled_followers};
use crate::observation::{Member, Observation};
use crate::plan::{Expect, Step};

pub(super) fn steps(seen: &Observation, now: Millis) -> Vec<Step> {
    let Some(register) = &seen.register else {
        return Vec::new();
    };
    let next = match &register.membership.old {
        None => begin(seen, register),
        Some(_) => finish(seen, register),
    };
    let Some((membership, because)) = next else {
        return Vec::new();
    };
    let mut new = super::successor(register, register.epoch);
    new.membership = membership;
    new.basis.decided_at = now;
    new.basis.because = because;
    let recorded = new.membership.all();
    new.counted.retain(|id, _| recorded.contains(id));
    vec![Step::Record {
        expect: Expect::of(register),
        register: new,
    }]
}

/// The members that are wanted.
pub(crate) fn wanted(seen: &Observation) -> BTreeSet<MemberId> {
    (0..seen.wanted.replicas).map(MemberId).collect()
}

fn begin(seen: &Observation, register: &Register) -> Option<(Membership, String)> {
    let old = &register.membership.members;
    let new = wanted(seen);
    let caught_up = |id: &MemberId| {
        let member = seen.members.get(id);
        member.is_some_and(|member| holds_everything(seen, *id, member))
    };
    let open = seen.primary()?.1.server()?.writable;
    // The primary is handed over before it may leave, and nobody joins and leaves in one step.
    let one_way = new.is_superset(old) || new.is_subset(old);
    if !open || !new.contains(&register.primary) || !one_way {
        return None;
    }
    if !new.difference(old).all(caught_up) {
        return None;
    }
    let change = Membership {
        members: new.clone(),
        old: Some(old.clone()),
        version: register.membership.version + 1,
    };
    // Until it is final commits need the larger number, and only those who stay give it.
    let acks = usize::try_from(quorum::acks_under(&change)).unwrap_or(usize::MAX);
    let needed = acks.min(new.len().saturating_sub(1));
    let stay = settled_followers(seen).intersection(&new).count();
    if new.len() < old.len() && stay < needed {
        return None;
    }
    let because = if new.len() > old.len() {
        format!("{} new members have caught up", new.len() - old.len())
    } else {
        format!("{} members are to be removed", old.len() - new.len())
    };
    Some((change, because))
}

/// Certainly: a member that cannot be asked may still acknowledge, and nobody would ask it for a
/// promise once it is no member any more.
fn acknowledges_nothing(member: &Member) -> bool {
    match (member.phase(), member.server()) {
        (Some(Phase::AtGate), _) => true,
        (_, Some(server)) => {
            let may_ask = server.semi_sync.replica_enabled && server.replication.is_some();
            !server.semi_sync.replica_active && !may_ask
        }
        _ => false,
    }
}

/// Everything that the leavers hold, and so may have acknowledged. Of one that does not run, or lost what
/// it held, it is known only when no commit waits, and matters only if commits need a replica afterwards.
fn left_behind(seen: &Observation, register: &Register) -> Option<GtidSet> {
    let waiting = seen.primary()?.1.server()?.semi_sync.waiting;
    let size = u32::try_from(register.membership.members.len()).unwrap_or(u32::MAX);
    let mut all = GtidSet::new();
    for id in register
        .membership
        .all()
        .difference(&register.membership.members)
    {
        let member = seen.members.get(id);
        let lost = register.counted.contains_key(id) && !member.is_some_and(Member::runs_with_data);
        match member.and_then(Member::held).filter(|_| !lost) {
            Some(held) => all = all.union(&held),
            None if waiting == 0 || quorum::acks(size) == 0 => {}
            None => return None,
        }
    }
    Some(all)
}

fn grows(register: &Register) -> bool {
    let membership = &register.membership;
    membership
        .old
        .as_ref()
        .is_some_and(|old| !membership.members.is_subset(old))
}

fn finish(seen: &Observation, register: &Register) -> Option<(Membership, String)> {
    let acks = quorum::acks_under(&register.membership);
    let primary = seen.primary()?.1.server()?;
    let waits = primary.writable && (acks == 0 || primary.semi_sync.wait_for == acks);
    if grows(register) && !seen.commits_settled() {
        return None;
    }
    let members = register.membership.members.clone();
    // A commit that still waits may have been acknowledged by a leaver alone.
    let left = left_behind(seen, register)?;
    // What leavers acknowledged since the mark nobody else need have; without leavers the mark tells enough.
    let followers = if register.membership.all() == members {
        settled_followers(seen)
    } else {
        ready_followers(seen)
    };
    let ready = followers
        .intersection(&members)
        .filter(|id| {
            let held = seen.members.get(id).and_then(Member::held);
            held.is_some_and(|held| held.contains(&left))
        })
        .count();
    let ready = u32::try_from(ready).unwrap_or(0);
    // Leavers acknowledge until they are told not to; what they acknowledged has to be elsewhere, too.
    let size = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let needed = acks.min(size.saturating_sub(1)).max(quorum::acks(size));
    let everybody = register.membership.all();
    let leavers_silent = everybody
        .difference(&members)
        .all(|id| seen.members.get(id).is_some_and(acknowledges_nothing));
    if !waits || !leavers_silent || ready < needed {
        return None;
    }
    let because = format!("{ready} replicas hold everything and acknowledge");
    let version = register.membership.version + 1;
    Some((
        Membership {
            members,
            old: None,
            version,
        },
        because,
    ))
}
