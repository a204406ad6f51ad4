//! When a certificate is good.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, date_time_ymd};
use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How far a new certificate begins in the past.
///
/// A peer whose clock is behind must not refuse a leaf that was made a second ago. An hour covers
/// every clock that is not plainly wrong.
pub(crate) const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// The times between which a certificate is good, both included (RFC 5280 section 4.1.2.5), in
/// whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The first second.
    pub not_before: Timestamp,
    /// The last second.
    pub not_after: Timestamp,
}

/// A clock so wrong that no certificate can be dated by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a certificate cannot be dated {now}")]
pub struct ClockError {
    /// What the clock said.
    pub now: Timestamp,
}

impl Validity {
    /// From a little before `now` until `lifetime` after it.
    pub(crate) fn beginning(now: Timestamp, lifetime: SignedDuration) -> Result<Self, ClockError> {
        let wrong = ClockError { now };
        let whole = Timestamp::from_second(now.as_second()).map_err(|_| wrong)?;
        let not_before = whole.checked_sub(BACKDATE).map_err(|_| wrong)?;
        let not_after = whole.checked_add(lifetime).map_err(|_| wrong)?;
        if not_before < Timestamp::UNIX_EPOCH {
            return Err(wrong);
        }
        Ok(Self {
            not_before,
            not_after,
        })
    }

    /// Whether it is good at that time.
    pub fn contains(self, now: Timestamp) -> bool {
        self.not_before <= now && !self.is_over(now)
    }

    /// Whether it has ended by that time.
    pub fn is_over(self, now: Timestamp) -> bool {
        now.as_second() > self.not_after.as_second()
    }

    /// From the first to the last second.
    pub fn lifetime(self) -> SignedDuration {
        self.not_after.duration_since(self.not_before)
    }

    /// What is left of it at that time; negative when it is over.
    pub fn left(self, now: Timestamp) -> SignedDuration {
        self.not_after.duration_since(now)
    }

    /// Writes both ends into a certificate to be made.
    ///
    /// rcgen takes the types of a crate that we do not otherwise need; its date of 1970 and the
    /// standard library's durations reach the same. A time before 1970 becomes 1970.
    pub(crate) fn write_to(self, params: &mut CertificateParams) {
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + since_epoch(self.not_before);
        params.not_after = epoch + since_epoch(self.not_after);
    }
}

/// The same instant for rustls.
pub(crate) fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(since_epoch(at))
}

/// Never overflows a date: jiff's timestamps end in the year 9999, as X.509's do.
fn since_epoch(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_outside_of_all_reason_is_an_error_and_no_panic() {
        let year = SignedDuration::from_hours(365 * 24);
        for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            assert_eq!(Validity::beginning(now, year), Err(ClockError { now }));
        }
    }

    #[test]
    fn both_ends_are_included() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let validity = Validity::beginning(now, SignedDuration::from_hours(1)).unwrap();
        let second = SignedDuration::from_secs(1);
        assert!(validity.contains(validity.not_before));
        assert!(!validity.contains(validity.not_before - second));
        assert!(validity.contains(validity.not_after));
        assert!(!validity.contains(validity.not_after + second));
    }
}
