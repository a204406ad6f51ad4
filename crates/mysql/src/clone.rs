//! Replacing a member's data by a copy of another member's.

use moco_model::{GtidSet, Password};

use crate::connect::Server;
use crate::error::Error;
use crate::literal::text;
use crate::record::Record;
use crate::replication::TlsFiles;
use crate::session::Session;

/// Whom to copy from.
#[derive(Clone, Debug)]
pub struct Donor {
    /// Host name or IPv4 address; mysqld's clone does not know IPv6 addresses.
    pub host: String,
    /// Port of its mysqld.
    pub port: u16,
    /// The donor's account for clones.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// The files of TLS, as mysqld finds them.
    pub tls: TlsFiles,
}

/// The clone is copied and cannot restart a server that has no supervisor; the server has stopped
/// itself and has to be started.
const RESTART_FAILED: u16 = 3707;

/// Copies the donor's data over this server's, which is dropped first. Takes as long as the copy
/// does. When it returns the copy is complete and mysqld stops; [`state`] tells after the next start
/// whether it was taken up.
///
/// Dropping the future closes the connection and does not stop the copy, since mysqld does not look
/// at it meanwhile: [`Server::kill`] with this connection's id, on another one, does.
///
/// # Errors
///
/// After an error the server holds no data of its own any more, unless the donor refused at once, or
/// the server itself: a closed one does when it holds a schema (docs/mysql-facts.md).
pub async fn clone_from(server: &mut Server, donor: &Donor) -> Result<(), Error> {
    let path = |path: &std::path::PathBuf| text(&path.to_string_lossy());
    let settings = format!(
        "SET GLOBAL clone_valid_donor_list = {}, clone_ssl_ca = {}, clone_ssl_cert = {}, \
         clone_ssl_key = {}",
        text(&format!("{}:{}", donor.host, donor.port)),
        path(&donor.tls.ca),
        path(&donor.tls.certificate),
        path(&donor.tls.key),
    );
    server.run("prepare the clone", settings).await?;
    let sql = format!(
        "CLONE INSTANCE FROM {}@{}:{} IDENTIFIED BY {} REQUIRE SSL",
        text(&donor.user),
        text(&donor.host),
        donor.port,
        text(donor.password.reveal())
    );
    let copied = server
        .run_unbounded("clone the donor", sql, &[&donor.password])
        .await;
    match copied {
        Err(error) if error.code() == Some(RESTART_FAILED) => Ok(()),
        other => other,
    }
}

/// How far a running clone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Share of the bytes that are copied, 0 to 100.
    pub percent: u8,
    /// What it does, in mysqld's words: `DROP DATA`, `FILE COPY`, …
    pub stage: String,
}

/// How far the clone into this server is, asked on another connection than the one that clones;
/// none when none is running.
pub async fn progress<S: Session>(server: &mut S) -> Result<Option<Progress>, Error> {
    let rows = server
        .rows(
            "read the clone's progress",
            "SELECT STAGE, STATE, COALESCE(ESTIMATE, 0) AS ESTIMATE, COALESCE(DATA, 0) AS DATA \
             FROM performance_schema.clone_progress ORDER BY ID",
        )
        .await?;
    let (mut estimate, mut data, mut stage) = (0_u64, 0_u64, None);
    for row in &rows {
        estimate = estimate.saturating_add(row.get("ESTIMATE")?);
        data = data.saturating_add(row.get("DATA")?);
        if row.get::<String>("STATE")? == "In Progress" {
            stage = Some(row.get("STAGE")?);
        }
    }
    Ok(stage.map(|stage| Progress {
        percent: percent(data, estimate),
        stage,
    }))
}

fn percent(data: u64, estimate: u64) -> u8 {
    let percent = (u128::from(data) * 100).checked_div(u128::from(estimate));
    u8::try_from(percent.unwrap_or(0).min(100)).unwrap_or(100)
}

/// What became of the last clone into this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// None was ever made, or the server does not remember one.
    None,
    /// It runs, or waits for the restart.
    InProgress,
    /// It is complete; this is the donor's GTID set at its end.
    Completed(GtidSet),
    /// It failed.
    Failed {
        /// mysqld's error number.
        code: u32,
        /// mysqld's words.
        message: String,
    },
}

/// What became of the last clone into this server.
pub async fn state<S: Session>(server: &mut S) -> Result<State, Error> {
    let rows = server
        .rows(
            ATTEMPTED_STATE,
            "SELECT STATE, ERROR_NO, COALESCE(ERROR_MESSAGE, '') AS ERROR_MESSAGE, \
             COALESCE(GTID_EXECUTED, '') AS GTID_EXECUTED FROM performance_schema.clone_status",
        )
        .await?;
    rows.first().map_or(Ok(State::None), of_row)
}

const ATTEMPTED_STATE: &str = "read the state of the clone";

fn of_row(row: &Record) -> Result<State, Error> {
    match row.get::<String>("STATE")?.as_str() {
        "Not Started" => Ok(State::None),
        "In Progress" => Ok(State::InProgress),
        "Completed" => row.parse("GTID_EXECUTED").map(State::Completed),
        "Failed" => Ok(State::Failed {
            code: row.get("ERROR_NO")?,
            message: row.get("ERROR_MESSAGE")?,
        }),
        other => Err(Error::malformed(
            ATTEMPTED_STATE,
            format!("STATE is {other:?}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_stays_between_0_and_100() {
        assert_eq!(percent(0, 0), 0);
        assert_eq!(percent(1, 3), 33);
        assert_eq!(percent(5, 3), 100);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }
}
