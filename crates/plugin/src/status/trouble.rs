//! Everything that is wrong with a cluster, and what happens next.

use moco_api::constants::conditions;
use moco_planner::Problem;
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
        let known = Problem::ALL.iter().find(|problem| problem.code() == code);
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
    let condition = |kind: &str| {
        let mut all = cluster.conditions.iter();
        all.find(|condition| condition.type_ == kind)
    };
    // Of another operator's cluster MOCO says this and nothing else; the rest of the status is not MOCO's.
    if let Some(foreign) = condition(conditions::FOREIGN_CLUSTER)
        && foreign.status == "True"
    {
        return vec![Trouble::new(&foreign.type_, &foreign.message)];
    }
    let Some(verdict) = &cluster.verdict else {
        return Vec::new();
    };
    let healthy = condition(conditions::HEALTHY);
    if healthy.is_some_and(|healthy| healthy.status == "True") {
        return Vec::new();
    }
    if verdict.code == moco_planner::verdict::HEALTHY {
        // Every member does its work, and something else is missing.
        let because = healthy.map(|healthy| Trouble::new(&healthy.reason, &healthy.message));
        return because.into_iter().collect();
    }
    let mut said = each(healthy.map_or("", |healthy| &healthy.message));
    // The message of a single problem has no code, and a plan that was refused is no problem of the table.
    if said.first().is_none_or(|first| first.code != verdict.code) {
        said.insert(0, Trouble::new(&verdict.code, &verdict.sentence));
    }
    said
}

/// The problems of a message of the form `CODE: sentence; CODE: sentence`. A sentence may hold `; `.
fn each(message: &str) -> Vec<Trouble> {
    let mut all: Vec<Trouble> = Vec::new();
    for part in message.split("; ") {
        let named = part.split_once(": ").filter(|(code, _)| {
            let mut known = Problem::ALL.iter();
            known.any(|problem| problem.code() == *code)
        });
        match (named, all.last_mut()) {
            (Some((code, sentence)), _) => all.push(Trouble::new(code, sentence)),
            (None, Some(last)) => last.sentence.extend(["; ", part]),
            (None, None) => return Vec::new(), // one sentence without a code
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart_at_the_codes_and_not_inside_of_sentences() {
        let message = "ReplicaUnreachable: replica 1 starts mysqld; replica 2 stops mysqld; \
                       BookOutdated: 1 of 3 members count for a failover";
        let said = each(message);
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(
            said[0].sentence,
            "replica 1 starts mysqld; replica 2 stops mysqld"
        );
        assert_eq!(
            said[1].next.as_deref(),
            Some(Problem::BookOutdated.advice())
        );
        assert!(each("primary 0 is closed; it waits").is_empty());
    }
}
