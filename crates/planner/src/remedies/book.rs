//! What the register has to remember besides decisions: whose promises count, and when a handover was
//! complete.

use std::collections::BTreeMap;

use moco_model::{MemberId, Millis, Register};

use super::{Treatment, successor};
use crate::members::holds_everything;
use crate::observation::Observation;
use crate::plan::{Expect, Step};

pub(super) fn treat(seen: &Observation, now: Millis) -> Treatment {
    let Some(register) = &seen.register else {
        return Treatment::Nothing;
    };
    match updated(seen, register, now) {
        Some(new) => Treatment::Act(vec![Step::Record {
            expect: Expect::of(register),
            register: new,
        }]),
        None => Treatment::Nothing,
    }
}

/// The register as it should be, if it is not. Only an open primary of the epoch in force can vouch.
pub(crate) fn updated(seen: &Observation, register: &Register, now: Millis) -> Option<Register> {
    let (_, primary) = seen.primary()?;
    let open = primary.server().is_some_and(|server| server.writable)
        && primary
            .guard()
            .is_some_and(|guard| guard.epoch == register.epoch);
    if !open {
        return None;
    }
    let mut new = successor(register, register.epoch);
    new.counted = counted(seen, register);
    if let Some(last) = new.handovers.last_mut()
        && last.epoch == register.epoch
    {
        last.opened_at.get_or_insert(now);
    }
    let changed = new.counted != register.counted || new.handovers != register.handovers;
    changed.then_some(new)
}

/// Members that hold everything now are counted with their present data; the others as before.
fn counted(seen: &Observation, register: &Register) -> BTreeMap<MemberId, String> {
    let recorded = register.membership.all();
    let mut counted = register.counted.clone();
    counted.retain(|id, _| recorded.contains(id));
    for id in recorded {
        if let Some(member) = seen.members.get(&id)
            && holds_everything(seen, id, member)
            && let Some(guard) = member.guard()
        {
            counted.insert(id, guard.incarnation.clone());
        }
    }
    counted
}
