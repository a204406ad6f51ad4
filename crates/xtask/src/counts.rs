//! How many checks passed, failed or could not be made.

use std::fmt;
use std::ops::AddAssign;

use anyhow::{Result, bail};

use crate::say::say;

/// The sum at the end of every test word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// What failed, a line each: what was printed when it did may be thousands of lines before the end.
    pub(crate) failures: Vec<String>,
}

impl Counts {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        skipped: 0,
        failures: Vec::new(),
    };
    pub(crate) const SKIPPED: Self = Self {
        passed: 0,
        failed: 0,
        skipped: 1,
        failures: Vec::new(),
    };

    /// The counts of one check; the error of a failed one is told.
    pub(crate) fn of(what: &str, result: Result<()>) -> Self {
        match result {
            Ok(()) => Self::PASSED,
            Err(error) => Self::failed(&format!("{what}: {error:#}")),
        }
    }

    /// The counts of one check that failed, which is told.
    pub(crate) fn failed(what: &str) -> Self {
        say(&format!("FAILED: {what}"));
        Self {
            failed: 1,
            failures: vec![what.to_owned()],
            ..Self::default()
        }
    }

    /// Prints what failed and the line of counts; an error if anything failed.
    pub(crate) fn conclude(self) -> Result<()> {
        for failure in &self.failures {
            println!("failed: {failure}");
        }
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
            failures: _,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
        self.failures.extend(more.failures);
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
        counts += Counts::of("b", Err(anyhow!("broken on purpose")));
        assert_eq!(counts.to_string(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(counts.failures, ["b: broken on purpose"]);
        assert!(counts.conclude().is_err());
        assert!(Counts::of("a", Ok(())).conclude().is_ok());
    }
}
