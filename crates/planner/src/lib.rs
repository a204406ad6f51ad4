//! Decides what to do about a cluster.
//!
//! ```text
//! observe ─► Observation ─► diagnose ─► [Problem] ─► remedy ─► Plan ─► check ─► act ─► world
//!    ▲                                                                              │
//!    └──────────── nothing flows back except through the next observation ──────────┘
//! ```
//!
//! [`decide`] is one pure function: what was seen, the little that is remembered, and the time come
//! in; a [`Verdict`] for people, a [`Plan`], the new memory and the time of the next look come out.
//! The same function serves Kubernetes and local mode.
//!
//! What this crate deliberately does not do: no input or output, no clock, no randomness, no async.
//!
//! Invariants: members are visited in order of their number; every plan that leaves [`decide`] has
//! passed [`check`], which restates the safety rules without sharing code with the remedies;
//! forgetting the [`Memory`] makes the planner slower or more careful, never less safe.
//!
//! Start reading at [`diagnosis::TABLE`].

mod asked;
pub mod check;
pub mod diagnosis;
mod members;
pub mod memory;
pub mod observation;
pub mod plan;
pub mod problem;
mod remedies;
mod round;
mod suspicion;
pub mod verdict;

pub use memory::Memory;
pub use observation::{Member, Observation, Seen, Wanted};
pub use plan::{Plan, Step};
pub use problem::Problem;
pub use verdict::{Standing, Verdict};

use moco_model::Millis;
use remedies::Treatment;

/// What [`decide`] decided.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Decision {
    /// One sentence for people, and its code: the same in log, condition, event and metric.
    pub verdict: Verdict,
    /// Every problem found, the verdict's first.
    pub problems: Vec<diagnosis::Finding>,
    /// What to do now.
    pub plan: Plan,
    /// What to remember until the next pass.
    pub memory: Memory,
    /// When to look again if nothing happens before.
    pub wake_at: Millis,
}

/// Decides what to do about the cluster in `seen`, at time `now`.
pub fn decide(seen: &Observation, memory: &Memory, now: Millis) -> Decision {
    let problems = diagnosis::diagnose(seen);
    let memory = memory.after(&problems, now);
    let (plan, again_ms) = treat(seen, &problems, &memory, now);
    let (verdict, plan) = checked(Verdict::of(seen, &problems), plan, seen);
    let wake_at = now + again_ms.unwrap_or_else(|| verdict.look_again_ms());
    Decision {
        verdict,
        problems,
        plan,
        memory,
        wake_at,
    }
}

/// The plan for the first problem that can be treated, and when to look again if not as usual.
fn treat(
    seen: &Observation,
    problems: &[diagnosis::Finding],
    memory: &Memory,
    now: Millis,
) -> (Plan, Option<Millis>) {
    for finding in problems {
        match remedies::treat(finding.problem, seen, memory, now) {
            Treatment::Act(steps) => return (Plan { steps }, None),
            Treatment::Wait { again_ms } => return (Plan::default(), Some(again_ms)),
            Treatment::Nothing if finding.problem.blocks() => break,
            Treatment::Nothing => {}
        }
    }
    (Plan::default(), None)
}

/// A plan that the linter refuses is dropped whole, and the refusal becomes the verdict.
fn checked(verdict: Verdict, plan: Plan, seen: &Observation) -> (Verdict, Plan) {
    match check::check(&plan, seen) {
        Ok(()) => (verdict, plan),
        Err(refusal) => (Verdict::unsafe_plan(&refusal), Plan::default()),
    }
}

#[cfg(test)]
mod tests;
