//! The nemesis: breaks things while a load runs, and tells how long nobody could write.

mod act;
mod apart;
mod plan;
mod summary;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tokio::time::sleep;

use crate::cli::Run;
use crate::commands::say;
use crate::home::Home;
use crate::load::Load;
use crate::processes::{MemberProcesses, daemon};
use crate::report::Report;
pub(crate) use act::Cluster;
pub(crate) use plan::Event;
use plan::{Kind, Then, plan};
use summary::Unavailable;

/// How often the cluster's state is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Writes go on when the last acknowledgement is no older than this.
const GOES_ON_MS: f64 = 1_000.0;

/// What a run showed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Chaos {
    /// What repeats it.
    pub(crate) seed: u64,
    /// Events that were done.
    pub(crate) events: u32,
    /// How long nobody could write, for each kind of event and for all of them.
    pub(crate) unavailable: Vec<Unavailable>,
    /// The load's report.
    pub(crate) load: Report,
}

/// Shows the kinds of events.
pub(crate) fn list() {
    Kind::all().for_each(|kind| say(kind.name()));
}

/// Runs the events of the seed, then judges.
pub(crate) async fn run(arguments: Run) -> anyhow::Result<Chaos> {
    let only: Vec<_> = arguments
        .kinds
        .iter()
        .map(|name| Kind::named(name).with_context(|| format!("there is no kind {name}")))
        .collect::<Result<_, _>>()?;
    let cluster = Cluster::new(&arguments.home, arguments.program, arguments.hosts)?;
    let able = |kind: Kind| {
        let wanted = only.is_empty() || only.contains(&kind);
        wanted && (cluster.wires.is_some() || !kind.cuts_wires())
    };
    let patience = Duration::from_secs(arguments.patience);
    let minutes = arguments
        .minutes
        .unwrap_or_else(|| u64::from(arguments.events) + 5);
    let mut load = Load::start(cluster.home.clone(), arguments.writing).await?;
    let began = Instant::now();
    let mut done = 0;
    let mut broken = None;
    for event in plan(arguments.seed, arguments.events, able) {
        if began.elapsed() > Duration::from_secs(minutes * 60) {
            broken = Some(format!("only {done} events were done in {minutes} minutes"));
            break;
        }
        let name = format!("{:03} {}", done + 1, event.kind.name());
        load.mark(&name);
        let told = cluster.act(&event).await?;
        done += 1;
        say(&format!(
            "[{:6.1} s] {name}: {told}",
            began.elapsed().as_secs_f64()
        ));
        match event.then {
            Then::After(pause) => sleep(pause).await,
            Then::Healthy => broken = mended(&cluster.home, &mut load, patience).await,
        }
        if broken.is_some() {
            break;
        }
    }
    load.mark("end");
    if broken.is_none() {
        broken = mended(&cluster.home, &mut load, patience).await;
    }
    let mut report = load.stop().await?;
    report.violations.extend(broken);
    report.clean = report.violations.is_empty();
    Ok(Chaos {
        seed: arguments.seed,
        events: done,
        unavailable: summary::of(&report.marks),
        load: report,
    })
}

/// Waits until the cluster is whole and healthy again and writes go on; what is missing if that takes
/// longer than `patience`.
async fn mended(home: &Home, load: &mut Load, patience: Duration) -> Option<String> {
    let began = Instant::now();
    loop {
        let missing = match missing(home, load) {
            Ok(None) => return None,
            Ok(Some(missing)) => missing,
            Err(error) => format!("{error:#}"),
        };
        if began.elapsed() > patience {
            let seconds = patience.as_secs();
            return Some(format!("not healthy again after {seconds} s: {missing}"));
        }
        sleep(LOOK).await;
    }
}

/// Why the cluster is not whole and healthy; none if it is. The status may be older than the last
/// event: it holds only where it names the processes that run.
pub(crate) fn missing(home: &Home, load: &mut Load) -> anyhow::Result<Option<String>> {
    if daemon(home)?.is_none() {
        return Ok(Some("the background process does not run".to_owned()));
    }
    let status = home.status()?;
    load.add_members(&status)?;
    for member in &status.members {
        let id = member.id;
        let found = MemberProcesses::of(home, id)?;
        let mysqld = found.mysqld.map(|process| process.pid);
        if mysqld.is_none() || mysqld != member.mysqld_pid {
            let sentence = &status.verdict.sentence;
            return Ok(Some(format!("member {id} does not run; {sentence}")));
        }
    }
    if !status.verdict.standing.healthy {
        let verdict = status.verdict;
        return Ok(Some(format!("{}: {}", verdict.code, verdict.sentence)));
    }
    let quiet = load.look().quiet_ms;
    let goes_on = quiet.is_some_and(|quiet| quiet < GOES_ON_MS);
    Ok((!goes_on).then(|| format!("the last write was acknowledged {quiet:?} ms ago")))
}
