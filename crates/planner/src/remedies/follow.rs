//! Replicas that do not follow the primary, or whose replication stopped: let them follow.

use moco_model::command::Acknowledge;
use moco_model::{Command, MemberId, Phase};

use super::order;
use crate::members::{detached, must_retire, overtaken, should_acknowledge};
use crate::observation::{Member, Observation};
use crate::plan::Step;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let Some((_, primary)) = seen.primary() else {
        return Vec::new();
    };
    if primary.phase() != Some(Phase::Running) || primary.server().is_none() {
        return Vec::new();
    }
    let lost =
        |(id, member): &(MemberId, &Member)| detached(seen, *id, member) || broken(seen, member);
    let mut lost: Vec<_> = seen.replicas().filter(lost).collect();
    // A former primary stops waiting for acknowledgements first, which takes a second. While nobody can
    // write the pass does not wait for it, if there are others.
    let open = primary.server().is_some_and(|server| server.writable);
    let quick = |(_, member): &(MemberId, &Member)| {
        member
            .server()
            .is_some_and(|server| !server.semi_sync.source_enabled)
    };
    if !open && lost.iter().any(quick) {
        lost.retain(quick);
    }
    lost.into_iter()
        .filter_map(|(id, _)| follow(seen, id, primary))
        .collect()
}

/// The order to follow the primary, and to acknowledge as the membership demands.
pub(super) fn follow(seen: &Observation, id: MemberId, primary: &Member) -> Option<Step> {
    let acknowledge = if should_acknowledge(seen, id) {
        Acknowledge::Yes
    } else {
        Acknowledge::No
    };
    let source = primary.endpoint.clone();
    order(
        seen,
        id,
        Command::Follow {
            source,
            acknowledge,
        },
    )
}

fn broken(seen: &Observation, member: &Member) -> bool {
    let channel = member
        .server()
        .and_then(|server| server.replication.as_ref());
    channel.is_some_and(|channel| channel.last_error.is_some())
        && member.runs_with_data()
        && !overtaken(seen, member)
        && !must_retire(member)
        && !seen.follows_primary(member)
}
