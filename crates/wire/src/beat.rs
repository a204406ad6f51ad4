//! What the agents of one cluster tell each other.

use moco_model::{Epoch, MemberId, Role};

/// "I am here": sent a few times a second, over a connection that stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The highest decision that the caller has been told.
    pub epoch: Epoch,
    /// Whether the caller replicates from the member that it calls.
    pub follows: bool,
}

/// What a member answers to a [`Beat`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeatAnswer {
    /// Who answers. Addresses come and go, and the certificate names only the cluster.
    pub member: MemberId,
    /// The highest decision that it has been told.
    pub epoch: Epoch,
    /// What it is in that epoch; none before its first order.
    pub role: Option<Role>,
    /// Whether the process of its mysqld runs.
    pub mysqld_runs: bool,
    /// Whether its mysqld takes writes of clients.
    pub open: bool,
}
