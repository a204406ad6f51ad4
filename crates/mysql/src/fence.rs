//! Stopping what a member does for the cluster, before another one becomes primary.
//!
//! A fenced replica acknowledges nothing more, so what it holds stands still. A fenced primary takes
//! no writes and no clients, and no commit of it waits, so what it executed stands still and is
//! acknowledged.

use std::time::Duration;

use moco_model::GtidSet;
use moco_model::sentence::with_causes;

use crate::close::{self, CloseError};
use crate::error::{Error, ErrorClass};
use crate::open::{self, OpenError};
use crate::replication;
use crate::semisync;
use crate::session::Session;
use crate::shutdown;
use crate::status;

mod obstacle;

/// Why a primary was not closed for a switchover.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// Something holds it up. The server is as it was.
    #[error("the primary stays as it is: {by}")]
    HeldUp {
        /// What, as a sentence for people.
        by: String,
    },
    /// A statement failed. The server is as it was, unless the connection was lost: then nobody
    /// knows, and the caller looks before it goes on.
    #[error("the primary could not be closed")]
    Statement(#[source] Error),
    /// It was closed, something came between, and it could not be opened again. It is closed.
    #[error("the primary was closed and could not be opened again after this: {after}")]
    NotUndone {
        /// What came between.
        after: String,
        /// Why it could not be opened again.
        #[source]
        cause: OpenError,
    },
}

impl From<Error> for FenceError {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// Stops the receiver, whatever its state, starts the applier, and tells what this member holds.
/// Without a channel it only tells.
///
/// An applier that cannot be started is no error: the member still keeps its promise and holds what
/// it holds. Why the applier does not run stands in the status.
pub async fn fence_replica<S: Session>(server: &mut S) -> Result<GtidSet, Error> {
    if replication::stop_receiver_only(server).await? {
        match replication::start_applier(server).await {
            Err(error) if error.class() != ErrorClass::Server => return Err(error),
            _ => {}
        }
    }
    status::held(server).await
}

/// Closes an open primary for a switchover within about `within`, or leaves it as it was. Returns
/// everything it executed, all of it acknowledged. On a server that takes no writes already it does
/// what is left.
///
/// It begins with a look that changes nothing, since while a statement is waited for no client can
/// write. Writes are stopped before clients are put out: a commit that is under way ends as its
/// client expects.
pub async fn fence_primary<S: Session>(
    server: &mut S,
    within: Duration,
) -> Result<GtidSet, FenceError> {
    let open: bool = server
        .row(
            "read whether the server is open",
            "SELECT NOT @@global.read_only AS open",
        )
        .await?
        .get("open")?;
    if !open {
        return Ok(shut(server, within).await?);
    }
    let before = semisync::read(server).await?;
    let acks = if before.source_enabled {
        before.wait_for
    } else {
        0
    };
    if let Some(by) = obstacle::find(server).await? {
        return Err(FenceError::HeldUp { by });
    }
    match shut(server, within).await {
        Ok(executed) => Ok(executed),
        Err(Stopped::Before(by)) => Err(FenceError::HeldUp { by }),
        Err(stopped) if !server.is_usable() => Err(stopped.into()),
        Err(stopped) => match open::open(server, acks).await {
            Ok(()) => Err(stopped.into()),
            Err(cause) => Err(FenceError::NotUndone {
                after: stopped.sentence(),
                cause,
            }),
        },
    }
}

/// Why the way to a shut primary was not gone to its end.
enum Stopped {
    /// Writes could not be stopped; nothing has changed.
    Before(String),
    /// Commits still wait after writes were stopped.
    Waiting(u32),
    /// A statement failed.
    Statement(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

impl From<Stopped> for FenceError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Statement(error) => Self::Statement(error),
            Stopped::Before(_) | Stopped::Waiting(_) => Self::HeldUp {
                by: stopped.sentence(),
            },
        }
    }
}

impl Stopped {
    fn sentence(&self) -> String {
        match self {
            Self::Before(by) => by.clone(),
            Self::Waiting(waiting) => {
                format!("{waiting} commits wait for acknowledgements")
            }
            Self::Statement(error) => with_causes(error),
        }
    }
}

/// How long writes are held up at most while running statements are waited for.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// Milliseconds between two looks at the commits that wait.
const POLL_MS: u128 = 20;

async fn shut<S: Session>(server: &mut S, within: Duration) -> Result<GtidSet, Stopped> {
    match close::close(server, within.min(CLOSE_LIMIT)).await {
        Ok(()) => {}
        Err(CloseError::HeldUp { within }) => {
            let named = obstacle::find_now(server).await?;
            return Err(Stopped::Before(named.unwrap_or_else(|| {
                format!("writes could not be stopped within {within:?}")
            })));
        }
        Err(CloseError::Statement(error)) => return Err(error.into()),
    }
    shutdown::put_clients_out(server).await?;
    // Writes are stopped only when no commit is under way, so this mostly looks once.
    let polls = within.as_millis() / POLL_MS;
    let mut waiting = semisync::waiters(server).await?;
    for _ in 0..polls {
        if waiting == 0 {
            break;
        }
        // mysqld keeps the time here: this crate needs no clock.
        let pause = format!("DO SLEEP({POLL_MS} / 1000)");
        server.run("wait for acknowledgements", pause).await?;
        waiting = semisync::waiters(server).await?;
    }
    if waiting > 0 {
        return Err(Stopped::Waiting(waiting));
    }
    Ok(replication::executed(server).await?)
}
