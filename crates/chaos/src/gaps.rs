//! How long nobody could write: gaps between acknowledged writes of the writers at the primary
//! address, overall and for each stretch that begins with a mark.

use serde::Serialize;

use crate::clock::{Micros, millis};
use crate::ledger::{Notes, Outcome};

/// A moment with a name; a stretch of the report begins with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its name.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) at: Micros,
}

/// One stretch: from its mark to the next one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stretch {
    /// The mark's name.
    pub(crate) name: String,
    /// Milliseconds of the run at which it begins.
    pub(crate) at_ms: f64,
    /// From the mark to the first acknowledgement of a write that was begun after it.
    pub(crate) first_ms: Option<f64>,
    /// The longest time between two acknowledgements; the last one before the mark counts. None if
    /// nothing was acknowledged after the mark.
    pub(crate) longest_gap_ms: Option<f64>,
    /// Acknowledged writes.
    pub(crate) acked: u64,
    /// Attempts that failed, of the writer that had the most.
    pub(crate) errors_per_writer_max: usize,
    /// Attempts that failed, of all writers.
    pub(crate) errors: usize,
    /// Connections that could not be made, of the writer that had the most.
    pub(crate) failed_connects_per_writer_max: usize,
}

/// The longest time between two acknowledgements of the whole run.
pub(crate) fn largest(pages: &[Notes]) -> Option<Micros> {
    let times = ended(pages, 0, Micros::MAX);
    longest(&times)
}

/// The stretches, one for each mark.
pub(crate) fn stretches(marks: &[Mark], pages: &[Notes]) -> Vec<Stretch> {
    let ends = marks
        .iter()
        .skip(1)
        .map(|mark| mark.at)
        .chain([Micros::MAX]);
    marks
        .iter()
        .zip(ends)
        .map(|(mark, end)| stretch(mark, end, pages))
        .collect()
}

fn stretch(mark: &Mark, end: Micros, pages: &[Notes]) -> Stretch {
    let within = |at: Micros| at > mark.at && at <= end;
    let acked = ended(pages, mark.at, end);
    let before = pages
        .iter()
        .filter_map(|notes| {
            let mut acks = acks(notes).rev().map(|attempt| attempt.ended);
            acks.find(|ended| *ended <= mark.at)
        })
        .max();
    let times: Vec<_> = before.into_iter().chain(acked.iter().copied()).collect();
    let first = pages
        .iter()
        .filter_map(|notes| acks(notes).find(|attempt| attempt.begun >= mark.at))
        .map(|attempt| attempt.ended)
        .filter(|ended| within(*ended))
        .min();
    let errors: Vec<_> = pages
        .iter()
        .map(|notes| {
            let failed = notes.attempts.iter().filter(|attempt| {
                attempt.outcome != Outcome::Acknowledged && within(attempt.ended)
            });
            failed.count()
        })
        .collect();
    let connects = pages.iter().map(|notes| {
        let failed = notes.failed_connects.iter().filter(|at| within(**at));
        failed.count()
    });
    Stretch {
        name: mark.name.clone(),
        at_ms: millis(mark.at),
        first_ms: first.map(|first| millis(first - mark.at)),
        longest_gap_ms: longest(&times).map(millis),
        acked: acked.len().try_into().unwrap_or(u64::MAX),
        errors_per_writer_max: errors.iter().copied().max().unwrap_or(0),
        errors: errors.iter().sum(),
        failed_connects_per_writer_max: connects.max().unwrap_or(0),
    }
}

fn acks(notes: &Notes) -> impl DoubleEndedIterator<Item = &crate::ledger::Attempt> {
    notes
        .attempts
        .iter()
        .filter(|attempt| attempt.outcome == Outcome::Acknowledged)
}

/// The times of acknowledgements after `from` and up to `to`, in order.
fn ended(pages: &[Notes], from: Micros, to: Micros) -> Vec<Micros> {
    let mut times: Vec<_> = pages
        .iter()
        .flat_map(acks)
        .map(|attempt| attempt.ended)
        .filter(|ended| *ended > from && *ended <= to)
        .collect();
    times.sort_unstable();
    times
}

fn longest(times: &[Micros]) -> Option<Micros> {
    let gaps = times.iter().zip(times.iter().skip(1));
    gaps.map(|(earlier, later)| later - earlier).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Attempt;

    fn notes(acks: &[(u64, u64)], unknown: &[u64]) -> Notes {
        let attempt = |begun, ended, outcome| Attempt {
            begun,
            ended,
            outcome,
            server: 1,
        };
        let mut attempts: Vec<_> = acks
            .iter()
            .map(|(begun, ended)| attempt(*begun, *ended, Outcome::Acknowledged))
            .chain(unknown.iter().map(|at| attempt(*at, *at, Outcome::Unknown)))
            .collect();
        attempts.sort_by_key(|attempt| attempt.ended);
        Notes {
            attempts,
            ..Notes::default()
        }
    }

    fn mark(name: &str, at: u64) -> Mark {
        Mark {
            name: name.to_owned(),
            at,
        }
    }

    #[test]
    fn the_gap_of_a_kill_runs_from_the_last_acknowledgement_before_to_the_first_after() {
        let pages = [
            notes(&[(0, 1_000), (1_000, 2_000), (900_000, 905_000)], &[3_000]),
            notes(
                &[(500, 1_500), (2_100, 2_500), (910_000, 911_000)],
                &[3_100, 3_200],
            ),
        ];
        let told = stretches(&[mark("kill", 2_200)], &pages);
        assert_eq!(told[0].longest_gap_ms, Some(902.5));
        assert_eq!(told[0].first_ms, Some(902.8), "begun after the mark");
        assert_eq!((told[0].errors_per_writer_max, told[0].errors), (2, 3));
        assert_eq!(told[0].acked, 3);
        assert_eq!(largest(&pages), Some(902_500));
    }

    #[test]
    fn a_stretch_ends_with_the_next_mark_and_may_stay_without_writes() {
        let pages = [notes(&[(0, 1_000), (5_000, 6_000)], &[])];
        let told = stretches(
            &[mark("a", 500), mark("b", 1_500), mark("c", 6_500)],
            &pages,
        );
        assert_eq!(
            told[0].longest_gap_ms, None,
            "one acknowledgement, none before"
        );
        assert_eq!(told[1].longest_gap_ms, Some(5.0));
        assert_eq!((told[2].longest_gap_ms, told[2].first_ms), (None, None));
    }
}
