//! One connection to the mysqld of the same container.

use std::path::PathBuf;
use std::time::Duration;

use moco_model::{Account, Password};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Value};
use tokio::time::timeout;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::error::Error;
use crate::record::Record;
use crate::session::Session;

/// Where mysqld listens and who logs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// mysqld's unix socket. Nothing here speaks over the network.
    pub socket: PathBuf,
    /// The account.
    pub user: String,
    /// Its password; none only for the first set-up of an empty server.
    pub password: Option<Password>,
}

impl Login {
    /// The administrator's login, the one the agent works with.
    pub fn admin(socket: PathBuf, password: Password) -> Self {
        Self {
            socket,
            user: Account::Admin.user().to_owned(),
            password: Some(password),
        }
    }

    /// `root` without a password, as `mysqld --initialize-insecure` leaves it.
    pub fn root(socket: PathBuf) -> Self {
        Self {
            socket,
            user: "root".to_owned(),
            password: None,
        }
    }
}

/// A connection that is used by one task at a time.
///
/// Each statement takes the connection out and puts it back only after a complete answer. So a
/// statement that timed out, broke off, or whose future was dropped leaves nothing to be reused by
/// mistake: the socket is closed and every later call is [`Error::GivenUp`].
pub struct Server {
    conn: Option<Conn>,
    id: u32,
    limit: Duration,
}

/// How long mysqld keeps the agent's idle connection, seconds: a year, since account statements that
/// wait for an acknowledgement can block every new login and an open connection is the way out.
const IDLE_SECS: u32 = 31_536_000;
/// Largest packet of an answer or a statement, bytes. GTID sets and time zones stay far below.
const PACKET_BYTES: usize = 64 << 20;

impl Server {
    /// Connects and logs in within `limit`, which then bounds every statement, too. Metadata locks
    /// are waited for no longer than that either.
    pub async fn open(login: &Login, limit: Duration) -> Result<Self, Error> {
        let attempted = "connect";
        let secrets: Vec<&Password> = login.password.iter().collect();
        let options = OptsBuilder::default()
            .socket(Some(login.socket.to_string_lossy().into_owned()))
            .user(Some(login.user.clone()))
            .pass(login.password.as_ref().map(|p| p.reveal().to_owned()))
            .max_allowed_packet(Some(PACKET_BYTES))
            .wait_timeout(Some(IDLE_SECS as usize))
            .stmt_cache_size(0)
            .setup(vec![session_settings(limit)]);
        let connecting = Conn::new(options).with_subscriber(NoSubscriber::default());
        let conn = timeout(limit, connecting)
            .await
            .map_err(|_| Error::Timeout { attempted, limit })?
            .map_err(|cause| Error::of_login(&login.user, cause, &secrets))?;
        Ok(Self {
            id: conn.id(),
            conn: Some(conn),
            limit,
        })
    }

    /// Whether mysqld answers.
    pub async fn ping(&mut self) -> Result<(), Error> {
        let attempted = "ping mysqld";
        let mut conn = self.take(attempted)?;
        let answer = timeout(self.limit, conn.ping())
            .await
            .map_err(|_| self.timed_out(attempted))?;
        self.keep(conn, answer, attempted, &[])
    }

    /// mysqld's number of this connection, for [`Server::kill`] on another one.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Ends the statement and the connection with this number. An unknown number is no error: the
    /// connection is gone, as wanted.
    pub async fn kill(&mut self, id: u32) -> Result<(), Error> {
        const NO_SUCH_THREAD: u16 = 1094;
        match self.run("kill a connection", format!("KILL {id}")).await {
            Err(error) if error.code() == Some(NO_SUCH_THREAD) => Ok(()),
            other => other,
        }
    }

    /// Runs a statement that takes as long as it takes.
    pub(crate) async fn run_unbounded(
        &mut self,
        attempted: &'static str,
        sql: String,
        secrets: &[&Password],
    ) -> Result<(), Error> {
        self.run_with(attempted, sql, secrets, None).await
    }

