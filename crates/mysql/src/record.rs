//! One row of an answer, read by column name.

use std::str::FromStr;

use mysql_async::prelude::FromValue;

use crate::error::Error;

/// A row, and what it was asked for.
pub(crate) struct Record {
    attempted: &'static str,
    row: mysql_async::Row,
}

impl Record {
    pub(crate) const fn new(attempted: &'static str, row: mysql_async::Row) -> Self {
        Self { attempted, row }
    }

    /// The value of `column`, which must be there and of the type.
    pub(crate) fn get<T: FromValue>(&self, column: &str) -> Result<T, Error> {
        self.row
            .get_opt::<T, _>(column)
            .ok_or_else(|| self.malformed(column, "is missing"))?
            .map_err(|_| self.malformed(column, "has an unexpected type or is NULL"))
    }

    /// The text of `column`, read as `T`.
    pub(crate) fn parse<T: FromStr>(&self, column: &str) -> Result<T, Error>
    where
        T::Err: std::fmt::Display,
    {
        let text: String = self.get(column)?;
        text.parse()
            .map_err(|error| self.malformed(column, &format!("cannot be read: {error}")))
    }

    fn malformed(&self, column: &str, problem: &str) -> Error {
        Error::malformed(
            self.attempted,
            format!("{column} in mysqld's answer {problem}"),
        )
    }
}
