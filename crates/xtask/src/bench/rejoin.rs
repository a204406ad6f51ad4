//! Back to full redundancy after the primary's mysqld was killed: from the kill until all members are whole and
//! healthy, over what a bare mysqld takes to recover from the same kill; and in how many cases without a clone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::fresh::{answers, end_of, socket, spawn};
use super::under_load::Bench;
use super::{Effort, Figures, Row};
use crate::demo::failover::{clones, primary};
use crate::mysql_root::MysqlRoot;
use crate::paths;
use crate::say::{say, wait_until};

const WORD: &str = "cargo xtask bench rejoin";
/// Longest that a bare server may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Rows that a bare server has written when it is killed: about what the cluster writes in a few seconds.
const ROWS: usize = 2_000;
const BARE: [&str; 2] = ["--skip-networking", "--mysqlx=OFF"];

pub(super) fn run(effort: Effort) -> Result<Vec<Row>> {
    let mysql = MysqlRoot::ensure(WORD)?;
    let bench = Bench::start(WORD, "bench-rejoin")?;
    let folder = paths::state()?.join("bench-rejoin/bare");
    let mut load = bench.load(200)?;
    let (mut ours, mut recovery, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=effort.runs {
        load.wait_until_whole()?;
        let before = load.look()?;
        let (member, _) = primary(&bench.local)?;
        let known = clones(&bench.local, member)?;
        load.tell("break kill-primary")?;
        let killed = Instant::now();
        load.wait_for_change(before.server)?;
        load.wait_until_whole()?;
        ours.push(killed.elapsed().as_secs_f64());
        let same = clones(&bench.local, member)? == known;
        without.push(if same { 100.0 } else { 0.0 });
        recovery.push(crash_recovery(&mysql, &folder)?);
        say(&format!(
            "  rejoin: run {run} of {}, without a clone: {same}",
            effort.runs
        ));
    }
    load.stop()?;
    bench.end()?;
    let share = without.iter().sum::<f64>() / f64::from(u32::try_from(without.len())?.max(1));
    let ratios: Vec<_> = ours.iter().zip(&recovery).map(|(a, b)| a / b).collect();
    Ok(vec![
        row("without-clone", "%", without.len(), &[share], &[]),
        row(
            "crash-to-healthy",
            "s",
            ours.len(),
            &ours,
            &[("bare-crash-recovery", &recovery)],
        ),
        row("over-crash-recovery", "ratio", ratios.len(), &ratios, &[]),
    ])
}

fn row(
    metric: &'static str,
    unit: &'static str,
    n: usize,
    sample: &[f64],
    rivals: &[(&'static str, &[f64])],
) -> Row {
    let rivals: BTreeMap<_, _> = rivals
        .iter()
        .map(|(name, sample)| (*name, Figures::of(sample)))
        .collect();
    Row {
        bench: "rejoin",
        metric,
        unit,
        n,
        figures: Figures::of(sample),
        rivals,
        floor: None,
    }
}

/// Seconds from the start of a bare mysqld that was killed while it wrote until it answers.
fn crash_recovery(mysql: &MysqlRoot, folder: &Path) -> Result<f64> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let initialise = spawn(mysql, folder, &["--initialize-insecure"])?;
    end_of(initialise, "mysqld --initialize-insecure")?;
    let server = spawn(mysql, folder, &BARE)?;
    let killed = answering(mysql, folder).and_then(|()| write(mysql, folder));
    kill(server)?;
    killed?;
    let begin = Instant::now();
    let server = spawn(mysql, folder, &BARE)?;
    let ready = answering(mysql, folder);
    let seconds = begin.elapsed().as_secs_f64();
    kill(server)?;
    ready?;
    fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    Ok(seconds)
}

fn answering(mysql: &MysqlRoot, folder: &Path) -> Result<()> {
    wait_until("a bare server", LIMIT, || {
        Ok((!answers(mysql, folder)).then(|| "it does not answer".to_owned()))
    })
}

fn kill(mut server: Child) -> Result<()> {
    server.kill().context("kill a bare mysqld")?;
    server.wait().context("wait for a bare mysqld").map(drop)
}

/// Writes rows, one transaction each.
fn write(mysql: &MysqlRoot, folder: &Path) -> Result<()> {
    let mut client = Command::new(mysql.mysqld().with_file_name("mysql"))
        .args(["--no-defaults", "--user=root", "--unbuffered"])
        .arg(format!("--socket={}", socket(folder).display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start mysql")?;
    let mut text = "CREATE DATABASE b; CREATE TABLE b.t (a INT PRIMARY KEY, f TEXT);\n".to_owned();
    for row in 0..ROWS {
        let _ = writeln!(text, "INSERT INTO b.t VALUES ({row}, REPEAT('x', 200));");
    }
    let mut pipe = client.stdin.take().context("no pipe to mysql")?;
    pipe.write_all(text.as_bytes()).context("write rows")?;
    drop(pipe);
    let output = client.wait_with_output().context("wait for mysql")?;
    ensure!(output.status.success(), "mysql: {}", output.status);
    Ok(())
}
