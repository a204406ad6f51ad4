//! Taking writes.

use moco_model::GtidSet;

use crate::error::Error;
use crate::replication;
use crate::semisync::{self, SemiSyncError};
use crate::session::Session;
use crate::shutdown;

/// Why a server was not opened for writing. It is closed as before.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A statement failed.
    #[error("the server could not be opened for writing")]
    Statement(#[source] Error),
    /// Received transactions are not executed. The receiver is stopped and the applier works on
    /// them: ask again.
    #[error("{} received transactions are not executed: {unapplied}", .unapplied.count())]
    NotDrained {
        /// Which.
        unapplied: GtidSet,
    },
    /// Commits would not wait for acknowledgements.
    #[error("semi-sync is not in force")]
    SemiSync(#[source] SemiSyncError),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// Opens the server for writing, each commit waiting for `acks` acknowledgements (0 only in a
/// cluster of one).
///
/// The channel is dropped first, and only when everything it received is executed. Semi-sync is in
/// force before the first client can write. On a server that [`crate::promote`] made primary only the
/// opening is left; asking again on an open server changes nothing but `acks`.
pub async fn open<S: Session>(server: &mut S, acks: u32) -> Result<(), OpenError> {
    if let Some(unapplied) = replication::stop_and_tell_unapplied(server).await? {
        if !unapplied.is_empty() {
            return Err(OpenError::NotDrained { unapplied });
        }
        replication::drop_drained_channel(server).await?;
    }
    semisync::set_source(server, acks)
        .await
        .map_err(OpenError::SemiSync)?;
    server
        .run(
            "take writes",
            "SET GLOBAL super_read_only = OFF, read_only = OFF",
        )
        .await?;
    shutdown::let_clients_in(server).await?;
    server
        .run("run events", "SET GLOBAL event_scheduler = ON")
        .await?;
    Ok(())
}
