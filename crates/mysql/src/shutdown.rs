//! The way to a stop that loses nothing.
//!
//! A mysqld that is asked to stop while commits wait for acknowledgements answers their clients OK
//! (docs/mysql-facts.md). So clients are put out first: a waiting commit's client then loses its
//! connection and is told nothing.

use crate::error::Error;
use crate::session::Session;

pub use crate::semisync::waiters;

/// Puts every client out and lets no new one in, but replicas and administrators
/// (`CONNECTION_ADMIN`). Commits that wait stay; their clients are gone.
pub async fn put_clients_out<S: Session>(server: &mut S) -> Result<(), Error> {
    server
        .run("put clients out", "SET GLOBAL offline_mode = ON")
        .await
}

/// Lets clients in again, on a member that was put out of use and goes on as a replica.
pub async fn let_clients_in<S: Session>(server: &mut S) -> Result<(), Error> {
    server
        .run("let clients in", "SET GLOBAL offline_mode = OFF")
        .await
}
