//! The rings of tests, from the quickest to the most real one: `cargo xtask test`.
//!
//! A ring whose needs are missing says so loudly and counts as skipped, never as passed.

mod cargo_test;
mod check;

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cargo::{self, Package};
use crate::cmd::Cmd;
use crate::counts::Counts;
use crate::e2e;
use crate::mysql_root::MysqlRoot;
use crate::needs;
use crate::say::{Watch, say};
use crate::sim;

pub(crate) use check::check;

/// How much is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// Without mysqld and without root.
    Fast,
    /// What every change has to pass.
    Standard,
    /// Every story and every long ring.
    All,
}

/// The environment variable that names the mysqld for tests of the real thing.
const MYSQLD_VARIABLE: &str = "MOCO_TEST_MYSQLD";

/// Integration tests whose name begins so need [`MYSQLD_VARIABLE`].
const REAL_PREFIX: &str = "real_";

/// Runs against the fake of mysqld always, and against the real one, too, when that is named.
const BOTH: &str = "conformance";

/// Longest that the tour may take, its build included.
const TOUR: Duration = Duration::from_secs(3600);

struct Ring {
    name: &'static str,
    shows: &'static str,
    /// The smallest extent it belongs to.
    from: Extent,
    run: fn(Extent) -> Result<Counts>,
    /// Why it cannot run here.
    hindrance: fn() -> Option<String>,
}

const RINGS: &[Ring] = &[
    Ring {
        name: "check",
        shows: "format, lints and documentation",
        from: Extent::Fast,
        run: |_| check(),
        hindrance: || None,
    },
    Ring {
        name: "unit",
        shows: "unit and property tests of all crates",
        from: Extent::Fast,
        run: |_| unit(),
        hindrance: || None,
    },
    Ring {
        name: "sim",
        shows: "MOCO among fakes: every state of small worlds, and runs drawn at random",
        from: Extent::Fast,
        run: |_| Ok(sim::ring()),
        hindrance: || None,
    },
    Ring {
        name: "mysqld",
        shows: "contract tests against a real mysqld",
        from: Extent::Standard,
        run: |_| mysqld(),
        hindrance: || needs::unmet_for_good(needs::MYSQL),
    },
    Ring {
        name: "local",
        shows: "a cluster of real servers without Kubernetes",
        from: Extent::Standard,
        run: |_| local(),
        hindrance: || needs::unmet_for_good(needs::MYSQL),
    },
    Ring {
        name: "e2e",
        shows: "stories on a real Kubernetes",
        from: Extent::Standard,
        run: e2e::run_extent,
        hindrance: || needs::unmet_for_good(needs::CLUSTER),
    },
];

/// `cargo xtask test`: runs the rings of an extent and prints the counts.
pub(crate) fn test(extent: Extent) -> Result<()> {
    let mut total = Counts::default();
    let mut lines = Vec::new();
    for ring in RINGS.iter().filter(|ring| ring.from <= extent) {
        let watch = Watch::start();
        say(&format!("== {}: {}", ring.name, ring.shows));
        let (counts, remark) = run(ring, extent);
        lines.push(format!(
            "{:<8} {counts} in {:.0} s{remark}",
            ring.name,
            watch.seconds()
        ));
        total += counts;
    }
    say("");
    for line in &lines {
        say(line);
    }
    total.conclude()
}

/// Runs a ring, or says why it cannot run here; the remark is for the line of counts.
fn run(ring: &Ring, extent: Extent) -> (Counts, String) {
    if let Some(why) = (ring.hindrance)() {
        say(&format!(
            "SKIPPED: the ring `{}` cannot run here: {why}",
            ring.name
        ));
        return (Counts::SKIPPED, format!(", SKIPPED: {why}"));
    }
    let failed = |error| Counts::failed(&format!("the ring `{}`: {error:#}", ring.name));
    let counts = (ring.run)(extent).unwrap_or_else(failed);
    (counts, String::new())
}

/// Everything but the tests of the real thing, and the examples in the documentation.
fn unit() -> Result<Counts> {
    let packages = cargo::packages()?;
    let tests = tests_where(&packages, |name| !name.starts_with(REAL_PREFIX));
    let mut call = cargo_test::all_packages()?.args(["--lib", "--bins"]);
    for test in tests {
        call = call.args(["--test", &test]);
    }
    let mut counts = cargo_test::counted(call)?;
    counts += cargo_test::counted(cargo_test::all_packages()?.arg("--doc"))?;
    Ok(counts)
}

/// The tests of the real thing, two at a time: each starts servers.
fn mysqld() -> Result<Counts> {
    let root = MysqlRoot::ensure("cargo xtask test")?;
    let real = |name: &str| name.starts_with(REAL_PREFIX) || name == BOTH;
    let tests = tests_where(&cargo::packages()?, real);
    if tests.is_empty() {
        say("SKIPPED: no crate has tests of the real thing yet");
        return Ok(Counts::SKIPPED);
    }
    let mut call = cargo_test::all_packages()?.env(MYSQLD_VARIABLE, root.mysqld());
    for test in &tests {
        call = call.args(["--test", test]);
    }
    cargo_test::counted(call.args(["--", "--test-threads=2"]))
}

/// The names of the workspace's integration tests that `wanted` accepts.
fn tests_where(packages: &[Package], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let all = packages.iter().flat_map(|package| package.tests.iter());
    let mut names: Vec<String> = all.filter(|name| wanted(name)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// The tour for newcomers checks each of its claims.
fn local() -> Result<Counts> {
    let own = std::env::current_exe().context("find this program")?;
    let tour = Cmd::new(own).args(["demo", "--once"]).within(TOUR);
    Ok(Counts::of("cargo xtask demo --once", tour.run_shown()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_extent_needs_neither_mysqld_nor_root() {
        let fast: Vec<_> = RINGS
            .iter()
            .filter(|ring| ring.from <= Extent::Fast)
            .map(|ring| ring.name)
            .collect();
        assert_eq!(fast, ["check", "unit", "sim"]);
    }

    #[test]
    fn a_test_of_the_real_thing_is_told_by_its_name() {
        let tests = vec!["real_server".to_owned(), "purity".to_owned()];
        let packages = [Package {
            name: "a".to_owned(),
            tests,
        }];
        assert_eq!(
            tests_where(&packages, |name| name.starts_with(REAL_PREFIX)),
            ["real_server"]
        );
    }
}
