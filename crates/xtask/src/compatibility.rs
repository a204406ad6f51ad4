//! The page `docs/compatibility.md`: what users of MOCO rely on, behaviour by behaviour, and what this program does
//! about each. The test `architecture` looks everything up that the page names.
//!
//! The behaviours are those of MOCO 0.36 and its agent 0.16, in one file a subject. Start reading at [`page`].

mod accounts;
mod actions;
mod admission;
mod agent;
mod backup;
mod cluster;
mod clustering;
mod commands;
mod metrics;
mod my_cnf;
mod names;
mod objects;
mod packaging;
mod product;
mod reconciler;
mod render;
mod secrets;

pub(crate) use render::page;

/// A test, as its file and the name of its function; or the name of a story, without a file.
type Test = (&'static str, &'static str);

/// In place of a file: a story of `cargo xtask e2e`.
const STORY: &str = "";

const VALIDATE: &str = "crates/api/src/validate/tests.rs";
const CONSTANTS: &str = "crates/api/src/constants.rs";
const OBJECTS: &str = "crates/resources/src/objects/tests.rs";
const CONFIG: &str = "crates/resources/src/config/tests.rs";
const INSTALL: &str = "crates/resources/src/install/tests.rs";
const RECONCILE: &str = "crates/controller/src/reconcile/tests.rs";
const REPORT: &str = "crates/controller/src/report/tests.rs";
const PLANNER: &str = "crates/planner/src/tests.rs";
const FAILOVER: &str = "crates/planner/src/tests/failover.rs";
const MEMBERSHIP: &str = "crates/planner/src/tests/members.rs";
const SWITCHOVER: &str = "crates/planner/src/tests/switchover.rs";
const TABLES: &str = "crates/planner/src/tests/tables.rs";
const FAULTS: &str = "crates/planner/src/tests/faults.rs";
const SERVER: &str = "crates/mysql/tests/real_mysqld/server.rs";

/// A behaviour of MOCO.
struct Row {
    /// Its place in the list, from 1, without gaps.
    number: u32,
    /// What MOCO does, in a few words.
    moco: &'static str,
    here: Here,
    /// Tests that show what is said of this program.
    tests: &'static [Test],
}

/// What this program does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    /// The same.
    Same,
    /// What the user asked of MOCO, and more; how.
    Better(&'static str),
    /// Something else; why.
    Differs(&'static str),
    /// Less than MOCO; what is missing.
    NotYet(&'static str),
}

const fn same(number: u32, moco: &'static str, tests: &'static [Test]) -> Row {
    Row {
        number,
        moco,
        here: Here::Same,
        tests,
    }
}

const fn better(number: u32, moco: &'static str, how: &'static str, tests: &'static [Test]) -> Row {
    Row {
        number,
        moco,
        here: Here::Better(how),
        tests,
    }
}

const fn differs(
    number: u32,
    moco: &'static str,
    why: &'static str,
    tests: &'static [Test],
) -> Row {
    Row {
        number,
        moco,
        here: Here::Differs(why),
        tests,
    }
}

/// Tests show the part that is there, if there is one.
const fn not_yet(
    number: u32,
    moco: &'static str,
    lacks: &'static str,
    tests: &'static [Test],
) -> Row {
    Row {
        number,
        moco,
        here: Here::NotYet(lacks),
        tests,
    }
}

/// Behaviours of one subject.
struct Chapter {
    title: &'static str,
    rows: &'static [Row],
}

const fn chapter(title: &'static str, rows: &'static [Row]) -> Chapter {
    Chapter { title, rows }
}

const CHAPTERS: [Chapter; 24] = [
    chapter("Product", product::ROWS),
    chapter("MySQLCluster: spec", cluster::SPEC),
    chapter("MySQLCluster and BackupPolicy: jobs", cluster::JOBS),
    chapter("MySQLCluster: status", cluster::STATUS),
    chapter("BackupPolicy", cluster::POLICY),
    chapter("Admission", admission::ROWS),
    chapter("Names, labels, annotations, ports", names::ROWS),
    chapter("Reconciler", reconciler::ROWS),
    chapter("Services, StatefulSet, containers", objects::ROWS),
    chapter(
        "Rolling update, volumes, disruption budget",
        reconciler::ROLLOUT,
    ),
    chapter("Secrets, passwords, certificates", secrets::ROWS),
    chapter("my.cnf", my_cnf::ROWS),
    chapter("Accounts and plugins", accounts::ROWS),
    chapter("Init program and agent", agent::ROWS),
    chapter("Clustering: the loop", clustering::LOOP),
    chapter("Clustering: states", clustering::STATES),
    chapter("Clustering: actions", actions::ROWS),
    chapter("Backup", backup::BACKUP),
    chapter("Restore", backup::RESTORE),
    chapter("Command lines", commands::PROGRAMS),
    chapter("Plugin of kubectl", commands::PLUGIN),
    chapter("Metrics and events", metrics::ROWS),
    chapter("Packaging", packaging::ROWS),
    chapter("Documentation", packaging::DOCUMENTATION),
];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rows() -> impl Iterator<Item = &'static Row> {
        CHAPTERS.iter().flat_map(|chapter| chapter.rows)
    }

    #[test]
    fn the_page_is_the_stored_one() {
        let stored = crate::paths::checkout()
            .unwrap()
            .join("docs/compatibility.md");
        let found = fs::read_to_string(stored).unwrap();
        assert!(found == page(), "run `cargo xtask gen`");
    }

    #[test]
    fn every_sentence_ends_and_fits_a_cell() {
        for row in rows() {
            let why = match row.here {
                Here::Same => "",
                Here::Better(why) | Here::Differs(why) | Here::NotYet(why) => why,
            };
            assert!(row.here == Here::Same || !why.is_empty(), "{}", row.number);
            for text in [row.moco, why] {
                assert!(!text.contains(['|', '\n']), "{}", row.number);
                assert!(!text.ends_with('.'), "{}: no full stop", row.number);
            }
        }
    }
}
