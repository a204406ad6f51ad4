//! One row of an answer, read by column name.

use std::str::FromStr;

use crate::error::Error;

/// A row as text, and what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    attempted: &'static str,
    columns: Vec<(String, Option<String>)>,
}

/// What the text of a column can be read as. MySQL shows truth values as `1` and `0`, so this is not
/// [`FromStr`].
pub trait FromText: Sized {
    /// Reads `text`; none when it is not of this type.
    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl FromText for $number {
            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

numbers!(u16, u32, u64, i64);

impl Record {
    /// A row of the answer to a statement that `attempted` something: each column's name and its
    /// value as the text protocol shows it, none for `NULL`.
    pub const fn of(attempted: &'static str, columns: Vec<(String, Option<String>)>) -> Self {
        Self { attempted, columns }
    }

    /// The value of `column`, which must be there and of the type.
    pub fn get<T: FromText>(&self, column: &str) -> Result<T, Error> {
        let named = self.columns.iter().find(|(name, _)| name == column);
        let (_, value) = named.ok_or_else(|| self.malformed(column, "is missing"))?;
        value
            .as_deref()
            .and_then(T::from_text)
            .ok_or_else(|| self.malformed(column, "has an unexpected type or is NULL"))
    }

    /// The text of `column`, read as `T`.
    pub fn parse<T: FromStr>(&self, column: &str) -> Result<T, Error>
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: Option<&str>) -> Record {
        Record::of("look", vec![("a".to_owned(), value.map(str::to_owned))])
    }

    #[test]
    fn a_column_is_read_as_what_it_is() {
        assert_eq!(record(Some("7")).get::<u32>("a").unwrap(), 7);
        assert_eq!(record(Some("-7")).get::<i64>("a").unwrap(), -7);
        assert!(record(Some("1")).get::<bool>("a").unwrap());
        assert!(!record(Some("0")).get::<bool>("a").unwrap());
        assert_eq!(record(Some("")).get::<String>("a").unwrap(), "");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let words = |error: Error| error.to_string();
        assert_eq!(
            words(record(None).get::<String>("a").unwrap_err()),
            "cannot look: a in mysqld's answer has an unexpected type or is NULL"
        );
        assert_eq!(
            words(record(Some("7")).get::<u32>("b").unwrap_err()),
            "cannot look: b in mysqld's answer is missing"
        );
        assert!(record(Some("ON")).get::<bool>("a").is_err());
        assert!(record(Some("-1")).get::<u64>("a").is_err());
        assert!(words(record(Some("x")).parse::<u8>("a").unwrap_err()).contains("cannot be read"));
    }
}
