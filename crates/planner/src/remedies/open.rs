//! The primary runs closed: open it when as many replicas as a commit waits for hold all it has.

use moco_model::{Command, quorum};

use super::order;
use crate::members::ready_followers;
use crate::observation::Observation;
use crate::plan::{Expect, Step};

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let Some(register) = &seen.register else {
        return Vec::new();
    };
    let acks = quorum::acks_under(&register.membership);
    let ready = u32::try_from(ready_followers(seen).len()).unwrap_or(u32::MAX);
    if ready < acks {
        return Vec::new();
    }
    if !register.initialised {
        // Recorded before the first write can happen, so that an empty primary is a loss from now on.
        let mut new = register.clone();
        new.initialised = true;
        return vec![Step::Record {
            expect: Expect::of(register),
            register: new,
        }];
    }
    order(seen, register.primary, Command::Open { acks })
        .into_iter()
        .collect()
}
