//! Giving up writes.

use std::time::Duration;

use crate::connect::whole_seconds;
use crate::error::Error;
use crate::session::Session;

/// Why a server was not closed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// A statement failed.
    #[error("the server could not be closed for writing")]
    Statement(#[source] Error),
    /// A running statement, `LOCK TABLES` or a commit that waits for its acknowledgement held it up.
    /// Nothing has changed.
    #[error("writes could not be stopped within {within:?}: something holds them up")]
    HeldUp {
        /// How long was waited.
        within: Duration,
    },
}

impl From<Error> for CloseError {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// mysqld waited for a lock as long as it was told to.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

/// Closes the server for writing within about `within` (whole seconds, 1 at least), or leaves it
/// as it was. Open transactions cannot commit any more; running events are not started again.
///
/// `within` must be shorter than the connection's own limit, or the connection is lost by it.
pub async fn close<S: Session>(server: &mut S, within: Duration) -> Result<(), CloseError> {
    wait_for_locks(server, within).await?;
    let closed = server
        .run("stop writes", "SET GLOBAL super_read_only = ON")
        .await;
    if server.is_usable() {
        wait_for_locks(server, server.limit()).await?;
    }
    match closed {
        Err(error) if error.code() == Some(LOCK_WAIT_TIMEOUT) => {
            return Err(CloseError::HeldUp { within });
        }
        other => other?,
    }
    server
        .run("stop events", "SET GLOBAL event_scheduler = OFF")
        .await?;
    Ok(())
}

async fn wait_for_locks<S: Session>(server: &mut S, within: Duration) -> Result<(), Error> {
    let sql = format!("SET SESSION lock_wait_timeout = {}", whole_seconds(within));
    server.run("bound the wait for locks", sql).await
}
