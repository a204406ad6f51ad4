//! The agent's connections to mysqld.
//!
//! Two are kept open, one that looks and one that works; heartbeat transactions have more of their own
//! ([`crate::commits`]), and so has a clone. They are opened as soon as mysqld answers, because an
//! account statement that waits for an acknowledgement blocks every new login
//! (`docs/mysql-facts.md`).

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use moco_model::command::Acknowledge;
use moco_model::passwords::PasswordsError;
use moco_model::sentence::with_causes;
use moco_model::{Account, Endpoint, GtidSet, ServerReport};
use moco_mysql::clone::Donor;
use moco_mysql::fence::{self, FenceError};
use moco_mysql::replication::{Source, TlsFiles};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::host::{As, Host};

/// How long each statement of a look may take, and so how long the connection of one that hangs is
/// kept. Whoever waits for the look has less patience.
const LOOK_LIMIT: Duration = Duration::from_secs(3);
/// How long a statement that changes something may take.
const WORK_LIMIT: Duration = Duration::from_secs(10);
/// How long stopping writes may take before a shutdown.
const CLOSE: Duration = Duration::from_secs(1);
/// How long a login may take while mysqld starts.
const KNOCK_LIMIT: Duration = Duration::from_secs(2);

/// Why mysqld could not be asked or told something.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// mysqld does not let the agent in.
    #[error("mysqld does not accept the administrator's password from the Secret")]
    Denied(#[source] moco_mysql::Error),
    /// A statement, or what consists of several, failed.
    #[error("{attempted}")]
    Statement {
        /// What was attempted.
        attempted: &'static str,
        /// A plugin is missing in the image.
        missing_plugin: bool,
        /// Why it failed.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The Secret is not as needed.
    #[error("the cluster's Secret, mounted at {folder}, is not usable")]
    Passwords {
        /// Where it is mounted.
        folder: PathBuf,
        /// What is wrong with it.
        #[source]
        source: PasswordsError,
    },
}

impl SqlError {
    /// What was attempted, and why it failed.
    pub fn of(attempted: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Statement {
            attempted,
            missing_plugin: false,
            source: Box::new(source),
        }
    }

    /// Whether mysqld answered and did not let the agent in.
    pub const fn is_denied(&self) -> bool {
        matches!(self, Self::Denied(_))
    }

    /// Whether the image lacks a plugin.
    pub const fn is_missing_plugin(&self) -> bool {
        matches!(
            self,
            Self::Statement {
                missing_plugin: true,
                ..
            }
        )
    }
}

/// What became of the closing of a primary.
#[derive(Debug)]
pub(crate) enum Closing {
    /// It is closed, and no commit waits.
    Done,
    /// Something held it up, and it is as it was.
    HeldUp(String),
}

/// A connection that may not be open.
pub(crate) type Slot<H> = Option<<H as Host>::Session>;

/// The connections.
pub(crate) struct Sql<H: Host> {
    host: Arc<H>,
    tls: TlsFiles,
    look: Arc<Mutex<Slot<H>>>,
    work: Mutex<Slot<H>>,
}

/// The connection for work, opened first if need be, and what is attempted with it.
macro_rules! working {
    ($self:ident, $attempted:literal, |$server:ident| $work:expr) => {{
        let mut slot = $self.work.lock().await;
        let $server = connected(&*$self.host, &mut slot, WORK_LIMIT).await?;
        $work.await.map_err(|error| SqlError::of($attempted, error))
    }};
}

/// What is in the slot, opened first if need be.
async fn connected<'a, H: Host>(
    host: &H,
    slot: &'a mut Slot<H>,
    limit: Duration,
) -> Result<&'a mut H::Session, SqlError> {
    let usable = slot.take().filter(moco_mysql::Session::is_usable);
    let session = match usable {
        Some(session) => session,
        None => host.connect(As::Administrator, limit).await?,
    };
    Ok(slot.insert(session))
}

