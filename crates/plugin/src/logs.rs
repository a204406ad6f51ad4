//! `kubectl moco logs`: what members print, of one or of all, in the order of time.
//!
//! In the container `mysqld` supervise, the agent and mysqld print into one log: the error log is there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use moco_api::constants::containers;
use moco_model::MemberId;

use crate::cli::Logs;
use crate::pods;

mod file;
mod run;
mod slow;

pub(crate) use run::run;

/// Lines of each log from its end when neither a number nor a time is asked for.
const TAIL: i64 = 1_000;
/// Lines of each log at most when only a time is asked for.
const TAIL_SINCE: i64 = 100_000;

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    member: MemberId,
    container: String,
}

/// Why there is nothing to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such member.
    #[error("member {0} has no pod")]
    NoPod(MemberId),
    /// No pods at all.
    #[error("the cluster has no pods")]
    Empty,
    /// No such container.
    #[error("no pod has a container {name}; there are {}", .there_are.join(", "))]
    UnknownContainer {
        /// What was asked for.
        name: String,
        /// What there is.
        there_are: Vec<String>,
    },
}

/// A line, and when it was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    at: Timestamp,
    text: String,
}

/// The logs that are meant.
fn sources(pods: &BTreeMap<MemberId, Pod>, asked: &Logs) -> Result<Vec<Source>, Refusal> {
    if pods.is_empty() {
        return Err(Refusal::Empty);
    }
    let index = asked.index.map(MemberId);
    if let Some(index) = index.filter(|index| !pods.contains_key(index)) {
        return Err(Refusal::NoPod(index));
    }
    let wanted = asked.container.as_deref().unwrap_or(containers::MYSQLD);
    let mut sources = Vec::new();
    let mut there_are = Vec::new();
    let of = |member: &MemberId| index.is_none_or(|index| index == *member);
    for (member, pod) in pods.iter().filter(|(member, _)| of(member)) {
        for container in pods::containers(pod) {
            if asked.all_containers || container == wanted {
                sources.push(Source {
                    member: *member,
                    container,
                });
            } else if !there_are.contains(&container) {
                there_are.push(container);
            }
        }
    }
    if sources.is_empty() {
        let name = wanted.to_owned();
        return Err(Refusal::UnknownContainer { name, there_are });
    }
    Ok(sources)
}

/// What stands before each line; empty where all lines come from one log.
fn prefix(source: &Source, all: &[Source]) -> String {
    let Source { member, container } = source;
    if all.len() == 1 {
        String::new()
    } else if all.iter().all(|one| one.container == *container) {
        format!("[{member}] ")
    } else {
        format!("[{member} {container}] ")
    }
}

/// How many lines from the end are read.
fn tail(asked: &Logs) -> i64 {
    let default = if asked.since.is_some() {
        TAIL_SINCE
    } else {
        TAIL
    };
    asked.tail.map_or(default, i64::from)
}

/// A line as the API server gives it: the time, a blank, the text.
fn entry(line: &str) -> Option<Entry> {
    let (at, text) = line.split_once(' ').unwrap_or((line, ""));
    Some(Entry {
        at: at.parse().ok()?,
        text: text.to_owned(),
    })
}

/// A whole log. A line without a time, which may have been cut, goes with the one before it.
fn entries(log: &str) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    for line in log.lines() {
        let read = entry(line).or_else(|| {
            all.last().map(|last| Entry {
                at: last.at,
                text: line.to_owned(),
            })
        });
        all.extend(read);
    }
    all
}

/// The lines of all logs in the order of time, each with what stands before it. Lines of one log stay in their order;
/// of lines of the same moment those of the first log come first.
fn merged(logs: Vec<(String, Vec<Entry>)>) -> String {
    let mut all: Vec<(Timestamp, String)> = Vec::new();
    for (prefix, mut entries) in logs {
        // A clock that was set back must not tear a log's lines apart.
        let mut latest = Timestamp::MIN;
        for entry in &mut entries {
            latest = latest.max(entry.at);
            all.push((latest, format!("{prefix}{}\n", entry.text)));
        }
    }
    all.sort_by_key(|(at, _)| *at); // a stable sort
    all.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests;
