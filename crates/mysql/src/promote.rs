//! Becoming a primary that is still closed.

use moco_model::GtidSet;
use moco_model::command::Acknowledge;

use crate::error::Error;
use crate::replication;
use crate::semisync::{self, SemiSyncError};
use crate::session::Session;

/// Why a server was not promoted. It stays closed, and its channel is there unless `SemiSync` says
/// that only the last step is left.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// A statement failed.
    #[error("the server could not be promoted")]
    Statement(#[source] Error),
    /// Ordinary clients can write here.
    #[error("the server takes writes already")]
    Writable,
    /// Received transactions are not executed. The receiver is stopped and the applier works on
    /// them: ask again.
    #[error("{} received transactions are not executed: {unapplied}", .unapplied.count())]
    NotDrained {
        /// Which.
        unapplied: GtidSet,
    },
    /// It never received what the new primary must hold.
    #[error("the server lacks {} transactions that it must hold: {missing}", .missing.count())]
    Lacks {
        /// Which.
        missing: GtidSet,
    },
    /// Commits would not wait for acknowledgements.
    #[error("semi-sync is not in force")]
    SemiSync(#[source] SemiSyncError),
}

impl From<Error> for PromoteError {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// Makes a drained replica a primary that takes no writes yet: it follows nobody, and commits will
/// wait for `acks` acknowledgements (0 only in a cluster of one). Returns everything it executed,
/// which from here on is the cluster's history.
///
/// Refused unless all that it received and all of `must_hold` is executed; only then the channel,
/// with its relay logs, is dropped. Asking again does what is left.
pub async fn promote<S: Session>(
    server: &mut S,
    acks: u32,
    must_hold: &GtidSet,
) -> Result<GtidSet, PromoteError> {
    let open: bool = server
        .row(
            "read whether the server is closed",
            "SELECT NOT @@global.super_read_only AS open",
        )
        .await?
        .get("open")?;
    if open {
        return Err(PromoteError::Writable);
    }
    let unapplied = replication::stop_and_tell_unapplied(server).await?;
    if let Some(unapplied) = unapplied.as_ref().filter(|set| !set.is_empty()) {
        return Err(PromoteError::NotDrained {
            unapplied: unapplied.clone(),
        });
    }
    let executed = replication::executed(server).await?;
    let missing = must_hold.subtract(&executed);
    if !missing.is_empty() {
        return Err(PromoteError::Lacks { missing });
    }
    if unapplied.is_some() {
        replication::drop_drained_channel(server).await?;
    }
    semisync::set_replica(server, Acknowledge::No).await?;
    // Not before the channel is gone: the applier of a semi-sync source waits like any client.
    semisync::set_source(server, acks)
        .await
        .map_err(PromoteError::SemiSync)?;
    Ok(executed)
}