impl<H: Host> Sql<H> {
    /// Connects later.
    pub(crate) fn new(host: Arc<H>, tls: TlsFiles) -> Self {
        Self {
            host,
            tls,
            look: Arc::default(),
            work: Mutex::default(),
        }
    }

    /// Whether mysqld answers; if so, the administrator's connections are open afterwards.
    pub(crate) async fn knock(&self, who: As) -> Result<(), SqlError> {
        match who {
            As::FreshRoot => self.host.connect(who, KNOCK_LIMIT).await.map(drop),
            As::Administrator => {
                *self.look.lock().await = Some(self.host.connect(who, LOOK_LIMIT).await?);
                *self.work.lock().await = Some(self.host.connect(who, WORK_LIMIT).await?);
                Ok(())
            }
        }
    }

    /// The connection that looks, as soon as nobody uses it.
    pub(crate) async fn looking(&self) -> OwnedMutexGuard<Slot<H>> {
        Arc::clone(&self.look).lock_owned().await
    }

    /// What mysqld says about itself, asked over the connection in `slot`.
    pub(crate) async fn status(host: &H, slot: &mut Slot<H>) -> Result<ServerReport, SqlError> {
        let server = connected(host, slot, LOOK_LIMIT).await?;
        moco_mysql::status::read(server)
            .await
            .map_err(|error| SqlError::of("cannot read the server's status", error))
    }

    /// Closes the connections that nobody uses. mysqld waits for them when it is asked to stop: 2 s, and
    /// 10 s while replicas are connected (`docs/mysql-facts.md`).
    pub(crate) fn close(&self) {
        for slot in [&*self.look, &self.work] {
            if let Ok(mut slot) = slot.try_lock() {
                *slot = None;
            }
        }
    }

    /// Sets up an empty server, and opens the administrator's connections.
    pub(crate) async fn prepare(&self) -> Result<(), SqlError> {
        self.host.prepare().await?;
        self.knock(As::Administrator).await
    }

    /// Lets the server follow `source`, and lets clients in.
    pub(crate) async fn follow(
        &self,
        source: &Endpoint,
        acknowledge: Acknowledge,
    ) -> Result<(), SqlError> {
        let source = Source {
            host: source.host.clone(),
            port: source.port,
            user: Account::Replication.user().to_owned(),
            password: self.host.passwords()?.of(Account::Replication).clone(),
            tls: self.tls.clone(),
        };
        working!(self, "cannot follow the primary", |server| {
            moco_mysql::replication::follow(server, &source, acknowledge)
        })?;
        working!(self, "cannot let clients in", |server| {
            moco_mysql::shutdown::let_clients_in(server)
        })
    }

    /// Stops the receiver, whatever its state, and lets the applier go on.
    pub(crate) async fn fence_replica(&self) -> Result<(), SqlError> {
        working!(self, "cannot stop the receiver", |server| {
            fence::fence_replica(server)
        })
        .map(|_| ())
    }

    /// Closes an open primary about `within` a time, or leaves it as it was.
    pub(crate) async fn fence_primary(&self, within: Duration) -> Result<Closing, SqlError> {
        let mut slot = self.work.lock().await;
        let server = connected(&*self.host, &mut slot, WORK_LIMIT).await?;
        match fence::fence_primary(server, within).await {
            Ok(_) => Ok(Closing::Done),
            Err(FenceError::HeldUp { by }) => Ok(Closing::HeldUp(by)),
            Err(error) => Err(SqlError::of("cannot close the primary", error)),
        }
    }

    /// Makes a drained replica a closed primary.
    pub(crate) async fn promote(&self, acks: u32, must_hold: &GtidSet) -> Result<(), SqlError> {
        working!(self, "cannot become primary", |server| {
            moco_mysql::promote::promote(server, acks, must_hold)
        })
        .map(|_| ())
    }

    /// Whether the server takes no writes, and how many commits wait for acknowledgements.
    pub(crate) async fn closed_and_waiters(&self) -> Result<(bool, u32), SqlError> {
        let status = working!(self, "cannot read whether the server is closed", |server| {
            moco_mysql::status::read(server)
        })?;
        let waiters = working!(self, "cannot count the commits that wait", |server| {
            moco_mysql::shutdown::waiters(server)
        })?;
        Ok((!status.writable, waiters))
    }

