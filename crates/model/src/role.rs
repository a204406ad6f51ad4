//! What a member is in its cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The role of a member, also the value of its pod's label `moco.cybozu.com/role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes writes.
    Primary,
    /// Follows the primary and is read-only.
    Replica,
}

impl Role {
    /// The word used in labels, logs and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
