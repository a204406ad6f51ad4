//! What the writers noted, and the judgement.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Manner;

/// A row: its writer and its number.
pub(crate) type Row = (usize, u64);

/// A write that was acknowledged.
#[derive(Clone, Debug, PartialEq)]
struct Acked {
    row: Row,
    begin: f64,
    end: f64,
    /// Host name of the server that acknowledged it.
    by: String,
}

/// A write that was not, with what the client was told; its row may or may not exist.
#[derive(Clone, Debug, PartialEq)]
struct Unsure {
    row: Row,
    manner: Manner,
    said: String,
}

/// What the writers of a ledger noted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Notes {
    acked: Vec<Acked>,
    unsure: Vec<Unsure>,
    /// When eager writers were acknowledged.
    eager: Vec<f64>,
}

impl Notes {
    /// Takes in the notes of one writer.
    pub(super) fn read(&mut self, writer: usize, manner: Manner, text: &str) -> Result<()> {
        for line in text.lines() {
            self.read_line(writer, manner, line)
                .with_context(|| format!("read the note `{line}`"))?;
        }
        Ok(())
    }

    fn read_line(&mut self, writer: usize, manner: Manner, line: &str) -> Result<()> {
        let mut fields = line.splitn(4, ' ');
        let mut field = || fields.next().context("it is cut short");
        let row = (writer, field()?.parse()?);
        let (begin, end) = (field()?.parse()?, field()?.parse()?);
        let said = field()?;
        let Some(by) = said.strip_prefix("ok\t") else {
            self.unsure.push(Unsure {
                row,
                manner,
                said: said.to_owned(),
            });
            return Ok(());
        };
        if manner == Manner::Eager {
            self.eager.push(end);
        }
        self.acked.push(Acked {
            row,
            begin,
            end,
            by: by.to_owned(),
        });
        Ok(())
    }

