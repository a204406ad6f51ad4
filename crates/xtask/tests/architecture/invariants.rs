//! The numbered list of invariants: each is kept by a test that exists.

use crate::checkout::{self, code_spans, is_kind, rows, section, text};

/// Whether `source` has a test called `name`: a function whose attributes say so.
pub(crate) fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let is_function = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| is_function(line))
        .any(|(at, _)| {
            let above = lines[..at].iter().rev();
            let mut attributes =
                above.take_while(|line| line.starts_with("#[") || line.starts_with("///"));
            attributes.any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
        })
}

#[test]
fn every_invariant_has_its_number_and_a_test_that_exists() {
    let map = text("ARCHITECTURE.md");
    let rows = rows(section(&map, "## Invariants"));
    assert!(rows.len() >= 15, "only {} rows were read", rows.len());
    let mut wrong = Vec::new();
    for (row, number) in rows.iter().zip(1..) {
        assert_eq!(
            row[0],
            format!("I{number}"),
            "the numbers follow each other"
        );
        let tests = code_spans(row[2]);
        if tests.is_empty() {
            wrong.push(format!("I{number} names no test"));
        }
        for test in tests {
            let Some((path, name)) = test.split_once("::") else {
                wrong.push(format!("I{number}: {test} is not PATH::TEST"));
                continue;
            };
            if !checkout::root().join(path).is_file() {
                wrong.push(format!("I{number}: there is no file {path}"));
            } else if !has_test(&text(path), name) {
                wrong.push(format!("I{number}: {path} has no test {name}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_fact_about_mysql_names_a_test_that_exists() {
    let page = text("docs/mysql-facts.md");
    let facts: Vec<_> = rows(&page)
        .into_iter()
        .filter(|row| row[0].parse::<u32>().is_ok())
        .collect();
    assert!(facts.len() > 20, "only {} facts were read", facts.len());
    let mut wrong = Vec::new();
    for row in facts {
        let tests = code_spans(row.last().unwrap());
        let exists = |test: &&str| {
            test.split_once("::").is_some_and(|(file, name)| {
                let conformance = format!("crates/sim/tests/{file}");
                if file.starts_with("conformance/") {
                    // The list of a file names what is run on the fake and on a real server.
                    return text(&conformance).contains(&format!("\n    {name},\n"));
                }
                let path = format!("crates/mysql/tests/real_mysqld/{file}");
                checkout::root().join(&path).is_file() && has_test(&text(&path), name)
            })
        };
        if tests.is_empty() || !tests.iter().all(exists) {
            wrong.push(format!("{}: {tests:?}", row[0]));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_test_is_a_function_with_the_attribute() {
    let source = "#[test]\n#[expect(x)]\nfn one() {}\nfn two() {}\n    #[tokio::test(flavor = \"y\")]\n    async fn three() {}\n";
    assert!(has_test(source, "one") && has_test(source, "three"));
    assert!(!has_test(source, "two") && !has_test(source, "thre"));
}

#[test]
fn no_test_is_switched_off() {
    let mark = ["#[", "ignore"].concat();
    let off = |(path, text): &(String, String)| is_kind(path, "rs") && text.contains(&mark);
    let found: Vec<_> = checkout::texts()
        .into_iter()
        .filter(off)
        .map(|(path, _)| path)
        .collect();
    assert_eq!(found, Vec::<String>::new());
}
