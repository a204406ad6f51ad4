//! The page as Markdown. What is named becomes a link, and the word before the link says what kind of thing it is.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::properties::PROPERTIES;
use super::watched::WATCHED;
use super::{By, CHAPTERS, Lacks, PLAYERS, Row};
use crate::paths;

const HEAD: &str = "# Faults\n\n\
    What can go wrong, what MOCO does, and what plays it. The list was made before the tests and is not shortened to \
    what they play: **Not played** says what nobody has seen here, and why. This page is made by `cargo xtask gen`; \
    `cargo test -p xtask` looks up everything that it names.\n\n";

/// The page.
pub(crate) fn page() -> Result<String> {
    let mut text = HEAD.to_owned();
    text.push_str(&words());
    text.push_str(&counts());
    for chapter in &CHAPTERS {
        let _ = write!(
            text,
            "\n## {}\n\n| # | What goes wrong | What MOCO does | Played by |\n| --- | --- | --- | --- |\n",
            chapter.title
        );
        for row in chapter.rows {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                row.number,
                row.fault,
                row.does,
                played(row)
            );
        }
    }
    text.push_str(&invariants()?);
    text.push_str(&properties());
    Ok(text)
}

/// What the words before the links mean.
fn words() -> String {
    let mut text = "- *test*: a test of one crate, run by `cargo test`. Those of `crates/mysql/tests/real_mysqld` \
                    need a real mysqld.\n"
        .to_owned();
    for player in PLAYERS {
        let _ = writeln!(text, "- *{}*: {}", player.word, player.what);
    }
    text
}

fn counts() -> String {
    let rows: Vec<_> = CHAPTERS.iter().flat_map(|chapter| chapter.rows).collect();
    let count = |which: fn(&Lacks) -> bool| rows.iter().filter(|row| which(&row.lacks)).count();
    format!(
        "\nOf {} faults {} are played, {} in part, {} not yet; {} belong to what MOCO does not have yet.\n",
        rows.len(),
        count(|lacks| matches!(lacks, Lacks::Nothing)),
        count(|lacks| matches!(lacks, Lacks::Part(_))),
        count(|lacks| matches!(lacks, Lacks::All(_))),
        count(|lacks| matches!(lacks, Lacks::Capability(_))),
    )
}

fn played(row: &Row) -> String {
    let mut lines: Vec<_> = row.tests.iter().map(|test| test_link(test)).collect();
    for player in PLAYERS {
        let plays = player.plays.iter();
        let names = plays.filter(|(_, rows)| rows.contains(&row.number));
        lines.extend(names.map(|(name, _)| {
            let module = Path::new(player.file)
                .extension()
                .is_some_and(|kind| kind == "rs");
            let file = if module {
                player.file.replace("{}", &name.replace('-', "_")) // as modules are named
            } else {
                player.file.replace("{}", name)
            };
            format!("{} [{name}](../{file})", player.word)
        }));
    }
    lines.extend(match row.lacks {
        Lacks::Nothing => None,
        Lacks::Part(sentence) | Lacks::All(sentence) => Some(format!("**Not played:** {sentence}")),
        Lacks::Capability(name) => Some(format!("**Not built:** {name}")),
    });
    lines.join("<br>")
}

/// `path/to/file.rs::a_sentence` as a link with the sentence.
fn test_link(test: &str) -> String {
    let (file, name) = test.split_once("::").unwrap_or((test, ""));
    format!("test [{}](../{file})", name.replace('_', " "))
}

/// The second part: the invariants of `ARCHITECTURE.md`, with whoever checks them.
fn invariants() -> Result<String> {
    let path = paths::checkout()?.join("ARCHITECTURE.md");
    let map = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut text = "\n## Invariants\n\n\
        The list of [ARCHITECTURE.md](../ARCHITECTURE.md#invariants), and where each is checked. *Linter* is \
        [the second statement of the safety rules](../crates/planner/src/check.rs), through which every plan goes \
        before it is carried out; *verdict* is what the cluster's status shows; *at work* is a check of the programs \
        themselves. All three run in production. *Property* is one of [the simulator](#properties-of-the-simulator). *Judged* are runs with faults, by what clients were told and what is \
        there in the end.\n\n\
        | # | What always holds | Tests | Beside the tests |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for line in map.lines().filter(|line| line.starts_with("| I")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, sentence, tests] = cells.as_slice() else {
            continue;
        };
        let tests: Vec<_> = tests.split('`').skip(1).step_by(2).map(test_link).collect();
        let watched = WATCHED
            .iter()
            .filter(|row| format!("I{}", row.invariant) == *name);
        let by: Vec<_> = watched.flat_map(|row| row.by).map(by).collect();
        let by = if by.is_empty() {
            "–".to_owned()
        } else {
            by.join("<br>")
        };
        let _ = writeln!(
            text,
            "| {name} | {sentence} | {} | {by} |",
            tests.join("<br>")
        );
    }
    Ok(text)
}

/// The third part: the properties of the simulator, with whoever checks the same elsewhere.
fn properties() -> String {
    let mut text = "\n## Properties of the simulator\n\n\
        What [the simulator](simulator.md) demands of every state, which of its two searches judges it, and who checks \
        the same elsewhere.\n\n\
        | Property | What must hold | Judged by | Elsewhere |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for one in PROPERTIES {
        let elsewhere: Vec<_> = one.by.iter().map(by).collect();
        let elsewhere = if elsewhere.is_empty() {
            "–".to_owned()
        } else {
            elsewhere.join("<br>")
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {elsewhere} |",
            one.name,
            one.sentence,
            one.judged.words()
        );
    }
    text
}

fn by(by: &By) -> String {
    match by {
        By::Property(name) => format!("property [{name}](#properties-of-the-simulator)"),
        By::Linter(refusal) => format!("linter [{refusal}](../crates/planner/src/check.rs)"),
        By::Verdict(problem) => format!("verdict [{problem}](problems/{problem}.md)"),
        By::Work(file, what) => format!("at work [{what}](../{file})"),
        By::Run(file, what) => format!("judged [{what}](../{file})"),
    }
}
