//! The page `docs/faults.md`: what can go wrong, what MOCO does about it, and what plays it; then where each
//! invariant is checked. The test `architecture` looks everything up that the page names.
//!
//! The faults are in one file a chapter, with the tests that play them. What stories, chaos and the simulator play is in
//! a file for each of them, because one run of theirs plays many faults. Start reading at [`page`].

mod backups;
mod chaos;
mod disk;
mod kubernetes;
mod mysql;
mod network;
mod people;
mod processes;
mod properties;
mod render;
mod simulator;
mod steps;
mod stories;
mod watched;

pub(crate) use render::page;

/// A fault.
pub(crate) struct Row {
    /// Its place in the catalogue, from 1, without gaps.
    number: u32,
    /// In a few words.
    fault: &'static str,
    /// What MOCO does, or what it would be for.
    does: &'static str,
    /// Tests that play it, each as `path/to/file.rs::function`.
    tests: &'static [&'static str],
    lacks: Lacks,
}

/// What of a fault nothing plays.
enum Lacks {
    Nothing,
    /// A part of it; a sentence says which, and why.
    Part(&'static str),
    /// All of it; a sentence says why.
    All(&'static str),
    /// MOCO does not have what the fault is about.
    Capability(&'static str),
}

/// Faults of one kind.
struct Chapter {
    title: &'static str,
    rows: &'static [Row],
}

const CHAPTERS: [Chapter; 8] = [
    Chapter {
        title: "Processes and nodes",
        rows: processes::ROWS,
    },
    Chapter {
        title: "In the middle of a procedure",
        rows: steps::ROWS,
    },
    Chapter {
        title: "Network",
        rows: network::ROWS,
    },
    Chapter {
        title: "Disk and data",
        rows: disk::ROWS,
    },
    Chapter {
        title: "MySQL",
        rows: mysql::ROWS,
    },
    Chapter {
        title: "Kubernetes",
        rows: kubernetes::ROWS,
    },
    Chapter {
        title: "Backups",
        rows: backups::ROWS,
    },
    Chapter {
        title: "Certificates, secrets and people",
        rows: people::ROWS,
    },
];

/// Something whose runs play many faults.
struct Player {
    /// The word before its link.
    word: &'static str,
    /// What it is, for the head of the page.
    what: &'static str,
    /// The file that a name leads to; `{}` stands for the name.
    file: &'static str,
    /// Each of its names, and the faults that it plays.
    plays: &'static [(&'static str, &'static [u32])],
}

const PLAYERS: [&Player; 6] = [
    &stories::STORIES,
    &chaos::KINDS,
    &simulator::STORIES,
    &simulator::KINDS,
    &simulator::STEPS,
    &simulator::SEARCH,
];

/// Where an invariant of `ARCHITECTURE.md` is checked beside its tests.
struct Watched {
    /// `I` and this number.
    invariant: u32,
    by: &'static [By],
}

/// Who checks it.
enum By {
    /// The linter of plans, before every plan is carried out: the refusal.
    Linter(&'static str),
    /// The cluster's verdict: the problem that is shown, and treated where it can be.
    Verdict(&'static str),
    /// A property that the simulator demands: its name.
    Property(&'static str),
    /// A program checks it in its daily work: the file, and what happens there.
    Work(&'static str, &'static str),
    /// The judgement of a run with faults: the file, and what is compared there.
    Run(&'static str, &'static str),
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_page_is_the_stored_one() {
        let stored = crate::paths::checkout().unwrap().join("docs/faults.md");
        let found = fs::read_to_string(stored).unwrap();
        assert!(found == page().unwrap(), "run `cargo xtask gen`");
    }

    #[test]
    fn what_is_said_to_be_played_is_played_and_the_rest_is_not() {
        let plays = |row: &Row| {
            let mut all = PLAYERS.iter().flat_map(|player| player.plays);
            !row.tests.is_empty() || all.any(|(_, rows)| rows.contains(&row.number))
        };
        for row in CHAPTERS.iter().flat_map(|chapter| chapter.rows) {
            let expected = matches!(row.lacks, Lacks::Nothing | Lacks::Part(_));
            assert_eq!(plays(row), expected, "{}", row.number);
        }
    }

    #[test]
    fn whoever_plays_a_fault_plays_one_of_the_catalogue() {
        let rows = CHAPTERS.iter().flat_map(|chapter| chapter.rows);
        let numbers: Vec<_> = rows.map(|row| row.number).collect();
        for player in PLAYERS {
            for (name, plays) in player.plays {
                assert!(plays.is_sorted(), "{name}");
                for number in *plays {
                    assert!(numbers.contains(number), "{name}: {number}");
                }
            }
        }
    }
}
