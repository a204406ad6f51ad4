//! What a change does, in sentences.
//!
//! Everything that depends on how far the controller goes by itself today is said here and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use moco_api::TrustedCluster;
use moco_api::constants::annotations;
use moco_api::trusted::Stopped;
use moco_model::{ClusterId, MemberId, Register, quorum};
use moco_planner::Problem;
use serde::Serialize;
use serde_json::Value;

use super::Form;
use super::made::Made;
use super::options;
use crate::annotate;
use crate::difference::{Difference, differences};

mod writes;

/// What is done to one part of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Effect {
    /// Which part.
    pub(super) on: Part,
    /// What is done.
    pub(super) sentences: Vec<String>,
}

/// Parts of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    /// How many members there are, and whether they run.
    Members,
    /// my.cnf.
    Options,
    /// What the pods are made from.
    Pods,
    /// The members' volumes.
    Volumes,
    /// Services and other objects beside the pods.
    Objects,
    /// What MOCO may decide.
    Decisions,
    /// Clients that write.
    Writes,
}

impl Part {
    /// The heading for people.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Members => "Members",
            Self::Options => "Options of mysqld",
            Self::Pods => "Pods",
            Self::Volumes => "Volumes",
            Self::Objects => "Services and other objects",
            Self::Decisions => "What MOCO decides",
            Self::Writes => "Writes",
        }
    }
}

/// The cluster as it is.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    /// Which.
    pub(super) cluster: ClusterId,
    /// The record of who is primary.
    pub(super) register: Option<Register>,
}

/// Which pods take a change up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// None: nothing changes for them, or something holds it up.
    NoPod,
    /// Those that are made anew.
    NewPods,
}

/// Everything about one form of a manifest that has an effect.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Side {
    replicas: u32,
    offline: bool,
    stopped: Stopped,
    /// The values of those of [`ASKED`] that are given.
    asked: BTreeMap<&'static str, String>,
    made: Made,
}

/// Annotations that ask for something.
const ASKED: [&str; 3] = [
    annotations::REBUILD,
    annotations::FORCE_FAILOVER,
    annotations::FORCE_ROLLING_UPDATE,
];

impl Side {
    pub(super) fn of(trusted: &TrustedCluster, form: &Form, made: Made) -> Self {
        let given = form.cluster.metadata.annotations.as_ref();
        let asked = |key| Some((key, given?.get(key)?.clone()));
        Self {
            replicas: trusted.replicas,
            offline: trusted.offline,
            stopped: trusted.stopped,
            asked: ASKED.into_iter().filter_map(asked).collect(),
            made,
        }
    }

    /// Whether the rollout is left to Kubernetes.
    fn rolls_by_force(&self) -> bool {
        let asked = self.asked.get(annotations::FORCE_ROLLING_UPDATE);
        asked.is_some_and(|value| value == annotate::TRUE)
    }
}

/// What happens when a cluster is made.
pub(super) fn of_new(trusted: &TrustedCluster) -> Vec<Effect> {
    let members = match trusted.replicas {
        1 => "member 0 is made; MOCO initialises it when it was heard".to_owned(),
        n => format!(
            "members 0 to {} are made; MOCO initialises one when all were heard, and the others follow it",
            n - 1
        ),
    };
    vec![effect(Part::Members, vec![members, acks(trusted.replicas)])]
}

