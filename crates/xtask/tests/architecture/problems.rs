//! Every code that a cluster can show has a page, and the page says what the program says.

use std::fs;

use crate::checkout::{root, text};

/// A row of the list of problems.
#[derive(Debug, Default, PartialEq)]
struct Row {
    code: String,
    meaning: String,
    advice: String,
}

/// The rows of `problems! { … }`: documentation, code, and `{ blocks: …, advice: "…" }` in one line.
fn rows(source: &str) -> Vec<Row> {
    let list = source
        .split("\nproblems! {")
        .nth(1)
        .expect("the list of problems");
    let (mut rows, mut row) = (Vec::new(), Row::default());
    for line in list.lines().map(str::trim) {
        if let Some(meaning) = line.strip_prefix("///") {
            row.meaning.push_str(meaning);
        } else if let Some((code, rest)) = line.split_once(" { blocks: ") {
            row.code = code.to_owned();
            let advice = rest
                .split_once("advice: \"")
                .and_then(|(_, rest)| rest.rsplit_once("\" }"));
            row.advice = advice
                .unwrap_or_else(|| panic!("{code} has no advice"))
                .0
                .replace("\\\"", "\"");
            row.meaning = row.meaning.trim().to_owned();
            rows.push(std::mem::take(&mut row));
        } else if line == "}" {
            break;
        }
    }
    rows
}

#[test]
fn every_problem_has_a_page_with_its_meaning_and_advice() {
    let rows = rows(&text("crates/planner/src/problem.rs"));
    assert!(rows.len() > 20, "only {} problems were read", rows.len());
    let index = text("docs/problems/README.md");
    let mut wrong = Vec::new();
    for Row {
        code,
        meaning,
        advice,
    } in &rows
    {
        let path = format!("docs/problems/{code}.md");
        let Ok(page) = fs::read_to_string(root().join(&path)) else {
            wrong.push(format!("there is no {path}"));
            continue;
        };
        let title = format!("# {code}");
        for part in [&title, meaning, advice] {
            if !page.contains(part.as_str()) {
                wrong.push(format!("{path} does not say: {part}"));
            }
        }
        if !index.contains(&format!("({code}.md)")) {
            wrong.push(format!("docs/problems/README.md does not lead to {code}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn no_page_is_left_of_a_problem_that_is_gone() {
    let mut known: Vec<_> = rows(&text("crates/planner/src/problem.rs"))
        .into_iter()
        .map(|row| row.code)
        .collect();
    known.extend(["README", "UnsafePlan"].map(str::to_owned));
    let pages = fs::read_dir(root().join("docs/problems")).unwrap();
    let names = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names
        .filter(|name| !known.iter().any(|code| *name == format!("{code}.md")))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn the_list_is_read_row_by_row() {
    let source = "x\nproblems! {\n    /// One\n    /// two.\n    A { blocks: true, advice: \"Say \\\"b\\\".\" }\n}\nC { blocks: false, advice: \"\" }";
    let row = Row {
        code: "A".into(),
        meaning: "One two.".into(),
        advice: "Say \"b\".".into(),
    };
    assert_eq!(rows(source), [row]);
}
