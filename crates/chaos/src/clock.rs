//! Times within one run.

use std::time::{Duration, Instant};

/// Microseconds since the beginning of the run, by the monotonic clock.
pub(crate) type Micros = u64;

/// The beginning of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A run that begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    pub(crate) fn now(self) -> Micros {
        micros(self.0.elapsed())
    }
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// For people and for JSON: milliseconds with one decimal.
#[expect(
    clippy::cast_precision_loss,
    reason = "runs last minutes; a float holds centuries of microseconds"
)]
pub(crate) fn millis(micros: Micros) -> f64 {
    (micros as f64 / 100.0).round() / 10.0
}
