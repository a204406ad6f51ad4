//! `cargo test`, and the counts it prints.

use anyhow::Result;

use crate::cargo::{Profile, static_cargo};
use crate::cmd::Cmd;
use crate::counts::Counts;

/// Tests of the whole workspace, built like the image, so that both share what is compiled.
pub(crate) fn all_packages() -> Result<Cmd> {
    Ok(static_cargo("test", Profile::Quick)?.args(["--workspace", "--no-fail-fast"]))
}

/// Runs the tests, shows what they print, and counts.
pub(crate) fn counted(call: Cmd) -> Result<Counts> {
    let mut counts = Counts::default();
    let status = call.run_watched(|line| {
        println!("{line}");
        if let Some(found) = counts_in(line) {
            counts += found;
        }
        counts.failures.extend(failure_in(line));
    })?;
    if !status.success() && counts.failed == 0 {
        counts += Counts::failed(&format!("cargo test: {status}"));
    }
    Ok(counts)
}

/// The counts of a line like `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn counts_in(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let part = rest
            .split([';', '.'])
            .find(|part| part.trim_end().ends_with(word))?;
        part.split_whitespace().next()?.parse().ok()
    };
    Some(Counts {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
        failures: Vec::new(),
    })
}

/// The name in a line like `test NAME ... FAILED`.
fn failure_in(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_cargo_prints() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; \
                    finished in 0.01s";
        assert_eq!(
            counts_in(line),
            Some(Counts {
                passed: 12,
                failed: 3,
                skipped: 1,
                failures: Vec::new(),
            })
        );
        assert_eq!(counts_in("test a ... ok"), None);
        assert_eq!(failure_in("test a ... ok"), None);
        let failed = failure_in("test tails::a_tail ... FAILED");
        assert_eq!(failed.as_deref(), Some("tails::a_tail"));
    }
}
