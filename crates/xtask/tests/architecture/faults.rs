//! The page of faults: every number is there, every fault has something that plays it or a reason why not, and
//! everything that is named exists.

use crate::checkout::{self, root, rows, section, text};
use crate::invariants::has_test;

/// Faults of the catalogue.
const FAULTS: usize = 116;
/// What the simulator demands.
const PROPERTIES: &str = "crates/sim/src/property.rs";

/// A line of a cell: the word, and the name and the target of its link; a line that begins with `**` is a note.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Named {
        word: &'a str,
        name: &'a str,
        path: &'a str,
    },
    Note,
}

fn lines(cell: &str) -> Vec<Line<'_>> {
    let line = |line| read(line).unwrap_or_else(|| panic!("{line:?} is neither a link nor a note"));
    let lines = cell.split("<br>").filter(|line| !["", "–"].contains(line));
    lines.map(line).collect()
}

fn read(line: &str) -> Option<Line<'_>> {
    if line.starts_with("**Not played:** ") || line.starts_with("**Not built:** ") {
        return line.ends_with('.').then_some(Line::Note);
    }
    let (word, rest) = line.split_once(" [")?;
    let (name, target) = rest.strip_suffix(')')?.rsplit_once("](")?;
    let path = target.strip_prefix("../").unwrap_or(target);
    Some(Line::Named { word, name, path })
}

/// What is wrong with something that is named, if anything.
fn wrong(word: &str, name: &str, path: &str) -> Option<String> {
    let holds = |file: &str, words: &str| text(file).contains(words);
    let exists = match word {
        "test" => root().join(path).is_file() && has_test(&text(path), &name.replace(' ', "_")),
        "story" => {
            let told = format!("name: \"{name}\"");
            root().join(path).is_file() && holds("crates/xtask/src/e2e/stories/mod.rs", &told)
        }
        "chaos" => holds(path, &format!(", \"{name}\", ")),
        "simulated" | "search" | "at work" | "judged" => root().join(path).is_file(),
        "swarm" => holds(path, &format!(": \"{name}\",")),
        "swarm at each step of" => holds(path, &format!(": \"{name}/")),
        "property" => holds(PROPERTIES, &format!("\n    {name},\n")),
        "linter" => text(path).lines().any(|line| {
            line.trim()
                .trim_end_matches([',', '{', ' '])
                .split('(')
                .next()
                == Some(name)
        }),
        "verdict" => root().join("docs").join(path).is_file(),
        _ => return Some(format!("nobody knows what a {word} is: {name}")),
    };
    (!exists).then(|| format!("there is no {word} {name} in {path}"))
}

fn all_wrong(cell: &str) -> Vec<String> {
    let named = lines(cell).into_iter().filter_map(|line| match line {
        Line::Named { word, name, path } => wrong(word, name, path),
        Line::Note => None,
    });
    named.collect()
}

#[test]
fn every_fault_has_its_number_and_is_played_or_says_why_not() {
    let page = text("docs/faults.md");
    let faults: Vec<_> = rows(&page)
        .into_iter()
        .filter(|row| row[0].parse::<usize>().is_ok())
        .collect();
    let numbers: Vec<usize> = faults.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=FAULTS).collect::<Vec<_>>());
    let mut found = Vec::new();
    for row in &faults {
        assert!(
            row.len() == 4 && !row[1].is_empty() && !row[2].is_empty(),
            "{row:?}"
        );
        if lines(row[3]).is_empty() {
            found.push(format!("{}: neither played nor a reason", row[0]));
        }
        let wrong = all_wrong(row[3]);
        found.extend(
            wrong
                .into_iter()
                .map(|wrong| format!("{}: {wrong}", row[0])),
        );
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_invariant_is_there_with_its_tests_and_whoever_else_checks_it() {
    let page = text("docs/faults.md");
    let map = text("ARCHITECTURE.md");
    let there = rows(section(&page, "## Invariants"));
    let wanted = rows(section(&map, "## Invariants"));
    assert_eq!(there.len(), wanted.len());
    let mut found = Vec::new();
    for (row, wanted) in there.iter().zip(&wanted) {
        assert_eq!(row[..2], wanted[..2]);
        assert_eq!(
            lines(row[2]).len(),
            wanted[2].matches("::").count(),
            "{}",
            row[0]
        );
        found.extend(all_wrong(row[2]));
        found.extend(all_wrong(row[3]));
    }
    assert_eq!(found, Vec::<String>::new());
}

/// Names and sentences of the simulator's properties.
fn properties(source: &str) -> Vec<(&str, &str)> {
    let list = source.split("\nproperties! {").nth(1).unwrap();
    let mut lines = list.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut found = Vec::new();
    while let Some(sentence) = lines.next().and_then(|line| line.strip_prefix("/// ")) {
        let name = lines.next().unwrap();
        found.push((name.trim_end_matches(','), sentence));
    }
    found
}

#[test]
fn every_property_of_the_simulator_is_there_with_the_searches_that_judge_it() {
    let source = text(PROPERTIES);
    let wanted = properties(&source);
    assert!(wanted.len() > 10, "only {} were read", wanted.len());
    let page = text("docs/faults.md");
    let rows = rows(section(&page, "## Properties of the simulator"));
    let there: Vec<_> = rows.iter().map(|row| (row[0], row[1])).collect();
    assert_eq!(there, wanted);
    let sources = checkout::texts();
    let mut found = Vec::new();
    for row in &rows {
        let judged = |search: &str| {
            let folder = format!("crates/sim/src/{search}");
            let word = format!("Property::{}", row[0]);
            let mut files = sources.iter().filter(|(path, _)| path.starts_with(&folder));
            files.any(|(_, text)| has_word(text, &word))
        };
        let by: Vec<_> = ["exhaustive", "swarm"]
            .into_iter()
            .filter(|one| judged(one))
            .collect();
        assert_eq!(row[2], by.join(", "), "{}", row[0]);
        found.extend(all_wrong(row[3]));
    }
    assert_eq!(found, Vec::<String>::new());
}

fn has_word(text: &str, word: &str) -> bool {
    let ends = |at: usize| !text[at + word.len()..].starts_with(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| ends(at))
}

#[test]
fn a_line_of_the_page_is_a_link_or_a_note() {
    let cell = "test [one two](../a/b.rs)<br>at work [x](../c.rs)<br>**Not played:** y.";
    let named = |word, name, path| Line::Named { word, name, path };
    assert_eq!(
        lines(cell),
        [
            named("test", "one two", "a/b.rs"),
            named("at work", "x", "c.rs"),
            Line::Note
        ]
    );
    assert!(read("something else").is_none());
    assert!(wrong("test", "no such test", "crates/planner/src/tests.rs").is_some());
    assert!(wrong("linter", "NoSuchRule", "crates/planner/src/check.rs").is_some());
    assert!(wrong("linter", "SecondWriter", "crates/planner/src/check.rs").is_none());
    assert!(wrong("swarm", "no such fault", "crates/sim/src/swarm/kind.rs").is_some());
    assert!(wrong("property", "NoSuchProperty", "").is_some());
    assert!(wrong("chaos", "no-such-kind", "crates/chaos/src/nemesis/plan.rs").is_some());
    assert!(
        wrong(
            "story",
            "no-such-story",
            "crates/xtask/src/e2e/stories/mod.rs"
        )
        .is_some()
    );
}
