//! `cargo xtask chaos`: breaks a cluster on this machine on purpose, and checks that nothing acknowledged is lost.
//!
//! The writers, the ledger and the nemesis are the program `moco-chaos`; it is built and run as a child. The demo and
//! the benches drive it, too: they tell it what to do on its standard input.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::cargo::{Profile, build_static};
use crate::cmd::Cmd;
use crate::demo::Local;
use crate::paths;
use crate::say::{Watch, say, wait_until};
use crate::testbed::layout::DEFAULT_NAME;

pub(crate) mod hosts;
mod k8s;
mod mirror;
mod summary;

/// The name of the hosts of the members.
const HOSTS: &str = "moco-chaos";

/// Where chaos is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum On {
    /// A cluster in local mode.
    Local,
    /// A cluster on the test cluster, which is started if it is not up.
    K8s,
}

/// What `cargo xtask chaos` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where.
    #[arg(long, value_enum, default_value_t = On::Local)]
    on: On,
    /// The name of the test cluster.
    #[arg(long, env = "MOCO_TESTBED", default_value = DEFAULT_NAME)]
    testbed: String,
    /// How many things are broken.
    #[arg(long, default_value_t = 50)]
    events: u32,
    /// What chooses them; the same seed chooses the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// In local mode: only events of these kinds, separated by commas.
    #[arg(long)]
    kinds: Option<String>,
    /// Rows a second of all writers together at most.
    #[arg(long, default_value_t = 400)]
    rate: u32,
    /// Members share this machine's network and its disk: no wire is cut and no volume filled, and root is not
    /// needed.
    #[arg(long)]
    one_host: bool,
    /// Leaves the cluster as it is at the end.
    #[arg(long)]
    keep: bool,
}

/// `cargo xtask chaos`.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.on == On::K8s {
        return k8s::run(&options.testbed, options.events, options.seed, options.rate);
    }
    let local = prepare(options)?;
    let program = program()?;
    local.up(&paths::checkout()?.join("examples/mysqlcluster.yaml"))?;
    let watch = Watch::start();
    let call = match local.hosts() {
        None => Cmd::new(&program),
        Some(hosts) => hosts.at_hub(&program),
    };
    let mut call = call
        .args(["run", "--home"])
        .arg(local.home())
        .arg("--program")
        .arg(local.program())
        .args(["--events", &options.events.to_string()])
        .args(["--seed", &options.seed.to_string()])
        .args(["--rate", &options.rate.to_string()])
        // It ends by itself: a minute for each event, and the check at the end.
        .within(Duration::from_secs(60 * (u64::from(options.events) + 30)));
    if let Some(hosts) = local.hosts() {
        call = call.args(["--hosts", hosts.name()]);
    }
    if let Some(kinds) = &options.kinds {
        call = call.args(["--kinds", kinds]);
    }
    let mut report = Value::Null;
    let status = call.run_watched(|line| {
        println!("{line}");
        report = serde_json::from_str(line).unwrap_or_default();
    })?;
    show(&report);
    let logs = local.home();
    ensure!(
        status.success(),
        "seed {}: a promise was broken, or could not be checked; the cluster is left in {}",
        options.seed,
        logs.display()
    );
    watch.say("every promise was kept");
    if options.keep {
        return Ok(());
    }
    local.delete()
}

/// Builds the programs, removes what an earlier run left, and gives the members their hosts.
fn prepare(options: &Options) -> Result<Local> {
    let folder = if options.one_host {
        "chaos-one-host"
    } else {
        "chaos"
    };
    let dir = paths::state()?.join(folder);
    let local = Local::prepare("cargo xtask chaos", Profile::Quick, dir)?;
    if !options.one_host {
        return local.with_hosts(HOSTS);
    }
    local.delete().context("remove what an earlier run left")?;
    Ok(local)
}

fn show(report: &Value) {
    let number = |name: &str| {
        report
            .pointer(&format!("/load/{name}"))
            .cloned()
            .unwrap_or_default()
    };
    say(&format!(
        "seed {}, {} events: acked {}, found {}, lost {}, phantom {}, overlapping {}, stale reads {}, unknown {}",
        report.get("seed").unwrap_or(&Value::Null),
        report.get("events").unwrap_or(&Value::Null),
        number("acked"),
        number("found"),
        number("lost"),
        number("phantom"),
        number("overlapping"),
        number("staleReads"),
        number("unknown"),
    ));
    let kinds = report.get("unavailable").and_then(Value::as_array);
    for line in kinds.into_iter().flatten() {
        let seconds = |name: &str| line.get(name).and_then(Value::as_f64).unwrap_or(0.0) / 1000.0;
        let kind = line.get("kind").and_then(Value::as_str).unwrap_or_default();
        let n = line.get("n").and_then(Value::as_u64).unwrap_or_default();
        let (p50, max) = (seconds("p50"), seconds("max"));
        say(&format!(
            "  {kind:<26} n = {n:<4} no writes for p50 {p50:.2} s, max {max:.2} s"
        ));
    }
    for broken in number("violations").as_array().into_iter().flatten() {
        say(&format!(
            "  BROKEN: {}",
            broken.as_str().unwrap_or_default()
        ));
    }
}

/// Builds `moco-chaos`.
pub(crate) fn program() -> Result<PathBuf> {
    say("building moco-chaos");
    build_static("moco-chaos", Profile::Quick)
}

