//! What a client is told.

/// A row: names of columns and their values as the text protocol shows them, none for `NULL`.
pub type Row = Vec<(String, Option<String>)>;

/// What a statement ends in.
pub type Answer = Result<Vec<Row>, Failure>;

/// Why a statement or a login failed, as its client sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Failure {
    /// mysqld said so.
    #[error("{message} (error {code})")]
    Server {
        /// mysqld's number of the error.
        code: u16,
        /// Its words, as far as somebody reads them.
        message: String,
    },
    /// The connection broke off, or nobody listens: what became of the statement is not known.
    #[error("the connection is lost")]
    Lost,
    /// The client's own limit passed.
    #[error("no answer in time")]
    TimedOut,
    /// The fake does not know the statement.
    #[error("the fake mysqld does not know the statement: {0}")]
    Unknown(String),
}

impl Failure {
    /// mysqld's error `code`.
    pub(super) fn server(code: u16, message: impl Into<String>) -> Self {
        Self::Server {
            code,
            message: message.into(),
        }
    }
}

/// The answer of a statement that has no rows.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it is an answer, as the others are"
)]
pub(super) const fn ok() -> Answer {
    Ok(Vec::new())
}

/// A row of the given columns.
pub(super) fn row<const N: usize>(columns: [(&str, String); N]) -> Row {
    columns
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Some(value)))
        .collect()
}
