//! What the agent knows without asking mysqld.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moco_model::report::Fault;
use moco_model::{Guard, Phase};
use tokio::sync::watch;

/// The state, behind a lock that is held for a few instructions only.
pub struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

/// The state.
#[derive(Debug, Default)]
pub struct State {
    /// The guard file's content; none on a volume that was never used.
    pub guard: Option<Guard>,
    /// The long work under way.
    pub work: Option<Phase>,
    /// What went wrong last and has not been mended since.
    pub fault: Option<Fault>,
    /// supervise was asked to end.
    pub terminating: bool,
    /// Work that fails is not tried again at once.
    pub patience: Patience,
    /// What was counted, for the metrics.
    pub counters: Counters,
}

/// Counts for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Clones begun.
    pub clones: u64,
    /// Clones that failed.
    pub clone_failures: u64,
    /// Seconds that the last clone took.
    pub last_clone_seconds: f64,
}

/// When work that failed may be tried again: 0.5 s after the first failure, doubling up to 30 s.
#[derive(Debug, Default)]
pub struct Patience {
    failures: u32,
    not_before: Option<Instant>,
}

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Patience {
    /// How long to wait yet; none if the work may be tried.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        self.not_before?
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())
    }

    /// The work failed.
    pub fn failed(&mut self, now: Instant) {
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.checked_add(wait);
    }

    /// The work was done.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

impl Shared {
    /// Begins with what is on the volume.
    pub fn new(inspected: Result<Option<Guard>, Fault>) -> Self {
        let mut state = State::default();
        match inspected {
            Ok(guard) => state.guard = guard,
            Err(fault) => state.fault = Some(fault),
        }
        Self {
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
        }
    }

    /// Reads.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    /// Changes, and wakes whoever waits for changes.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Sees every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while holding it cannot leave it half-changed: every change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_work_is_tried_again_after_growing_waits_and_at_once_after_success() {
        let start = Instant::now();
        let mut patience = Patience::default();
        assert_eq!(patience.left(start), None);
        let mut waits = Vec::new();
        for _ in 0..9 {
            patience.failed(start);
            waits.push(patience.left(start).unwrap().as_millis());
        }
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
        assert_eq!(patience.left(start + LONGEST_WAIT), None);
        patience.succeeded();
        assert_eq!(patience.left(start), None);
    }
}
