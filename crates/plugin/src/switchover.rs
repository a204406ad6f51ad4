//! `kubectl moco switchover`: another member becomes primary, without losing anything.
//!
//! The wish is an annotation of a pod. The controller takes it away when it has been fulfilled; this
//! program takes it away however the waiting ends, so that no wish is left to come true some other
//! day.

use std::collections::BTreeSet;

use moco_api::constants::annotations::{CLUSTERING_STOPPED, DEMOTE, PROMOTE};
use moco_model::{Epoch, MemberId};

use crate::cluster::{Cluster, NoRegister};

mod run;
mod wait;

pub(crate) use run::run;

/// What to do about the wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It is so already.
    Already {
        /// The primary.
        member: MemberId,
    },
    /// Annotate a pod.
    Ask(Wish),
    /// A switchover that fits is under way: nothing to ask.
    Join {
        /// Who shall become primary.
        to: MemberId,
        /// Where it began.
        start: Start,
    },
}

/// A wish, as the controller reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whose pod is annotated.
    pub(crate) member: MemberId,
    /// With what; the value is `"true"`.
    pub(crate) key: &'static str,
    /// Where it began.
    pub(crate) start: Start,
}

/// The decision in force before the switchover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// The primary of then.
    pub(crate) primary: MemberId,
    /// The epoch of then.
    pub(crate) epoch: Epoch,
    /// What that decision was based on, for people; it changes when a switchover is given up.
    pub(crate) because: String,
}

/// Why the wish is not even passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Nothing runs.
    #[error("the cluster is offline; set spec.offline to false first")]
    Offline,
    /// Nobody would decide.
    #[error(
        "clustering is stopped ({annotation}), so nothing would happen; run `kubectl moco start clustering` first",
        annotation = CLUSTERING_STOPPED
    )]
    ClusteringStopped,
    /// No other member.
    #[error("a cluster of one member cannot switch over")]
    SingleMember,
    /// No primary is known.
    #[error(transparent)]
    NoRegister(NoRegister),
    /// No such member.
    #[error("member {to} is no member of the cluster; its members are {}", .members.join(", "))]
    NoMember {
        /// Who was asked for.
        to: MemberId,
        /// Who there is.
        members: Vec<String>,
    },
    /// One at a time.
    #[error("a switchover to member {to} is under way ({because}); wait until it has ended")]
    UnderWay {
        /// Who shall become primary.
        to: MemberId,
        /// Who or what asked for it.
        because: String,
    },
}

/// Says what to do so that `to`, or any other member when it is none, becomes primary. Whether the
/// member is fit for it is the controller's to judge: it knows more, and it is who acts.
pub(crate) fn plan(cluster: &Cluster, to: Option<MemberId>) -> Result<Plan, Refusal> {
    if cluster.offline {
        return Err(Refusal::Offline);
    }
    if cluster.clustering_stopped() {
        return Err(Refusal::ClusteringStopped);
    }
    if cluster.replicas <= 1 {
        return Err(Refusal::SingleMember);
    }
    let register = cluster.register().map_err(Refusal::NoRegister)?;
    let start = Start {
        primary: register.primary,
        epoch: register.epoch,
        because: register.basis.because.clone(),
    };
    let members: &BTreeSet<MemberId> = &register.membership.members;
    if members.len() <= 1 {
        return Err(Refusal::SingleMember);
    }
    if let Some(to) = to.filter(|to| !members.contains(to)) {
        let members = members.iter().map(ToString::to_string).collect();
        return Err(Refusal::NoMember { to, members });
    }
    if let Some(under_way) = &register.switchover {
        return if to.is_none_or(|to| to == under_way.to) {
            Ok(Plan::Join {
                to: under_way.to,
                start,
            })
        } else {
            Err(Refusal::UnderWay {
                to: under_way.to,
                because: under_way.because.clone(),
            })
        };
    }
    Ok(match to {
        Some(member) if member == register.primary => Plan::Already { member },
        Some(member) => Plan::Ask(Wish {
            member,
            key: PROMOTE,
            start,
        }),
        None => Plan::Ask(Wish {
            member: register.primary,
            key: DEMOTE,
            start,
        }),
    })
}

#[cfg(test)]
mod tests;