/// What happens to a cluster that exists; nothing when nothing changes.
pub(super) fn of_change(situation: &Situation, before: &Side, after: &Side) -> Vec<Effect> {
    let claims = differences("", &before.made.claims, &after.made.claims);
    let template = differences("", &before.made.template, &after.made.template);
    // Claims that cannot be changed hold the whole StatefulSet up.
    let pods_change = before.made.my_cnf != after.made.my_cnf || !template.is_empty();
    let reach = if pods_change && claims.is_empty() && !after.offline {
        Reach::NewPods
    } else {
        Reach::NoPod
    };
    let parts = [
        (Part::Members, members(situation, before, after)),
        (Part::Options, self::options(&before.made, &after.made)),
        (Part::Pods, pods(situation, &template, reach, after)),
        (Part::Volumes, volumes(&claims)),
        (Part::Objects, objects(&before.made, &after.made)),
        (Part::Decisions, decisions(before, after)),
        (
            Part::Writes,
            writes::writes(situation, before, after, reach),
        ),
    ];
    let given = parts
        .into_iter()
        .filter(|(_, sentences)| !sentences.is_empty());
    given.map(|(on, sentences)| effect(on, sentences)).collect()
}

fn effect(on: Part, sentences: Vec<String>) -> Effect {
    Effect { on, sentences }
}

fn acks(replicas: u32) -> String {
    match quorum::acks(replicas) {
        0 => "commits wait for nobody: no other member holds what is written".to_owned(),
        1 => "each commit waits for 1 acknowledgement".to_owned(),
        n => format!("each commit waits for {n} acknowledgements"),
    }
}

fn members(situation: &Situation, before: &Side, after: &Side) -> Vec<String> {
    let mut said = Vec::new();
    let numbers = |from: u32, to: u32| {
        let all: Vec<_> = (from..to).map(|id| id.to_string()).collect();
        let s = if all.len() == 1 { "" } else { "s" };
        (format!("member{s} {}", all.join(", ")), all.len() == 1)
    };
    let (old, new) = (before.replicas, after.replicas);
    if new > old {
        let (who, one) = numbers(old, new);
        let (is, it) = if one {
            ("is", "it holds")
        } else {
            ("are", "they hold")
        };
        said.push(format!(
            "{who} {is} added, filled from the primary's data, and counted when {it} everything"
        ));
    } else if new < old {
        let (who, one) = numbers(new, old);
        let (is, stop) = if one {
            (
                "is",
                "it acknowledges nothing more before its pod goes, and its volume is kept",
            )
        } else {
            (
                "are",
                "they acknowledge nothing more before their pods go, and their volumes are kept",
            )
        };
        said.push(format!("{who} {is} removed: {stop}"));
    }
    if quorum::acks(old) != quorum::acks(new) {
        said.push(acks(new));
    }
    if new == 2 && old != 2 {
        said.push("two members lose nothing, and stop writing when either fails".to_owned());
    }
    let name = &situation.cluster.name;
    match (before.offline, after.offline) {
        (false, true) => said.push(format!(
            "every pod of {name} is taken away; the volumes are kept"
        )),
        (true, false) => {
            said.push("the pods are made again, with the volumes that were kept".to_owned());
        }
        _ => {}
    }
    said
}

fn options(before: &Made, after: &Made) -> Vec<String> {
    let all = options::changed(&before.my_cnf, &after.my_cnf);
    if all.is_empty() && before.my_cnf != after.my_cnf {
        // The name of its ConfigMap is made of all its text.
        return vec![
            "my.cnf changes, and no option of mysqld does: the pods are made from a ConfigMap of another name"
                .to_owned(),
        ];
    }
    all.iter().map(option).collect()
}

fn option(change: &Difference) -> String {
    let dynamic = if options::is_dynamic(&change.field) {
        " (dynamic: a running server could take it)"
    } else {
        " (taken up when mysqld starts)"
    };
    format!("{}{dynamic}", change.line())
}

/// What the annotation that leaves the rollout to Kubernetes does.
const BY_FORCE: &str = "Kubernetes makes the pods anew, the last one first and each as soon as the one before is ready, \
                        whether the cluster is healthy or not, until the annotation \
                        moco.cybozu.com/force-rolling-update is taken off";

