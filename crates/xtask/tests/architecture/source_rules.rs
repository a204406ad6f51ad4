//! Rules about source that no compiler checks.

use crate::checkout::{self, crates, text};
use crate::rust_source::{has_word, product};

/// The one module that may hold `unsafe`.
const UNSAFE: &str = "crates/supervisor/src/process.rs";

#[test]
fn unsafe_is_in_one_module_only() {
    let sources = crates().into_iter().flat_map(|name| product(&name));
    let holding: Vec<_> = sources
        .filter(|(_, source)| has_word(&source.code, "unsafe"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(holding, [UNSAFE]);
    assert!(text("Cargo.toml").contains("unsafe_code = \"deny\""));
}

/// How statements begin, in the capitals they are written in.
const STATEMENTS: [&str; 28] = [
    "ALTER ",
    "BEGIN",
    "CALL ",
    "CHANGE REPLICATION",
    "CLONE ",
    "COMMIT",
    "CREATE ",
    "DELETE FROM",
    "DROP ",
    "FLUSH ",
    "GRANT ",
    "INSERT ",
    "INSTALL ",
    "KILL ",
    "PURGE ",
    "REPLACE INTO",
    "RESET ",
    "REVOKE ",
    "ROLLBACK",
    "SELECT ",
    "SET GLOBAL",
    "SET PERSIST",
    "SET SESSION",
    "SHOW ",
    "SHUTDOWN",
    "START REPLICA",
    "STOP REPLICA",
    "UPDATE ",
];

#[test]
fn statements_for_mysqld_are_in_one_crate_only() {
    let is_statement = |text: &str| {
        STATEMENTS
            .iter()
            .any(|start| text.trim_start().starts_with(start))
    };
    // `xtask`, `chaos` and `sim` stand outside: the first two are clients of a cluster, like a user's, and
    // `sim` has clients of its own and a mysqld that reads what it is sent.
    let elsewhere = crates()
        .into_iter()
        .filter(|name| !["chaos", "mysql", "sim", "xtask"].contains(&name.as_str()));
    let mut found = Vec::new();
    for (path, source) in elsewhere.flat_map(|name| product(&name)) {
        let literals = source
            .literals
            .iter()
            .filter(|(_, literal)| is_statement(literal));
        found.extend(literals.map(|(line, literal)| format!("{path}:{line}: {literal}")));
    }
    assert_eq!(found, Vec::<String>::new());
    let ours = product("mysql");
    let written = ours
        .values()
        .flat_map(|source| &source.literals)
        .filter(|(_, text)| is_statement(text));
    assert!(
        written.count() > 20,
        "the statements of the crate mysql were not read"
    );
}

#[test]
fn programs_begin_in_twenty_lines() {
    let mut seen = 0;
    for name in crates() {
        for (path, source) in product(&name)
            .into_iter()
            .filter(|(path, _)| path.ends_with("/src/main.rs"))
        {
            let body = source
                .code
                .split("fn main()")
                .nth(1)
                .unwrap_or_else(|| panic!("{path} has no fn main"));
            let lines = body.lines().take_while(|line| *line != "}").count();
            assert!(lines <= 20, "{path}: fn main has {lines} lines");
            seen += 1;
        }
    }
    assert!(seen >= 3, "only {seen} programs were read");
}

#[test]
fn no_file_has_more_than_400_lines_beside_its_tests() {
    let sources = crates().into_iter().flat_map(|name| product(&name));
    let long: Vec<_> = sources
        .filter(|(_, source)| source.lines > 400)
        .map(|(path, source)| format!("{path}: {} lines", source.lines))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn no_room_is_named_for_nothing() {
    let empty = [
        "utils", "util", "common", "helpers", "helper", "misc", "manager",
    ];
    let rust = checkout::texts()
        .into_keys()
        .filter(|path| checkout::is_kind(path, "rs"));
    let named = rust.filter(|path| {
        path.trim_end_matches(".rs")
            .split('/')
            .any(|part| empty.contains(&part))
    });
    assert_eq!(named.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_library_says_what_it_is_for_and_where_to_start() {
    let mut missing = Vec::new();
    for name in crates() {
        let path = format!("crates/{name}/src/lib.rs");
        let Some(text) = checkout::texts().remove(&path) else {
            continue;
        };
        let opening: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        for part in ["deliberately does not", "nvariants", "Start reading"] {
            if !opening.contains(part) {
                missing.push(format!("{path} opens without {part:?}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
