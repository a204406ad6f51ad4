//! Passwords of MOCO's accounts on a server that exists already.

use moco_model::Passwords;

use crate::accounts;
use crate::error::Error;
use crate::session::Session;

/// Makes every account of MOCO exist on this server with its password and privileges, without
/// writing to the binary log. For a member whose data is a clone: its accounts are the donor's.
///
/// Account statements are refused under `super_read_only` even with the session's binary log off
/// (docs/mysql-facts.md), so it is switched off for them; `read_only` stays on, under which nobody
/// but holders of `CONNECTION_ADMIN` can write. On an open primary nothing is switched.
///
/// # Errors
///
/// The statement that failed. `super_read_only` is on again, unless the connection was lost: then the
/// caller closes the server ([`crate::close`]) before it goes on.
pub async fn settle<S: Session>(server: &mut S, passwords: &Passwords) -> Result<(), Error> {
    let was_closed: bool = server
        .row(
            "read whether the server is closed",
            "SELECT @@global.super_read_only AS closed",
        )
        .await?
        .get("closed")?;
    server
        .run(
            "keep accounts off the binary log",
            "SET SESSION sql_log_bin = OFF",
        )
        .await?;
    let settled = under_unlocked_tables(server, passwords, was_closed).await;
    let logged = server
        .run("go back to the binary log", "SET SESSION sql_log_bin = ON")
        .await;
    settled.and(logged)
}

async fn under_unlocked_tables<S: Session>(
    server: &mut S,
    passwords: &Passwords,
    was_closed: bool,
) -> Result<(), Error> {
    if !was_closed {
        return accounts::ensure(server, passwords).await;
    }
    server
        .run(
            "unlock the grant tables",
            "SET GLOBAL super_read_only = OFF",
        )
        .await?;
    let settled = accounts::ensure(server, passwords).await;
    let closed = server
        .run("lock the grant tables", "SET GLOBAL super_read_only = ON")
        .await;
    settled.and(closed)
}
