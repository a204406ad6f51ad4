//! The register: the one record of who is primary, kept outside the members.
//!
//! On Kubernetes it is a subtree of the `MySQLCluster`'s status, in local mode a file. It is written
//! by compare-and-swap only: the writer names the epoch and membership version it read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::epoch::Epoch;
use crate::gtid::GtidSet;
use crate::ids::{MemberId, ServerUuid};

/// Who is primary, by which decision, among whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// The number of the decision in force.
    pub epoch: Epoch,
    /// Counts the writes of this record.
    #[serde(default)]
    pub revision: u64,
    /// The member that may be opened for writing in this epoch, and no other.
    pub primary: MemberId,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// Whether a primary was ever allowed to open. From then on a primary without data is a loss to
    /// be shown, never an empty server to be made.
    pub initialised: bool,
    /// What the decision in force was based on.
    pub basis: Basis,
    /// The members whose promises count in a failover, with the incarnation of their data: each was
    /// seen to hold everything that the primary held. A member with another incarnation does not
    /// count until it is seen to do so again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted: BTreeMap<MemberId, String>,
    /// The switchover under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switchover: Option<Switchover>,
    /// The last changes of the primary, the newest last; at most [`HANDOVERS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handovers: Vec<Handover>,
}

/// Entries of [`Register::handovers`] at most.
pub const HANDOVERS_MAX: usize = 8;

/// A switchover that was begun. It ends with the next epoch: the target's, or the same primary's when
/// it was given up after the primary had been closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Switchover {
    /// Who shall become primary.
    pub to: MemberId,
    /// Who or what asked for it, for people.
    pub because: String,
    /// When it was begun.
    pub begun_at: Millis,
    /// When it is given up if the primary has not been changed by then.
    pub deadline: Millis,
}

/// One change of the primary, for people: what happened when, and what proves that nothing
/// acknowledged was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    /// The epoch that began with it.
    pub epoch: Epoch,
    /// Failover, switchover or forced.
    pub kind: BasisKind,
    /// Who was primary.
    pub from: MemberId,
    /// Who became primary.
    pub to: MemberId,
    /// What kind of evidence made it necessary.
    pub cause: Cause,
    /// The evidence, in one sentence.
    pub because: String,
    /// When the problem was first seen, or the switchover begun.
    pub noticed_at: Millis,
    /// When it was decided.
    pub decided_at: Millis,
    /// When the new primary was seen to take writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Millis>,
    /// Who promised, and what each held.
    pub promised: BTreeMap<MemberId, GtidSet>,
    /// What proves that nothing acknowledged was lost, or what could not be proven.
    pub proof: String,
}

/// The members that count, and the change of them that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// The members; while a change is under way, the new ones.
    pub members: BTreeSet<MemberId>,
    /// While a change is under way, the members before it; both rules hold until it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<BTreeSet<MemberId>>,
    /// Counts the changes.
    pub version: u64,
}

impl Membership {
    /// The first membership of a cluster: members 0 to `n` − 1, no change under way.
    pub fn first(n: u32) -> Self {
        Self {
            members: (0..n).map(MemberId).collect(),
            old: None,
            version: 1,
        }
    }

    /// Members of the old or the new set.
    pub fn all(&self) -> BTreeSet<MemberId> {
        self.members
            .iter()
            .chain(self.old.iter().flatten())
            .copied()
            .collect()
    }
}

/// Why the primary was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Its mysqld ended: a fact, told by its own agent.
    Ended,
    /// It fell silent, to the controller and to enough replicas: a guess.
    Silent,
    /// It answers and does not commit: a guess.
    Stuck,
    /// Somebody asked for it, or its pod is going away.
    Asked,
}

impl Cause {
    /// Whether it may have been wrong. Guesses are not repeated at once.
    pub const fn is_guess(self) -> bool {
        matches!(self, Self::Silent | Self::Stuck)
    }
}

/// What a decision was based on. Kept so that a person, or the next controller, can judge it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// Which kind of decision it was.
    pub kind: BasisKind,
    /// When it was taken, by the controller's clock.
    pub decided_at: Millis,
    /// One sentence for people.
    pub because: String,
    /// What the primary must have executed before it is opened: everything that those who promised
    /// held.
    #[serde(default, skip_serializing_if = "GtidSet::is_empty")]
    pub must_hold: GtidSet,
    /// The server UUID of the primary that took over with `must_hold`: what was acknowledged before it is in there, and
    /// what was acknowledged since was written by this server. So whatever else a member holds was never acknowledged.
    /// None where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<ServerUuid>,
}

impl Basis {
    /// Transactions of `held` that nobody was told OK: they are from before, and the decision was taken without them.
    #[must_use]
    pub fn strays(&self, held: &GtidSet) -> GtidSet {
        match self.writer {
            Some(writer) => held.subtract(&self.must_hold).written_by_others(writer),
            None => GtidSet::new(),
        }
    }
}

/// The kinds of decisions that begin an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BasisKind {
    /// The first epoch of a new cluster.
    Bootstrap,
    /// The same primary was started again and must be checked before it is opened.
    RestartInPlace,
    /// Another member became primary, with promises of enough others.
    Failover,
    /// Another member became primary after the primary had been closed for it.
    Switchover,
    /// The same primary goes on: a failover was prepared or a switchover begun, and given up.
    Resumed,
    /// The register was lost or older than what members had promised; it was made again from them.
    Recovered,
    /// A person demanded it although it could not be proven that nothing is lost.
    Forced,
}
