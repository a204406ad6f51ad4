//! A new replica: from a member whose volume is empty until the cluster is whole again, over what it takes to copy the
//! same files with `cp`, sync them, and start a bare mysqld on them. Nobody writes much meanwhile, as for the copy.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::fresh::{answers, spawn};
use super::under_load::Bench;
use super::{Effort, Figures, Row};
use crate::chaos::Load;
use crate::cmd::Cmd;
use crate::mysql_root::MysqlRoot;
use crate::say::{say, wait_until};

const WORD: &str = "cargo xtask bench clone";
/// Doublings of the first row: 2^N rows.
const DOUBLINGS: usize = 15;
/// Bytes of each of them, which no page compression makes smaller: 1 GiB in all.
const FILL: &str = "CREATE DATABASE fill; CREATE TABLE fill.t (a INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB); \
                    INSERT INTO fill.t (b) VALUES (RANDOM_BYTES(1024));";
const DOUBLE: &str = "INSERT INTO fill.t (b) SELECT CONCAT(RANDOM_BYTES(1024), REPEAT(RANDOM_BYTES(1024), 31)) FROM fill.t;";
/// Longest that a bare server may take.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn run(effort: Effort) -> Result<Vec<Row>> {
    let mysql = MysqlRoot::ensure(WORD)?;
    let bench = Bench::start(WORD, "bench-clone")?;
    bench.local.write(FILL).context("fill the cluster")?;
    for _ in 0..DOUBLINGS {
        bench.local.write(DOUBLE).context("fill the cluster")?;
    }
    let words = ["--writers", "1", "--rate", "20"];
    let mut load = Load::start(&bench.chaos, &bench.local, &words)?;
    let mut ours = Vec::new();
    for run in 1..=effort.runs {
        load.wait_until_whole()?;
        let begin = Instant::now();
        load.tell("break lose-volume")?;
        load.wait_until_broken()?;
        load.wait_until_whole()?;
        ours.push(begin.elapsed().as_secs_f64());
        say(&format!("  clone: run {run} of {}", effort.runs));
    }
    load.stop()?;
    let source = data(&bench);
    bench.local.stop()?;
    let copied: Vec<_> = (0..effort.runs)
        .map(|_| copy_and_start(&mysql, &source))
        .collect::<Result<_>>()?;
    let bytes = size(&source)?;
    bench.end()?;
    let ratios: Vec<_> = copied.iter().zip(&ours).map(|(cp, own)| cp / own).collect();
    let rivals = BTreeMap::from([("cp-sync-start", Figures::of(&copied))]);
    Ok(vec![
        row("new-replica", "s", &ours, rivals),
        row("of-cp", "ratio", &ratios, BTreeMap::new()),
        row("data", "MB", &[bytes], BTreeMap::new()),
    ])
}

fn data(bench: &Bench) -> PathBuf {
    bench.local.home().join("member-0/volume/data")
}

fn row(
    metric: &'static str,
    unit: &'static str,
    sample: &[f64],
    rivals: BTreeMap<&'static str, Figures>,
) -> Row {
    Row {
        bench: "clone",
        metric,
        unit,
        n: sample.len(),
        figures: Figures::of(sample),
        rivals,
        floor: None,
    }
}

/// Seconds until a bare server answers on a copy that is on the disk.
fn copy_and_start(mysql: &MysqlRoot, source: &Path) -> Result<f64> {
    let copy = source.with_file_name("copy");
    let _ = fs::remove_dir_all(&copy);
    let begin = Instant::now();
    let limit = Duration::from_secs(300);
    let cp = Cmd::new("cp").arg("-a").args([source, &copy]);
    cp.within(limit).run()?;
    let sync = Cmd::new("sync").args(["--file-system"]).arg(&copy);
    sync.within(limit).run()?;
    let mut server = spawn(mysql, &copy, &["--skip-networking", "--mysqlx=OFF"])?;
    let ready = wait_until("a bare server", LIMIT, || {
        Ok((!answers(mysql, &copy)).then(|| "it does not answer".to_owned()))
    });
    let seconds = begin.elapsed().as_secs_f64();
    server.kill().context("kill a bare mysqld")?;
    server.wait().context("wait for a bare mysqld")?;
    ready?;
    fs::remove_dir_all(&copy).with_context(|| format!("remove {}", copy.display()))?;
    Ok(seconds)
}

/// Megabytes of the files.
fn size(folder: &Path) -> Result<f64> {
    let told = Cmd::new("du").args(["-s", "-m"]).arg(folder).output()?;
    let number = told.split_whitespace().next().unwrap_or_default();
    number.parse().context("read the size of the data")
}
