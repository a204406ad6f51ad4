//! `cargo xtask gen`: files that are made from the code and kept in the repository, so that people can read and
//! apply them without building anything.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use moco_planner::Problem;

use crate::cargo::{Profile, static_cargo};
use crate::compatibility;
use crate::faults;
use crate::paths;
use crate::say::say;

/// Writes every generated file.
pub(crate) fn write() -> Result<()> {
    for file in generated()? {
        if fs::read_to_string(&file.path).is_ok_and(|found| found == file.text) {
            continue;
        }
        if let Some(folder) = file.path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        fs::write(&file.path, &file.text)
            .with_context(|| format!("write {}", file.path.display()))?;
        say(&format!("wrote {}", file.path.display()));
    }
    Ok(())
}

/// An error unless every generated file is what the code says.
pub(crate) fn check() -> Result<()> {
    let current = |file: &Generated| fs::read_to_string(&file.path).is_ok_and(|t| t == file.text);
    let stale: Vec<_> = generated()?
        .into_iter()
        .filter(|file| !current(file))
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = stale
        .iter()
        .map(|file| file.path.display().to_string())
        .collect();
    bail!(
        "not what the code says: {}; run `cargo xtask gen`",
        names.join(", ")
    )
}

struct Generated {
    path: PathBuf,
    text: String,
}

fn generated() -> Result<Vec<Generated>> {
    let checkout = paths::checkout()?;
    let mut files = manifests(&checkout)?;
    let folder = checkout.join("docs/problems");
    for problem in Problem::ALL {
        let path = folder.join(format!("{}.md", problem.code()));
        files.push(Generated {
            path,
            text: page(*problem),
        });
    }
    files.push(Generated {
        path: folder.join("README.md"),
        text: index(),
    });
    files.push(Generated {
        path: checkout.join("docs/faults.md"),
        text: faults::page()?,
    });
    files.push(Generated {
        path: checkout.join("docs/compatibility.md"),
        text: compatibility::page(),
    });
    Ok(files)
}

/// The CRDs and the installation, printed by the crate that makes Kubernetes objects.
fn manifests(checkout: &Path) -> Result<Vec<Generated>> {
    let partial = paths::cache()?.join(format!("gen-{}", std::process::id()));
    fs::create_dir_all(&partial).with_context(|| format!("make {}", partial.display()))?;
    let made = static_cargo("run", Profile::Quick)?
        .args([
            "--quiet",
            "--package",
            "moco-resources",
            "--example",
            "gen",
            "--",
        ])
        .arg(&partial)
        .run_shown();
    let files = made.and_then(|()| collect(&partial, &partial, checkout));
    fs::remove_dir_all(&partial).with_context(|| format!("remove {}", partial.display()))?;
    files
}

fn collect(folder: &Path, from: &Path, to: &Path) -> Result<Vec<Generated>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in entries {
        let path = entry.context("list a folder")?.path();
        if path.is_dir() {
            files.extend(collect(&path, from, to)?);
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let inside = path
            .strip_prefix(from)
            .context("a file outside of its folder")?;
        files.push(Generated {
            path: to.join(inside),
            text,
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn page(problem: Problem) -> String {
    format!(
        "# {}\n\n{}\n\n## What happens and what to do\n\n{}\n",
        problem.code(),
        problem.meaning().trim(),
        problem.advice()
    )
}

fn index() -> String {
    let mut text = "# Problems\n\nEvery verdict other than `Healthy` is one of these, in order of priority: the \
                    first that holds is the verdict, the others are counted behind it. The code is the same in \
                    the log, the conditions, the events and the metrics.\n\n"
        .to_owned();
    for problem in Problem::ALL {
        text.push_str(&entry(*problem));
    }
    text
}

fn entry(problem: Problem) -> String {
    let code = problem.code();
    format!("- [{code}]({code}.md): {}\n", problem.meaning().trim())
}
