//! What an agent can be told to do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::gtid::GtidSet;
use crate::ids::{ClusterUid, MemberId};
use crate::register::Membership;
use crate::role::Role;

/// A command with everything that fences it. The agent refuses it when the cluster or member is
/// not its own, or when it has ever promised a higher epoch; otherwise it stores promise, epoch,
/// role and membership in its guard file before it acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The cluster it is for.
    pub cluster: ClusterUid,
    /// The member it is for.
    pub member: MemberId,
    /// The decision in force, as the register says.
    pub epoch: Epoch,
    /// What the member promises by taking the order: it refuses every later order that carries a
    /// lower one. Equal to `epoch`, except while the next decision is being prepared: then it is
    /// that decision's number.
    pub promise: Epoch,
    /// What the member is in that epoch.
    pub role: Role,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// What to do.
    pub command: Command,
}

/// What to do. Every command is idempotent and answers at once; long work is seen in the reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// Start mysqld closed (read-only, not replicating). On a volume without data, make an empty
    /// server first if that is allowed.
    Start {
        /// What to do on a volume without data.
        on_empty_volume: OnEmptyVolume,
        /// For a member that was open in an older epoch: everything that the present primary holds,
        /// read after its promotion. What the end of this member's binary log holds beyond it was
        /// never acknowledged and is cut off before mysqld sees it.
        history: Option<GtidSet>,
    },
    /// Replace this member's data, which must be empty, by a copy of the donor's.
    Clone {
        /// Whom to copy from.
        donor: Endpoint,
    },
    /// Be a read-only replica of the source.
    Follow {
        /// Whom to replicate from.
        source: Endpoint,
        /// Whether to acknowledge the source's commits (semi-sync).
        acknowledge: Acknowledge,
    },
    /// Promise, and stop what could acknowledge or be acknowledged. A replica stops its receiver and
    /// lets its applier go on; a primary puts its clients out and takes no writes any more, or leaves
    /// everything as it was when something holds that up.
    Fence,
    /// Become the primary of this epoch, closed: everything received is executed and the channel is
    /// gone, and commits will wait for `acks` acknowledgements.
    Promote {
        /// Acknowledgements that each commit will wait for, W.
        acks: u32,
        /// What the member must have executed; refused otherwise.
        must_hold: GtidSet,
    },
    /// Put clients out and end mysqld at once, without an answer to commits that wait: this member was
    /// the primary of an older epoch, or is the primary and nobody can acknowledge what waits there.
    Retire,
    /// Give up this member's data, which another history has overtaken; the transactions that only
    /// it holds are kept aside as evidence.
    Discard {
        /// The transactions that only this member holds.
        errant: GtidSet,
    },
    /// Take writes: semi-sync on with `acks`, then read-only off.
    Open {
        /// Acknowledgements that each commit waits for, W; 0 only in a cluster of one.
        acks: u32,
    },
    /// Change the number of acknowledgements of an open primary.
    SetAcks {
        /// The new number, W.
        acks: u32,
    },
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start {
                history: Some(_), ..
            } => f.write_str("start without what was never acknowledged"),
            Self::Start {
                on_empty_volume: OnEmptyVolume::Initialise,
                ..
            } => f.write_str("start, or initialise an empty volume"),
            Self::Start {
                on_empty_volume: OnEmptyVolume::Refuse,
                ..
            } => f.write_str("start"),
            Self::Clone { donor } => write!(f, "clone from member {}", donor.member),
            Self::Follow {
                source,
                acknowledge: Acknowledge::Yes,
            } => {
                write!(f, "follow member {} and acknowledge", source.member)
            }
            Self::Follow {
                source,
                acknowledge: Acknowledge::No,
            } => {
                write!(f, "follow member {} without acknowledging", source.member)
            }
            Self::Fence => f.write_str("promise, and stop what it does as a member"),
            Self::Promote { acks, .. } => {
                write!(f, "become primary, closed, with {acks} acknowledgements")
            }
            Self::Retire => f.write_str("put clients out and end mysqld"),
            Self::Discard { .. } => f.write_str("give up its data"),
            Self::Open { acks } => write!(f, "open for writing with {acks} acknowledgements"),
            Self::SetAcks { acks } => write!(f, "wait for {acks} acknowledgements"),
        }
    }
}

/// What `Start` does on a volume without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnEmptyVolume {
    /// Make an empty server.
    Initialise,
    /// Report the fault; the volume should have held data.
    Refuse,
}

/// Whether a replica acknowledges its source's commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Acknowledge {
    /// It counts towards W.
    Yes,
    /// It does not: it is catching up before it becomes a member.
    No,
}

/// Where another member's mysqld is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Which member.
    pub member: MemberId,
    /// Host name or address, as in its certificate.
    pub host: String,
    /// Port of mysqld.
    pub port: u16,
}

/// An agent's answer to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// Taken on; the reports show how it goes.
    Accepted,
    /// A higher epoch was stored before.
    StaleEpoch {
        /// The epoch the agent holds.
        held: Epoch,
    },
    /// The order is for another cluster or member.
    NotMine,
    /// The member is doing something that must end first.
    Busy {
        /// What it is doing, for people.
        doing: String,
    },
    /// The command does not fit the member's state, or failed.
    Refused {
        /// Why, for people.
        because: String,
    },
}
