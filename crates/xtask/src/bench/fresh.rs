//! From the manifest to the first acknowledged write in a cluster of three, over three bare mysqld that are initialised
//! and started at once on the same machine: the difference is what MOCO adds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{Effort, Figures, Row};
use crate::cargo::Profile;
use crate::demo::Local;
use crate::mysql_root::MysqlRoot;
use crate::needs;
use crate::paths;
use crate::say::{say, wait_until};

mod kubernetes;

const WORD: &str = "cargo xtask bench fresh";
/// Longest that a start may take before the bench gives up.
const LIMIT: Duration = Duration::from_secs(180);
/// The write that is waited for.
const FIRST_WRITE: &str = "CREATE DATABASE IF NOT EXISTS bench; \
    CREATE TABLE IF NOT EXISTS bench.t (a INT PRIMARY KEY); REPLACE INTO bench.t VALUES (1)";

pub(super) fn run(effort: Effort) -> Result<Vec<Row>> {
    let mysql = MysqlRoot::ensure(WORD)?;
    let dir = paths::state()?.join("bench-fresh");
    let local = Local::prepare(WORD, Profile::Quick, dir.join("clusters"))?;
    let (mut ours, mut three, mut one) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..effort.runs {
        let (mine, bare) = if pair % 2 == 0 {
            let mine = first_write(&local)?;
            (mine, bare_start(&mysql, &dir.join("bare"), 3)?)
        } else {
            let bare = bare_start(&mysql, &dir.join("bare"), 3)?;
            (first_write(&local)?, bare)
        };
        one.push(bare_start(&mysql, &dir.join("bare"), 1)?);
        say(&format!("pair {}: {mine:.2} s, bare {bare:.2} s", pair + 1));
        ours.push(mine);
        three.push(bare);
    }
    let over: Vec<_> = ours
        .iter()
        .zip(&three)
        .map(|(ours, bare)| ours - bare)
        .collect();
    let mut rows = vec![
        row("overhead", &over, &[]),
        row(
            "first-write",
            &ours,
            &[("mysqld-3-at-once", &three), ("mysqld-1", &one)],
        ),
    ];
    match needs::unmet_for_good(needs::CLUSTER) {
        None => rows.extend(kubernetes::rows(&three)?),
        Some(why) => say(&format!("SKIPPED: the figure on Kubernetes: {why}")),
    }
    Ok(rows)
}

fn row(metric: &'static str, sample: &[f64], rivals: &[(&'static str, &[f64])]) -> Row {
    let rivals: BTreeMap<_, _> = rivals
        .iter()
        .map(|(name, sample)| (*name, Figures::of(sample)))
        .collect();
    let figures = Figures::of(sample);
    Row {
        bench: "fresh",
        metric,
        unit: "s",
        n: sample.len(),
        figures,
        rivals,
        floor: None,
    }
}

/// Seconds from `moco-local up` to the first acknowledged write.
fn first_write(local: &Local) -> Result<f64> {
    local.delete()?;
    let manifest = paths::checkout()?.join("examples/mysqlcluster.yaml");
    let begin = Instant::now();
    let up = local.up_in_background(&manifest)?;
    wait_until("the first acknowledged write", LIMIT, || {
        Ok(local
            .write(FIRST_WRITE)
            .err()
            .map(|error| format!("{error:#}")))
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    end_of(up, "moco-local up")?;
    local.delete()?;
    Ok(seconds)
}

/// Waits for a child that ends by itself.
pub(super) fn end_of(mut child: Child, name: &str) -> Result<()> {
    let status = child.wait().with_context(|| format!("wait for {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Seconds to initialise and start `count` servers at once, with nothing around them.
fn bare_start(mysql: &MysqlRoot, dir: &Path, count: usize) -> Result<f64> {
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    let folders: Vec<_> = (0..count).map(|i| dir.join(i.to_string())).collect();
    let begin = Instant::now();
    let initialise: Vec<_> = folders
        .iter()
        .map(|folder| spawn(mysql, folder, &["--initialize-insecure"]))
        .collect::<Result<_>>()?;
    for child in initialise {
        end_of(child, "mysqld --initialize-insecure")?;
    }
    let servers: Vec<_> = folders
        .iter()
        .map(|folder| spawn(mysql, folder, &["--skip-networking", "--mysqlx=OFF"]))
        .collect::<Result<Vec<_>>>()?;
    let ready = wait_until("bare servers", LIMIT, || {
        let silent = folders
            .iter()
            .filter(|folder| !answers(mysql, folder))
            .count();
        Ok((silent > 0).then(|| format!("{silent} do not answer")))
    });
    let seconds = begin.elapsed().as_secs_f64();
    for mut server in servers {
        server.kill().context("kill a bare mysqld")?;
        server.wait().context("wait for a bare mysqld")?;
    }
    ready?;
    fs::remove_dir_all(dir).with_context(|| format!("remove {}", dir.display()))?;
    Ok(seconds)
}

pub(super) fn spawn(mysql: &MysqlRoot, folder: &Path, arguments: &[&str]) -> Result<Child> {
    Command::new(mysql.mysqld())
        .arg("--no-defaults")
        .arg(format!("--datadir={}", folder.display()))
        .arg(format!("--socket={}", socket(folder).display()))
        .args(["--secure-file-priv=NULL", "--user=root"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start mysqld")
}

pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.with_extension("sock")
}

pub(super) fn answers(mysql: &MysqlRoot, folder: &Path) -> bool {
    Command::new(mysql.mysqld().with_file_name("mysqladmin"))
        .args(["--no-defaults", "--user=root", "ping"])
        .arg(format!("--socket={}", socket(folder).display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
