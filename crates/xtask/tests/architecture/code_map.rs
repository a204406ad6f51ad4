//! The crates and the arrows between them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::checkout::{self, cargo, code_spans, crates, rows, section, text};

fn map() -> String {
    text("ARCHITECTURE.md")
}

/// The package of a crate's folder: all but the two programs for people are named `moco-…`.
fn folder_of(package: &str) -> &str {
    package.strip_prefix("moco-").unwrap_or(package)
}

#[test]
fn the_table_names_every_crate_and_no_other() {
    let map = map();
    let named: Vec<_> = rows(section(&map, "## Crates"))
        .iter()
        .map(|row| {
            code_spans(row[0])
                .first()
                .expect("the first cell names a crate")
                .to_string()
        })
        .collect();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, crates());
}

/// The arrows as drawn: one line a crate, "crate -> crate, crate".
fn drawn() -> Vec<(String, BTreeSet<String>)> {
    let map = map();
    let section = section(&map, "## Arrows");
    let block = section
        .split("```")
        .nth(1)
        .expect("a block with the arrows");
    let lines = block.lines().skip(1).filter(|line| !line.trim().is_empty());
    let read = |line: &str| {
        let (from, to) = line
            .split_once("->")
            .unwrap_or_else(|| panic!("no arrow in {line:?}"));
        let to = to.split(',').map(str::trim).filter(|name| !name.is_empty());
        (from.trim().to_owned(), to.map(str::to_owned).collect())
    };
    lines.map(read).collect()
}

/// The arrows as the manifests have them; what only tests need is left out.
fn real() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--offline",
    ]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let mut arrows = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let all = package["dependencies"].as_array().unwrap().iter();
        let ours = all.filter(|found| found["path"].is_string() && found["kind"] != "dev");
        let to = ours.map(|found| folder_of(found["name"].as_str().unwrap()).to_owned());
        arrows.insert(
            folder_of(package["name"].as_str().unwrap()).to_owned(),
            to.collect(),
        );
    }
    arrows
}

#[test]
fn the_arrows_are_as_drawn() {
    let drawn: BTreeMap<_, _> = drawn().into_iter().collect();
    let real = real();
    let differing: Vec<_> = real
        .iter()
        .filter(|(from, to)| drawn.get(*from) != Some(to))
        .map(|(from, to)| {
            format!(
                "{from}: the manifest has {to:?}, drawn is {:?}",
                drawn.get(from)
            )
        })
        .collect();
    assert_eq!(differing, Vec::<String>::new());
    assert_eq!(
        drawn.keys().collect::<Vec<_>>(),
        real.keys().collect::<Vec<_>>()
    );
}

#[test]
fn arrows_point_only_upwards_in_the_list() {
    let mut above = BTreeSet::new();
    for (from, to) in drawn() {
        assert!(
            to.is_subset(&above),
            "{from} needs {:?}, drawn below it",
            to.difference(&above)
        );
        assert!(above.insert(from.clone()), "{from} is drawn twice");
    }
}

#[test]
fn every_manifest_takes_the_workspaces_lints_and_every_crate_the_limit_of_lines() {
    for name in crates() {
        let manifest = text(&format!("crates/{name}/Cargo.toml"));
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "crates/{name}/Cargo.toml"
        );
    }
    let limits: Vec<_> = checkout::texts()
        .into_iter()
        .filter(|(path, _)| path.ends_with("clippy.toml"))
        .collect();
    assert!(limits.iter().any(|(path, _)| path == "clippy.toml"));
    for (path, text) in limits {
        assert!(text.contains("too-many-lines-threshold = 70"), "{path}");
    }
}
