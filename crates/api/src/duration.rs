//! Lengths of time as Kubernetes' users write them: `90s`, `1h30m`, `500ms`.
//!
//! That is Go's form without signs, fractions and what is below a millisecond, and what the pattern in
//! the schema lets through. A crate for times of people would take more than the API server does: jiff
//! reads `2 hours, 5 minutes` and `PT2H` too.
//!
//! Read by [`crate::cron`] after `@every`, and as `spec.archive.maxAge` of a `BackupPolicy`, which nobody
//! follows yet.

use std::time::Duration;

/// Reads a length of time: numbers with a unit (`h`, `m`, `s`, `ms`), one after the other. `None` if
/// it is none, or is longer than can be counted.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let number: u64 = number.parse().ok()?;
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let part = match unit {
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        };
        sum = sum.checked_add(part)?;
        rest = after;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_kubernetes_writes_them() {
        for (text, millis) in [
            ("5s", 5000),
            ("1h30m", 5_400_000),
            ("1m0s", 60_000),
            ("500ms", 500),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "5s ",
            "1.5h",
            "5d",
            "99999999999999999999s",
            "6000000000000000h",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
