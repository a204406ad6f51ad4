//! For how long this controller may act as the leader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Who leads, as far as this controller knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leadership {
    /// Nobody that is known.
    #[default]
    Unknown,
    /// Another controller; agents reach it at this address.
    Other(String),
    /// This one.
    Own(Tenure),
}

/// The time until which this controller may act. Clones tell the same time.
#[derive(Clone, Debug)]
pub(crate) struct Tenure {
    start: Instant,
    /// Milliseconds after `start`.
    until: Arc<AtomicU64>,
}

impl Tenure {
    /// A tenure that ends at `until` unless it is prolonged.
    pub(crate) fn new(until: Instant) -> Self {
        let tenure = Self {
            start: Instant::now(),
            until: Arc::default(),
        };
        tenure.prolong(until);
        tenure
    }

    /// Moves the end.
    pub(crate) fn prolong(&self, until: Instant) {
        let millis = until.saturating_duration_since(self.start).as_millis();
        self.until
            .store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// When it ends.
    pub(crate) fn end(&self) -> Instant {
        self.start + Duration::from_millis(self.until.load(Ordering::Acquire))
    }

    /// Whether this controller may act now.
    pub(crate) fn holds(&self) -> bool {
        Instant::now() < self.end()
    }
}

impl PartialEq for Tenure {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.until, &other.until)
    }
}

impl Eq for Tenure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenure_ends_unless_it_is_prolonged() {
        let now = Instant::now();
        let tenure = Tenure::new(now + Duration::from_secs(60));
        assert!(tenure.holds());
        let copy = tenure.clone();
        tenure.prolong(now);
        assert!(!copy.holds());
    }
}
