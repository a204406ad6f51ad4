//! The number of a decision about who may write.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Counts the decisions about a cluster's primary. Every command to an agent carries one; an agent
/// refuses a lower one than it has ever stored. 0 is before the first decision.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of the next decision.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
