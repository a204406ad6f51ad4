//! What an agent tells the controller unasked.

use moco_model::{ClusterId, MemberReport};

/// "My state is …": sent when something changed and repeated until it is answered, so a lost one
/// does no harm and the newest one says everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The cluster of the agent; must be the one in its certificate.
    pub cluster: ClusterId,
    /// Rises with every new state of this agent process; a repetition keeps its number.
    pub sequence: u64,
    /// The whole state.
    pub report: MemberReport,
}

/// What a controller answers to a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeAnswer {
    /// The leader has it; it need not be repeated.
    Taken,
    /// This controller does not lead; the leader is at this address, `host:port`.
    Leader(String),
    /// This controller does not lead and knows no leader; ask again later.
    NoLeader,
}
