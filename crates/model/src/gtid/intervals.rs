//! Sorted, disjoint, non-adjacent closed intervals of transaction numbers.

use std::fmt;

/// Transaction numbers of one origin.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    /// Sorts and merges intervals in any order.
    pub(super) fn of(mut all: Vec<(u64, u64)>) -> Self {
        all.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match merged.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn count(&self) -> u64 {
        self.0
            .iter()
            .map(|(first, last)| last - first + 1)
            .fold(0, u64::saturating_add)
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    pub(super) fn subtract(&self, other: &Self) -> Self {
        let mut rest = Vec::with_capacity(self.0.len());
        let mut cuts = other.0.iter().copied().peekable();
        for &(first, last) in &self.0 {
            let mut from = first;
            while cuts.next_if(|cut| cut.1 < from).is_some() {}
            while let Some(&(cut_first, cut_last)) = cuts.peek() {
                if cut_first > last {
                    break;
                }
                if from < cut_first {
                    rest.push((from, cut_first - 1));
                }
                from = from.max(cut_last + 1);
                if cut_last > last {
                    break;
                }
                cuts.next();
            }
            if from <= last {
                rest.push((from, last));
            }
        }
        Self(rest)
    }
}

impl fmt::Display for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (first, last) in &self.0 {
            if first == last {
                write!(f, ":{first}")?;
            } else {
                write!(f, ":{first}-{last}")?;
            }
        }
        Ok(())
    }
}
