//! The page as Markdown.

use std::fmt::Write as _;

use super::{CHAPTERS, Here, Row, STORY, Test};

const HEAD: &str = "# Compatibility\n\n\
    What users of [MOCO](https://github.com/cybozu-go/moco) rely on, and what this program does. The left side is MOCO \
    0.36 with its agent 0.16, in our own words. **same**: as in MOCO. **better**: a manifest or a habit that works with \
    MOCO works here too, and more holds. **different on purpose**: something else happens; why. **not yet**: less than \
    MOCO; what is missing. This page is made by `cargo xtask gen`; `cargo test -p xtask` looks up every test that it \
    names. A *story* is run by `cargo xtask e2e NAME` on a real Kubernetes.\n\n";

/// The page.
pub(crate) fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&counts());
    for chapter in &CHAPTERS {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "\n## {}\n\n| # | MOCO | Here | Shown by |\n| --- | --- | --- | --- |\n",
            chapter.title
        );
        for row in chapter.rows {
            let tests: Vec<_> = row.tests.iter().map(link).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                row.number,
                row.moco,
                here(row),
                tests.join("<br>")
            );
        }
    }
    text
}

fn counts() -> String {
    let rows: Vec<_> = CHAPTERS.iter().flat_map(|chapter| chapter.rows).collect();
    let count = |which: fn(&Here) -> bool| rows.iter().filter(|row| which(&row.here)).count();
    format!(
        "Of {} behaviours {} are the same, {} better, {} different on purpose, {} not yet there.\n",
        rows.len(),
        count(|here| matches!(here, Here::Same)),
        count(|here| matches!(here, Here::Better(_))),
        count(|here| matches!(here, Here::Differs(_))),
        count(|here| matches!(here, Here::NotYet(_))),
    )
}

fn here(row: &Row) -> String {
    match row.here {
        Here::Same => "**same**".to_owned(),
        Here::Better(how) => format!("**better**: {how}"),
        Here::Differs(why) => format!("**different on purpose**: {why}"),
        Here::NotYet(lacks) => format!("**not yet**: {lacks}"),
    }
}

fn link((file, name): &Test) -> String {
    if *file == STORY {
        let file = name.replace('-', "_");
        return format!("story [{name}](../crates/xtask/src/e2e/stories/{file}.rs)");
    }
    format!("test [{}](../{file})", name.replace('_', " "))
}
