//! The agent's connections to mysqld.
//!
//! Three are kept open: one that looks, one that works, and one more while a clone is under way. They
//! are opened as soon as mysqld answers, because an account statement that waits for an
//! acknowledgement blocks every new login (`docs/mysql-facts.md`).

use std::error::Error as StdError;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use moco_model::command::Acknowledge;
use moco_model::passwords::PasswordsError;
use moco_model::{Account, Endpoint, Passwords, ServerReport};
use moco_mysql::clone::Donor;
use moco_mysql::prepare::PrepareError;
use moco_mysql::replication::{Source, TlsFiles};
use moco_mysql::{ErrorClass, Login, Server};
use tokio::sync::Mutex;

use crate::options::Options;
use crate::work::process::As;

/// How long a look may take. A server that needs longer is shown as not answering.
const LOOK_LIMIT: Duration = Duration::from_secs(3);
/// How long a statement that changes something may take.
const WORK_LIMIT: Duration = Duration::from_secs(10);
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
    fn of(attempted: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
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

/// The connections.
pub struct Sql {
    socket: PathBuf,
    credentials_dir: PathBuf,
    tls: TlsFiles,
    look: Mutex<Option<Server>>,
    work: Mutex<Option<Server>>,
}

/// A connection that is there, opened first if need be.
macro_rules! connected {
    ($self:ident, $slot:ident, $limit:expr) => {{
        let mut slot = $self.$slot.lock().await;
        if !slot.as_ref().is_some_and(Server::is_usable) {
            *slot = Some($self.open($limit).await?);
        }
        slot
    }};
}

impl Sql {
    /// Takes what it needs from the command line; connects later.
    pub fn new(options: &Options) -> Self {
        let file = |name: &str| options.tls_dir.join(name);
        let tls = TlsFiles {
            ca: file("ca.crt"),
            certificate: file("tls.crt"),
            key: file("tls.key"),
        };
        Self {
            socket: options.socket.clone(),
            credentials_dir: options.credentials_dir.clone(),
            tls,
            look: Mutex::default(),
            work: Mutex::default(),
        }
    }

    /// The passwords, read now: Kubernetes replaces the files when the Secret changes.
    fn passwords(&self) -> Result<Passwords, SqlError> {
        let read = |key: &'static str| {
            let text = fs::read_to_string(self.credentials_dir.join(key)).ok()?;
            Some(text.trim_end().to_owned())
        };
        let folder = self.credentials_dir.clone();
        Passwords::collect(read).map_err(|source| SqlError::Passwords { folder, source })
    }

    async fn open(&self, limit: Duration) -> Result<Server, SqlError> {
        let password = self.passwords()?.of(Account::Admin).clone();
        let login = Login::admin(self.socket.clone(), password);
        Server::open(&login, limit).await.map_err(login_error)
    }

    /// Whether mysqld answers; if so, the administrator's connections are open afterwards.
    pub async fn knock(&self, who: As) -> Result<(), SqlError> {
        match who {
            As::FreshRoot => {
                let login = Login::root(self.socket.clone());
                Server::open(&login, KNOCK_LIMIT)
                    .await
                    .map(drop)
                    .map_err(login_error)
            }
            As::Administrator => {
                *self.look.lock().await = Some(self.open(LOOK_LIMIT).await?);
                *self.work.lock().await = Some(self.open(WORK_LIMIT).await?);
                Ok(())
            }
        }
    }

    /// What mysqld says about itself.
    pub async fn status(&self) -> Result<ServerReport, SqlError> {
        let mut slot = connected!(self, look, LOOK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        moco_mysql::status::read(server)
            .await
            .map_err(|error| SqlError::of("cannot read the server's status", error))
    }

    /// Sets up an empty server, and opens the administrator's connections.
    pub async fn prepare(&self) -> Result<(), SqlError> {
        let passwords = self.passwords()?;
        let prepared = moco_mysql::prepare::prepare(&self.socket, &passwords, WORK_LIMIT).await;
        prepared.map_err(|error| SqlError::Statement {
            attempted: "cannot set up an empty server",
            missing_plugin: matches!(error, PrepareError::Plugins(_)),
            source: Box::new(error),
        })?;
        self.knock(As::Administrator).await
    }

    /// Lets the server follow `source`.
    pub async fn follow(
        &self,
        source: &Endpoint,
        acknowledge: Acknowledge,
    ) -> Result<(), SqlError> {
        let source = Source {
            host: source.host.clone(),
            port: source.port,
            user: Account::Replication.user().to_owned(),
            password: self.passwords()?.of(Account::Replication).clone(),
            tls: self.tls.clone(),
        };
        let mut slot = connected!(self, work, WORK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        let attempted = "cannot follow the primary";
        moco_mysql::replication::follow(server, &source, acknowledge)
            .await
            .map_err(|error| SqlError::of(attempted, error))?;
        moco_mysql::shutdown::let_clients_in(server)
            .await
            .map_err(|error| SqlError::of(attempted, error))
    }

    /// Opens the server for writing; commits wait for `acks` acknowledgements.
    pub async fn open_for_writing(&self, acks: u32) -> Result<(), SqlError> {
        let mut slot = connected!(self, work, WORK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        moco_mysql::open::open(server, acks)
            .await
            .map_err(|error| SqlError::of("cannot open for writing", error))
    }

    /// Changes how many acknowledgements commits wait for.
    pub async fn set_acks(&self, acks: u32) -> Result<(), SqlError> {
        let mut slot = connected!(self, work, WORK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        moco_mysql::semisync::set_source(server, acks)
            .await
            .map_err(|error| SqlError::of("cannot set the number of acknowledgements", error))
    }

    /// Copies the donor's data into this server, which ends afterwards to be started again.
    pub async fn clone_from(&self, donor: &Endpoint) -> Result<(), SqlError> {
        let donor = Donor {
            host: donor.host.clone(),
            port: donor.port,
            user: Account::CloneDonor.user().to_owned(),
            password: self.passwords()?.of(Account::CloneDonor).clone(),
            tls: self.tls.clone(),
        };
        let mut server = self.open(WORK_LIMIT).await?;
        moco_mysql::clone::clone_from(&mut server, &donor)
            .await
            .map_err(|error| SqlError::of("the clone failed", error))
    }

    /// Percent of the clone that is done, while one is under way.
    pub async fn clone_progress(&self) -> Result<Option<u8>, SqlError> {
        let mut slot = connected!(self, look, LOOK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        let progress = moco_mysql::clone::progress(server)
            .await
            .map_err(|error| SqlError::of("cannot read the clone's progress", error))?;
        Ok(progress.map(|progress| progress.percent))
    }

    /// Whether the clone is complete, after the restart; if not, why.
    pub async fn clone_completed(&self) -> Result<Result<(), String>, SqlError> {
        use moco_mysql::clone::State;
        let mut slot = connected!(self, work, WORK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        let state = moco_mysql::clone::state(server)
            .await
            .map_err(|error| SqlError::of("cannot read the clone's outcome", error))?;
        Ok(match state {
            State::Completed(_) => Ok(()),
            State::None => Err("mysqld remembers none".to_owned()),
            State::InProgress => Err("mysqld says that it goes on".to_owned()),
            State::Failed { code, message } => Err(format!("{message} (error {code})")),
        })
    }

    /// Gives MOCO's accounts, which came with the donor's data, the passwords of the Secret.
    pub async fn settle_passwords(&self) -> Result<(), SqlError> {
        let passwords = self.passwords()?;
        let mut slot = connected!(self, work, WORK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        moco_mysql::passwords::settle(server, &passwords)
            .await
            .map_err(|error| SqlError::of("cannot set the accounts' passwords", error))
    }

    /// Puts clients out and tells how many commits still wait for acknowledgements.
    pub async fn fence_for_shutdown(&self) -> Result<u32, SqlError> {
        let attempted = "cannot fence the server for its shutdown";
        let mut slot = connected!(self, work, WORK_LIMIT);
        let Some(server) = slot.as_mut() else {
            return Err(gone());
        };
        moco_mysql::shutdown::put_clients_out(server)
            .await
            .map_err(|error| SqlError::of(attempted, error))?;
        moco_mysql::shutdown::waiters(server)
            .await
            .map_err(|error| SqlError::of(attempted, error))
    }
}

fn login_error(error: moco_mysql::Error) -> SqlError {
    if error.class() == ErrorClass::AccessDenied {
        SqlError::Denied(error)
    } else {
        SqlError::of("cannot connect to mysqld", error)
    }
}

fn gone() -> SqlError {
    let error = moco_mysql::Error::GivenUp {
        attempted: "use the connection",
    };
    SqlError::of("the connection to mysqld is gone", error)
}
