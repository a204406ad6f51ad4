//! Members whose data another history has overtaken: they are no longer counted, they acknowledge
//! nothing, and where it is allowed their data is given up for a clone. One at a time.

use moco_model::report::ThreadState;
use moco_model::{Command, GtidSet, MemberId, Phase};

use super::{Treatment, install, successor};
use crate::members::{errant_set, overtaken};
use crate::observation::{Member, Observation, Rebuild};
use crate::plan::{Expect, Step};

pub(super) fn treat(seen: &Observation) -> Treatment {
    let Some((register, primary)) = seen.primary() else {
        return Treatment::Nothing;
    };
    let overtaken: Vec<_> = seen
        .replicas()
        .filter(|(_, member)| overtaken(seen, member))
        .collect();
    let counted: Vec<_> = overtaken
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| register.counted.contains_key(id))
        .collect();
    if !counted.is_empty() {
        return quarantine(seen, &counted);
    }
    // It need not be open: perhaps it cannot be before this member is whole again.
    let open = super::install::promoted(register, primary);
    let busy = |member: &Member| {
        matches!(
            member.phase(),
            Some(Phase::Cloning(_) | Phase::Initialising)
        )
    };
    if seen.wanted.rebuild == Rebuild::Forbidden {
        return silence(seen, &overtaken);
    }
    if !open || seen.members.values().any(busy) {
        return silence(seen, &overtaken);
    }
    let first = overtaken.iter().find_map(|(id, member)| {
        let errant = errant_set(seen, member);
        let command = Command::Discard {
            errant: errant.clone(),
        };
        (!will_execute(member, &errant)).then(|| install::order(seen, register, *id, command))
    });
    first.map_or_else(
        || silence(seen, &overtaken),
        |step| Treatment::Act(vec![step]),
    )
}

/// Whether its applier is about to execute what it has of `errant`: the binary log is what is kept of it.
fn will_execute(member: &Member, errant: &GtidSet) -> bool {
    member.server().is_some_and(|server| {
        let channel = server.replication.as_ref();
        let applies = channel.is_some_and(|channel| {
            channel.applier == ThreadState::On && channel.last_error.is_none()
        });
        applies && !server.executed.contains(errant)
    })
}

/// Their promises count no more.
fn quarantine(seen: &Observation, members: &[MemberId]) -> Treatment {
    let Some(register) = &seen.register else {
        return Treatment::Nothing;
    };
    let mut new = successor(register, register.epoch);
    new.counted.retain(|id, _| !members.contains(id));
    Treatment::Act(vec![Step::Record {
        expect: Expect::of(register),
        register: new,
    }])
}

/// Their receivers are stopped, so that they acknowledge nothing.
fn silence(seen: &Observation, overtaken: &[(MemberId, &Member)]) -> Treatment {
    let Some(register) = &seen.register else {
        return Treatment::Nothing;
    };
    let receives = |member: &Member| {
        let channel = member
            .server()
            .and_then(|server| server.replication.as_ref());
        channel.is_some_and(|channel| channel.receiver != ThreadState::Off)
    };
    let steps: Vec<_> = overtaken
        .iter()
        .filter(|(_, member)| receives(member))
        .map(|(id, _)| install::order(seen, register, *id, Command::Fence))
        .collect();
    if steps.is_empty() {
        Treatment::Nothing
    } else {
        Treatment::Act(steps)
    }
}
