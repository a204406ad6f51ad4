//! Carrying out a plan: one call a step, and nothing after the first that fails.

use std::error::Error as StdError;

use moco_model::MemberId;
use moco_model::command::Answer;
use moco_model::sentence::with_causes;
use moco_planner::{Plan, Step};
use moco_wire::ClientError;

use crate::gather::Agents;
use crate::world::{RecordError, World};

/// Why a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StepError<E: StdError + 'static> {
    /// The register was not written.
    #[error("cannot {step}: {}", with_causes(.source))]
    Record {
        /// The step.
        step: String,
        /// Why.
        source: RecordError<E>,
    },
    /// A label was not set.
    #[error("cannot {step}: {}", with_causes(.source))]
    Label {
        /// The step.
        step: String,
        /// Why.
        source: E,
    },
    /// An agent could not be reached. It may have taken the order all the same.
    #[error("cannot {step}: {}", with_causes(.source))]
    Send {
        /// The step.
        step: String,
        /// Why.
        source: ClientError,
    },
    /// There is no line to the member's agent.
    #[error("cannot {step}: the agent of member {member} was not found")]
    NoAgent {
        /// The step.
        step: String,
        /// The member.
        member: MemberId,
    },
    /// An agent did not take the order.
    #[error("member {member} did not {step}: {answer}")]
    NotTaken {
        /// The step.
        step: String,
        /// The member.
        member: MemberId,
        /// What it said.
        answer: String,
    },
}

/// Takes the steps in their order. Orders to different members do not depend on each other, so one
/// member that does not take its order does not keep the others waiting; the first error is returned.
pub(crate) async fn carry_out<W: World>(
    world: &mut W,
    agents: &Agents,
    plan: &Plan,
) -> Result<(), StepError<W::Error>> {
    let mut first_error = None;
    for step in &plan.steps {
        let Err(error) = take(world, agents, step).await else {
            continue;
        };
        if !matches!(step, Step::Send(_)) {
            return Err(error);
        }
        first_error.get_or_insert(error);
    }
    first_error.map_or(Ok(()), Err)
}

async fn take<W: World>(
    world: &mut W,
    agents: &Agents,
    step: &Step,
) -> Result<(), StepError<W::Error>> {
    let name = step.to_string();
    match step {
        Step::Record { expect, register } => world
            .record(*expect, register)
            .await
            .map_err(|source| StepError::Record { step: name, source }),
        Step::Label { member, role } => world
            .label(*member, *role)
            .await
            .map_err(|source| StepError::Label { step: name, source }),
        Step::Send(order) => {
            let member = order.member;
            let Some(agent) = agents.client(member) else {
                return Err(StepError::NoAgent { step: name, member });
            };
            match agent.carry(order).await {
                Ok(Answer::Accepted) => Ok(()),
                Ok(answer) => Err(StepError::NotTaken {
                    step: name,
                    member,
                    answer: words(&answer),
                }),
                Err(source) => Err(StepError::Send { step: name, source }),
            }
        }
    }
}

fn words(answer: &Answer) -> String {
    match answer {
        Answer::Accepted => "accepted".to_owned(),
        Answer::StaleEpoch { held } => format!("it has promised epoch {held}"),
        Answer::NotMine => "the order is for another cluster or member".to_owned(),
        Answer::Busy { doing } => format!("it {doing}"),
        Answer::Refused { because } => because.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use moco_model::register::{Basis, BasisKind};
    use moco_model::{Epoch, Membership, Register, Role};
    use moco_planner::plan::Expect;
    use moco_planner::{Decision, Observation};
    use moco_wire::{CredentialsSource, PemFiles};
    use tokio::sync::watch;

    use super::*;
    use crate::world::Facts;

    /// A place that takes labels and refuses registers.
    #[derive(Default)]
    struct Refusing {
        labelled: Vec<MemberId>,
    }

    impl World for Refusing {
        type Error = Infallible;

        async fn facts(&mut self) -> Result<Facts, Infallible> {
            unreachable!("not asked for")
        }

        async fn record(&mut self, _: Expect, _: &Register) -> Result<(), RecordError<Infallible>> {
            Err(RecordError::Conflict)
        }

        async fn label(&mut self, member: MemberId, _: Role) -> Result<(), Infallible> {
            self.labelled.push(member);
            Ok(())
        }

        async fn report(&mut self, _: &Observation, _: &Decision) -> Result<(), Infallible> {
            Ok(())
        }
    }

    fn register() -> Register {
        let because = String::new();
        Register {
            epoch: Epoch(1),
            primary: MemberId(0),
            membership: Membership::first(1),
            initialised: false,
            basis: Basis {
                kind: BasisKind::Bootstrap,
                decided_at: 0,
                because,
            },
        }
    }

    fn credentials() -> CredentialsSource {
        let now = jiff::Timestamp::now();
        let authority = moco_pki::Authority::create(1, now).unwrap();
        let bundle = moco_pki::Bundle::from(authority.certificate().clone());
        let request = moco_pki::LeafRequest::controller(&"moco".parse().unwrap());
        let leaf = moco_pki::issue(&authority, &bundle, &request, now).unwrap();
        let files = PemFiles {
            bundle: bundle.to_pem(),
            certificate: leaf.cert_pem.clone(),
            key: leaf.key_pem,
        };
        CredentialsSource::from_channel(watch::channel(files).1).unwrap()
    }

    #[tokio::test]
    async fn what_follows_a_record_that_failed_is_not_done() {
        let label = || Step::Label {
            member: MemberId(0),
            role: Role::Primary,
        };
        let record = Step::Record {
            expect: Expect::Absent,
            register: register(),
        };
        let agents = Agents::new(credentials());
        let mut world = Refusing::default();
        let plan = Plan {
            steps: vec![label(), record, label()],
        };
        let error = carry_out(&mut world, &agents, &plan).await.unwrap_err();
        assert!(matches!(error, StepError::Record { .. }), "{error}");
        assert_eq!(world.labelled, [MemberId(0)]);
    }
}
