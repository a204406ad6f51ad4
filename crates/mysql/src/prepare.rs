//! The first set-up of a server that `mysqld --initialize-insecure` made.

use std::path::Path;
use std::time::Duration;

use moco_model::{Account, GtidSet, Passwords};

use crate::accounts;
use crate::connect::{Login, Server};
use crate::error::Error;
use crate::plugins::{self, PluginsError};
use crate::session::Session;
use crate::timezone;

/// Why an empty server could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A plugin is missing, or the plugins could not be listed.
    #[error("the plugins are not as needed")]
    Plugins(#[source] PluginsError),
    /// A statement failed.
    #[error("an empty server could not be set up")]
    Statement(#[source] Error),
    /// The set-up left transactions behind, so this server would not be like the others.
    #[error("the server is set up and its GTID set is {0} instead of empty")]
    NotEmpty(GtidSet),
}

impl From<Error> for PrepareError {
    fn from(error: Error) -> Self {
        Self::Statement(error)
    }
}

/// Sets up an empty server: time zones, MOCO's accounts, no `root`; closed (`super_read_only`), and
/// with an empty GTID set, so that every empty server is like every other.
///
/// It connects over `socket` as `root` without a password. It cannot be continued: when it fails or
/// is interrupted, the data directory is made again from nothing. `root` is dropped nearly last, so
/// that an unfinished server is known by it. `limit` bounds each statement.
pub async fn prepare(
    socket: &Path,
    passwords: &Passwords,
    limit: Duration,
) -> Result<(), PrepareError> {
    let mut root = Server::open(&Login::root(socket.to_owned()), limit).await?;
    plugins::check(&mut root)
        .await
        .map_err(PrepareError::Plugins)?;
    keep_off_the_binary_log(&mut root).await?;
    root.run(
        "open the server for its set-up",
        "SET GLOBAL super_read_only = OFF",
    )
    .await?;
    // Before the accounts: one of them is kept off the schema `mysql` by it.
    root.run("allow partial revokes", "SET GLOBAL partial_revokes = ON")
        .await?;
    timezone::load(&mut root).await?;
    accounts::ensure(&mut root, passwords).await?;

    // The rest is done as the administrator, which proves that its login works.
    let login = Login::admin(socket.to_owned(), passwords.of(Account::Admin).clone());
    let mut admin = Server::open(&login, limit).await?;
    keep_off_the_binary_log(&mut admin).await?;
    admin
        .run("drop root", "DROP USER IF EXISTS 'root'@'localhost'")
        .await?;
    admin
        .run("empty the GTID set", "RESET BINARY LOGS AND GTIDS")
        .await?;
    admin
        .run("close the server", "SET GLOBAL super_read_only = ON")
        .await?;
    let executed: GtidSet = admin
        .row(
            "read the GTID set",
            "SELECT @@global.gtid_executed AS executed",
        )
        .await?
        .parse("executed")?;
    if executed.is_empty() {
        Ok(())
    } else {
        Err(PrepareError::NotEmpty(executed))
    }
}

async fn keep_off_the_binary_log(server: &mut Server) -> Result<(), Error> {
    server
        .run(
            "keep the set-up off the binary log",
            "SET SESSION sql_log_bin = OFF",
        )
        .await
}
