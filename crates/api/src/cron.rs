//! Schedules as cron writes them: whether one can be meant.
//!
//! The form is that of MOCO and of Kubernetes' CronJobs (`ParseStandard` of robfig/cron): five fields,
//! or one of the `@` words. A manifest means here what it means there, so the crates that know cron are
//! no judges of it: croner 4.0 takes day 7 of the week, `L`, `W` and `#`, which that parser refuses, and
//! knows neither `@every` nor `@midnight`. A few things that it takes by accident are refused here: a
//! sign before a number, an empty part of a list, a fraction in `@every`.
//!
//! Nobody follows a schedule yet: no backup is made and no log is rotated. What will do it decides when
//! a schedule is due, and gets only what passed here.

use crate::duration;

/// Why a text is no schedule. Together with the field that holds the text, a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CronError {
    /// There are not five fields.
    #[error("must have five fields, such as */5 * * * *, and has {0}")]
    Fields(usize),
    /// A word that begins with `@` and is none of those that there are.
    #[error(
        "begins with @ and is none of @yearly, @monthly, @weekly, @daily, @hourly, and @every with a duration such as 1h30m"
    )]
    Word,
    /// One of the five fields cannot be meant.
    #[error(
        "has {text:?} as its {field}, which must be from {least} to {most}, *, a range, or a list of them"
    )]
    Field {
        /// Which of the five.
        field: &'static str,
        /// What stands there.
        text: String,
        /// The smallest number that can stand there.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// The schedule names a time zone.
    #[error("names a time zone; a schedule in itself has none")]
    TimeZone,
}

/// Whether a schedule may say in itself in which time zone it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeZones {
    /// `TZ=` or `CRON_TZ=` may stand before the fields.
    Named,
    /// Another field says it.
    Elsewhere,
}

/// One of the five.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names for numbers, from `least` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        least: 0,
        most: 59,
        names: &[],
    },
    Field {
        name: "hour",
        least: 0,
        most: 23,
        names: &[],
    },
    Field {
        name: "day of the month",
        least: 1,
        most: 31,
        names: &[],
    },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        name: "day of the week",
        least: 0,
        most: 6,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

const WORDS: [&str; 7] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];

/// Checks a schedule.
pub(crate) fn check(text: &str, zones: TimeZones) -> Result<(), CronError> {
    let mut text = text.trim();
    if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
        let (_, rest) = text
            .split_once(' ')
            .filter(|_| zones == TimeZones::Named)
            .ok_or(CronError::TimeZone)?;
        text = rest.trim_start();
    }
    if text.starts_with('@') {
        let every = text.strip_prefix("@every ").and_then(duration::parse);
        return if WORDS.contains(&text) || every.is_some_and(|every| !every.is_zero()) {
            Ok(())
        } else {
            Err(CronError::Word)
        };
    }
    let given: Vec<_> = text.split_whitespace().collect();
    if given.len() != FIELDS.len() {
        return Err(CronError::Fields(given.len()));
    }
    for (field, text) in FIELDS.iter().zip(given) {
        if !text.split(',').all(|part| field.can_be(part)) {
            return Err(CronError::Field {
                field: field.name,
                text: text.chars().take(32).collect(),
                least: field.least,
                most: field.most,
            });
        }
    }
    Ok(())
}

impl Field {
    /// Whether a part of a list can be meant: `*`, `?`, a number, a range, each perhaps with a step.
    fn can_be(&self, part: &str) -> bool {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let steps = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
        let ranges = match range {
            "*" | "?" => true,
            _ => match range.split_once('-') {
                Some((from, to)) => {
                    let ends = self.number(from).zip(self.number(to));
                    ends.is_some_and(|(from, to)| from <= to)
                }
                None => self.number(range).is_some(),
            },
        };
        steps && ranges
    }

    fn number(&self, text: &str) -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        let named = self.names.iter().zip(self.least..);
        let mut named = named.filter_map(|(name, number)| (*name == lower).then_some(number));
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = named
            .next()
            .or_else(|| digits.then(|| text.parse().ok()).flatten())?;
        (self.least..=self.most).contains(&number).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_of_users_are_taken() {
        for text in [
            "*/5 * * * *",
            "0 0 * * *",
            "0,30 1-5/2 ? JAN-MAR,12 mon-Fri",
            "  5 4 * * 0 ",
            "5/15 * * * *",
            "@daily",
            "@midnight",
            "@every 1h30m",
            "@every 90s",
        ] {
            assert_eq!(check(text, TimeZones::Elsewhere), Ok(()), "{text}");
        }
        for text in ["TZ=UTC 0 0 * * *", "CRON_TZ=Asia/Tokyo @daily"] {
            assert_eq!(check(text, TimeZones::Named), Ok(()), "{text}");
            let error = check(text, TimeZones::Elsewhere);
            assert_eq!(error, Err(CronError::TimeZone), "{text}");
        }
    }

    #[test]
    fn what_can_never_be_due_is_refused_with_the_reason() {
        for text in ["", "* * * *", "* * * * * *", "0"] {
            let error = check(text, TimeZones::Named);
            assert!(matches!(error, Err(CronError::Fields(_))), "{text:?}");
        }
        for text in [
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "-1 * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "*/-5 * * * *",
            "1,,2 * * * *",
            "1- * * * *",
            "+1 * * * *",
            "* * * sun *",
            "99999999999999999999 * * * *",
            "a b c d e",
        ] {
            let error = check(text, TimeZones::Named);
            assert!(matches!(error, Err(CronError::Field { .. })), "{text:?}");
        }
        for text in [
            "@noon",
            "@every",
            "@every x",
            "@every 0s",
            "@every -1h",
            "@",
        ] {
            assert_eq!(
                check(text, TimeZones::Named),
                Err(CronError::Word),
                "{text:?}"
            );
        }
        assert_eq!(check("TZ=UTC", TimeZones::Named), Err(CronError::TimeZone));
    }
}
