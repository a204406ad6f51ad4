//! What the agent's logic needs to know of its command line.

use std::path::PathBuf;
use std::time::Duration;

use moco_model::{ClusterId, ClusterUid, MemberId};
use moco_mysql::replication::TlsFiles;

/// What the agent's logic needs to know of its command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The cluster's names.
    pub cluster: ClusterId,
    /// The cluster's uid, which every order must carry.
    pub uid: ClusterUid,
    /// The member's number.
    pub member: MemberId,
    /// How long mysqld may take to answer after a start, crash recovery included.
    pub startup_wait: Duration,
    /// Replication lag above which a replica is not ready; zero switches the check off.
    pub max_delay: Duration,
    /// The volume, for people to read.
    pub volume: PathBuf,
    /// The certificate files, as mysqld reads them.
    pub tls: TlsFiles,
}
