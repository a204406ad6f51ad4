//! Between the words of the model and the messages of the protocol.
//!
//! Writing a message always succeeds: texts for people are cut to the protocol's bound, so that a
//! long error text never makes a whole report unreadable. Reading can fail; the error names the
//! field.

use std::str::FromStr;

use moco_model::GtidSet;

mod beat;
mod guard;
mod notice;
mod order;
mod report;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use beat::{read_beat, write_beat};

/// Longest text that identifies something: names, uids, hosts. Bytes; a DNS name has at most 253.
const NAME_BYTES_MAX: usize = 253;
/// Longest text for people, bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Longest text of a GTID set, bytes; also of all sets of a report's evidence together.
const GTID_BYTES_MAX: usize = 1024 * 1024;
/// Most members of a cluster that are read.
const MEMBERS_MAX: usize = 1024;
/// Most entries of the list of drifted settings; MOCO sets fewer.
const DRIFT_MAX: usize = 128;

/// A message of a peer could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field {field}: {problem}")]
pub struct ReadError {
    /// The field, with the messages around it: `report.guard.epoch`.
    pub field: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is required and was not sent.
    #[error("is missing")]
    Missing,
    /// It holds a number that is none of the enum's known values.
    #[error("has the unknown value {0}")]
    UnknownValue(i32),
    /// A number is out of its range.
    #[error("is {value}; expected {expected}")]
    OutOfRange {
        /// What was sent.
        value: u64,
        /// The range, in words.
        expected: &'static str,
    },
    /// A text or list is longer than the protocol allows.
    #[error("has the length {length}; at most {max} is allowed")]
    TooLong {
        /// Its length: bytes of a text, entries of a list.
        length: usize,
        /// The bound.
        max: usize,
    },
    /// A text does not have the form it must have.
    #[error("is malformed: {0}")]
    Malformed(String),
}

impl ReadError {
    fn new(field: &str, problem: Problem) -> Self {
        Self {
            field: field.to_owned(),
            problem,
        }
    }

    fn missing(field: &str) -> Self {
        Self::new(field, Problem::Missing)
    }

    /// The same error, seen from the message around it.
    fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// Takes a required scalar.
fn required<T>(field: &str, value: Option<T>) -> Result<T, ReadError> {
    value.ok_or_else(|| ReadError::missing(field))
}

/// Reads a message inside the message, when it is there.
fn inner<P, T>(field: &str, value: Option<P>) -> Result<Option<T>, ReadError>
where
    T: TryFrom<P, Error = ReadError>,
{
    value
        .map(T::try_from)
        .transpose()
        .map_err(|error| error.within(field))
}

/// Reads a required message inside the message.
fn required_inner<P, T>(field: &str, value: Option<P>) -> Result<T, ReadError>
where
    T: TryFrom<P, Error = ReadError>,
{
    required(field, inner(field, value)?)
}

/// Reads a required enum: `known` is the reader of its numbers, `None` for zero.
fn required_enum<P, T>(
    field: &str,
    value: Option<i32>,
    known: impl FnOnce(P) -> Option<T>,
) -> Result<T, ReadError>
where
    P: TryFrom<i32>,
{
    let number = required(field, value)?;
    P::try_from(number)
        .ok()
        .and_then(known)
        .ok_or_else(|| ReadError::new(field, Problem::UnknownValue(number)))
}

/// Takes a required text of at most `max` bytes, which may be empty.
fn text(field: &str, value: Option<String>, max: usize) -> Result<String, ReadError> {
    let text = required(field, value)?;
    bounded(field, text.len(), max)?;
    Ok(text)
}

/// Takes a required name: 1 to 253 bytes.
fn name(field: &str, value: Option<String>) -> Result<String, ReadError> {
    let name = text(field, value, NAME_BYTES_MAX)?;
    if name.is_empty() {
        return Err(malformed(field, "is empty"));
    }
    Ok(name)
}

/// Takes a required text that `T` can parse.
fn parsed<T>(field: &str, value: Option<String>, max: usize) -> Result<T, ReadError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text(field, value, max)?
        .parse()
        .map_err(|error| malformed(field, &cut(&format!("{error}"))))
}

fn gtid_set(field: &str, value: Option<String>) -> Result<GtidSet, ReadError> {
    parsed(field, value, GTID_BYTES_MAX)
}

fn bounded(field: &str, length: usize, max: usize) -> Result<(), ReadError> {
    if length > max {
        return Err(ReadError::new(field, Problem::TooLong { length, max }));
    }
    Ok(())
}

fn malformed(field: &str, because: &str) -> ReadError {
    ReadError::new(field, Problem::Malformed(because.to_owned()))
}

/// A number of a narrower type than the wire has.
fn narrow<T: TryFrom<u32>>(
    field: &str,
    value: Option<u32>,
    expected: &'static str,
) -> Result<T, ReadError> {
    let value = required(field, value)?;
    T::try_from(value).map_err(|_| out_of_range(field, value, expected))
}

fn out_of_range(field: &str, value: u32, expected: &'static str) -> ReadError {
    let value = value.into();
    ReadError::new(field, Problem::OutOfRange { value, expected })
}

/// A text for people, cut to the protocol's bound at a character's edge.
fn cut(text: &str) -> String {
    const MARK: &str = "…";
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEXT_BYTES_MAX - MARK.len());
    format!("{}{MARK}", text.get(..end).unwrap_or_default())
}
