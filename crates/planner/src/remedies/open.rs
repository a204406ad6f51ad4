//! The primary runs closed: let it become the primary of this epoch, and open it when as many replicas
//! as a commit waits for hold all it has. Clients are told in the same plan; they are led to it once it
//! says that it takes writes.

use moco_model::{Command, Millis, quorum};

use super::{Treatment, install, order};
use crate::members::{followers_at_work, ready_followers, ready_leavers, served_elsewhere};
use crate::memory::Memory;
use crate::observation::Observation;
use crate::plan::{Expect, Step};
use crate::problem::Problem;

/// How long what else there is to do waits for replicas that follow the closed primary already: they need some
/// milliseconds for its last transactions, and a former primary needs a second before it follows.
const NEARLY_MS: Millis = 1_000;
/// How soon to look again meanwhile.
const LOOK_MS: Millis = 10;

pub(super) fn treat(seen: &Observation, memory: &Memory, now: Millis) -> Treatment {
    let steps = steps(seen);
    if steps.is_empty() && comes_first(seen, memory, now) && nearly(seen) {
        return Treatment::Wait { again_ms: LOOK_MS };
    }
    Treatment::of(steps)
}

/// Whether clients wait for nothing but a closed primary that may soon be opened. The end of a former primary takes a
/// second or more and comes afterwards, unless somebody might acknowledge there.
pub(super) fn comes_first(seen: &Observation, memory: &Memory, now: Millis) -> bool {
    let since = memory.since.get(&Problem::PrimaryClosed);
    since.is_some_and(|since| now - since < NEARLY_MS) && !served_elsewhere(seen)
}

/// Whether enough replicas are about to hold everything the closed primary has.
fn nearly(seen: &Observation) -> bool {
    let Some((register, primary)) = seen.primary() else {
        return false;
    };
    let closed = primary.server().is_some_and(|server| !server.writable);
    let promoted = install::promoted(register, primary);
    closed && promoted && enough(seen, followers_at_work(seen))
}

/// Whether so many replicas, and the leavers that hold everything, are as many as a commit waits for.
fn enough(seen: &Observation, replicas: usize) -> bool {
    let Some(register) = &seen.register else {
        return false;
    };
    let acks = quorum::acks_under(&register.membership);
    let ready = replicas + ready_leavers(seen);
    u32::try_from(ready).unwrap_or(u32::MAX) >= acks
}

fn steps(seen: &Observation) -> Vec<Step> {
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
    if !open && served_elsewhere(seen) {
        return Vec::new(); // that one is ended first
    }
    let acks = quorum::acks_under(&register.membership);
    if !enough(seen, ready_followers(seen).len()) {
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
