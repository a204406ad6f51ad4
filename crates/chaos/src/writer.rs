//! A writer: unique rows, one transaction each, over one connection for as long as it lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::Clock;
use crate::ledger::{Attempt, Outcome, Page, outcome_of};
use crate::login::{Failure, Login, Session, within};
use crate::verify::TABLE;

/// Between two connections that failed at once; the first after an error is made without it. Eight
/// writers find an opened primary within about a millisecond, and leave the processor to it meanwhile.
const RECONNECT: Duration = Duration::from_millis(10);
/// How often the time for a connection is doubled at most.
const DOUBLINGS: u32 = 3;

/// What a writer is told once.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    /// Where it writes.
    pub(crate) login: Login,
    /// What its rows hold beside their key.
    pub(crate) filler: String,
    /// The time between two rows; zero is as fast as it can.
    pub(crate) every: Duration,
    /// How long a connection may take at first.
    pub(crate) connect: Duration,
    /// How long a statement may take.
    pub(crate) statement: Duration,
    /// Set when it shall end.
    pub(crate) stop: Arc<AtomicBool>,
    /// The run's clock.
    pub(crate) clock: Clock,
}

/// Writes until it is told to stop. An attempt that was begun is noted, always.
pub(crate) async fn write(orders: Orders, page: Arc<Page>) {
    let mut session: Option<Session> = None;
    let mut turns = Pace::new(orders.every);
    let mut late = 0;
    while !orders.stop.load(Ordering::Relaxed) {
        turns.turn().await;
        let current = match session.take() {
            Some(current) => current,
            None => match orders.login.connect(orders.connect * 2_u32.pow(late)).await {
                Ok(new) => {
                    late = 0;
                    new
                }
                Err(failure) => {
                    page.notes().failed_connects.push(orders.clock.now());
                    if matches!(failure, Failure::Late) {
                        late = (late + 1).min(DOUBLINGS);
                    }
                    sleep(RECONNECT).await;
                    continue;
                }
            },
        };
        session = insert(&orders, &page, current).await;
    }
}

/// One row; the session is given back if it can be used again.
async fn insert(orders: &Orders, page: &Page, mut session: Session) -> Option<Session> {
    let sql = format!(
        "INSERT INTO {TABLE} VALUES ({}, {}, '{}')",
        page.writer,
        page.next(),
        orders.filler
    );
    let begun = orders.clock.now();
    let answer = within(orders.statement, session.conn.query_drop(sql)).await;
    let attempt = |outcome| Attempt {
        begun,
        ended: orders.clock.now(),
        outcome,
        server: session.server,
    };
    match answer {
        Ok(()) => page.note(attempt(Outcome::Acknowledged), None),
        Err(failure) => {
            page.note(attempt(outcome_of(&failure)), Some(&failure));
            // A server that answered, if only to refuse, is kept by those who write at a member.
            // Behind the primary address a refusal means that the server is not the primary any
            // more: clients do best to connect again.
            let stays = failure.code().is_some() && page.path != crate::ledger::Path::Primary;
            if !stays {
                return None;
            }
        }
    }
    Some(session)
}

/// Spreads rows over time; what was missed is not caught up.
struct Pace {
    every: Duration,
    next: Instant,
}

impl Pace {
    fn new(every: Duration) -> Self {
        Self {
            every,
            next: Instant::now(),
        }
    }

    async fn turn(&mut self) {
        if self.every.is_zero() {
            return;
        }
        sleep_until(self.next).await;
        self.next = self.next.max(Instant::now()) + self.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pace_is_kept_and_a_pause_is_not_caught_up() {
        let mut pace = Pace::new(Duration::from_millis(20));
        let begin = Instant::now();
        pace.turn().await;
        pace.turn().await;
        assert!(begin.elapsed() >= Duration::from_millis(20));
        pace.next = Instant::now() - Duration::from_secs(5);
        let begin = Instant::now();
        pace.turn().await;
        pace.turn().await;
        assert!(begin.elapsed() >= Duration::from_millis(20));
    }
}
