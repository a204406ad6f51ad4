//! The report, as JSON.

use std::collections::BTreeMap;

use moco_model::MemberId;
use serde::Serialize;

use crate::gaps::Stretch;
use crate::judgement::Judgement;
use crate::ledger::Notes;
use crate::reigns::Overlap;

/// How many examples of a violation are told.
const EXAMPLES: usize = 5;

/// What a run showed. Times are milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Whether every promise was kept: there are no violations.
    pub(crate) clean: bool,
    /// Every broken promise, in a sentence.
    pub(crate) violations: Vec<String>,
    /// Length of the run.
    pub(crate) ran_ms: f64,
    /// Writers at the primary address.
    pub(crate) writers: u32,
    /// Acknowledged writes, at the primary address and at the members' own.
    pub(crate) acked: usize,
    /// Of those, how many are there at the end.
    pub(crate) found: usize,
    /// And how many are not.
    pub(crate) lost: usize,
    /// Rows that nobody attempted to write.
    pub(crate) phantom: usize,
    /// Rows that the server had said are not stored.
    pub(crate) refused_but_found: usize,
    /// Rows that were seen at the primary address and are gone.
    pub(crate) vanished: usize,
    /// Attempts that a server refused.
    pub(crate) refused: usize,
    /// Attempts of unknown outcome.
    pub(crate) unknown: usize,
    /// Of those, how many are there.
    pub(crate) unknown_found: usize,
    /// Acknowledgements of a member that was primary no more.
    pub(crate) overlapping: usize,
    /// Writes that members acknowledged at their own address, while they were primary.
    pub(crate) acked_at_members: usize,
    /// How often the register named another primary.
    pub(crate) changes: usize,
    /// Reads at the primary address; and those that lacked a row acknowledged before.
    pub(crate) primary_reads: u64,
    /// See above.
    pub(crate) stale_reads: u64,
    /// Reads at the replica address; and how far the furthest was behind.
    pub(crate) replica_reads: u64,
    /// See above.
    pub(crate) replica_behind_max_ms: f64,
    /// Of each writer at the primary address: attempts that failed.
    pub(crate) errors_per_writer: Vec<usize>,
    /// And connections that could not be made.
    pub(crate) failed_connects_per_writer: Vec<usize>,
    /// Why attempts at the primary address failed.
    pub(crate) errors: BTreeMap<String, u64>,
    /// The longest time between two acknowledgements at the primary address.
    pub(crate) largest_gap_ms: Option<f64>,
    /// One stretch for each mark.
    pub(crate) marks: Vec<Stretch>,
    /// Each member's checksum of the table, or why there is none.
    pub(crate) checksums: BTreeMap<MemberId, String>,
}

impl Report {
    /// Takes over the judgement, and each broken promise of it.
    pub(crate) fn judged(&mut self, told: &Judgement) {
        self.acked = told.acked;
        self.found = told.found;
        self.lost = told.lost.len();
        self.phantom = told.phantom.len();
        self.refused_but_found = told.refused_but_found.len();
        self.vanished = told.vanished.len();
        self.refused = told.refused;
        self.unknown = told.unknown;
        self.unknown_found = told.unknown_found;
        self.broken("acknowledged writes are lost", &told.lost);
        self.broken("rows were never written", &told.phantom);
        self.broken("refused writes are stored", &told.refused_but_found);
        self.broken("rows were seen on the primary and are gone", &told.vanished);
        if told.acked == 0 {
            self.violations.push("nothing was acknowledged".to_owned());
        }
    }

    /// Takes over the overlaps.
    pub(crate) fn overlapped(&mut self, overlaps: &[Overlap]) {
        self.overlapping = overlaps.len();
        self.broken(
            "acknowledgements are of a member that was not the primary",
            overlaps,
        );
    }

    /// Takes over the checksums.
    pub(crate) fn compared(&mut self, sums: BTreeMap<MemberId, Result<u64, String>>) {
        let mut values: Vec<_> = sums.values().flatten().copied().collect();
        values.sort_unstable();
        values.dedup();
        for (member, sum) in &sums {
            if let Err(why) = sum {
                self.violations
                    .push(format!("member {member} cannot be compared: {why}"));
            }
        }
        if values.len() > 1 {
            let text = "the members hold different rows".to_owned();
            self.violations.push(text);
        }
        let shown = |sum: Result<u64, String>| sum.map_or_else(|why| why, |sum| sum.to_string());
        self.checksums = sums
            .into_iter()
            .map(|(member, sum)| (member, shown(sum)))
            .collect();
    }

    /// Takes over what went wrong for the writers at the primary address.
    pub(crate) fn failed(&mut self, writers: &[Notes]) {
        for notes in writers {
            let errors = notes.errors.values().sum::<u64>();
            self.errors_per_writer
                .push(usize::try_from(errors).unwrap_or(usize::MAX));
            self.failed_connects_per_writer
                .push(notes.failed_connects.len());
            for (name, count) in &notes.errors {
                *self.errors.entry(name.clone()).or_default() += count;
            }
        }
    }

    fn broken<T: std::fmt::Debug>(&mut self, what: &str, list: &[T]) {
        if !list.is_empty() {
            let first: Vec<_> = list.iter().take(EXAMPLES).collect();
            self.violations
                .push(format!("{} {what}: {first:?}", list.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(change: impl FnOnce(&mut Judgement)) -> Report {
        let mut told = Judgement {
            acked: 1,
            found: 1,
            ..Judgement::default()
        };
        change(&mut told);
        let mut report = Report::default();
        report.judged(&told);
        report
    }

    #[test]
    fn each_broken_promise_is_a_violation() {
        assert_eq!(judged(|_| {}).violations, [""; 0]);
        assert_eq!(judged(|told| told.lost.push((1, 2))).violations.len(), 1);
        assert_eq!(judged(|told| told.phantom.push((1, 2))).violations.len(), 1);
        let refused = judged(|told| told.refused_but_found.push((1, 2)));
        assert_eq!(refused.violations.len(), 1);
        assert_eq!(
            judged(|told| told.vanished.push((1, 2))).violations.len(),
            1
        );
        assert_eq!(judged(|told| told.acked = 0).violations.len(), 1);
    }

    #[test]
    fn members_that_differ_or_cannot_be_compared_are_violations() {
        let compared = |sums: &[Result<u64, String>]| {
            let mut report = Report::default();
            let sums = (0..).map(MemberId).zip(sums.iter().cloned()).collect();
            report.compared(sums);
            report.violations.len()
        };
        assert_eq!(compared(&[Ok(1), Ok(1), Ok(1)]), 0);
        assert_eq!(compared(&[Ok(1), Ok(2), Ok(1)]), 1);
        assert_eq!(compared(&[Ok(1), Err("silent".to_owned()), Ok(1)]), 1);
    }
}