    async fn run_with(
        &mut self,
        attempted: &'static str,
        sql: String,
        secrets: &[&Password],
        limit: Option<Duration>,
    ) -> Result<(), Error> {
        let mut conn = self.take(attempted)?;
        // The client library puts statements into its tracing spans. Ours hold passwords, and their
        // errors are logged where they are handled: it gets nowhere to log to.
        let statement = conn
            .query_drop(sql)
            .with_subscriber(NoSubscriber::default());
        let answer = match limit {
            None => statement.await,
            Some(limit) => timeout(limit, statement)
                .await
                .map_err(|_| self.timed_out(attempted))?,
        };
        self.keep(conn, answer, attempted, secrets)
    }

    fn take(&mut self, attempted: &'static str) -> Result<Conn, Error> {
        self.conn.take().ok_or(Error::GivenUp { attempted })
    }

    /// Puts the connection back if the answer was complete: a value, or an error of the server.
    fn keep<T>(
        &mut self,
        conn: Conn,
        answer: Result<T, mysql_async::Error>,
        attempted: &'static str,
        secrets: &[&Password],
    ) -> Result<T, Error> {
        match &answer {
            Err(error) if error.is_fatal() => drop(conn),
            _ => self.conn = Some(conn),
        }
        answer.map_err(|cause| Error::of_statement(attempted, cause, secrets))
    }

    const fn timed_out(&self, attempted: &'static str) -> Error {
        Error::Timeout {
            attempted,
            limit: self.limit,
        }
    }
}

impl Session for Server {
    async fn run(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<(), Error> {
        self.run_with(attempted, sql.into(), &[], Some(self.limit))
            .await
    }

    async fn run_secret(
        &mut self,
        attempted: &'static str,
        sql: String,
        secrets: &[&Password],
    ) -> Result<(), Error> {
        self.run_with(attempted, sql, secrets, Some(self.limit))
            .await
    }

    async fn rows(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<Vec<Record>, Error> {
        let mut conn = self.take(attempted)?;
        let question = conn
            .query::<mysql_async::Row, String>(sql.into())
            .with_subscriber(NoSubscriber::default());
        let answer = timeout(self.limit, question)
            .await
            .map_err(|_| self.timed_out(attempted))?;
        let rows = self.keep(conn, answer, attempted, &[])?;
        rows.into_iter()
            .map(|row| as_text(attempted, row))
            .collect()
    }

    fn is_usable(&self) -> bool {
        self.conn.is_some()
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

/// A row of the text protocol, in which every value is text or `NULL`. What is no UTF-8, as a name
/// in some message may be, must not hide the rest of an answer.
fn as_text(attempted: &'static str, row: mysql_async::Row) -> Result<Record, Error> {
    let names: Vec<String> = row
        .columns_ref()
        .iter()
        .map(|column| column.name_str().into_owned())
        .collect();
    let values = row.unwrap().into_iter().map(|value| match value {
        Value::NULL => Ok(None),
        Value::Bytes(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        _ => Err(Error::malformed(
            attempted,
            "the answer is not of the text protocol".to_owned(),
        )),
    });
    let columns = names
        .into_iter()
        .zip(values)
        .map(|(name, value)| Ok((name, value?)))
        .collect::<Result<_, Error>>()?;
    Ok(Record::of(attempted, columns))
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("id", &self.id)
            .field("usable", &self.is_usable())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Makes a session independent of what the user's my.cnf sets for sessions: how literals are read,
/// how times are shown, how long locks are waited for, how long an idle connection lives.
fn session_settings(limit: Duration) -> String {
    format!(
        "SET SESSION sql_mode = '', time_zone = '+00:00', lock_wait_timeout = {}, \
         wait_timeout = {IDLE_SECS}, autocommit = ON",
        whole_seconds(limit)
    )
}

/// `limit` in seconds as MySQL takes them: whole, at least 1.
pub(crate) fn whole_seconds(limit: Duration) -> u64 {
    limit.as_millis().div_ceil(1000).clamp(1, 31_536_000) as u64
}
