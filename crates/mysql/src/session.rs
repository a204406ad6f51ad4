//! What the typed functions need of a connection.
//!
//! [`crate::Server`] is a connection to a real mysqld. A simulated one implements the trait by
//! interpreting the statements, so that the same functions run over both; a suite of contract tests
//! can then say where the two differ.

use std::future::Future;
use std::time::Duration;

use moco_model::Password;

use crate::error::Error;
use crate::record::Record;

/// A session of an administrator, used by one task at a time.
///
/// `attempted` completes the sentence "cannot …" and stands in errors and logs in place of the
/// statement, which may hold passwords.
///
/// An implementation keeps this: after a statement whose answer did not come in time, broke off, or
/// whose future was dropped, the session is not usable and every later call is [`Error::GivenUp`].
pub trait Session: Send {
    /// Runs a statement without passwords in it.
    fn run(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Runs a statement that holds `secrets`. No error of it does.
    fn run_secret(
        &mut self,
        attempted: &'static str,
        sql: String,
        secrets: &[&Password],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// All rows of an answer.
    fn rows(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> impl Future<Output = Result<Vec<Record>, Error>> + Send;

    /// The one row of an answer that must have one.
    fn row(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> impl Future<Output = Result<Record, Error>> + Send {
        async move {
            let mut rows = self.rows(attempted, sql).await?;
            rows.pop()
                .ok_or_else(|| Error::malformed(attempted, "mysqld's answer is empty".to_owned()))
        }
    }

    /// Whether a statement can still be sent; false after a timeout, a break or a cancellation.
    fn is_usable(&self) -> bool;

    /// How long each statement may take.
    fn limit(&self) -> Duration;
}
