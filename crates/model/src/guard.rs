//! What a member has promised, as kept on its own volume.

use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::gtid::GtidSet;
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
    /// The highest decision this member has ever been told.
    pub epoch: Epoch,
    /// The highest epoch this member has ever promised: orders that carry a lower promise are
    /// refused. At least `epoch`.
    #[serde(default)]
    pub promised: Epoch,
    /// The epoch in which it was last opened for writing, until it becomes a replica again. The end
    /// of its binary log may hold what nobody acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Epoch>,
    /// The role it was last given.
    pub role: Option<Role>,
    /// The membership it was last told.
    pub membership: Option<Membership>,
    /// Drawn anew whenever it is uncertain that the member still holds all it ever acknowledged: its
    /// data was initialised, cloned or cut, the guard was lost, the volume, the pod or the running
    /// kernel is another one, or the data went backwards.
    pub incarnation: String,
    /// How far the making of the data directory got.
    pub data: DataState,
    /// The kernel's boot id at the last start of mysqld: page cache does not survive another.
    pub boot_id: String,
    /// The pod (or process group) that last held the volume.
    pub pod_uid: String,
    /// The volume, as the kernel names its file system.
    #[serde(default)]
    pub volume_id: String,
    /// What the member held, received or executed, when the guard was last written.
    #[serde(default)]
    pub watermark: GtidSet,
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
