//! Versions of MySQL, and which of them MOCO runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A MySQL server version, `major.minor.patch`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerVersion {
    /// First number, 9 of 9.7.4.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

/// How far a server version can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The tests run on it.
    Tested,
    /// The same SQL should do; nobody has run the tests on it.
    Untested,
    /// MOCO will not start it.
    Refused,
}

/// The text was no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not begin with a version such as 9.7.4")]
pub struct VersionError(pub String);

impl ServerVersion {
    /// Whether MOCO runs this version: 9.7 is tested, 8.4 is not, everything older than 8.4 lacks
    /// the SQL that is used (`SOURCE`/`REPLICA` names only).
    pub const fn support(self) -> Support {
        match (self.major, self.minor) {
            (9, 7) => Support::Tested,
            (0..=7, _) | (8, 0..=3) => Support::Refused,
            _ => Support::Untested,
        }
    }
}

impl FromStr for ServerVersion {
    type Err = VersionError;

    /// Reads the leading `a.b.c`; suffixes such as `-2` or `-log` are ignored.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let refused = || VersionError(text.to_owned());
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let mut parts = text.get(..end).unwrap_or_default().split('.');
        let mut part = || {
            parts
                .next()
                .and_then(|p| p.parse().ok())
                .ok_or_else(refused)
        };
        Ok(Self {
            major: part()?,
            minor: part()?,
            patch: part()?,
        })
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Debug for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for ServerVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<ServerVersion> for String {
    fn from(version: ServerVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_refused_and_the_tested_one_is_known() {
        let support = |text: &str| text.parse::<ServerVersion>().unwrap().support();
        assert_eq!(support("9.7.4-2"), Support::Tested);
        assert_eq!(support("8.4.8"), Support::Untested);
        assert_eq!(support("9.8.0"), Support::Untested);
        assert_eq!(support("8.0.45"), Support::Refused);
        assert_eq!(support("5.7.44-log"), Support::Refused);
        assert!("mysqld".parse::<ServerVersion>().is_err());
    }
}
