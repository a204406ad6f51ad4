//! The ledger: what was attempted, when, and what the client was told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use moco_model::MemberId;

use crate::clock::Micros;
use crate::login::Failure;

/// How a writer reaches the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Through the primary address, as clients do.
    Primary,
    /// At the member's own address, whatever its role is: what a client does that was never told of
    /// the change. A member that is not the primary must refuse it.
    Member(MemberId),
}

/// What the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The row is stored: it must be there for ever.
    Acknowledged,
    /// The row is not stored: it must not be there.
    Refused,
    /// Nothing certain: the row may be there or not.
    Unknown,
}

/// One attempt to insert one row. Its number is its place in the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// When the statement was sent.
    pub(crate) begun: Micros,
    /// When its outcome was known.
    pub(crate) ended: Micros,
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// `@@server_id` of the server it was sent to.
    pub(crate) server: u32,
}

/// The page of one writer.
#[derive(Debug)]
pub(crate) struct Page {
    /// The writer's number: the first half of the key of its rows.
    pub(crate) writer: u32,
    /// Where it writes.
    pub(crate) path: Path,
    notes: Mutex<Notes>,
}

/// What a writer noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    /// Its attempts, in order.
    pub(crate) attempts: Vec<Attempt>,
    /// The last one that was acknowledged.
    pub(crate) last_acknowledged: Option<usize>,
    /// How many attempts failed for which reason.
    pub(crate) errors: BTreeMap<String, u64>,
    /// When a connection could not be made.
    pub(crate) failed_connects: Vec<Micros>,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(writer: u32, path: Path) -> Self {
        Self {
            writer,
            path,
            notes: Mutex::default(),
        }
    }

    /// What was noted until now. A writer that panicked leaves whole notes: each is one push.
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next attempt.
    pub(crate) fn next(&self) -> usize {
        self.notes().attempts.len()
    }

    /// Notes an attempt that came to its end.
    pub(crate) fn note(&self, attempt: Attempt, failure: Option<&Failure>) {
        let mut notes = self.notes();
        if attempt.outcome == Outcome::Acknowledged {
            notes.last_acknowledged = Some(notes.attempts.len());
        }
        notes.attempts.push(attempt);
        if let Some(failure) = failure {
            *notes.errors.entry(failure.name()).or_default() += 1;
        }
    }
}

/// The server refuses writes: `ER_OPTION_PREVENTS_STATEMENT` (read-only). The statement is rolled
/// back before it is answered, also when the server became read-only while it waited to commit.
const READ_ONLY: u16 = 1290;
/// `ER_READ_ONLY_MODE`, the same for InnoDB.
const READ_ONLY_MODE: u16 = 1836;

/// What a failed insert means for its row. Only what surely did nothing is refused: a session that
/// was ended (1053, 1317, 3032) may have been ended between the commit and the answer.
pub(crate) fn outcome_of(failure: &Failure) -> Outcome {
    match failure.code() {
        Some(READ_ONLY | READ_ONLY_MODE) => Outcome::Refused,
        Some(_) | None => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::{Error, ServerError};

    use super::*;

    fn server(code: u16) -> Failure {
        Failure::Said(Error::Server(ServerError {
            code,
            message: String::new(),
            state: String::new(),
        }))
    }

    #[test]
    fn only_a_read_only_server_surely_stored_nothing() {
        assert_eq!(outcome_of(&server(1290)), Outcome::Refused);
        for code in [1053, 1317, 3032, 1205] {
            assert_eq!(outcome_of(&server(code)), Outcome::Unknown, "{code}");
        }
        assert_eq!(outcome_of(&Failure::Late), Outcome::Unknown);
    }

    #[test]
    fn a_page_numbers_its_attempts_and_knows_the_last_acknowledged_one() {
        let page = Page::new(3, Path::Primary);
        let attempt = |outcome| Attempt {
            begun: 1,
            ended: 2,
            outcome,
            server: 1,
        };
        page.note(attempt(Outcome::Acknowledged), None);
        page.note(attempt(Outcome::Unknown), Some(&Failure::Late));
        assert_eq!((page.next(), page.notes().last_acknowledged), (2, Some(0)));
        assert_eq!(page.notes().errors["no answer in time"], 1);
    }
}
