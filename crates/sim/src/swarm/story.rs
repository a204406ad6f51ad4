//! Runs as text: one line an event, so that a run can be kept, read and repeated.
//!
//! ```text
//! # what it is about
//! seed 17
//! members 3
//! at 2.350 kill mysqld 0
//! at 2.400 cut 0 -> 1 all for 3.000
//! on failover/promote + 0.002 kill agent 1
//! until 9.000
//! ```

use std::fmt::Write as _;
use std::time::Duration;

use super::fault::Fault;
use super::moment::{Aimed, Moment};
use super::network::{Node, Wire};
use super::run::Plan;
use super::scene::ApiMode;

/// Why a story cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the story is not understood: {text:?}")]
pub struct StoryError {
    /// Which line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// A plan as a story.
pub fn write(plan: &Plan, about: &str) -> String {
    let mut text = format!("# {about}\nseed {}\nmembers {}\n", plan.seed, plan.members);
    for (at, fault) in &plan.faults {
        let _ = writeln!(text, "at {} {}", seconds(*at), words(*fault));
    }
    for Aimed { at, after, fault } in &plan.aimed {
        let _ = writeln!(text, "on {at} + {} {}", seconds(*after), words(*fault));
    }
    let _ = writeln!(text, "until {}", seconds(plan.faults_until));
    text
}

fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// A fault in words, as in a story.
pub fn words(fault: Fault) -> String {
    let lasting = |what: String, time: Duration| format!("{what} for {}", seconds(time));
    match fault {
        Fault::KillMysqld(id) => format!("kill mysqld {id}"),
        Fault::KillAgent(id) => format!("kill agent {id}"),
        Fault::KillPod(id) => format!("kill pod {id}"),
        Fault::PowerCut(id) => format!("power-cut {id}"),
        Fault::LoseVolume(id) => format!("lose volume {id}"),
        Fault::FreezeMysqld(id, time) => lasting(format!("freeze mysqld {id}"), time),
        Fault::FreezeAgent(id, time) => lasting(format!("freeze agent {id}"), time),
        Fault::FreezeController(id, time) => lasting(format!("freeze controller {id}"), time),
        Fault::KillController => "kill controller".to_owned(),
        Fault::Overlap(time) => lasting("two controllers".to_owned(), time),
        Fault::Cut(from, to, wire, time) => {
            lasting(format!("cut {from} -> {to} {}", wire.word()), time)
        }
        Fault::Isolate(id, time) => lasting(format!("isolate {id}"), time),
        Fault::LoseCalls(one_of, time) => lasting(format!("lose calls {one_of}"), time),
        Fault::SlowCalls(ms, time) => lasting(format!("slow calls {ms}"), time),
        Fault::Api(ApiMode::Good, time) => lasting("api works".to_owned(), time),
        Fault::Api(ApiMode::FailsBefore, time) => lasting("api fails-before".to_owned(), time),
        Fault::Api(ApiMode::FailsAfter, time) => lasting("api fails-after".to_owned(), time),
        Fault::SlowApplier(id, time) => lasting(format!("slow applier {id}"), time),
        Fault::HungDisk(id, time) => lasting(format!("hang disk {id}"), time),
        Fault::FullDisk(id, time) => lasting(format!("fill disk {id}"), time),
        Fault::Lead(id) => format!("ask {id} to lead"),
        Fault::Evict(id) => format!("evict {id}"),
        Fault::Want(n) => format!("want {n} members"),
    }
}

/// A story as a plan.
pub fn read(text: &str) -> Result<Plan, StoryError> {
    let mut plan = Plan {
        seed: 0,
        members: 3,
        faults_until: Duration::from_secs(10),
        faults: Vec::new(),
        aimed: Vec::new(),
        mutation: None,
    };
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let understood = match words.as_slice() {
            [] | ["#", ..] => Some(()),
            ["seed", seed] => seed.parse().ok().map(|seed| plan.seed = seed),
            ["members", members] => members.parse().ok().map(|members| plan.members = members),
            ["until", time] => time_of(time).map(|time| plan.faults_until = time),
            ["at", time, rest @ ..] => time_of(time)
                .zip(fault_of(rest))
                .map(|event| plan.faults.push(event)),
            ["on", moment, "+", time, rest @ ..] => {
                aimed_of(moment, time, rest).map(|aimed| plan.aimed.push(aimed))
            }
            _ => None,
        };
        understood.ok_or_else(|| StoryError {
            line: number + 1,
            text: line.to_owned(),
        })?;
    }
    Ok(plan)
}

