//! The binary log of a mysqld that does not run: finding, keeping and cutting off the tail that
//! nobody acknowledged.
//!
//! A primary that was killed holds, at the end of its last binary log file, transactions that were
//! written and still waited for acknowledgements: InnoDB has them prepared only. mysqld would commit
//! them when it starts again, and the server would have transactions that its cluster has not. Cut
//! off before that start, they are rolled back, and the server can follow the new primary without a
//! clone (`docs/mysql-facts.md`).
//!
//! Cut is only what is written here as safe; everything else is [`Tail::NotCuttable`], and the
//! member is cloned. The caller knows what this module cannot see: that no mysqld runs, that the
//! server was an open primary and was killed, not asked to stop, and that `history` was read from the
//! new primary after its promotion.
//!
//! In this order, each step again from the beginning after a crash: [`judge`], [`cut()`],
//! [`forget_server_uuid`], start closed, compare what mysqld says it has executed.

mod bytes;
mod content;
mod cut;
mod error;
mod events;
mod gtids;
mod head;
mod index;
mod server_uuid;
mod size;
mod walk;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use moco_model::GtidSet;

pub use cut::{CutDone, cut};
pub use error::TailError;
pub use server_uuid::forget_server_uuid;
pub use size::bytes_of_all;

/// What the end of the binary log holds beyond the history of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing to cut.
    None {
        /// Why.
        because: NothingToCut,
    },
    /// A tail that [`cut()`] may cut off.
    Cut(Cut),
    /// There may be a tail and it must not be cut: the data directory is replaced by a clone.
    NotCuttable {
        /// What stands against it.
        because: Obstacle,
        /// The transactions beyond the history that were found until then.
        transactions: GtidSet,
    },
}

/// Where to cut: at a GTID event that is not in the history, with no transaction of the history behind
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The last binary log file.
    pub file: PathBuf,
    /// Where the first transaction that is not in the history starts, in bytes from the start of
    /// the file.
    pub at: u64,
    /// How many bytes there are from there to the end of the file; at least 1.
    pub bytes: u64,
    /// The transactions that are cut off; at least one. The last one may be torn. One that is torn
    /// before its GTID is cut off and not in here.
    pub transactions: GtidSet,
    /// Where the events end that a reader needs before any transaction.
    head: u64,
}

/// Why there is nothing to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NothingToCut {
    /// mysqld closed the file, so nothing in it waits in InnoDB. What it has executed beyond the
    /// history, if anything, cannot be cut.
    ClosedCleanly,
    /// Every transaction of the file whose GTID can be read is in the history. mysqld itself drops
    /// one that is torn before that.
    AllInHistory,
}

/// Why a tail must not be cut. Offsets are bytes from the start of the last binary log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The index names no file of the data directory, or one that is not there.
    NoFile {
        /// What is wrong.
        detail: String,
    },
    /// The file is encrypted.
    Encrypted,
    /// The events at the start of the file cannot be read.
    HeadUnreadable,
    /// Earlier files hold transactions that are not in the history; those are committed in InnoDB.
    EarlierFiles,
    /// A transaction of the history follows the first one that is not in it.
    HistoryAfterTail {
        /// Where that transaction starts.
        at: u64,
    },
    /// A transaction of the history is incomplete or damaged.
    HistoryDamaged {
        /// Where the damage begins.
        at: u64,
    },
    /// An event is damaged and transactions can be read behind it.
    DamagedBeforeEnd {
        /// Where the damaged event starts.
        at: u64,
    },
    /// The tail holds a statement of an XA transaction.
    Xa {
        /// Where its event starts.
        at: u64,
    },
    /// The tail holds a change of a table whose engine cannot roll it back.
    NotTransactional {
        /// Where its last event starts.
        at: u64,
    },
    /// A transaction has no GTID.
    Anonymous {
        /// Where its event starts.
        at: u64,
    },
    /// An event that this module does not know, or not at that place.
    Unexpected {
        /// The number of its type.
        kind: u8,
        /// Where it starts.
        at: u64,
    },
    /// An event is whole and yet not what its type says.
    Malformed {
        /// Where it starts.
        at: u64,
    },
}

impl fmt::Display for NothingToCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClosedCleanly => "mysqld closed its last binary log file",
            Self::AllInHistory => {
                "every transaction of the last binary log file is in the history of the cluster"
            }
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile { detail } => write!(f, "there is no binary log file to read: {detail}"),
            Self::Encrypted => f.write_str("the binary log is encrypted"),
            Self::HeadUnreadable => {
                f.write_str("the start of the last binary log file cannot be read")
            }
            Self::EarlierFiles => {
                f.write_str("earlier binary log files hold transactions that the cluster has not")
            }
            Self::HistoryAfterTail { at } => write!(
                f,
                "a transaction of the cluster's history, at byte {at}, follows one that is not in it"
            ),
            Self::HistoryDamaged { at } => write!(
                f,
                "a transaction of the cluster's history is damaged at byte {at}"
            ),
            Self::DamagedBeforeEnd { at } => write!(
                f,
                "the event at byte {at} is damaged, and transactions follow it"
            ),
            Self::Xa { at } => write!(f, "an XA transaction is in the tail, at byte {at}"),
            Self::NotTransactional { at } => write!(
                f,
                "a change that cannot be rolled back is in the tail, at byte {at}"
            ),
            Self::Anonymous { at } => write!(f, "the transaction at byte {at} has no GTID"),
            Self::Unexpected { kind, at } => {
                write!(f, "the event at byte {at} has the unexpected type {kind}")
            }
            Self::Malformed { at } => write!(f, "the event at byte {at} is malformed"),
        }
    }
}

/// Judges what the last binary log file of `data_dir` holds beyond `history`, the GTID set of the
/// new primary. Changes nothing. No mysqld may run on the directory.
///
/// # Errors
///
/// Only for a file that could not be read; asking again may help. A file that was read and cannot be
/// understood is [`Tail::NotCuttable`].
pub fn judge(data_dir: &Path, history: &GtidSet) -> Result<Tail, TailError> {
    let path = match index::last_file(data_dir)? {
        Ok(path) => path,
        Err(detail) => {
            return Ok(Tail::NotCuttable {
                because: Obstacle::NoFile { detail },
                transactions: GtidSet::new(),
            });
        }
    };
    let read = |source| TailError::Read {
        path: path.clone(),
        source,
    };
    let file = File::open(&path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    walk::judge(&path, &file, size, history).map_err(read)
}

#[cfg(test)]
mod tests;
