//! Sets of global transaction identifiers, with tags.
//!
//! The text form is MySQL's: `UUID[:TAG]:INTERVAL[:INTERVAL]…[:TAG:INTERVAL…]`, several of them
//! separated by commas (MySQL Reference Manual, "GTID Format and Storage"). Tags are 1 to 32
//! characters of `[a-z_][a-z0-9_]*`, case folded.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::ServerUuid;

mod intervals;
use intervals::Intervals;

/// The part of a GTID before its number: who wrote it, with which tag (empty for none).
type Origin = (ServerUuid, String);

/// A set of GTIDs.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GtidSet {
    /// Never holds an empty entry, so equal sets are equal values.
    origins: BTreeMap<Origin, Intervals>,
}

/// Why a text is no GTID set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} in a GTID set: {because}")]
pub struct GtidError {
    /// The part that could not be read.
    pub part: String,
    /// What was expected.
    pub because: &'static str,
}

impl GtidSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self {
            origins: BTreeMap::new(),
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// How many transactions it holds.
    pub fn count(&self) -> u64 {
        self.origins
            .values()
            .map(Intervals::count)
            .fold(0, u64::saturating_add)
    }

    /// Whether every transaction of `other` is in this set.
    pub fn contains(&self, other: &Self) -> bool {
        other.subtract(self).is_empty()
    }

    /// Transactions of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (origin, theirs) in &other.origins {
            let ours = all.origins.entry(origin.clone()).or_default();
            *ours = ours.union(theirs);
        }
        all
    }

    /// Transactions of this set that are not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for (origin, theirs) in &other.origins {
            if let Some(ours) = rest.origins.get_mut(origin) {
                *ours = ours.subtract(theirs);
            }
        }
        rest.origins.retain(|_, intervals| !intervals.is_empty());
        rest
    }

    /// Transactions that a server other than `uuid` wrote.
    #[must_use]
    pub fn written_by_others(&self, uuid: ServerUuid) -> Self {
        let mut rest = self.clone();
        rest.origins.retain(|(writer, _), _| *writer != uuid);
        rest
    }

    /// Transactions of both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.subtract(&self.subtract(other))
    }
}

/// What was read so far: numbers of each origin in the order of the text, to be sorted once.
#[derive(Default)]
struct Reading(BTreeMap<Origin, Vec<(u64, u64)>>);

impl Reading {
    fn add(&mut self, uuid: ServerUuid, tag: &str, interval: (u64, u64)) {
        self.0
            .entry((uuid, tag.to_owned()))
            .or_default()
            .push(interval);
    }

    fn finish(self) -> GtidSet {
        let sorted = self
            .0
            .into_iter()
            .map(|(origin, read)| (origin, Intervals::of(read)));
        GtidSet {
            origins: sorted.collect(),
        }
    }

    fn read_one(&mut self, text: &str) -> Result<(), GtidError> {
        let refused = |because| GtidError {
            part: text.to_owned(),
            because,
        };
        let mut parts = text.split(':').map(str::trim);
        let uuid = parts
            .next()
            .and_then(|first| first.parse().ok())
            .ok_or_else(|| refused("expected a server UUID first"))?;
        let mut tag = String::new();
        let mut intervals_of_tag = 0;
        for part in parts {
            if part.starts_with(|c: char| c.is_ascii_digit()) {
                let interval = interval(part).ok_or_else(|| {
                    refused("an interval is FIRST or FIRST-LAST, 1 or more, rising")
                })?;
                self.add(uuid, &tag, interval);
                intervals_of_tag += 1;
            } else {
                if !tag.is_empty() && intervals_of_tag == 0 {
                    return Err(refused("a tag has no interval"));
                }
                tag = read_tag(part).ok_or_else(|| {
                    refused("a tag is 1 to 32 characters of a-z, 0-9 and _, no digit first")
                })?;
                intervals_of_tag = 0;
            }
        }
        if intervals_of_tag == 0 {
            return Err(refused("expected an interval at the end"));
        }
        Ok(())
    }
}

/// The largest transaction number (MySQL: 2⁶³ − 2).
const NUMBER_MAX: u64 = (1 << 63) - 2;

fn interval(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (1 <= first && first <= last && last <= NUMBER_MAX).then_some((first, last))
}

fn read_tag(text: &str) -> Option<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let good = (1..=32).contains(&text.len())
        && text.chars().all(word)
        && !text.starts_with(|c: char| c.is_ascii_digit());
    good.then(|| text.to_ascii_lowercase())
}

impl FromStr for GtidSet {
    type Err = GtidError;

    fn from_str(text: &str) -> Result<Self, GtidError> {
        let mut reading = Reading::default();
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            reading.read_one(one)?;
        }
        Ok(reading.finish())
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for ((uuid, tag), intervals) in &self.origins {
            if last != Some(uuid) {
                let comma = if last.is_some() { "," } else { "" };
                write!(f, "{comma}{uuid}")?;
                last = Some(uuid);
            }
            if !tag.is_empty() {
                write!(f, ":{tag}")?;
            }
            write!(f, "{intervals}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl TryFrom<String> for GtidSet {
    type Error = GtidError;

    fn try_from(text: String) -> Result<Self, GtidError> {
        text.parse()
    }
}

impl From<GtidSet> for String {
    fn from(set: GtidSet) -> Self {
        set.to_string()
    }
}

#[cfg(test)]
mod tests;
