//! Bytes of the image, and how long its programs take to start: a member until its agent answers the first probe, a
//! controller until its first request reaches the API server.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{Effort, Figures, Row};
use crate::cargo::Profile;
use crate::demo::Local;
use crate::images;
use crate::paths;
use crate::say::say;

const WORD: &str = "cargo xtask bench size";
/// Longest that a program may take to start.
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
    let agent = agent_starts(&local, &dir)?;
    let controller = controller_starts(&local, &dir)?;
    Ok(vec![
        row("image", "MB", &[megabytes(bytes)]),
        row("start", "ms", &agent),
        row("controller-start", "ms", &controller),
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
    let mut supervise = spawn(Command::new(local.moco()).args(arguments), "supervise")?;
    while !answers(address) && begin.elapsed() < LIMIT {}
    let took = begin.elapsed();
    end(&mut supervise, "supervise")?;
    // Its agent dies with it; the next one needs the port.
    while TcpStream::connect(address).is_ok() {
        if begin.elapsed() > 2 * LIMIT {
            bail!("an agent outlives its supervise");
        }
    }
    milliseconds(took, &format!("an answer at {address}"))
}

/// Whether the liveness probe is answered.
fn answers(address: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: member\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

/// Milliseconds from starting a controller until its first request, many times. The API server is a socket that
/// hears it and says nothing.
fn controller_starts(local: &Local, dir: &Path) -> Result<Vec<f64>> {
    let api = TcpListener::bind("127.0.0.1:0").context("listen in the place of an API server")?;
    api.set_nonblocking(true)
        .context("listen without waiting")?;
    let address = api.local_addr().context("ask for an address")?;
    let config = dir.join("kubeconfig");
    let text = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "users": [{"name": "bench", "user": {}}],
    });
    fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
    fs::write(&config, text.to_string()).context("write the controller's configuration")?;
    (0..STARTS)
        .map(|_| controller_start(local, &config, &api))
        .collect()
}

fn controller_start(local: &Local, config: &Path, api: &TcpListener) -> Result<f64> {
    let anywhere = "127.0.0.1:0";
    let mut command = Command::new(local.moco());
    command
        .args(["controller", "--namespace=bench", "--pod-name=bench"])
        .args(["--pod-ip=127.0.0.1", "--image=bench"])
        .args(
            ["--listen", "--health-listen", "--metrics-listen"].map(|o| format!("{o}={anywhere}")),
        )
        .env_clear()
        .env("KUBECONFIG", config);
    let begin = Instant::now();
    let mut controller = spawn(&mut command, "a controller")?;
    let mut heard = false;
    while !heard && begin.elapsed() < LIMIT {
        heard = api.accept().is_ok_and(|(mut stream, _)| {
            stream.set_nonblocking(false).is_ok()
                && stream.set_read_timeout(Some(LIMIT)).is_ok()
                && stream.read_exact(&mut [0; 4]).is_ok()
        });
    }
    let took = begin.elapsed();
    end(&mut controller, "the controller")?;
    // What it had still begun must not be taken for the next one's.
    while api.accept().is_ok() {}
    milliseconds(took, "a request of the controller")
}

fn spawn(command: &mut Command, name: &str) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {name}"))
}

fn end(child: &mut Child, name: &str) -> Result<()> {
    child.kill().with_context(|| format!("kill {name}"))?;
    child.wait().with_context(|| format!("wait for {name}"))?;
    Ok(())
}

fn milliseconds(took: Duration, what: &str) -> Result<f64> {
    if took >= LIMIT {
        bail!("not within {} s: {what}", LIMIT.as_secs());
    }
    Ok(took.as_secs_f64() * 1000.0)
}