/// A `moco-chaos load` that runs as a child. It ends with this value.
pub(crate) struct Load {
    child: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What is seen of a load while it runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Look {
    /// Acknowledged writes.
    pub(crate) acked: u64,
    /// Attempts that failed.
    pub(crate) failed: u64,
    /// Milliseconds since the last acknowledgement.
    pub(crate) quiet_ms: Option<f64>,
    /// Which server gave it.
    pub(crate) server: Option<u64>,
    /// Why the cluster is not whole and healthy; none if it is.
    pub(crate) missing: Option<String>,
}

/// The report at the end of a load; what is used of it here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) acked: u64,
    pub(crate) found: u64,
    pub(crate) lost: u64,
    pub(crate) phantom: u64,
    pub(crate) unknown: u64,
    pub(crate) overlapping: u64,
    pub(crate) stale_reads: u64,
    pub(crate) violations: Vec<String>,
    pub(crate) marks: Vec<Stretch>,
}

/// What happened after one mark.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stretch {
    pub(crate) name: String,
    /// From the mark to the first acknowledgement of a write begun after it.
    pub(crate) first_ms: Option<f64>,
    /// The longest time between two acknowledgements.
    pub(crate) longest_gap_ms: Option<f64>,
    /// Attempts that failed, of the writer that had the most.
    pub(crate) errors_per_writer_max: u32,
    /// Connections that could not be made, of the writer that had the most.
    pub(crate) failed_connects_per_writer_max: u32,
}

/// How long a change of the primary is waited for.
const CHANGE: Duration = Duration::from_secs(120);
/// Writes go on when so many more have been acknowledged.
const GO_ON: u64 = 50;
/// How long the cluster may take to be whole and healthy again.
const WHOLE: Duration = Duration::from_secs(300);

impl Load {
    /// Starts a load on a cluster; returns when all its writers have written.
    pub(crate) fn start(program: &Path, local: &Local, words: &[&str]) -> Result<Self> {
        let command = Command::new(program);
        Self::spawn(command, &local.home(), local.program(), words)
    }

    /// The same with a command that runs `moco-chaos` and takes its words, on the cluster with this folder, which is
    /// driven by `driver`.
    fn spawn(mut command: Command, home: &Path, driver: &Path, words: &[&str]) -> Result<Self> {
        let mut child = command
            .args(["load", "--home"])
            .arg(home)
            .arg("--program")
            .arg(driver)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start moco-chaos")?;
        let words = child.stdin.take().context("no pipe to moco-chaos")?;
        let answers = child.stdout.take().context("no pipe from moco-chaos")?;
        let mut load = Self {
            child,
            words,
            answers: BufReader::new(answers),
        };
        load.answer::<Look>().context("wait for the first writes")?;
        Ok(load)
    }

    /// Tells it something.
    pub(crate) fn tell(&mut self, word: &str) -> Result<()> {
        writeln!(self.words, "{word}").with_context(|| format!("tell moco-chaos to {word}"))
    }

    /// What is seen now.
    pub(crate) fn look(&mut self) -> Result<Look> {
        self.tell("look")?;
        self.answer()
    }

    /// Waits until writes are acknowledged by another server than `before`.
    pub(crate) fn wait_for_change(&mut self, before: Option<u64>) -> Result<()> {
        wait_until("writes at another primary", CHANGE, || {
            let look = self.look()?;
            let same = look.server == before;
            Ok(same.then(|| format!("the last write was acknowledged {:?} ms ago", look.quiet_ms)))
        })
    }

    /// Waits until writers have failed since `before`, and writes go on again, at whatever server.
    pub(crate) fn wait_for_writes_again(&mut self, before: &Look) -> Result<()> {
        let mut failed: Option<Look> = None;
        wait_until("writes to go on", CHANGE, || {
            let look = self.look()?;
            let again = failed
                .as_ref()
                .is_some_and(|then| look.acked > then.acked + GO_ON);
            if failed.is_none() && look.failed > before.failed {
                failed = Some(look.clone());
            }
            Ok((!again)
                .then(|| format!("the last write was acknowledged {:?} ms ago", look.quiet_ms)))
        })
    }

    /// The stretches until now, without any check of the ledger.
    pub(crate) fn stretches(&mut self) -> Result<Vec<Stretch>> {
        self.tell("stretches")?;
        self.answer()
    }

    /// Waits until the cluster is whole and healthy, and writes go on.
    pub(crate) fn wait_until_whole(&mut self) -> Result<()> {
        wait_until("the cluster to be whole", WHOLE, || {
            Ok(self.look()?.missing)
        })
    }

    /// Waits until the cluster is seen not to be whole.
    pub(crate) fn wait_until_broken(&mut self) -> Result<()> {
        wait_until("the cluster not to be whole", CHANGE, || {
            let whole = self.look()?.missing.is_none();
            Ok(whole.then(|| "it is whole".to_owned()))
        })
    }

    /// Ends the writing; an error unless the ledger is clean.
    pub(crate) fn stop(self) -> Result<Report> {
        let report = self.stop_with_report()?;
        if !report.violations.is_empty() {
            bail!("the ledger is not clean: {}", report.violations.join("; "));
        }
        Ok(report)
    }

    /// Ends the writing, and tells whatever was found.
    fn stop_with_report(mut self) -> Result<Report> {
        self.tell("stop")?;
        let report: Report = self.answer().context("wait for the report")?;
        self.child.wait().context("wait for moco-chaos")?;
        Ok(report)
    }

    fn answer<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        let length = self
            .answers
            .read_line(&mut line)
            .context("read from moco-chaos")?;
        ensure!(length > 0, "moco-chaos ended; see above");
        serde_json::from_str(&line).context("read an answer of moco-chaos")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // After `stop` it has ended, and both do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