/// Which parts of the pods change, and how they come to be made anew.
fn pods(situation: &Situation, template: &[Difference], reach: Reach, after: &Side) -> Vec<String> {
    let mut said = Vec::new();
    let places: BTreeSet<_> = template.iter().map(|one| place(&one.field)).collect();
    if !places.is_empty() {
        let places: Vec<_> = places.into_iter().collect();
        said.push(format!("the template changes in {}", places.join(", ")));
    }
    if reach == Reach::NewPods {
        let pod = |member: u32| situation.cluster.pod_name(MemberId(member));
        let how = match after.replicas {
            1 => format!("delete {}", pod(0)),
            n => format!(
                "delete the pods one by one, from {} down to {}, and wait for Healthy between them",
                pod(n - 1),
                pod(0)
            ),
        };
        said.push(if after.rolls_by_force() {
            BY_FORCE.to_owned()
        } else {
            format!(
                "members that work take this up when their pods are made anew, which MOCO does not do by itself yet: {how}"
            )
        });
    }
    said
}

/// The place of a difference, as far as a reader wants it: `spec.containers[mysqld].image`.
fn place(field: &str) -> String {
    const PARTS: usize = 3;
    let parts: Vec<_> = field
        .trim_start_matches('.')
        .split('.')
        .take(PARTS)
        .collect();
    let place = parts.join(".");
    // The words of a command line are one place.
    for words in [".command", ".args"] {
        if let Some((container, _)) = place.split_once(&format!("{words}[")) {
            return format!("{container}{words}");
        }
    }
    place
}

fn volumes(claims: &[Difference]) -> Vec<String> {
    let mut said: Vec<_> = claims
        .iter()
        .map(|one| format!("spec.volumeClaimTemplates{}", one.line()))
        .collect();
    if !said.is_empty() {
        said.push(format!(
            "Kubernetes lets nobody change the claims of a StatefulSet that exists, so the verdict will be {}, \
             and nothing that concerns the pods or their number is done until the claims are as they were",
            Problem::ObjectRefused
        ));
    }
    said
}

fn objects(before: &Made, after: &Made) -> Vec<String> {
    let slow_log = after.slow_log.iter();
    let new = slow_log.filter(|name| before.slow_log.as_ref() != Some(name));
    let mut said: Vec<_> = new
        .map(|name| format!("ConfigMap {name} is made"))
        .collect();
    let (before, after) = (&before.others, &after.others);
    let find = |all: &[(String, Value)], wanted: &str| {
        let mut all = all.iter();
        all.find(|(name, _)| name == wanted)
            .map(|(_, object)| object.clone())
    };
    let names: BTreeSet<_> = before.iter().chain(after).map(|(name, _)| name).collect();
    for name in names {
        match (find(before, name), find(after, name)) {
            (Some(old), Some(new)) => {
                let all = differences("", &old, &new);
                let line = |one: &Difference| {
                    let line = one.line();
                    format!("{name}: {}, at once", line.trim_start_matches('.'))
                };
                said.extend(all.iter().map(line));
            }
            (None, Some(_)) => said.push(format!("{name} is made")),
            (Some(_), None) => said.push(format!("{name} is deleted")),
            (None, None) => {}
        }
    }
    said
}

fn decisions(before: &Side, after: &Side) -> Vec<String> {
    let mut said = Vec::new();
    match (before.stopped.clustering, after.stopped.clustering) {
        (false, true) => said
            .push("nothing is decided about the members any more: there is no failover".to_owned()),
        (true, false) => said.push("MOCO decides about the members again".to_owned()),
        _ => {}
    }
    match (before.stopped.reconciliation, after.stopped.reconciliation) {
        (false, true) => said.push("the cluster's objects are left as they are".to_owned()),
        (true, false) => said.push("the cluster's objects are written again".to_owned()),
        _ => {}
    }
    for key in ASKED {
        let (old, new) = (before.asked.get(key), after.asked.get(key));
        if old != new {
            let or_dash = |value: Option<&String>| value.map_or("-", String::as_str).to_owned();
            said.push(format!("{key}: {} -> {}", or_dash(old), or_dash(new)));
        }
    }
    said
}
