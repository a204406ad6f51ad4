//! The verdict: one sentence for people, the same in log, condition, event and metric.

use moco_model::Millis;
use serde::{Deserialize, Serialize};

use crate::check::Refusal;
use crate::diagnosis::Finding;
use crate::observation::{Observation, Seen};
use crate::problem::Problem;

/// How the cluster is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `Healthy`, a problem's code, or `UnsafePlan`.
    pub code: String,
    /// One sentence.
    pub sentence: String,
    /// What that means for users.
    pub standing: Standing,
}

/// What MOCO's conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The cluster was opened for writing at least once.
    pub initialized: bool,
    /// The primary takes writes, and enough replicas acknowledge them.
    pub available: bool,
    /// Every wanted member is recorded and does its work, and no problem is known.
    pub healthy: bool,
}

/// The code of a cluster without problems.
pub const HEALTHY: &str = "Healthy";
/// The code of a pass whose plan was refused by [`crate::check`].
pub const UNSAFE_PLAN: &str = "UnsafePlan";

impl Verdict {
    /// The verdict on a cluster with `problems`.
    pub fn of(seen: &Observation, problems: &[Finding]) -> Self {
        let standing = Standing {
            initialized: seen
                .register
                .as_ref()
                .is_some_and(|register| register.initialised),
            available: available(seen, problems),
            healthy: problems
                .iter()
                .all(|found| found.problem == Problem::LabelsOutdated)
                && available(seen, problems),
        };
        match problems.first() {
            None => Self {
                code: HEALTHY.to_owned(),
                sentence: healthy_sentence(seen),
                standing,
            },
            Some(first) => {
                let more = problems.len() - 1;
                let others = if more == 0 {
                    String::new()
                } else {
                    format!(" (and {more} more)")
                };
                Self {
                    code: first.problem.code().to_owned(),
                    sentence: format!("{}{others}", first.sentence),
                    standing,
                }
            }
        }
    }

    /// The verdict of a pass whose plan broke a safety rule: a defect of MOCO, shown and not acted on.
    pub fn unsafe_plan(refusal: &Refusal) -> Self {
        Self {
            code: UNSAFE_PLAN.to_owned(),
            sentence: format!("MOCO refused its own plan and did nothing: {refusal}"),
            standing: Standing {
                initialized: true,
                available: false,
                healthy: false,
            },
        }
    }

    /// After how many milliseconds to look again when nothing happens before.
    pub(crate) fn look_again_ms(&self) -> Millis {
        match Problem::of_code(&self.code) {
            None if self.code == HEALTHY => 60_000,
            None => 30_000,
            Some(problem) if problem.blocks() => 30_000,
            Some(_) => 500,
        }
    }
}

fn available(seen: &Observation, problems: &[Finding]) -> bool {
    let open = seen
        .primary()
        .and_then(|(_, primary)| primary.server())
        .is_some_and(|server| server.writable && !server.offline);
    let spoilt = |found: &Finding| {
        use Problem::{PrimaryStuck, PrimaryUnreachable, SemiSyncStarved};
        matches!(
            found.problem,
            PrimaryStuck | PrimaryUnreachable | SemiSyncStarved
        )
    };
    open && !problems.iter().any(spoilt)
}

fn healthy_sentence(seen: &Observation) -> String {
    let heard = seen
        .members
        .values()
        .filter(|member| matches!(member.report, Seen::Fresh(_)))
        .count();
    let primary = seen
        .register
        .as_ref()
        .map_or(0, |register| register.primary.0);
    match heard {
        1 => format!("member {primary} takes writes; there are no replicas"),
        n => format!(
            "primary {primary} takes writes and {} replicas follow it",
            n - 1
        ),
    }
}
