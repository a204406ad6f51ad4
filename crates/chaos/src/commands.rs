//! The verbs.

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::cli::{Cli, Command, Load as Arguments};
use crate::load::{Load, Look};
use crate::nemesis::{self, Cluster, Event};
use crate::report::Report;
use crate::rival::{self, Rival};

/// The check could not be made.
const NOT_CHECKED: u8 = 2;

pub(crate) fn run(cli: Cli) -> ExitCode {
    let done = prepare().and_then(|runtime| match cli.command {
        Command::Load(arguments) => runtime.block_on(load(arguments)),
        Command::Run(arguments) if arguments.kinds == ["list"] => {
            nemesis::list();
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(arguments) => runtime.block_on(chaos(arguments)),
        Command::Rival(arguments) => runtime.block_on(rival(arguments)),
    });
    done.unwrap_or_else(|error| {
        say(&format!("moco-chaos: {error:#}"));
        ExitCode::from(NOT_CHECKED)
    })
}

fn prepare() -> anyhow::Result<tokio::runtime::Runtime> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.install_default().is_err() {
        bail!("another TLS provider was installed before");
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// One line for people, on standard error.
#[expect(clippy::print_stderr, reason = "progress of a command for people")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// One line for programs, on standard output, at once.
fn tell(value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value).context("cannot write as JSON")?;
    line.push(b'\n');
    let mut output = std::io::stdout().lock();
    output
        .write_all(&line)
        .and_then(|()| output.flush())
        .context("cannot write to standard output")
}

async fn load(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let cluster = Cluster::new(&arguments.home, arguments.program, arguments.hosts)?;
    let mut words = words();
    let mut load = Load::start(cluster.home.clone(), arguments.writing).await?;
    let mut broken = JoinSet::new();
    look(&cluster, &mut load)?;
    // Whoever started this program and is gone has closed the input: that is a stop, too.
    while let Some(line) = words.recv().await {
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("mark", name) if !name.is_empty() => load.mark(name),
            ("break", event) => {
                let event = Event::read(event)?;
                load.mark(event.kind.name());
                let cluster = cluster.clone();
                broken.spawn(async move { cluster.act(&event).await });
            }
            ("look", "") => look(&cluster, &mut load)?,
            ("stretches", "") => tell(&load.stretches())?,
            ("stop", "") => break,
            _ => bail!("there is no word {line:?}"),
        }
    }
    while let Some(event) = broken.join_next().await {
        say(&event.context("an event broke off")??);
    }
    let report = load.stop().await?;
    tell(&report)?;
    Ok(exit(&report))
}

/// What is seen of the load and of the cluster.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    #[serde(flatten)]
    load: Look,
    /// Why the cluster is not whole and healthy; none if it is.
    missing: Option<String>,
}

fn look(cluster: &Cluster, load: &mut Load) -> anyhow::Result<()> {
    let missing = match nemesis::missing(&cluster.home, load) {
        Ok(missing) => missing,
        Err(error) => Some(format!("{error:#}")),
    };
    let load = load.look();
    tell(&Seen { load, missing })
}

/// Lines of standard input. The thread ends with the input, or with the process.
fn words() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line.trim().to_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

async fn rival(arguments: Rival) -> anyhow::Result<ExitCode> {
    let mut words = words();
    let end = async { while words.recv().await.is_some() {} };
    let ready = || tell(&"ready");
    rival::run(arguments, ready, end).await?;
    Ok(ExitCode::SUCCESS)
}

async fn chaos(arguments: crate::cli::Run) -> anyhow::Result<ExitCode> {
    let report = nemesis::run(arguments).await?;
    tell(&report)?;
    Ok(exit(&report.load))
}

fn exit(report: &Report) -> ExitCode {
    if report.clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
