//! The judgement: what was promised against what is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::{Notes, Outcome};

/// The rows of the table: the numbers of each writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows(BTreeMap<u32, BTreeSet<usize>>);

impl Rows {
    /// Adds a row.
    pub(crate) fn add(&mut self, writer: u32, seq: u64) {
        let seq = usize::try_from(seq).unwrap_or(usize::MAX);
        self.0.entry(writer).or_default().insert(seq);
    }

    fn has(&self, writer: u32, seq: usize) -> bool {
        self.0.get(&writer).is_some_and(|rows| rows.contains(&seq))
    }
}

/// What became of the attempts. Of the lists only what is first is told; they are for finding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// Acknowledged attempts.
    pub(crate) acked: usize,
    /// Acknowledged and found.
    pub(crate) found: usize,
    /// Acknowledged and not found.
    pub(crate) lost: Vec<(u32, usize)>,
    /// Found and never attempted.
    pub(crate) phantom: Vec<(u32, usize)>,
    /// Found although the server said that it is not stored.
    pub(crate) refused_but_found: Vec<(u32, usize)>,
    /// Refused attempts.
    pub(crate) refused: usize,
    /// Attempts of unknown outcome.
    pub(crate) unknown: usize,
    /// Of those, how many were found.
    pub(crate) unknown_found: usize,
    /// Seen at the primary address and not found at the end.
    pub(crate) vanished: Vec<(u32, usize)>,
}

/// Judges all pages, by their writers' numbers. Time and memory are linear in the attempts.
pub(crate) fn judge(
    pages: &BTreeMap<u32, Notes>,
    rows: &Rows,
    seen: &BTreeSet<(u32, usize)>,
) -> Judgement {
    let mut told = Judgement::default();
    for (writer, notes) in pages {
        for (seq, attempt) in notes.attempts.iter().enumerate() {
            let found = rows.has(*writer, seq);
            match (attempt.outcome, found) {
                (Outcome::Acknowledged, true) => told.found += 1,
                (Outcome::Acknowledged, false) => told.lost.push((*writer, seq)),
                (Outcome::Refused, true) => told.refused_but_found.push((*writer, seq)),
                (Outcome::Unknown, true) => told.unknown_found += 1,
                (Outcome::Refused | Outcome::Unknown, false) => {}
            }
            match attempt.outcome {
                Outcome::Acknowledged => told.acked += 1,
                Outcome::Refused => told.refused += 1,
                Outcome::Unknown => told.unknown += 1,
            }
        }
    }
    for (writer, found) in &rows.0 {
        let attempted = pages.get(writer).map_or(0, |notes| notes.attempts.len());
        let never = found.range(attempted..).map(|seq| (*writer, *seq));
        told.phantom.extend(never);
    }
    let gone = seen.iter().filter(|(writer, seq)| !rows.has(*writer, *seq));
    told.vanished.extend(gone);
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Attempt;

    #[test]
    fn lost_phantom_refused_and_vanished_rows_are_told_apart() {
        use Outcome::{Acknowledged, Refused, Unknown};
        let attempts = [
            Acknowledged,
            Acknowledged,
            Unknown,
            Unknown,
            Refused,
            Refused,
        ];
        let attempts = attempts.map(|outcome| Attempt {
            begun: 0,
            ended: 1,
            outcome,
            server: 1,
        });
        let notes = Notes {
            attempts: attempts.to_vec(),
            ..Notes::default()
        };
        let mut rows = Rows::default();
        for (writer, seq) in [(1, 0), (1, 2), (1, 4), (1, 6), (9, 0)] {
            rows.add(writer, seq);
        }
        let seen = BTreeSet::from([(1, 0), (1, 3)]);
        let told = judge(&BTreeMap::from([(1, notes)]), &rows, &seen);
        let wanted = Judgement {
            acked: 2,
            found: 1,
            lost: vec![(1, 1)],
            phantom: vec![(1, 6), (9, 0)],
            refused_but_found: vec![(1, 4)],
            refused: 2,
            unknown: 2,
            unknown_found: 1,
            vanished: vec![(1, 3)],
        };
        assert_eq!(told, wanted);
    }
}
