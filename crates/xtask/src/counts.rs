//! How many checks passed, failed or could not be made.

use std::fmt;
use std::ops::AddAssign;

use anyhow::{Result, bail};

/// The sum at the end of every test word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        skipped: 0,
    };
    pub(crate) const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
    };

    /// The counts of one check; the error of a failed one is told.
    pub(crate) fn of(what: &str, result: Result<()>) -> Self {
        match result {
            Ok(()) => Self::PASSED,
            Err(error) => {
                crate::say::say(&format!("FAILED: {what}: {error:#}"));
                Self::FAILED
            }
        }
    }

    /// Prints the line of counts; an error if anything failed.
    pub(crate) fn conclude(self) -> Result<()> {
        println!("{self}");
        if self.failed > 0 {
            bail!("{} failed", self.failed);
        }
        Ok(())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn one_failure_makes_the_whole_fail() {
        let mut counts = Counts::of("a", Ok(()));
        counts += Counts::SKIPPED;
        assert!(counts.conclude().is_ok());
        counts += Counts::of("b", Err(anyhow!("broken on purpose")));
        assert!(counts.conclude().is_err());
        assert_eq!(counts.to_string(), "1 passed, 1 failed, 1 skipped");
    }
}
