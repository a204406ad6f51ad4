//! The conditions of a cluster.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use moco_api::constants::{conditions, reasons};
use moco_planner::Problem;
use moco_planner::diagnosis::Finding;
use moco_planner::observation::Clustering;

use super::Sources;
use crate::reconcile::Outcome;
use crate::watch::SetView;

/// Longest message of a condition, in bytes (`metav1.Condition`).
const MESSAGE_BYTES_MAX: usize = 32 * 1024;

/// What a condition says.
struct Said {
    kind: &'static str,
    status: &'static str,
    reason: String,
    message: String,
}

impl Said {
    fn new(kind: &'static str, status: &'static str, reason: &str, message: String) -> Self {
        Self {
            kind,
            status,
            reason: reason.to_owned(),
            message,
        }
    }
}

const fn word(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

/// The conditions after this pass. Those of other writers stay as they were.
pub(super) fn conditions(of: &Sources<'_>, before: &[Condition], now: Timestamp) -> Vec<Condition> {
    merged(said(of, before), of.generation, before, now)
}

/// The conditions with the one about another operator's cluster.
pub(super) fn foreign(of: &Sources<'_>, before: &[Condition], now: Timestamp) -> Vec<Condition> {
    merged(found(of, before), of.generation, before, now)
}

fn merged(
    said: Vec<Said>,
    generation: i64,
    before: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let mut all = before.to_vec();
    for said in said {
        let known = all
            .iter()
            .position(|condition| condition.type_ == said.kind);
        let old = known.and_then(|at| all.get(at));
        let since = old
            .filter(|old| old.status == said.status)
            .map_or(Time(now), |old| old.last_transition_time.clone());
        let condition = Condition {
            type_: said.kind.to_owned(),
            status: said.status.to_owned(),
            reason: said.reason,
            message: cut(said.message),
            observed_generation: Some(generation),
            last_transition_time: since,
        };
        match known.and_then(|at| all.get_mut(at)) {
            Some(place) => *place = condition,
            None => all.push(condition),
        }
    }
    all
}

fn said(of: &Sources<'_>, before: &[Condition]) -> Vec<Said> {
    let mut all = standing(of);
    all.push(set_ready(of));
    all.extend(reconciling(of));
    all.extend(honoured(of));
    all.extend(found(of, before));
    all
}

/// What belongs to somebody else: said while it is so, and taken back afterwards.
fn found(of: &Sources<'_>, before: &[Condition]) -> Vec<Said> {
    let mut all = Vec::new();
    for (kind, problem) in [
        (conditions::FOREIGN_CLUSTER, Problem::ForeignCluster),
        (conditions::FOREIGN_VOLUMES, Problem::ForeignVolumes),
    ] {
        let found = of
            .decision
            .problems
            .iter()
            .find(|found| found.problem == problem);
        if let Some(found) = found {
            all.push(Said::new(kind, "True", kind, found.sentence.clone()));
        } else if before.iter().any(|condition| condition.type_ == kind) {
            all.push(Said::new(
                kind,
                "False",
                &format!("No{kind}"),
                String::new(),
            ));
        }
    }
    all
}

/// Initialized, Available, Healthy: the verdict. A cluster is Healthy only when its pods are ready as well, as it has
/// always been: who waits for Healthy connects next.
fn standing(of: &Sources<'_>) -> Vec<Said> {
    let verdict = &of.decision.verdict;
    let stopped = of.seen.wanted.clustering == Clustering::Stopped;
    // Once initialised, always initialised: a lost register must never look like a new cluster.
    let initialised = verdict.standing.initialized || of.seen.initialised_before;
    let known = |yes| if stopped { "Unknown" } else { word(yes) };
    let available = known(verdict.standing.available);
    let (code, sentence) = (&verdict.code, &verdict.sentence);
    let (reason, message) = if verdict.standing.healthy && !of.healthy() {
        let wanted = of.seen.wanted.replicas;
        let message = format!(
            "every member does its work, and {} of {wanted} pods are ready: the Services lead to these only",
            of.ready_pods
        );
        (reasons::PODS_NOT_READY, message)
    } else {
        (code.as_str(), all_problems(of))
    };
    vec![
        Said::new(
            conditions::INITIALIZED,
            word(initialised),
            code,
            sentence.clone(),
        ),
        Said::new(conditions::AVAILABLE, available, code, sentence.clone()),
        Said::new(conditions::HEALTHY, known(of.healthy()), reason, message),
    ]
}

/// The verdict names the first problem and counts the others; here they are all said.
fn all_problems(of: &Sources<'_>) -> String {
    let problems = &of.decision.problems;
    if problems.len() < 2 {
        return of.decision.verdict.sentence.clone();
    }
    Finding::join(problems)
}

fn set_ready(of: &Sources<'_>) -> Said {
    let kind = conditions::STATEFUL_SET_READY;
    match of.set.map(SetView::ready) {
        None => {
            let message = "there is no StatefulSet".to_owned();
            Said::new(kind, "False", reasons::STATEFUL_SET_NOT_FOUND, message)
        }
        Some(Ok(())) => Said::new(kind, "True", reasons::STATEFUL_SET_READY, String::new()),
        Some(Err(missing)) => Said::new(kind, "False", reasons::STATEFUL_SET_NOT_READY, missing),
    }
}

fn reconciling(of: &Sources<'_>) -> Vec<Said> {
    let mut all = Vec::new();
    let kind = conditions::RECONCILE_SUCCESS;
    match &of.reconciled.outcome {
        Outcome::Done => {
            all.push(Said::new(
                kind,
                "True",
                reasons::RECONCILE_SUCCESS,
                String::new(),
            ));
        }
        Outcome::Unknown | Outcome::Stopped => {}
        Outcome::Invalid(sentence) => {
            all.push(Said::new(
                kind,
                "False",
                reasons::INVALID_SPEC,
                sentence.clone(),
            ));
        }
        Outcome::Refused(sentence) | Outcome::Foreign(sentence) => {
            all.push(Said::new(
                kind,
                "False",
                reasons::RECONCILE_FAILED,
                sentence.clone(),
            ));
        }
    }
    let active = of.reconciled.outcome != Outcome::Stopped;
    let reason = if active {
        reasons::RECONCILIATION_ACTIVE
    } else {
        reasons::RECONCILIATION_INACTIVE
    };
    if of.reconciled.outcome != Outcome::Unknown {
        all.push(Said::new(
            conditions::RECONCILIATION_ACTIVE,
            word(active),
            reason,
            String::new(),
        ));
    }
    let active = of.seen.wanted.clustering == Clustering::Active;
    let reason = if active {
        reasons::CLUSTERING_ACTIVE
    } else {
        reasons::CLUSTERING_INACTIVE
    };
    all.push(Said::new(
        conditions::CLUSTERING_ACTIVE,
        word(active),
        reason,
        String::new(),
    ));
    all
}

/// What was given and has no effect. Nothing is known of it while the objects are not made.
fn honoured(of: &Sources<'_>) -> Vec<Said> {
    let Some(notes) = &of.reconciled.notes else {
        return Vec::new();
    };
    let said = |kind, sentences: &[String], reason| {
        if sentences.is_empty() {
            Said::new(kind, "True", reasons::ALL_HONOURED, String::new())
        } else {
            Said::new(kind, "False", reason, sentences.join("; "))
        }
    };
    vec![
        said(
            conditions::SPEC_HONOURED,
            &notes.fields,
            reasons::FIELDS_WITHOUT_EFFECT,
        ),
        said(
            conditions::CONFIG_HONOURED,
            &notes.options,
            reasons::OPTIONS_WITHOUT_EFFECT,
        ),
    ]
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    }
    message
}
