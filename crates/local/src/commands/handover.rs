//! Changing the primary, and what became of it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use moco_model::register::Handover;
use moco_model::{Epoch, MemberId, Register};
use rustix::process::Signal;

use super::{read_status, say};
use crate::cli::{Failovers, Force, Output, Switchover as Arguments};
use crate::home::{self, Home};
use crate::processes;
use crate::requests::{Requests, Switchover};

/// How often the background process's answer is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// `moco-local switchover`: asks, and waits for the answer.
pub(super) fn switchover(dir: Option<PathBuf>, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let home = home::find(&home::root(dir)?, arguments.which.cluster.as_deref())?;
    let before = register(&home)?;
    let to = arguments.to.map(MemberId);
    if let Some(to) = to {
        ensure!(
            before.membership.members.contains(&to),
            "member {to} does not belong to the cluster"
        );
        if to == before.primary {
            say(&format!("member {to} is the primary already"));
            return Ok(ExitCode::SUCCESS);
        }
    }
    ensure!(
        before.membership.members.len() > 1,
        "the cluster has no other member that could become primary"
    );
    let mut requests = Requests::read(&home)?;
    let at = moco_pass::now();
    requests.switchover = Some(Switchover { to, at });
    requests.write(&home)?;
    wake(&home)?;
    let began = Instant::now();
    let mut told = String::new();
    while began.elapsed() < Duration::from_secs(arguments.timeout) {
        let now = register(&home)?;
        if now.primary != before.primary && to.is_none_or(|to| to == now.primary) {
            say(&format!(
                "member {} is the primary of epoch {} after {:.2} s",
                now.primary,
                now.epoch,
                began.elapsed().as_secs_f64()
            ));
            return Ok(ExitCode::SUCCESS);
        }
        if Requests::read(&home)?.switchover.is_none() && now.switchover.is_none() {
            bail!("{}", now.basis.because);
        }
        let sentence = read_status(&home)?.verdict.sentence;
        if sentence != told {
            say(&sentence);
            told = sentence;
        }
        std::thread::sleep(LOOK);
    }
    let mut requests = Requests::read(&home)?;
    requests.switchover = None;
    requests.write(&home)?;
    bail!("not done within {} s: {told}", arguments.timeout)
}

/// `moco-local failovers`: the last changes of the primary.
pub(super) fn failovers(dir: Option<PathBuf>, arguments: &Failovers) -> anyhow::Result<ExitCode> {
    let home = home::find(&home::root(dir)?, arguments.which.cluster.as_deref())?;
    let handovers = register(&home)?.handovers;
    match arguments.output {
        Output::Json => {
            say(&serde_json::to_string_pretty(&handovers).context("cannot write as JSON")?);
        }
        Output::Table if handovers.is_empty() => say("the primary was never changed"),
        Output::Table => {
            let texts: Vec<_> = handovers.iter().map(told).collect();
            say(texts.join("\n").trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn told(handover: &Handover) -> String {
    let time = |millis| {
        Timestamp::from_millisecond(millis).map_or_else(
            |_| millis.to_string(),
            |time| time.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string(),
        )
    };
    let kind = format!("{:?}", handover.kind).to_lowercase();
    let mut text = format!(
        "epoch {}: {kind} from member {} to member {}\n  why      {}\n  noticed  {}\n  decided  {} (+{} ms)\n",
        handover.epoch,
        handover.from,
        handover.to,
        handover.because,
        time(handover.noticed_at),
        time(handover.decided_at),
        handover.decided_at - handover.noticed_at,
    );
    if let Some(opened) = handover.opened_at {
        let _ = writeln!(
            text,
            "  opened   {} (+{} ms)",
            time(opened),
            opened - handover.noticed_at
        );
    }
    for (member, set) in &handover.promised {
        let _ = writeln!(text, "  promise  member {member} held {set}");
    }
    let _ = writeln!(text, "  proof    {}", handover.proof);
    text
}

/// `moco-local force`: a new primary although it cannot be proven that nothing is lost.
pub(super) fn force(dir: Option<PathBuf>, arguments: &Force) -> anyhow::Result<ExitCode> {
    let home = home::find(&home::root(dir)?, arguments.which.cluster.as_deref())?;
    let now = register(&home)?;
    let status = read_status(&home)?;
    let Some(epoch) = arguments.epoch else {
        say(&format!(
            "{}\nWhatever only the members that are missing hold is lost for good, even transactions \
             that clients were told are safe.\nTo do it all the same: moco-local force --epoch {}",
            status.verdict.sentence, now.epoch
        ));
        return Ok(ExitCode::FAILURE);
    };
    ensure!(
        Epoch(epoch) == now.epoch,
        "the epoch in force is {}, not {epoch}; look again before you force anything",
        now.epoch
    );
    let mut requests = Requests::read(&home)?;
    requests.force = Some(Epoch(epoch));
    requests.write(&home)?;
    wake(&home)?;
    say("asked; `moco-local status` shows what happens");
    Ok(ExitCode::SUCCESS)
}

fn register(home: &Home) -> anyhow::Result<Register> {
    home::read_json(&home.register())?.context("the cluster has no primary yet")
}

/// The background process looks at once.
fn wake(home: &Home) -> anyhow::Result<()> {
    let daemon = processes::recorded(&home.daemon())?;
    daemon
        .context("the cluster is stopped; start it with `moco-local up FILE`")?
        .signal(Signal::HUP)
}
