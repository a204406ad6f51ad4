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
    let follow = |(id, member): (MemberId, &Member)| {
        if !(detached(seen, id, member) || broken(seen, member)) {
            return None;
        }
        let yes = should_acknowledge(seen, id);
        let acknowledge = if yes {
            Acknowledge::Yes
        } else {
            Acknowledge::No
        };
        order(
            seen,
            id,
            Command::Follow {
                source: primary.endpoint.clone(),
                acknowledge,
            },
        )
    };
    seen.replicas().filter_map(follow).collect()
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
