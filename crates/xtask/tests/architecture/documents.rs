//! What is written for people: links lead somewhere, files that are named exist, and nothing speaks of places that a
//! reader does not have.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::checkout::{self, code_spans, is_kind, root};

/// The project's pages.
fn pages() -> BTreeMap<String, String> {
    let mut texts = checkout::texts();
    texts.retain(|path, _| is_kind(path, "md"));
    assert!(texts.len() > 20, "only {} pages were read", texts.len());
    texts
}

/// A page without its blocks of code, whose lines stay empty.
fn prose(page: &str) -> String {
    let mut inside = false;
    let mut line = |line: &str| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        if inside || fence {
            String::new()
        } else {
            line.to_owned()
        }
    };
    page.lines().map(&mut line).collect::<Vec<_>>().join("\n")
}

/// The targets of `[text](target)`.
fn links(prose: &str) -> Vec<&str> {
    let after = prose.split("](").skip(1);
    after
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .collect()
}

/// The anchor of a heading, as the usual viewers of Markdown make it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `folder/../x` as `x`.
fn resolved(from: &str, target: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in Path::new(from)
        .parent()
        .unwrap_or(Path::new(""))
        .join(target)
        .components()
    {
        match part {
            Component::ParentDir => assert!(path.pop(), "{from}: {target} leaves the project"),
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let pages = pages();
    let mut broken = Vec::new();
    for (from, page) in &pages {
        for link in links(&prose(page))
            .into_iter()
            .filter(|link| !link.contains("://"))
        {
            let (target, wanted) = link.split_once('#').unwrap_or((link, ""));
            let path = if target.is_empty() {
                PathBuf::from(from)
            } else {
                resolved(from, target)
            };
            if !root().join(&path).exists() {
                broken.push(format!("{from}: {link}: there is no {}", path.display()));
            } else if !wanted.is_empty() {
                let text = prose(&pages[path.to_str().unwrap()]);
                if !text
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line) == wanted)
                {
                    broken.push(format!("{from}: {link}: no such heading"));
                }
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// What the first part of a path from the root can be.
const FOLDERS: [&str; 6] = ["crates/", "docs/", "config/", "testbed/", ".cargo/", ".ci/"];

fn is_path(span: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    FOLDERS.iter().any(|folder| span.starts_with(folder)) && span.chars().all(part)
}

#[test]
fn every_file_that_is_named_exists() {
    let mut missing = Vec::new();
    for (from, page) in pages() {
        for span in prose(&page).lines().flat_map(code_spans) {
            let path = span.split("::").next().unwrap_or_default();
            if is_path(path) && !root().join(path).exists() {
                missing.push(format!("{from}: {path}"));
            }
        }
    }
    let sources = checkout::texts()
        .into_iter()
        .filter(|(path, _)| !is_kind(path, "md"));
    for (from, text) in sources {
        for (at, _) in text.match_indices("docs/") {
            let part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
            let named: String = text[at..].chars().take_while(part).collect();
            let named = named.trim_end_matches('.');
            if is_kind(named, "md") && !root().join(named).exists() {
                missing.push(format!("{from}: {named}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// Letters that with a number behind them point at a list which is not part of the project, and words that only look so.
const LISTS: [&str; 4] = ["F", "INV", "P", "W"];
const WORDS: [&str; 3] = ["P256", "P384", "P521"];

/// Whether a word is one of the [`LISTS`] with a number of one to three digits.
fn is_private(word: &str) -> bool {
    let of = |list: &&str| {
        word.strip_prefix(*list).is_some_and(|digits| {
            (1..=3).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())
        })
    };
    LISTS.iter().any(of) && !WORDS.contains(&word)
}

#[test]
fn nothing_points_at_a_list_that_the_reader_does_not_have() {
    let mut found = Vec::new();
    for (path, text) in checkout::texts() {
        if is_kind(&path, "lock") || is_kind(&path, "sum") {
            continue; // checksums hold any letters
        }
        for (line, number) in text.lines().zip(1..) {
            let words = line.split(|c: char| c != '_' && !c.is_alphanumeric());
            found.extend(
                words
                    .filter(|word| is_private(word))
                    .map(|word| format!("{path}:{number}: {word}")),
            );
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn nothing_names_a_folder_of_somebodys_machine() {
    let mut folders = vec![root()];
    folders.extend(std::env::var_os("HOME").map(PathBuf::from));
    folders.retain(|folder| folder.components().count() > 1);
    let begins = |text: &str, at: usize| {
        !text[..at].ends_with(|c: char| {
            c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '}' | '$')
        })
    };
    let mut found = Vec::new();
    for (path, text) in checkout::texts() {
        for folder in &folders {
            let folder = folder.to_str().unwrap();
            let mut hits = text.match_indices(folder).filter(|(at, _)| {
                let ends = !text[at + folder.len()..]
                    .starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
                begins(&text, *at) && ends
            });
            if let Some((at, _)) = hits.next() {
                found.push(format!(
                    "{path}:{}: {folder}",
                    1 + text[..at].matches('\n').count()
                ));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn pages_are_read_as_people_see_them() {
    let page = "# A b: c!\nsee [x](y.md#z) and\n```\n[no](no.md)\n```\n[last](#a-b-c)";
    assert_eq!(links(&prose(page)), ["y.md#z", "#a-b-c"]);
    assert_eq!(anchor("# A b: c!"), "a-b-c");
    assert_eq!(resolved("a/b/1.md", "../x.md"), Path::new("a/x.md"));
    let (list, number) = ("INV", "12");
    assert!(is_private(&format!("{list}{number}")) && !is_private(list) && !is_private("P256"));
    assert!(!is_private(&format!("{list}{number}b")) && !is_private("F1234"));
}

/// The options in a table of the my.cnf generator: `("NAME", …)`.
fn options(path: &str) -> Vec<String> {
    let source = checkout::text(path);
    let product = source.split("#[cfg(test)]").next().unwrap_or_default();
    let names = product
        .split("(\"")
        .skip(1)
        .filter_map(|rest| rest.split_once("\","));
    let names = names.map(|(name, _)| name.strip_prefix("loose_").unwrap_or(name));
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    names.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_option_that_moco_sets_is_in_the_page_about_options_where_it_belongs() {
    let page = checkout::text("docs/my-cnf.md");
    for (file, at_least, heading) in [
        ("fixed", 35, "## What you cannot replace"),
        ("defaults", 35, "## Defaults that you can replace"),
    ] {
        let options = options(&format!("crates/resources/src/config/{file}.rs"));
        assert!(
            options.len() >= at_least,
            "only {} options of {file} were read",
            options.len()
        );
        let part = checkout::section(&page, heading);
        let missing: Vec<_> = options
            .iter()
            .filter(|name| !part.contains(&format!("`{name}`")))
            .collect();
        assert_eq!(missing, Vec::<&String>::new(), "of {file}");
    }
}

/// What stands between two texts of a file.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).expect(before);
    rest.split_once(after).expect(after).0
}

/// The names of the containers that MOCO adds, with what each asks for, as the code has it.
fn added_containers() -> Vec<(String, String)> {
    let constants = checkout::text("crates/api/src/constants.rs");
    let names = between(&constants, "pub mod containers {", "\n}");
    [
        ("COPY_INIT", "containers"),
        ("SLOW_LOG", "sidecars"),
        ("EXPORTER", "sidecars"),
    ]
    .map(|(constant, file)| {
        let name = between(names, &format!("{constant}: &str = \""), "\"");
        let source = checkout::text(&format!("crates/resources/src/{file}.rs"));
        let made = format!("name: containers::{constant}.to_owned()");
        let (_, made) = source.split_once(&made).expect(constant);
        let amounts = between(made, "fixed_resources(", ")").replace('"', "");
        (name.to_owned(), amounts)
    })
    .into()
}

#[test]
fn every_reserved_name_is_in_the_page_about_manifests() {
    let page = checkout::text("docs/manifest.md");
    let rules = checkout::text("crates/api/src/rules.rs");
    let mut names = Vec::new();
    for (list, before) in [
        ("containers", "spec.podTemplate.spec.containers: the name "),
        (
            "init containers",
            "spec.podTemplate.spec.initContainers: the names ",
        ),
        ("volumes", "spec.podTemplate.spec.volumes: the names "),
    ] {
        let row = page
            .lines()
            .find(|line| line.ends_with(&format!(" | {list} |")));
        let row = row.unwrap_or_else(|| panic!("no row about {list}"));
        for rest in rules.split(before).skip(1) {
            let reserved = rest
                .split([' ', ','])
                .take_while(|word| !matches!(*word, "is" | "are"));
            for name in reserved.filter(|word| !matches!(*word, "" | "and")) {
                assert!(row.contains(&format!("`{name}`")), "{name} of {list}");
                names.push(name);
            }
        }
    }
    assert!(names.len() > 15, "only {names:?}");
}

#[test]
fn every_container_that_moco_adds_is_in_the_page_about_manifests_with_what_it_asks_for() {
    let page = checkout::text("docs/manifest.md");
    let table = checkout::section(&page, "## Containers that MOCO adds");
    let rows = checkout::rows(table);
    for (name, amounts) in added_containers() {
        let row = rows
            .iter()
            .find(|row| row[0].starts_with(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("no row about {name}"));
        assert_eq!(row[1], amounts, "{name}");
    }
}