fn aimed_of(moment: &str, time: &str, rest: &[&str]) -> Option<Aimed> {
    Some(Aimed {
        at: Moment::named(moment)?,
        after: time_of(time)?,
        fault: fault_of(rest)?,
    })
}

fn time_of(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let part: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    Some(Duration::from_secs(whole.parse().ok()?) + Duration::from_millis(part))
}

fn fault_of(words: &[&str]) -> Option<Fault> {
    let (what, time) = match words {
        [what @ .., "for", time] => (what, time_of(time)),
        what => (what, None),
    };
    let number = |text: &str| text.parse().ok();
    Some(match what {
        ["kill", "mysqld", id] => Fault::KillMysqld(number(id)?),
        ["kill", "agent", id] => Fault::KillAgent(number(id)?),
        ["kill", "pod", id] => Fault::KillPod(number(id)?),
        ["kill", "controller"] => Fault::KillController,
        ["power-cut", id] => Fault::PowerCut(number(id)?),
        ["lose", "volume", id] => Fault::LoseVolume(number(id)?),
        ["freeze", "mysqld", id] => Fault::FreezeMysqld(number(id)?, time?),
        ["freeze", "agent", id] => Fault::FreezeAgent(number(id)?, time?),
        ["freeze", "controller", id] => Fault::FreezeController(number(id)?, time?),
        ["two", "controllers"] => Fault::Overlap(time?),
        ["cut", from, "->", to, wire] => {
            Fault::Cut(node_of(from)?, node_of(to)?, wire_of(wire)?, time?)
        }
        ["isolate", id] => Fault::Isolate(number(id)?, time?),
        ["lose", "calls", one_of] => Fault::LoseCalls(one_of.parse().ok()?, time?),
        ["slow", "calls", ms] => Fault::SlowCalls(ms.parse().ok()?, time?),
        ["api", "works"] => Fault::Api(ApiMode::Good, time?),
        ["api", "fails-before"] => Fault::Api(ApiMode::FailsBefore, time?),
        ["api", "fails-after"] => Fault::Api(ApiMode::FailsAfter, time?),
        ["slow", "applier", id] => Fault::SlowApplier(number(id)?, time?),
        ["hang", "disk", id] => Fault::HungDisk(number(id)?, time?),
        ["fill", "disk", id] => Fault::FullDisk(number(id)?, time?),
        ["ask", id, "to", "lead"] => Fault::Lead(number(id)?),
        ["evict", id] => Fault::Evict(number(id)?),
        ["want", n, "members"] => Fault::Want(number(n)?),
        _ => return None,
    })
}

fn node_of(text: &str) -> Option<Node> {
    match text.strip_prefix("controller") {
        Some(id) => Some(Node::Controller(id.parse().ok()?)),
        None if text == "api" => Some(Node::Api),
        None => Some(Node::Member(text.parse().ok()?)),
    }
}

fn wire_of(text: &str) -> Option<Wire> {
    [Wire::All, Wire::Sql, Wire::Calls]
        .into_iter()
        .find(|wire| wire.word() == text)
}

#[cfg(test)]
mod tests {
    use super::super::draw::draw;
    use super::*;

    #[test]
    fn every_drawn_plan_is_read_as_it_was_written() {
        for seed in 0..2_000 {
            let plan = draw(seed, None);
            assert_eq!(read(&write(&plan, "a test")), Ok(plan));
        }
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        let error = read("seed 1\nat 1.0 kill everything\n").unwrap_err();
        assert_eq!(
            (error.line, error.text.as_str()),
            (2, "at 1.0 kill everything")
        );
    }
}
