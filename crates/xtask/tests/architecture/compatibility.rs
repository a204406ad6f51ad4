//! The page of compatibility: every number is there, every row says what is done here, and every test that it names
//! exists.

use crate::checkout::{root, rows, text};
use crate::invariants::has_test;

/// Behaviours of MOCO on the list.
const BEHAVIOURS: usize = 253;

/// What a row may say.
const STATES: [&str; 4] = [
    "**same**",
    "**better**: ",
    "**different on purpose**: ",
    "**not yet**: ",
];

/// What is wrong with a row's cells, if anything.
fn wrong(row: &[&str]) -> Vec<String> {
    let [_, moco, here, shown] = row else {
        return vec!["not four cells".to_owned()];
    };
    let mut found = Vec::new();
    if moco.is_empty() {
        found.push("it says nothing of MOCO".to_owned());
    }
    let state = STATES.iter().find(|state| here.starts_with(*state));
    let is_whole = state.is_some_and(|state| !state.ends_with(' ') || here.len() > state.len());
    if !is_whole {
        found.push(format!("{here:?} is none of {STATES:?} with a reason"));
    }
    if shown.is_empty() && !here.starts_with("**not yet**") {
        found.push("no test shows it".to_owned());
    }
    let shown = shown.split("<br>").filter(|line| !line.is_empty());
    found.extend(shown.filter_map(missing));
    found
}

/// `word [name](../path)`: what of it does not exist.
fn missing(line: &str) -> Option<String> {
    let parts = || {
        let (word, rest) = line.split_once(" [")?;
        let (name, path) = rest.strip_suffix(')')?.rsplit_once("](../")?;
        Some((word, name, path))
    };
    let Some((word, name, path)) = parts() else {
        return Some(format!("{line:?} is no link"));
    };
    let is_file = root().join(path).is_file();
    let exists = match word {
        "test" => is_file && has_test(&text(path), &name.replace(' ', "_")),
        "story" => {
            let told = format!("name: \"{name}\"");
            is_file && text("crates/xtask/src/e2e/stories/mod.rs").contains(&told)
        }
        _ => return Some(format!("nobody knows what a {word} is")),
    };
    (!exists).then(|| format!("there is no {word} {name} in {path}"))
}

#[test]
fn every_behaviour_has_its_number_what_is_done_here_and_tests_that_exist() {
    let page = text("docs/compatibility.md");
    let rows: Vec<_> = rows(&page)
        .into_iter()
        .filter(|row| row[0].parse::<usize>().is_ok())
        .collect();
    let numbers: Vec<usize> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(numbers, (1..=BEHAVIOURS).collect::<Vec<_>>());
    let found = rows.iter().flat_map(|row| {
        let of_row = wrong(row).into_iter();
        of_row.map(move |what| format!("{}: {what}", row[0]))
    });
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_row_without_a_state_a_reason_or_a_test_is_found() {
    let test = "test [a row without a state a reason or a test is found](../crates/xtask/tests/architecture/compatibility.rs)";
    assert_eq!(wrong(&["1", "x", "**same**", test]), Vec::<String>::new());
    assert_eq!(
        wrong(&["1", "x", "**not yet**: y", ""]),
        Vec::<String>::new()
    );
    let story = "story [no-such-story](../crates/xtask/src/e2e/stories/mod.rs)";
    let other = test.replace("a row", "no row");
    for row in [
        ["1", "x", "**same**", ""],
        ["1", "x", "**better**: ", test],
        ["1", "x", "fine", test],
        ["1", "", "**same**", test],
        ["1", "x", "**same**", story],
        ["1", "x", "**same**", "something"],
        ["1", "x", "**same**", &other],
    ] {
        assert_eq!(wrong(&row).len(), 1, "{row:?}");
    }
}
