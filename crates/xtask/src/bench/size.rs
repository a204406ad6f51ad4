//! Bytes of the image, and the time from starting supervise to its agent's first answer.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{Effort, Figures, Row};
use crate::cargo::Profile;
use crate::demo::Local;
use crate::images;
use crate::paths;
use crate::say::say;

const WORD: &str = "cargo xtask bench size";
/// Longest that an agent may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Starting is quick, so it is done often.
const STARTS: usize = 100;

pub(super) fn run(_: Effort) -> Result<Vec<Row>> {
    say("building the released image (some minutes when something changed)");
    let archive = images::moco(Profile::Release)?;
    let bytes = fs::metadata(&archive.path)
        .context("ask for the image's size")?
        .len();
    let dir = paths::state()?.join("bench-size");
    let local = Local::prepare(WORD, Profile::Release, dir.join("clusters"))?;
    let starts = agent_starts(&local, &dir)?;
    Ok(vec![
        row("image", "MB", &[megabytes(bytes)]),
        row("start", "ms", &starts),
    ])
}

fn row(metric: &'static str, unit: &'static str, sample: &[f64]) -> Row {
    let figures = Figures::of(sample);
    let rivals = BTreeMap::new();
    Row {
        bench: "size",
        metric,
        unit,
        n: sample.len(),
        figures,
        rivals,
        floor: None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an image is far below 2^52 bytes"
)]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Milliseconds from starting supervise until its agent answers, many times: on a volume that was never used, with
/// the command line of a running member.
fn agent_starts(local: &Local, dir: &Path) -> Result<Vec<f64>> {
    local.delete()?;
    let manifest = paths::checkout()?.join("examples/mysqlcluster.yaml");
    local.up(&manifest)?;
    let arguments = local.supervise_arguments()?;
    let volume = dir.join("volume");
    fs::create_dir_all(&volume).with_context(|| format!("make {}", volume.display()))?;
    let (arguments, address) = elsewhere(&arguments, &volume)?;
    let sample = (0..STARTS)
        .map(|_| agent_start(local, &arguments, &address))
        .collect();
    local.delete()?;
    sample
}

/// The same command line with a volume and ports of its own, and where the agent will answer.
fn elsewhere(arguments: &[String], volume: &Path) -> Result<(Vec<String>, String)> {
    let mut changed = Vec::new();
    let mut address = None;
    let mut name = "";
    for argument in arguments {
        let value = match name {
            "--volume" => volume.display().to_string(),
            "--last-good" => volume.join("moco.good").display().to_string(),
            "--listen" | "--health-listen" | "--metrics-listen" => {
                let (host, port) = argument
                    .rsplit_once(':')
                    .context("an address without port")?;
                let other = format!("{host}:1{port}");
                if name == "--health-listen" {
                    address = Some(other.clone());
                }
                other
            }
            _ => argument.clone(),
        };
        changed.push(value);
        name = argument;
    }
    Ok((
        changed,
        address.context("the member has no --health-listen")?,
    ))
}

fn agent_start(local: &Local, arguments: &[String], address: &str) -> Result<f64> {
    let begin = Instant::now();
    let mut supervise = Command::new(local.moco())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start supervise")?;
    let mut answered = None;
    while answered.is_none() && begin.elapsed() < LIMIT {
        if TcpStream::connect(address).is_ok() {
            answered = Some(begin.elapsed());
        }
    }
    supervise.kill().context("kill supervise")?;
    supervise.wait().context("wait for supervise")?;
    // Its agent dies with it; the next one needs the port.
    while TcpStream::connect(address).is_ok() {
        if begin.elapsed() > LIMIT {
            bail!("an agent outlives its supervise");
        }
    }
    let answered = answered.with_context(|| format!("no answer at {address} in {LIMIT:?}"))?;
    Ok(answered.as_secs_f64() * 1000.0)
}