    /// How many writes were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acked.len()
    }

    /// How many writes were begun and acknowledged between two times, as [`super::uptime`] tells them.
    pub(crate) fn acknowledged_between(&self, from: f64, to: f64) -> usize {
        let within = |one: &&Acked| one.begin >= from && one.end <= to;
        self.acked.iter().filter(within).count()
    }

    /// What writers that are no strays were told instead of an acknowledgement.
    pub(crate) fn refused(&self) -> Vec<&str> {
        let meant = self.unsure.iter().filter(|one| one.manner != Manner::Stray);
        meant.map(|one| one.said.as_str()).collect()
    }

    /// The number of errors of the patient writer that had most.
    pub(crate) fn most_errors(&self) -> usize {
        let patient = self
            .unsure
            .iter()
            .filter(|one| one.manner == Manner::Patient);
        let writers: Vec<_> = patient.map(|one| one.row.0).collect();
        let count = |writer: &usize| writers.iter().filter(|one| *one == writer).count();
        writers.iter().map(count).max().unwrap_or(0)
    }

    /// The longest time in which no eager writer was acknowledged.
    pub(crate) fn longest_gap(&self) -> Duration {
        let mut times = self.eager.clone();
        times.sort_by(f64::total_cmp);
        let pairs = times.iter().zip(times.iter().skip(1));
        let longest = pairs.map(|(one, next)| next - one).fold(0.0, f64::max);
        Duration::from_secs_f64(longest)
    }

    /// An error unless `stored` holds every acknowledged row, and none that was never written or that a read-only
    /// server refused: such a statement is rolled back before it is answered.
    pub(super) fn compare(&self, stored: &BTreeSet<Row>) -> Result<()> {
        let acked: BTreeSet<_> = self.acked.iter().map(|one| one.row).collect();
        let lost: Vec<_> = acked.difference(stored).collect();
        let count = acked.len();
        ensure!(
            lost.is_empty(),
            "{} of {count} acknowledged writes are lost: {lost:?}",
            lost.len()
        );
        let unsure = self.unsure.iter();
        let possible = unsure.filter(|one| !one.said.contains("ERROR 1290"));
        let known: BTreeSet<_> = acked
            .into_iter()
            .chain(possible.map(|one| one.row))
            .collect();
        let phantoms: Vec<_> = stored.difference(&known).collect();
        ensure!(
            phantoms.is_empty(),
            "rows that must not exist are stored: {phantoms:?}"
        );
        Ok(())
    }

    /// The servers that acknowledged, one reign after the other. A server that returns, although another one has
    /// acknowledged since, has a second reign; there are as many as changes of the primary, or two acknowledge at once.
    pub(crate) fn reigns(&self) -> Vec<String> {
        let mut acked: Vec<_> = self.acked.iter().collect();
        acked.sort_by(|one, other| one.end.total_cmp(&other.end));
        // Each reign with the time of its first acknowledgement.
        let mut reigns: Vec<(&str, f64)> = Vec::new();
        for one in acked {
            let last = reigns.last().copied();
            if last.is_some_and(|(by, _)| by == one.by) {
                continue;
            }
            // A client may note late what it was told in time.
            let before = reigns.iter().rev().nth(1).map(|(by, _)| *by);
            let late = last.is_some_and(|(_, first)| one.begin < first);
            if !(late && before == Some(one.by.as_str())) {
                reigns.push((&one.by, one.end));
            }
        }
        reigns.into_iter().map(|(by, _)| by.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(of: &[(Manner, &str)]) -> Notes {
        let mut notes = Notes::default();
        for (writer, (manner, text)) in of.iter().enumerate() {
            notes.read(writer, *manner, text).unwrap();
        }
        notes
    }

    #[test]
    fn notes_tell_acknowledged_from_refused_and_find_the_gap_of_those_who_hurry() {
        let notes = notes(&[
            (
                Manner::Eager,
                "1 99.9 100.00 ok\ta\n2 100.00 101.00 ERROR 2003 (HY000): no\n3 101.00 104.50 ok\tb\n",
            ),
            (
                Manner::Patient,
                "1 99 99.2 ok\ta\n2 99.2 110 ERROR 1\n3 110 120 ERROR 2\n",
            ),
            (Manner::Stray, "1 99 100.00 ERROR 1290 (HY000): read-only\n"),
        ]);
        assert_eq!(notes.acknowledged(), 3);
        assert_eq!(notes.acknowledged_between(99.0, 100.0), 2);
        assert_eq!(notes.refused().len(), 3);
        assert_eq!(notes.most_errors(), 2);
        assert_eq!(notes.longest_gap(), Duration::from_millis(4500));
        assert_eq!(notes.reigns(), ["a", "b"]);
    }

    #[test]
    fn a_broken_note_is_an_error() {
        for text in ["1 1.0", "x 1.0 2.0 ok\ta", "1 1.0 2.0"] {
            let mut notes = Notes::default();
            assert!(notes.read(0, Manner::Eager, text).is_err(), "{text}");
        }
    }

    #[test]
    fn lost_and_phantom_rows_are_found() {
        let notes = notes(&[(
            Manner::Eager,
            "1 1 2 ok\ta\n2 2 3 no answer in 1 s\n3 3 4 ERROR 1290 (HY000) at line 1: read-only\n",
        )]);
        let stored = |numbers: &[u64]| numbers.iter().map(|n| (0, *n)).collect();
        for fine in [&[1][..], &[1, 2]] {
            notes.compare(&stored(fine)).unwrap();
        }
        for wrong in [&[2][..], &[1, 3], &[1, 4]] {
            assert!(notes.compare(&stored(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_acknowledgement_after_the_successors_is_a_reign_of_its_own_and_a_late_note_is_none() {
        let of = |text: &str| {
            notes(&[
                (Manner::Eager, "1 1 2 ok\ta\n2 4 5 ok\tb\n"),
                (Manner::Stray, text),
            ])
        };
        assert_eq!(of("1 3 5.5 ok\ta\n").reigns(), ["a", "b"]);
        assert_eq!(of("1 5.2 5.5 ok\ta\n").reigns(), ["a", "b", "a"]);
    }
}
