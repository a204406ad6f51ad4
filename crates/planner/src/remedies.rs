//! Remedies: one file for each kind of work.

use moco_model::command::Order;
use moco_model::{Command, MemberId, Millis, Role};

use crate::observation::Observation;
use crate::plan::{Plan, Step};
use crate::problem::Problem;

mod acks;
mod fill;
mod follow;
mod grow;
mod initialise;
mod label;
mod open;
mod restart;
mod start;

/// What to do now about `problem`; nothing when only a person or time can help.
pub(crate) fn treat(problem: Problem, seen: &Observation, now: Millis) -> Plan {
    let steps = match problem {
        Problem::NotInitialised => initialise::steps(seen, now),
        Problem::PrimaryRestarted => restart::steps(seen, now),
        Problem::MembersAtGate => start::steps(seen),
        Problem::MembersEmpty => fill::steps(seen),
        Problem::ReplicaDetached | Problem::ReplicationBroken => follow::steps(seen),
        Problem::PrimaryClosed => open::steps(seen),
        Problem::WrongAcks => acks::steps(seen),
        Problem::Growing => grow::steps(seen, now),
        Problem::LabelsOutdated => label::steps(seen),
        Problem::ForeignCluster
        | Problem::ForeignVolumes
        | Problem::RegisterLost
        | Problem::Offline
        | Problem::ClusteringStopped
        | Problem::TwoWritable
        | Problem::PrimaryUnreachable
        | Problem::InvalidSpec
        | Problem::VolumeUnusable
        | Problem::ImageUnusable
        | Problem::ConfigurationRefused
        | Problem::MemberFault
        | Problem::PodCannotRun
        | Problem::ObjectRefused
        | Problem::WaitingForMembers
        | Problem::ErrantTransactions
        | Problem::SemiSyncStarved
        | Problem::ShrinkRequested
        | Problem::ReplicaUnreachable
        | Problem::SettingsDrifted => Vec::new(),
    };
    Plan { steps }
}

/// The role of a member by the register.
pub(crate) fn role_of(seen: &Observation, id: MemberId) -> Role {
    match &seen.register {
        Some(register) if register.primary == id => Role::Primary,
        _ => Role::Replica,
    }
}

/// An order with the register's epoch and membership; none without a register.
fn order(seen: &Observation, member: MemberId, command: Command) -> Option<Step> {
    let register = seen.register.as_ref()?;
    Some(Step::Send(Order {
        cluster: seen.uid.clone(),
        member,
        epoch: register.epoch,
        role: role_of(seen, member),
        membership: register.membership.clone(),
        command,
    }))
}
