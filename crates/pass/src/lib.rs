//! One pass over a cluster: gather what can be known, let the planner decide, carry out the plan,
//! report the verdict.
//!
//! Kubernetes and local mode differ in where the register is, how members are found and who is told;
//! that is the [`World`]. Everything else is the same code, here.
//!
//! What this crate deliberately does not do: decide. It sends what the planner planned, in that
//! order, and stops at the first step that fails; the next pass decides anew.
//!
//! Invariants: the primary is read after all others, so that a replica never seems to be ahead of it
//! by lateness; the register is read before any member; a plan is carried out only as it came from
//! [`moco_planner::decide`], which checked it.
//!
//! Start reading at [`Pilot::pass`].

mod act;
mod gather;
mod lines;
#[cfg(test)]
mod testing;
mod world;

use std::collections::BTreeSet;

use moco_model::Millis;
use moco_planner::{Decision, Memory, Observation, decide};

pub use act::StepError;
use gather::Silence;
pub use lines::Lines;
pub use world::{Agents, Facts, MemberFacts, RecordError, World, now};

/// Goes over one cluster, again and again.
pub struct Pilot<W, A = Lines> {
    world: W,
    agents: A,
    silence: Silence,
    memory: Memory,
    last_code: String,
    told: BTreeSet<String>,
    /// Why the plan before was not carried out.
    failure: Option<String>,
}

/// What a pass came to.
#[derive(Clone, Debug)]
pub struct Passed {
    /// When to look again if nothing happens before.
    pub wake_at: Millis,
    /// Whether something was changed, so that the next look is worthwhile at once.
    pub acted: bool,
}

impl<W: World, A: Agents> Pilot<W, A> {
    /// Begins with an empty memory.
    pub fn new(world: W, agents: A) -> Self {
        Self {
            world,
            agents,
            silence: Silence::default(),
            memory: Memory::default(),
            last_code: String::new(),
            told: BTreeSet::new(),
            failure: None,
        }
    }

    /// The world it goes over.
    pub fn world_mut(&mut self) -> &mut W {
        &mut self.world
    }

    /// One pass.
    pub async fn pass(&mut self) -> Result<Passed, W::Error> {
        let facts = self.world.facts().await?;
        let now = self.world.now();
        let seen = gather::gather(&mut self.agents, &mut self.silence, facts, now).await;
        // Before the steps: one of them may take long, and clients do not wait for it.
        self.world.lead(&seen);
        let decision = decide(&seen, &self.memory, self.world.now());
        self.memory = decision.memory.clone();
        self.tell(&seen, &decision);
        self.tell_steps(&seen, &decision);
        // People are told afterwards: while a primary is missing, everybody waits for the steps.
        let carried = act::carry_out(&mut self.world, &self.agents, &decision.plan).await;
        self.tell_failure(&seen, carried.as_ref().err().map(ToString::to_string));
        self.world.report(&seen, &decision).await?;
        let acted = carried.is_ok() && !decision.plan.steps.is_empty();
        Ok(Passed {
            wake_at: decision.wake_at,
            acted,
        })
    }

    /// Logs changes of the verdict; the steady state is silent.
    fn tell(&mut self, seen: &Observation, decision: &Decision) {
        let verdict = &decision.verdict;
        if verdict.code != self.last_code {
            tracing::info!(cluster = %seen.cluster, code = verdict.code, "{}", verdict.sentence);
            self.last_code.clone_from(&verdict.code);
        }
    }
}

impl<W, A> Pilot<W, A> {
    /// Logs steps, those that the pass before had planned too only for those who look closely.
    fn tell_steps(&mut self, seen: &Observation, decision: &Decision) {
        let steps: BTreeSet<_> = decision
            .plan
            .steps
            .iter()
            .map(ToString::to_string)
            .collect();
        for step in steps.difference(&self.told) {
            tracing::info!(cluster = %seen.cluster, "{step}");
        }
        for step in steps.intersection(&self.told) {
            tracing::debug!(cluster = %seen.cluster, "again: {step}");
        }
        self.told = steps;
    }

    /// Logs why a plan was not carried out, once while it stays the same.
    fn tell_failure(&mut self, seen: &Observation, failure: Option<String>) {
        if let Some(failure) = failure
            .as_ref()
            .filter(|new| self.failure.as_ref() != Some(*new))
        {
            tracing::info!(cluster = %seen.cluster, "{failure}");
        }
        self.failure = failure;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use moco_model::{ClusterId, ClusterUid, Endpoint, MemberId, Register, Role};
    use moco_planner::plan::Expect;

    use super::*;
    use crate::testing::{Nobody, register, wanted};
    use crate::world::{Facts, MemberFacts, RecordError};

    /// A cluster whose members nobody reaches, and one of which has an outdated label.
    #[derive(Default)]
    struct Noting(Vec<&'static str>);

    fn member(id: u32) -> MemberFacts {
        MemberFacts {
            endpoint: Endpoint {
                member: MemberId(id),
                host: format!("m{id}"),
                port: 3306,
            },
            agent: Err("it has no address".to_owned()),
            label: (id == 1).then_some(Role::Primary),
            ask: None,
        }
    }

    impl World for Noting {
        type Error = Infallible;

        async fn facts(&mut self) -> Result<Facts, Infallible> {
            Ok(Facts {
                cluster: ClusterId::new("app", "db").unwrap(),
                uid: ClusterUid("uid".into()),
                wanted: wanted(3),
                register: Some(register(3)),
                initialised_before: true,
                platform: vec![],
                members: (0..3).map(|id| (MemberId(id), member(id))).collect(),
            })
        }

        async fn record(&mut self, _: Expect, _: &Register) -> Result<(), RecordError<Infallible>> {
            self.0.push("record");
            Ok(())
        }

        async fn label(&mut self, _: MemberId, _: Role) -> Result<(), Infallible> {
            self.0.push("label");
            Ok(())
        }

        async fn settle(&mut self, _: MemberId) -> Result<(), Infallible> {
            self.0.push("settle");
            Ok(())
        }

        fn lead(&mut self, seen: &Observation) {
            assert_eq!(seen.members.len(), 3);
            self.0.push("lead");
        }

        async fn report(&mut self, _: &Observation, _: &Decision) -> Result<(), Infallible> {
            self.0.push("report");
            Ok(())
        }
    }

    #[tokio::test]
    async fn clients_are_led_before_the_steps_and_people_are_told_after_them() {
        let mut pilot = Pilot::new(Noting::default(), Nobody);
        pilot.pass().await.unwrap();
        assert_eq!(pilot.world_mut().0, ["lead", "label", "report"]);
    }
}
