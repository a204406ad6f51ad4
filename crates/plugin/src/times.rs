//! Times and durations as people write and read them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use moco_model::Millis;

/// Longest time to wait, in seconds: a day.
const WAIT_SECS_MAX: u64 = 24 * 60 * 60;

/// Reads a time to wait, such as `90s`, `5m` or `1m30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let read = text.parse::<SignedDuration>().ok();
    let read = read.and_then(|read| Duration::try_from(read).ok());
    read.filter(|read| !read.is_zero() && read.as_secs() <= WAIT_SECS_MAX)
        .ok_or_else(|| "use a time of more than 0 and at most 24h, such as 90s or 5m".to_owned())
}

/// A moment in UTC to the millisecond, as RFC 3339 has it.
pub(crate) fn moment(at: Millis) -> String {
    Timestamp::from_millisecond(at)
        .map_or_else(|_| format!("{at} ms after 1970"), |at| format!("{at:.3}"))
}

/// A length of time, as exact as people want it.
pub(crate) fn span(ms: Millis) -> String {
    let seconds = ms / 1000;
    match seconds {
        ..10 => format!("{ms} ms"),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_wait_are_read_as_kubectl_writes_them() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["", "0s", "-5s", "25h", "90", "soon"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn moments_are_shown_to_the_millisecond() {
        assert_eq!(moment(1_764_061_200_007), "2025-11-25T09:00:00.007Z");
        assert_eq!(moment(i64::MAX), "9223372036854775807 ms after 1970");
    }

    #[test]
    fn spans_lose_what_nobody_reads() {
        assert_eq!(span(641), "641 ms");
        assert_eq!(span(9_999), "9999 ms");
        assert_eq!(span(59_999), "59 s");
        assert_eq!(span(61_000), "1 min 1 s");
        assert_eq!(span(3_600_000), "1 h 0 min");
        assert_eq!(span(100_000_000), "1 d 3 h");
    }
}
