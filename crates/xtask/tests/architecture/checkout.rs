//! The files of this checkout, and the two forms of Markdown that `ARCHITECTURE.md` is read in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that hold nothing of the project's own.
const FOREIGN: [&str; 3] = ["target", ".git", "node_modules"];

/// The root of this checkout: Cargo says at run time which one it is, for a program built in another
/// checkout with the same target folder is taken as it is.
pub fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = own
        .ancestors()
        .nth(2)
        .expect("crates/xtask is two folders below the root");
    assert!(
        root.join("ARCHITECTURE.md").is_file(),
        "{} holds no ARCHITECTURE.md",
        root.display()
    );
    root.to_owned()
}

/// Every file of the project, by its path from the root, in order. Bytes that are no text are left out.
pub fn texts() -> BTreeMap<String, String> {
    let root = root();
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                if !FOREIGN.iter().any(|name| entry.file_name() == *name) {
                    folders.push(entry.path());
                }
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                let path = entry.path();
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                found.insert(name.to_owned(), text);
            }
        }
    }
    found
}

/// Whether a path ends in `.KIND`.
pub fn is_kind(path: &str, kind: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == kind)
}

/// A file of the project.
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the folders under `crates/`.
pub fn crates() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// What follows a heading, up to the next heading of the same depth or a higher one.
pub fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let start = document
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("there is no heading {heading:?}"));
    let rest = document[start + 1..].split_once('\n').unwrap().1;
    let depth = heading.chars().take_while(|c| *c == '#').count();
    let ends = (1..=depth).filter_map(|depth| rest.find(&format!("\n{} ", "#".repeat(depth))));
    &rest[..ends.min().unwrap_or(rest.len())]
}

/// The cells of the rows of a table, without its head.
pub fn rows(section: &str) -> Vec<Vec<&str>> {
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect());
    cells.skip(2).collect()
}

/// What stands between single backticks.
pub fn code_spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// What cargo prints for these arguments.
pub fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {}: {said}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_section_ends_at_the_next_heading_and_its_table_is_read() {
    let document =
        "# A\n\n## B\n\n| x | y |\n| --- | --- |\n| `a` | b `c` |\n\n### C\ntext\n## D\nmore\n";
    let section = section(document, "## B");
    assert!(section.contains("text") && !section.contains("more"));
    assert_eq!(rows(section), [["`a`", "b `c`"]]);
    assert_eq!(code_spans("b `c` d `e`"), ["c", "e"]);
}
