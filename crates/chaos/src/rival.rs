//! The rival of the benches: the policy of MOCO for Go, over the servers and settings of a cluster of
//! `moco-local` that was stopped. MOCO itself cannot drive MySQL 9: it sets variables that are gone.
//! What it does, in which order, how often it looks and how long it sleeps is taken from its source
//! (`clustering/status.go`, `operations.go`, `process.go`, `pkg/dbop`) at commit cdfed8a.
//!
//! It plays the platform's part, too, at its best: a container whose mysqld has ended is started again
//! a second later, the change of its StatefulSet wakes MOCO half a second after that, and clients are
//! led by the role label without the delay of kube-proxy. Only deaths are played: what MOCO does with a
//! silent host depends on time limits of TCP and of the kubelet that are not here.
//!
//! The physical floor is the same machinery with a policy that is told of the death at once, sleeps
//! nowhere, asks nobody twice and records nothing.

mod front;
mod platform;
mod policy;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use moco_model::MemberId;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::commands::say;
use crate::home::Home;
use platform::Platform;
use policy::Policy;

/// Who is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    /// MOCO with its default check interval of a minute.
    Default,
    /// MOCO with the check interval of its own tests, 5 seconds.
    Tuned,
    /// Nobody: what the servers alone take.
    Floor,
}

/// What `moco-chaos rival` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Rival {
    /// The folder of a cluster that was stopped by `moco-local down`. Its data is of no use to anybody
    /// afterwards.
    #[arg(long)]
    pub(crate) home: PathBuf,
    /// Who is played.
    #[arg(long)]
    pub(crate) who: Who,
}

/// How soon the platform starts a container again.
const RESTART: Duration = Duration::from_secs(1);
/// How soon after a death MOCO is woken by the change of the StatefulSet.
const EVENT: Duration = Duration::from_millis(1_500);

impl Who {
    fn every(self) -> Duration {
        match self {
            Self::Default => Duration::from_secs(60),
            Self::Tuned => Duration::from_secs(5),
            Self::Floor => Duration::from_secs(86_400),
        }
    }
}

/// Plays until `end`; then every server is killed. Says `ready` once writes are taken.
pub(crate) async fn run(
    arguments: Rival,
    ready: impl FnOnce() -> anyhow::Result<()>,
    end: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let home = Home::open(&arguments.home)?;
    let status = home.status().context("the cluster has never run")?;
    let (label, led) = watch::channel(None);
    front::open(status.primary_address, led.clone()).await?;
    front::open(status.replica_address, led).await?;
    let platform = Platform::start(&home, &status)?;
    let mut policy = Policy::new(home, &status, label)?;
    policy
        .begin()
        .await
        .context("the servers cannot be set up")?;
    ready()?;
    let (tell, deaths) = channel(16);
    let restart = (arguments.who != Who::Floor).then_some(RESTART);
    tokio::select! {
        broken = platform.run(restart, tell) => broken,
        () = play(arguments.who, &mut policy, deaths) => Ok(()),
        () = end => Ok(()),
    }
}

async fn play(who: Who, policy: &mut Policy, mut deaths: Receiver<MemberId>) {
    let mut tick = Instant::now() + who.every();
    loop {
        match timeout_at(tick, deaths.recv()).await {
            Ok(Some(member)) if who == Who::Floor => {
                if let Err(error) = policy.at_once(member).await {
                    say(&format!("rival: {error:#}"));
                }
            }
            Ok(Some(_)) => tick = tick.min(Instant::now() + EVENT),
            Ok(None) => return,
            Err(_) => {
                // What fails is left to the next look, as MOCO does; "redo" is a look at once.
                let redo = policy.look().await.unwrap_or_else(|error| {
                    say(&format!("rival: {error:#}"));
                    false
                });
                tick = Instant::now() + if redo { Duration::ZERO } else { who.every() };
            }
        }
    }
}

/// The socket of a member's mysqld, from its options.
fn socket(home: &Home, member: MemberId) -> anyhow::Result<String> {
    let file = home.file(&format!("member-{member}/my.cnf"));
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let values = text.lines().filter_map(|line| line.split_once('='));
    let named =
        |(name, value): (&str, &str)| (name.trim() == "socket").then(|| value.trim().to_owned());
    values
        .into_iter()
        .find_map(named)
        .with_context(|| format!("{} names no socket", file.display()))
}

/// Waits between two looks at something that comes soon.
async fn soon() {
    sleep(Duration::from_millis(5)).await;
}
