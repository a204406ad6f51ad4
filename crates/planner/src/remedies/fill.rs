//! Members without data: clone the primary's, one member at a time, because a donor serves one clone
//! only. While the primary itself has executed nothing there is nothing to copy, and they just follow.

use moco_model::command::Acknowledge;
use moco_model::{Command, MemberId, Phase};

use super::order;
use crate::members::{empty_replica, should_acknowledge};
use crate::observation::{Member, Observation};
use crate::plan::Step;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let Some((_, primary)) = seen.primary() else {
        return Vec::new();
    };
    let Some(server) = primary.server() else {
        return Vec::new();
    };
    let mut empty = seen
        .members
        .iter()
        .filter(|(id, member)| empty_replica(seen, **id, member));
    let source = primary.endpoint.clone();
    if server.executed.is_empty() {
        let follow = |(id, _): (&MemberId, &Member)| {
            let yes = should_acknowledge(seen, *id);
            let acknowledge = if yes {
                Acknowledge::Yes
            } else {
                Acknowledge::No
            };
            order(
                seen,
                *id,
                Command::Follow {
                    source: source.clone(),
                    acknowledge,
                },
            )
        };
        return empty.filter_map(follow).collect();
    }
    let cloning = |member: &Member| matches!(member.phase(), Some(Phase::Cloning(_)));
    if seen.members.values().any(cloning) {
        return Vec::new();
    }
    let first = empty
        .find(|(_, member)| !member.faulty())
        .or_else(|| empty.next());
    first
        .and_then(|(id, _)| order(seen, *id, Command::Clone { donor: source }))
        .into_iter()
        .collect()
}
