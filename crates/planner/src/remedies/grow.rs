//! Growing: newcomers catch up without acknowledging; then both memberships are recorded and the
//! larger number of acknowledgements is set; when everything acknowledged so far is held under the
//! new rule, the new membership becomes final.

use std::collections::BTreeSet;

use moco_model::register::Membership;
use moco_model::{MemberId, Millis, Register, quorum};

use crate::members::ready_followers;
use crate::observation::Observation;
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
    let mut new = register.clone();
    new.membership = membership;
    new.basis.decided_at = now;
    new.basis.because = because;
    vec![Step::Record {
        expect: Expect::of(register),
        register: new,
    }]
}

fn begin(seen: &Observation, register: &Register) -> Option<(Membership, String)> {
    let old = &register.membership.members;
    let new: BTreeSet<_> = (0..seen.wanted.replicas)
        .map(MemberId)
        .chain(old.iter().copied())
        .collect();
    let caught_up = |id: &MemberId| {
        seen.members.get(id).is_some_and(|member| {
            member.runs_with_data()
                && seen.follows_primary(member)
                && seen.holds_primary_set(member)
        })
    };
    let open = seen.primary()?.1.server()?.writable;
    if !open || !new.difference(old).all(caught_up) {
        return None;
    }
    let because = format!("{} new members have caught up", new.len() - old.len());
    let version = register.membership.version + 1;
    Some((
        Membership {
            members: new,
            old: Some(old.clone()),
            version,
        },
        because,
    ))
}

fn finish(seen: &Observation, register: &Register) -> Option<(Membership, String)> {
    let acks = quorum::acks_under(&register.membership);
    let primary = seen.primary()?.1.server()?;
    let waits = primary.writable && primary.semi_sync.wait_for == acks;
    let members = register.membership.members.clone();
    let ready = ready_followers(seen).intersection(&members).count();
    if !waits || u32::try_from(ready).unwrap_or(0) < acks {
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
