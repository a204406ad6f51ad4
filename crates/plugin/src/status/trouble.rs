//! Everything that is wrong with a cluster, and what happens next.

use moco_api::constants::conditions;
use moco_planner::Problem;
use moco_planner::diagnosis::Finding;
use serde::Serialize;

use crate::cluster::Cluster;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Trouble {
    /// A problem's code, which has a page in `docs/problems`, or the reason of the condition Healthy.
    pub(super) code: String,
    /// What is wrong, in the controller's words.
    pub(super) sentence: String,
    /// What MOCO does and what a person can do, in the words of the problem's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

impl Trouble {
    fn new(code: &str, sentence: &str) -> Self {
        let known = Problem::of_code(code);
        Self {
            code: code.to_owned(),
            sentence: sentence.to_owned(),
            next: known.map(|problem| problem.advice().to_owned()),
        }
    }
}

/// Everything that is wrong, the most urgent first: what the condition Healthy says, which names every
/// problem of the pass, else the verdict.
pub(super) fn all(cluster: &Cluster) -> Vec<Trouble> {
    // Of another operator's cluster MOCO says this and nothing else; the rest of the status is not MOCO's.
    if let Some(foreign) = cluster.condition(conditions::FOREIGN_CLUSTER)
        && foreign.status == "True"
    {
        return vec![Trouble::new(&foreign.type_, &foreign.message)];
    }
    let Some(verdict) = &cluster.verdict else {
        return Vec::new();
    };
    let healthy = cluster.condition(conditions::HEALTHY);
    if healthy.is_some_and(|healthy| healthy.status == "True") {
        return Vec::new();
    }
    if verdict.code == moco_planner::verdict::HEALTHY {
        // Every member does its work, and something else is missing.
        let because = healthy.map(|healthy| Trouble::new(&healthy.reason, &healthy.message));
        return because.into_iter().collect();
    }
    let message = healthy.map_or("", |healthy| &healthy.message);
    let each = Finding::split(message);
    let mut said: Vec<_> = each
        .iter()
        .map(|found| Trouble::new(found.problem.code(), &found.sentence))
        .collect();
    // The message of a single problem has no code, and a plan that was refused is no problem of the table.
    if said.first().is_none_or(|first| first.code != verdict.code) {
        said.insert(0, Trouble::new(&verdict.code, &verdict.sentence));
    }
    said
}
