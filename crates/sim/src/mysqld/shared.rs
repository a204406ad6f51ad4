//! The fleet behind a lock, and sessions as futures.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use moco_model::Password;
use moco_mysql::error::Error;
use moco_mysql::{Record, Session};

use super::{Answer, Failure, Fleet, Motion, Row, ServerId, SessionId};

/// What the handles share.
#[derive(Debug, Default)]
struct Inner {
    fleet: Fleet,
    now: Duration,
    waiting: BTreeMap<SessionId, Waker>,
    /// Counts what may have changed the fleet.
    version: u64,
}

/// A fleet that sessions and whoever drives it hold together. Its time is the last one that
/// [`SharedFleet::at`] was told.
#[derive(Clone, Debug, Default)]
pub struct SharedFleet(Arc<Mutex<Inner>>);

impl SharedFleet {
    /// Shares a fleet.
    pub fn new(fleet: Fleet) -> Self {
        let inner = Inner {
            fleet,
            ..Inner::default()
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Does something with the fleet at the time `now`, and wakes the sessions that are answered by
    /// it.
    pub fn at<T>(&self, now: Duration, work: impl FnOnce(&mut Fleet) -> T) -> T {
        let mut inner = self.lock();
        inner.now = now;
        inner.version += 1;
        let done = work(&mut inner.fleet);
        inner.wake_answered();
        done
    }

    /// Lets a motion happen.
    pub fn perform(&self, motion: Motion, now: Duration) -> bool {
        self.at(now, |fleet| fleet.perform(motion, now))
    }

    /// Looks at the fleet.
    pub fn look<T>(&self, look: impl FnOnce(&Fleet) -> T) -> T {
        look(&self.lock().fleet)
    }

    /// Another number than before when the fleet may have changed since.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic of another holder is a failed test already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wake_answered(&mut self) {
        let fleet = &self.fleet;
        let answered: Vec<SessionId> = self
            .waiting
            .keys()
            .copied()
            .filter(|id| fleet.has_answer(*id))
            .collect();
        for id in answered {
            if let Some(waker) = self.waiting.remove(&id) {
                waker.wake();
            }
        }
    }
}

/// How long a statement may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Limit,
    Endless,
}

/// A session with a fake mysqld, as [`moco_mysql::Server`] is one with a real one.
#[derive(Debug)]
pub struct FakeSession {
    fleet: SharedFleet,
    id: SessionId,
    limit: Duration,
    usable: bool,
}

impl FakeSession {
    /// Logs in within `limit`, which then bounds every statement and every wait for a lock, too.
    pub async fn open(
        fleet: &SharedFleet,
        server: ServerId,
        user: &str,
        password: Option<&Password>,
        limit: Duration,
    ) -> Result<Self, Error> {
        let attempted = "connect";
        let password = password.map_or("", Password::reveal);
        let id = {
            let mut inner = fleet.lock();
            let now = inner.now;
            inner.version += 1;
            inner
                .fleet
                .log_in(server, user, password, Some(now + limit), now)
        };
        let mut session = Self {
            fleet: fleet.clone(),
            id,
            limit,
            usable: true,
        };
        session.answer().await.map_err(|failure| match failure {
            Failure::Server { code, message } if code == 1045 => Error::AccessDenied {
                user: user.to_owned(),
                code: Some(code),
                message,
            },
            other => of_failure(attempted, limit, other),
        })?;
        let seconds = limit.as_millis().div_ceil(1000).max(1);
        let sql = format!("SET SESSION lock_wait_timeout = {seconds}");
        session.ask(attempted, &sql, Patience::Limit).await?;
        Ok(session)
    }

    /// mysqld's number of this connection.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Runs a statement that takes as long as it takes.
    pub async fn run_unbounded(&mut self, attempted: &'static str, sql: &str) -> Result<(), Error> {
        self.ask(attempted, sql, Patience::Endless)
            .await
            .map(|_| ())
    }

    async fn ask(
        &mut self,
        attempted: &'static str,
        sql: &str,
        patience: Patience,
    ) -> Result<Vec<Row>, Error> {
        if !self.usable {
            return Err(Error::GivenUp { attempted });
        }
        // Until the answer is complete, nobody may use the session again.
        self.usable = false;
        self.send(sql, patience);
        let answer = self.answer().await;
        self.usable = matches!(
            &answer,
            Ok(_) | Err(Failure::Server { .. } | Failure::Unknown(_))
        );
        answer.map_err(|failure| of_failure(attempted, self.limit, failure))
    }

    fn send(&self, sql: &str, patience: Patience) {
        let mut inner = self.fleet.lock();
        let now = inner.now;
        let give_up = match patience {
            Patience::Limit => Some(now + self.limit),
            Patience::Endless => None,
        };
        inner.version += 1;
        inner.fleet.send(self.id, sql, give_up, now);
        inner.wake_answered();
    }

    fn answer(&self) -> AnswerOf<'_> {
        AnswerOf {
            fleet: &self.fleet,
            id: self.id,
        }
    }
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        let mut inner = self.fleet.lock();
        let now = inner.now;
        inner.version += 1;
        inner.fleet.close_session(self.id, now);
        inner.waiting.remove(&self.id);
        inner.wake_answered();
    }
}

impl Session for FakeSession {
    async fn run(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<(), Error> {
        let sql = sql.into();
        self.ask(attempted, &sql, Patience::Limit).await.map(|_| ())
    }

    async fn run_secret(
        &mut self,
        attempted: &'static str,
        sql: String,
        _secrets: &[&Password],
    ) -> Result<(), Error> {
        self.ask(attempted, &sql, Patience::Limit).await.map(|_| ())
    }

    async fn rows(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<Vec<Record>, Error> {
        let sql = sql.into();
        let rows = self.ask(attempted, &sql, Patience::Limit).await?;
        Ok(rows
            .into_iter()
            .map(|row| Record::of(attempted, row))
            .collect())
    }

    fn is_usable(&self) -> bool {
        self.usable
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

fn of_failure(attempted: &'static str, limit: Duration, failure: Failure) -> Error {
    match failure {
        Failure::Server { code, message } => Error::Server {
            attempted,
            code,
            message,
        },
        Failure::Lost => Error::Unreachable {
            attempted,
            cause: std::io::ErrorKind::ConnectionReset.into(),
        },
        Failure::TimedOut => Error::Timeout { attempted, limit },
        unknown @ Failure::Unknown(_) => Error::malformed(attempted, unknown.to_string()),
    }
}

/// The answer to what was sent last.
struct AnswerOf<'a> {
    fleet: &'a SharedFleet,
    id: SessionId,
}

impl Future for AnswerOf<'_> {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mut inner = self.fleet.lock();
        if let Some(answer) = inner.fleet.take_answer(self.id) {
            inner.version += 1;
            return Poll::Ready(answer);
        }
        inner.waiting.insert(self.id, context.waker().clone());
        Poll::Pending
    }
}