    /// Opens the server for writing; commits wait for `acks` acknowledgements.
    pub(crate) async fn open_for_writing(&self, acks: u32) -> Result<(), SqlError> {
        working!(self, "cannot open for writing", |server| {
            moco_mysql::open::open(server, acks)
        })
    }

    /// Changes how many acknowledgements commits wait for.
    pub(crate) async fn set_acks(&self, acks: u32) -> Result<(), SqlError> {
        working!(
            self,
            "cannot set the number of acknowledgements",
            |server| { moco_mysql::semisync::set_source(server, acks) }
        )
    }

    /// Copies the donor's data into this server, which ends afterwards to be started again.
    pub(crate) async fn clone_from(&self, donor: &Endpoint) -> Result<(), SqlError> {
        let donor = Donor {
            host: donor.host.clone(),
            port: donor.port,
            user: Account::CloneDonor.user().to_owned(),
            password: self.host.passwords()?.of(Account::CloneDonor).clone(),
            tls: self.tls.clone(),
        };
        self.host.copy_from(donor).await
    }

    /// Percent of the clone that is done, while one is under way.
    pub(crate) async fn clone_progress(&self) -> Result<Option<u8>, SqlError> {
        let mut slot = self.look.lock().await;
        let server = connected(&*self.host, &mut slot, LOOK_LIMIT).await?;
        let progress = moco_mysql::clone::progress(server)
            .await
            .map_err(|error| SqlError::of("cannot read the clone's progress", error))?;
        Ok(progress.map(|progress| progress.percent))
    }

    /// Whether the clone is complete, after the restart; if not, why.
    pub(crate) async fn clone_completed(&self) -> Result<Result<(), String>, SqlError> {
        use moco_mysql::clone::State;
        let state = working!(self, "cannot read the clone's outcome", |server| {
            moco_mysql::clone::state(server)
        })?;
        Ok(match state {
            State::Completed(_) => Ok(()),
            State::None => Err("mysqld remembers none".to_owned()),
            State::InProgress => Err("mysqld says that it goes on".to_owned()),
            State::Failed { code, message } => Err(format!("{message} (error {code})")),
        })
    }

    /// Drops the channel that came with a replica's data; there is none in a primary's.
    pub(crate) async fn drop_cloned_channel(&self) -> Result<(), SqlError> {
        working!(self, "cannot drop the cloned channel", |server| {
            moco_mysql::replication::drop_cloned_channel(server)
        })
    }

    /// Gives MOCO's accounts, which came with the donor's data, the passwords of the Secret.
    pub(crate) async fn settle_passwords(&self) -> Result<(), SqlError> {
        let passwords = self.host.passwords()?;
        working!(self, "cannot set the accounts' passwords", |server| {
            moco_mysql::passwords::settle(server, &passwords)
        })
    }

    /// Puts clients out.
    pub(crate) async fn put_clients_out(&self) -> Result<(), SqlError> {
        working!(self, "cannot put clients out", |server| {
            moco_mysql::shutdown::put_clients_out(server)
        })
    }

    /// Puts clients out, stops writes and events, and tells how many commits still wait for
    /// acknowledgements. Events are stopped because mysqld would wait 8 s for their scheduler while
    /// replicas are connected.
    pub(crate) async fn fence_for_shutdown(&self) -> Result<u32, SqlError> {
        self.put_clients_out().await?;
        let closed = working!(self, "cannot stop writes and events", |server| {
            moco_mysql::close::close(server, CLOSE)
        });
        if let Err(error) = closed {
            // Commits that wait hold it up, and they are counted.
            tracing::debug!("{}", with_causes(&error));
        }
        working!(self, "cannot count the commits that wait", |server| {
            moco_mysql::shutdown::waiters(server)
        })
    }
}
