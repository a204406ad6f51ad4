//! The register: the one record of who is primary, kept outside the members.
//!
//! On Kubernetes it is a subtree of the `MySQLCluster`'s status, in local mode a file. It is written
//! by compare-and-swap only: the writer names the epoch and membership version it read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Millis;
use crate::epoch::Epoch;
use crate::ids::MemberId;

/// Who is primary, by which decision, among whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// The number of the decision in force.
    pub epoch: Epoch,
    /// The member that may be opened for writing in this epoch, and no other.
    pub primary: MemberId,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// Whether a primary was ever allowed to open. From then on a primary without data is a loss to
    /// be shown, never an empty server to be made.
    pub initialised: bool,
    /// What the decision in force was based on.
    pub basis: Basis,
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
}

/// The kinds of decisions that begin an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BasisKind {
    /// The first epoch of a new cluster.
    Bootstrap,
    /// The same primary was started again and must be checked before it is opened.
    RestartInPlace,
}
