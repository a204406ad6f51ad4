//! What can fail on the way, as opposed to what a file may turn out to hold.

use std::io;
use std::path::PathBuf;

/// Why a tail could not be judged or cut.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// A file of the binary log, or its index, could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The cut bytes could not be kept; nothing was cut.
    #[error("cannot keep the cut transactions in {path}")]
    Evidence {
        /// The folder for them.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Too many other tails were kept under the same name; nothing was cut.
    #[error("{path} holds {count} other tails of that file and offset; move them away")]
    EvidenceFull {
        /// The folder for them.
        path: PathBuf,
        /// How many.
        count: u32,
    },
    /// The file could not be cut; it may be cut and not yet durably so.
    #[error("cannot cut {path}")]
    Truncate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not the one that was judged.
    #[error("{path} has {found} bytes and had {expected} when it was judged")]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its size when it was judged.
        expected: u64,
        /// Its size now.
        found: u64,
    },
    /// The file with the `server_uuid` could not be removed.
    #[error("cannot remove {path}")]
    ServerUuid {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}
