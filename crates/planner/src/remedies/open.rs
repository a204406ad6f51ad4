//! The primary runs closed: let it become the primary of this epoch, and open it when as many replicas
//! as a commit waits for hold all it has. Clients are told in the same plan; they are led to it once it
//! says that it takes writes.

use moco_model::{Command, quorum};

use super::{install, order};
use crate::members::{must_retire, ready_followers, ready_leavers};
use crate::observation::Observation;
use crate::plan::{Expect, Step};

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let Some((register, primary)) = seen.primary() else {
        return Vec::new();
    };
    if primary.server().is_none() {
        return Vec::new();
    }
    let open = primary.server().is_some_and(|server| server.writable);
    if !open && !install::promoted(register, primary) {
        return order(seen, register.primary, install::promote(register))
            .into_iter()
            .collect();
    }
    // Whoever takes writes beside it is ended first: somebody might acknowledge there.
    if !open && seen.replicas().any(|(_, member)| must_retire(member)) {
        return Vec::new();
    }
    let acks = quorum::acks_under(&register.membership);
    let ready = ready_followers(seen).len() + ready_leavers(seen);
    let ready = u32::try_from(ready).unwrap_or(u32::MAX);
    if ready < acks {
        return Vec::new();
    }
    if !register.initialised {
        // Recorded before the first write can happen, so that an empty primary is a loss from now on.
        let mut new = super::successor(register, register.epoch);
        new.initialised = true;
        return vec![Step::Record {
            expect: Expect::of(register),
            register: new,
        }];
    }
    let open = order(seen, register.primary, Command::Open { acks });
    open.into_iter().chain(super::label::all(seen)).collect()
}
