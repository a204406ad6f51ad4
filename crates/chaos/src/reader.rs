//! Readers: what was seen on the primary must never vanish, and must not be older than what was
//! acknowledged before the read began.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use tokio::time::sleep;

use crate::clock::{Clock, Micros};
use crate::ledger::Page;
use crate::login::{Failure, Login, Session, within};
use crate::verify::TABLE;

/// What a reader saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sights {
    /// Reads that were answered.
    pub(crate) reads: u64,
    /// Reads that lacked a row that was acknowledged before they began.
    pub(crate) behind: u64,
    /// How long ago the oldest row that a read lacked had been acknowledged, at most.
    pub(crate) furthest_behind: Micros,
    /// The rows that were seen: writer and number.
    pub(crate) seen: BTreeSet<(u32, usize)>,
}

/// What a reader is told once.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    /// Where it reads.
    pub(crate) login: Login,
    /// The time between two reads.
    pub(crate) every: Duration,
    /// How long a connection may take.
    pub(crate) connect: Duration,
    /// How long a read may take.
    pub(crate) statement: Duration,
    /// Set when it shall end.
    pub(crate) stop: Arc<AtomicBool>,
    /// The run's clock.
    pub(crate) clock: Clock,
}

/// Reads the newest row of every writer, over and over, until it is told to stop.
pub(crate) async fn read(orders: Orders, pages: Vec<Arc<Page>>) -> Sights {
    let mut sights = Sights::default();
    let mut session = None;
    while !orders.stop.load(Ordering::Relaxed) {
        let answered = once(&orders, &mut session, &pages, &mut sights).await;
        if answered.is_ok() {
            sights.reads += 1;
        } else {
            session = None;
        }
        sleep(orders.every).await;
    }
    sights
}

async fn once(
    orders: &Orders,
    session: &mut Option<Session>,
    pages: &[Arc<Page>],
    sights: &mut Sights,
) -> Result<(), Failure> {
    let current = match session {
        Some(current) => current,
        None => session.insert(orders.login.connect(orders.connect).await?),
    };
    let began = orders.clock.now();
    let before: Vec<_> = pages
        .iter()
        .map(|page| page.notes().last_acknowledged)
        .collect();
    // MySQL answers it from one entry of the index for each writer.
    let sql = format!("SELECT writer, MAX(seq) FROM {TABLE} GROUP BY writer");
    let newest: Vec<(u32, usize)> = within(orders.statement, current.conn.query(sql)).await?;
    let mut behind: Option<Micros> = None;
    for (page, acknowledged) in pages.iter().zip(before) {
        let found = newest
            .iter()
            .find(|(writer, _)| *writer == page.writer)
            .map(|(_, seq)| *seq);
        let age = missing_since(page, acknowledged, found).map(|since| began.saturating_sub(since));
        behind = behind.max(age);
    }
    sights.note(newest, behind);
    Ok(())
}

impl Sights {
    fn note(&mut self, rows: Vec<(u32, usize)>, behind: Option<Micros>) {
        self.seen.extend(rows);
        if let Some(age) = behind {
            self.behind += 1;
            self.furthest_behind = self.furthest_behind.max(age);
        }
    }
}

/// When the oldest acknowledged row that a read lacked had been acknowledged; none if it lacked none.
/// Rows of one writer are stored in their order, so the newest one stands for all before it.
fn missing_since(page: &Page, acknowledged: Option<usize>, found: Option<usize>) -> Option<Micros> {
    let acknowledged = acknowledged?;
    let first = found.map_or(0, |found| found + 1);
    let notes = page.notes();
    let missing = notes.attempts.get(first..=acknowledged)?;
    missing
        .iter()
        .find(|attempt| attempt.outcome == crate::ledger::Outcome::Acknowledged)
        .map(|attempt| attempt.ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Attempt, Outcome, Path};

    fn page(outcomes: &[Outcome]) -> Page {
        let page = Page::new(1, Path::Primary);
        for (at, outcome) in (1..).zip(outcomes) {
            let attempt = Attempt {
                begun: at * 10,
                ended: at * 10 + 5,
                outcome: *outcome,
                server: 1,
            };
            page.note(attempt, None);
        }
        page
    }

    #[test]
    fn a_read_is_behind_only_by_rows_that_were_acknowledged() {
        use Outcome::{Acknowledged, Unknown};
        let page = page(&[Acknowledged, Unknown, Acknowledged, Acknowledged]);
        assert_eq!(missing_since(&page, Some(3), Some(3)), None);
        assert_eq!(missing_since(&page, Some(3), Some(0)), Some(35));
        assert_eq!(missing_since(&page, Some(0), None), Some(15));
        assert_eq!(
            missing_since(&page, Some(0), Some(3)),
            None,
            "the read saw more"
        );
        assert_eq!(missing_since(&page, None, None), None);
    }
}
