//! What a decision about the primary sets in motion: the new primary gets ready, closed, while the
//! others are pointed at it. All of it can be repeated, by any controller.

use moco_model::command::{Acknowledge, Order};
use moco_model::{Command, MemberId, Register, Role, quorum};

use crate::observation::{Member, Observation};
use crate::plan::Step;

/// Orders to the primary of `register` and to its followers, for a plan that begins with recording it.
/// `followers` are those that hold nothing beyond what the primary must hold.
pub(super) fn orders(
    seen: &Observation,
    register: &Register,
    followers: impl Iterator<Item = MemberId>,
) -> Vec<Step> {
    let Some(primary) = seen.members.get(&register.primary) else {
        return Vec::new();
    };
    let mut steps = vec![order(seen, register, register.primary, promote(register))];
    for id in followers.filter(|id| *id != register.primary) {
        let attached = |member: &Member| {
            member.follows(&primary.endpoint)
                && member
                    .guard()
                    .is_some_and(|guard| guard.epoch == register.epoch)
        };
        if !seen.members.get(&id).is_some_and(attached) {
            let acknowledge = acknowledges(register, id);
            let source = primary.endpoint.clone();
            let command = Command::Follow {
                source,
                acknowledge,
            };
            steps.push(order(seen, register, id, command));
        }
    }
    steps
}

/// The order that makes a member the closed primary of `register`.
pub(super) fn promote(register: &Register) -> Command {
    Command::Promote {
        acks: quorum::acks_under(&register.membership),
        must_hold: register.basis.must_hold.clone(),
    }
}

/// Whether the primary has done what [`promote`] says.
pub(super) fn promoted(register: &Register, member: &Member) -> bool {
    let acks = quorum::acks_under(&register.membership);
    member.server().is_some_and(|server| {
        let semi_sync = &server.semi_sync;
        let waits = if acks == 0 {
            !semi_sync.source_enabled
        } else {
            semi_sync.source_enabled && semi_sync.source_active && semi_sync.wait_for == acks
        };
        let told = member.guard().is_some_and(|guard| {
            guard.epoch == register.epoch && guard.role == Some(Role::Primary)
        });
        let drained = server.executed.contains(&register.basis.must_hold);
        told && waits && drained && server.replication.is_none()
    })
}

/// Whether a follower's acknowledgements are wanted: it is one of the new members.
pub(super) fn acknowledges(register: &Register, id: MemberId) -> Acknowledge {
    if register.membership.members.contains(&id) {
        Acknowledge::Yes
    } else {
        Acknowledge::No
    }
}

/// An order that carries the decision of `register`.
pub(super) fn order(
    seen: &Observation,
    register: &Register,
    member: MemberId,
    command: Command,
) -> Step {
    let role = if register.primary == member {
        Role::Primary
    } else {
        Role::Replica
    };
    Step::Send(Order {
        cluster: seen.uid.clone(),
        member,
        epoch: register.epoch,
        promise: register.epoch,
        role,
        membership: register.membership.clone(),
        command,
    })
}
