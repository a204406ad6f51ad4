//! Pauses between attempts that fail: each twice as long as the one before, up to a longest.

use std::time::Duration;

/// The pauses of one thing that is attempted.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with `first`.
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The pause after a failure. A fifth of it is chance, so that many that failed together do not
    /// come back together.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        shortened(pause)
    }

    /// After a success.
    pub(crate) fn succeed(&mut self) {
        self.next = self.first;
    }
}

/// A pause, up to a fifth shorter, by chance.
pub(crate) fn shortened(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.8..=1.0))
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.pause())
    }
}

impl kube::runtime::utils::Backoff for Backoff {
    fn reset(&mut self) {
        self.succeed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let secs = Duration::from_secs;
        let mut backoff = Backoff::new(secs(1), secs(30));
        for full in [1, 2, 4, 8, 16, 30, 30] {
            let pause = backoff.pause();
            assert!(
                pause <= secs(full) && pause >= secs(full).mul_f64(0.79),
                "{full} {pause:?}"
            );
        }
        backoff.succeed();
        assert!(backoff.pause() <= secs(1));
    }
}
