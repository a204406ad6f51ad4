//! What a member has promised, as kept on its own volume.

use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::ids::{ClusterUid, MemberId};
use crate::register::Membership;
use crate::role::Role;
use crate::version::ServerVersion;

/// The guard file of a member: one small JSON document on the data volume, replaced by write, fsync,
/// rename, fsync of the folder. It outlives the pod and the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// The cluster this volume belongs to.
    pub cluster: ClusterUid,
    /// The member this volume belongs to.
    pub member: MemberId,
    /// The highest epoch this member has ever been told; commands of lower ones are refused.
    pub epoch: Epoch,
    /// The role it was last given.
    pub role: Option<Role>,
    /// The membership it was last told.
    pub membership: Option<Membership>,
    /// Drawn when the data directory was initialised or cloned; another one means other data.
    pub incarnation: String,
    /// How far the making of the data directory got.
    pub data: DataState,
    /// The kernel's boot id at the last start of mysqld: page cache does not survive another.
    pub boot_id: String,
    /// The pod (or process group) that last held the volume.
    pub pod_uid: String,
    /// The version of mysqld that last opened the data.
    pub server_version: Option<ServerVersion>,
}

/// How far the data directory of a member got. Written before the work of each stage begins and
/// after it ended, so a stage that was cut is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DataState {
    /// `mysqld --initialize` or the first set-up was begun and has not ended: nothing to keep.
    Initialising,
    /// An empty server with MOCO's accounts; holds nothing of any cluster's history.
    Empty,
    /// A clone was begun; MySQL drops the member's own data first, so nothing to keep.
    Cloning,
    /// Holds a cluster's history.
    Holding,
}
