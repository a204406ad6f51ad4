//! A transaction of MOCO's own, through the way of every client's commit.
//!
//! It shows whether a primary can commit at all: a full volume, a stuck storage engine or missing
//! acknowledgements stop it as they stop clients, while a `SELECT 1` is answered. And it helps: an
//! acknowledgement that was lost is made good by that of any later transaction.

use moco_model::Epoch;

use crate::error::Error;
use crate::session::Session;

/// The GTID tag of heartbeats, so that they can be told from the transactions of clients.
pub const TAG: &str = "moco_heartbeat";

/// The schema of MOCO's own table. Accounts for people can neither read nor write it.
pub(crate) const SCHEMA: &str = "moco";

/// Why a heartbeat was not committed.
#[derive(Debug, thiserror::Error)]
pub enum BeatError {
    /// There is no room on the volume.
    #[error("the heartbeat could not be written: the volume is full")]
    DiskFull(#[source] Error),
    /// A statement failed for another reason.
    #[error("the heartbeat could not be written")]
    Statement(#[source] Error),
}

impl BeatError {
    fn of(error: Error) -> Self {
        if is_disk_full(&error) {
            Self::DiskFull(error)
        } else {
            Self::Statement(error)
        }
    }
}

/// Commits one heartbeat of the primary of `epoch`; the first one makes its table before, in
/// transactions without the tag. It returns when the commit is acknowledged like
/// any other, and fails on a server that takes no writes.
///
/// A commit that hangs is ended by the session's limit, while its transaction goes on waiting in the
/// server; so the session is one of its own, and its limit is longer than the time after which the
/// caller worries. A binary log that cannot grow for want of room makes commits hang, too: mysqld
/// retries once a minute and reports nothing (docs/mysql-facts.md).
///
/// Those that are under way at the same time need a `row` each, or the later one waits for the row's lock and never
/// reaches the binary log, where it would set the earlier one free.
pub async fn beat<S: Session>(server: &mut S, row: u8, epoch: Epoch) -> Result<(), BeatError> {
    let written = match write(server, row, epoch).await {
        Err(error) if is_absent(&error) => match create(server).await {
            Ok(()) => write(server, row, epoch).await,
            Err(error) => Err(error),
        },
        other => other,
    };
    written.map_err(BeatError::of)
}

/// Makes the table. The set-up of an empty server cannot do it: a closed server that holds a schema
/// refuses to be cloned into (docs/mysql-facts.md).
async fn create<S: Session>(server: &mut S) -> Result<(), Error> {
    let schema = format!("CREATE DATABASE IF NOT EXISTS {SCHEMA}");
    server.run("make the schema for heartbeats", schema).await?;
    // Rows that are counted up: a statement that changes nothing would not be a transaction.
    let table = format!(
        "CREATE TABLE IF NOT EXISTS {SCHEMA}.heartbeat (\
           id TINYINT UNSIGNED NOT NULL PRIMARY KEY, \
           epoch BIGINT UNSIGNED NOT NULL, \
           beats BIGINT UNSIGNED NOT NULL) ENGINE = InnoDB"
    );
    server.run("make the table for heartbeats", table).await
}

async fn write<S: Session>(server: &mut S, row: u8, epoch: Epoch) -> Result<(), Error> {
    let tagged = format!("SET SESSION gtid_next = 'AUTOMATIC:{TAG}'");
    server.run("tag the heartbeat", tagged).await?;
    let Epoch(number) = epoch;
    let sql = format!(
        "INSERT INTO {SCHEMA}.heartbeat (id, epoch, beats) VALUES ({row}, {number}, 1) AS new \
         ON DUPLICATE KEY UPDATE epoch = new.epoch, beats = heartbeat.beats + 1"
    );
    let written = server.run("write the heartbeat", sql).await;
    if server.is_usable() {
        // Or whatever this session does next would look like a heartbeat.
        let sql = "SET SESSION gtid_next = 'AUTOMATIC'";
        server.run("end the tag of the heartbeat", sql).await?;
    }
    written
}

/// The schema (1049) or the table (1146) is not there: this is the first heartbeat.
fn is_absent(error: &Error) -> bool {
    matches!(error.code(), Some(1049 | 1146))
}

/// Errors that mean a full volume by themselves (20 and 1021: the disk is full, 1114: the table
/// cannot grow), and those that tell the operating system's reason in their words (3 and 1026: a
/// file could not be written, 1030: the storage engine failed, 1878: a temporary file).
fn is_disk_full(error: &Error) -> bool {
    match error {
        Error::Server {
            code: 20 | 1021 | 1114,
            ..
        } => true,
        Error::Server {
            code: 3 | 1026 | 1030 | 1878,
            message,
            ..
        } => message.contains("No space left on device"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_volume_is_told_from_other_failures() {
        let failed = |code, message: &str| {
            BeatError::of(Error::Server {
                attempted: "write the heartbeat",
                code,
                message: message.to_owned(),
            })
        };
        let full = [
            (1114, "The table 'heartbeat' is full"),
            (
                3,
                "Error writing file './binlog.000002' (OS errno 28 - No space left on device)",
            ),
        ];
        for (code, message) in full {
            assert!(matches!(failed(code, message), BeatError::DiskFull(_)));
        }
        let other = [
            (1290, "running with --super-read-only"),
            (
                3,
                "Error writing file 'x' (OS errno 5 - Input/output error)",
            ),
        ];
        for (code, message) in other {
            assert!(matches!(failed(code, message), BeatError::Statement(_)));
        }
    }
}
