//! Remedies: one file for each kind of work.

use moco_model::command::Order;
use moco_model::{Command, Epoch, MemberId, Millis, Register, Role};

use crate::memory::Memory;
use crate::observation::Observation;
use crate::plan::Step;
use crate::problem::Problem;

mod acks;
pub(crate) mod book;
mod failover;
mod fill;
mod follow;
mod force;
mod initialise;
mod install;
mod label;
mod membership;
mod open;
mod rebuild;
mod recover;
mod restart;
mod resume;
mod retire;
mod start;
pub(crate) mod switchover;

#[cfg(test)]
pub(crate) use fill::STARVED_MS;

/// What is done about a problem now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// These steps, and nothing else in this pass.
    Act(Vec<Step>),
    /// Something is under way that nothing of lower priority may disturb.
    Wait {
        /// When to look again if nothing is heard before, milliseconds.
        again_ms: Millis,
    },
    /// Only a person or time can help; the next problem is looked at.
    Nothing,
}

impl Treatment {
    /// These steps; nothing if there are none.
    fn of(steps: Vec<Step>) -> Self {
        if steps.is_empty() {
            Self::Nothing
        } else {
            Self::Act(steps)
        }
    }
}

/// What to do now about `problem`.
pub(crate) fn treat(
    problem: Problem,
    seen: &Observation,
    memory: &Memory,
    now: Millis,
) -> Treatment {
    match problem {
        Problem::PrimaryEnded | Problem::PrimaryUnreachable | Problem::PrimaryStuck => {
            failover::treat(seen, memory, now)
        }
        Problem::RegisterLost => recover::treat(seen, now),
        Problem::SwitchoverUnderWay => switchover::go_on(seen, now),
        Problem::SwitchoverAsked => switchover::begin(seen, now),
        Problem::PromisePending => resume::treat(seen, now),
        Problem::NotInitialised => Treatment::of(initialise::steps(seen, now)),
        Problem::TwoWritable | Problem::FormerPrimary => retire::treat(seen, memory, now),
        Problem::SemiSyncStarved => Treatment::of(fill::starved(seen)),
        Problem::MembersAtGate => Treatment::of(start::steps(seen)),
        Problem::ErrantTransactions | Problem::HistoryPurged => rebuild::treat(seen),
        Problem::MembersEmpty => Treatment::of(fill::steps(seen)),
        Problem::ReplicaDetached | Problem::ReplicationBroken => Treatment::of(follow::steps(seen)),
        Problem::PrimaryClosed => open::treat(seen, memory, now),
        Problem::WrongAcks => Treatment::of(acks::steps(seen)),
        Problem::BookOutdated => book::treat(seen, now),
        Problem::MembersChanging => Treatment::of(membership::steps(seen, now)),
        Problem::LabelsOutdated => Treatment::of(label::steps(seen)),
        Problem::ForeignCluster
        | Problem::ForeignVolumes
        | Problem::Offline
        | Problem::ClusteringStopped
        | Problem::InvalidSpec
        | Problem::VolumeUnusable
        | Problem::ImageUnusable
        | Problem::ConfigurationRefused
        | Problem::MemberFault
        | Problem::PodCannotRun
        | Problem::ObjectRefused
        | Problem::WaitingForMembers
        | Problem::ReplicaUnreachable
        | Problem::SettingsDrifted => Treatment::Nothing,
    }
}

/// The register as the members' guards tell it, or what is missing to make it again.
pub(crate) fn recovered(seen: &Observation) -> Result<Register, String> {
    recover::recovered(seen, 0)
}

/// The next revision of a register, in `epoch`.
fn successor(register: &Register, epoch: Epoch) -> Register {
    Register {
        epoch,
        revision: register.revision + 1,
        ..register.clone()
    }
}

/// The role of a member by the register.
pub(crate) fn role_of(seen: &Observation, id: MemberId) -> Role {
    match &seen.register {
        Some(register) if register.primary == id => Role::Primary,
        _ => Role::Replica,
    }
}

/// An order with the register's decision; none without a register.
fn order(seen: &Observation, member: MemberId, command: Command) -> Option<Step> {
    let register = seen.register.as_ref()?;
    Some(install::order(seen, register, member, command))
}

/// An order to a member that may have promised a decision which is not made yet: the promise is
/// repeated, or the member would refuse the order.
fn promised_order(seen: &Observation, member: MemberId, command: Command) -> Option<Step> {
    let Step::Send(order) = order(seen, member, command)? else {
        return None;
    };
    let promised = seen
        .members
        .get(&member)?
        .guard()
        .map(|guard| guard.promised);
    Some(Step::Send(Order {
        promise: promised.unwrap_or_default().max(order.epoch),
        ..order
    }))
}
