//! GTIDs one at a time, and sets of them that can be added to.

use std::collections::BTreeMap;
use std::fmt;

use moco_model::{GtidSet, ServerUuid};

/// One transaction's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtid {
    /// Who wrote it.
    pub uuid: ServerUuid,
    /// Its tag; empty for none.
    pub tag: String,
    /// Its number, from 1.
    pub number: u64,
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.tag.is_empty() { "" } else { ":" };
        write!(f, "{}{colon}{}:{}", self.uuid, self.tag, self.number)
    }
}

/// A set of GTIDs. Equal sets are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtids {
    /// For each writer and tag, ranges of numbers, first and last, rising and apart.
    origins: BTreeMap<(ServerUuid, String), Vec<(u64, u64)>>,
}

impl Gtids {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Whether it holds this one.
    pub fn contains(&self, gtid: &Gtid) -> bool {
        let key = (gtid.uuid, gtid.tag.clone());
        let ranges = self.origins.get(&key).map_or(&[][..], Vec::as_slice);
        ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&gtid.number))
    }

    /// Adds one.
    pub fn add(&mut self, gtid: &Gtid) {
        self.add_range((gtid.uuid, gtid.tag.clone()), (gtid.number, gtid.number));
    }

    /// Adds all of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for (origin, ranges) in &other.origins {
            for range in ranges {
                self.add_range(origin.clone(), *range);
            }
        }
    }

    fn add_range(&mut self, origin: (ServerUuid, String), (first, last): (u64, u64)) {
        let ranges = self.origins.entry(origin).or_default();
        if let Some(end) = ranges.last_mut()
            && end.1 + 1 == first
        {
            end.1 = last;
            return;
        }
        ranges.push((first, last));
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges.drain(..) {
            match merged.last_mut() {
                Some(before) if before.1 + 1 >= first => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        *ranges = merged;
    }

    /// Whether all of `other` is in here.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.origins.iter().all(|(origin, theirs)| {
            let ours = self.origins.get(origin).map_or(&[][..], Vec::as_slice);
            theirs
                .iter()
                .all(|(first, last)| ours.iter().any(|(from, to)| from <= first && last <= to))
        })
    }

    /// What of it was written by `uuid`, with any tag.
    #[must_use]
    pub fn written_by(&self, uuid: ServerUuid) -> Self {
        let mut part = self.clone();
        part.origins.retain(|(writer, _), _| *writer == uuid);
        part
    }

    /// The smallest number from 1 that is neither in here nor in `taken`.
    pub fn next_number(&self, uuid: ServerUuid, tag: &str, taken: &[Gtid]) -> u64 {
        let key = (uuid, tag.to_owned());
        let ranges = self.origins.get(&key).map_or(&[][..], Vec::as_slice);
        let mut number = match ranges.first() {
            Some((1, last)) => last + 1,
            _ => 1,
        };
        let is_taken = |number: u64| {
            let here = ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&number));
            here || taken
                .iter()
                .any(|one| one.uuid == uuid && one.tag == tag && one.number == number)
        };
        while is_taken(number) {
            number += 1;
        }
        number
    }

    /// The same set as the product's type.
    pub fn to_set(&self) -> GtidSet {
        self.to_string().parse().unwrap_or_default()
    }
}

impl From<&GtidSet> for Gtids {
    fn from(set: &GtidSet) -> Self {
        let mut read = Self::default();
        for part in set.to_string().split(',').filter(|part| !part.is_empty()) {
            let mut words = part.split(':');
            let Some(Ok(uuid)) = words.next().map(str::parse::<ServerUuid>) else {
                continue;
            };
            let mut tag = String::new();
            for word in words {
                let (first, last) = word.split_once('-').unwrap_or((word, word));
                match (first.parse(), last.parse()) {
                    (Ok(first), Ok(last)) => read.add_range((uuid, tag.clone()), (first, last)),
                    _ => word.clone_into(&mut tag),
                }
            }
        }
        read
    }
}

impl fmt::Display for Gtids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for ((uuid, tag), ranges) in &self.origins {
            if last != Some(uuid) {
                let comma = if last.is_some() { "," } else { "" };
                write!(f, "{comma}{uuid}")?;
                last = Some(uuid);
            }
            if !tag.is_empty() {
                write!(f, ":{tag}")?;
            }
            for (first, last) in ranges {
                if first == last {
                    write!(f, ":{first}")?;
                } else {
                    write!(f, ":{first}-{last}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtid(tag: &str, number: u64) -> Gtid {
        Gtid {
            uuid: ServerUuid::from_u128(7),
            tag: tag.to_owned(),
            number,
        }
    }

    #[test]
    fn sets_read_as_the_products_type_and_back() {
        let mut set = Gtids::default();
        for number in [5, 1, 2, 3, 9] {
            set.add(&gtid("", number));
            set.add(&gtid("moco_heartbeat", number + 1));
        }
        let theirs = set.to_set();
        assert_eq!(theirs.to_string(), set.to_string());
        assert_eq!(theirs.count(), 10);
        assert_eq!(Gtids::from(&theirs), set);
        assert!(set.contains(&gtid("", 9)) && !set.contains(&gtid("", 4)));
    }

    #[test]
    fn the_next_number_is_the_first_gap() {
        let mut set = Gtids::default();
        assert_eq!(set.next_number(ServerUuid::from_u128(7), "", &[]), 1);
        for number in [1, 2, 4] {
            set.add(&gtid("", number));
        }
        let next = |taken: &[Gtid]| set.next_number(ServerUuid::from_u128(7), "", taken);
        assert_eq!((next(&[]), next(&[gtid("", 3)])), (3, 5));
    }

    #[test]
    fn a_set_contains_what_was_added_in_any_order_and_no_more() {
        let (mut few, mut more) = (Gtids::default(), Gtids::default());
        for number in [3, 1] {
            few.add(&gtid("", number));
        }
        for number in [1, 2, 3] {
            more.add(&gtid("", number));
        }
        assert!(more.contains_all(&few) && !few.contains_all(&more));
        few.add_all(&more);
        assert_eq!(few, more);
        assert!(more.written_by(ServerUuid::from_u128(8)).is_empty());
    }
}
