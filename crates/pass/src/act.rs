//! Carrying out a plan: one call a step, and nothing after the first that fails.

use std::error::Error as StdError;
use std::time::Duration;

use futures::future::join_all;
use moco_model::command::{Answer, Order};
use moco_model::sentence::with_causes;
use moco_model::{Command, MemberId};
use moco_planner::{Plan, Step};

use crate::world::{Agents, RecordError, World};

/// How long a member may take to promise. Whoever needs longer is asked again in the next pass.
const PROMISE: Duration = Duration::from_secs(2);
/// How long other orders may take; the agent bounds each statement itself.
const ORDER: Duration = Duration::from_secs(12);

/// Why a step was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum StepError<E: StdError + 'static, A: StdError + 'static> {
    /// The register was not written.
    #[error("cannot {step}: {}", with_causes(.source))]
    Record {
        /// The step.
        step: String,
        /// Why.
        source: RecordError<E>,
    },
    /// A label was not set, or what was asked of a member not dropped.
    #[error("cannot {step}: {}", with_causes(.source))]
    Tell {
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
        source: A,
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

type Outcome<W, A> = Result<(), StepError<<W as World>::Error, <A as Agents>::Error>>;

/// Takes the steps in their order; orders that follow each other go out at once. Members do not
/// depend on each other, so one that does not take its order does not keep the others waiting; the
/// first error is returned. After a write of the register that failed nothing else is done.
pub(crate) async fn carry_out<W: World, A: Agents>(
    world: &mut W,
    agents: &A,
    plan: &Plan,
) -> Outcome<W, A> {
    let mut first_error = Ok(());
    let mut steps = plan.steps.as_slice();
    while let Some(step) = steps.first() {
        let orders: Vec<_> = steps.iter().map_while(order_of).collect();
        if orders.is_empty() {
            tell(world, step).await?;
            steps = steps.get(1..).unwrap_or_default();
            continue;
        }
        let sent = join_all(orders.iter().map(|order| send::<W, A>(agents, order))).await;
        for outcome in sent {
            first_error = first_error.and(outcome);
        }
        steps = steps.get(orders.len()..).unwrap_or_default();
    }
    first_error
}

const fn order_of(step: &Step) -> Option<&Order> {
    match step {
        Step::Send(order) => Some(order),
        Step::Record { .. } | Step::Label { .. } | Step::Settle { .. } => None,
    }
}

async fn tell<W: World, A: StdError + 'static>(
    world: &mut W,
    step: &Step,
) -> Result<(), StepError<W::Error, A>> {
    let told = match step {
        Step::Record { expect, register } => {
            let recorded = world.record(*expect, register).await;
            return recorded.map_err(|source| StepError::Record {
                step: step.to_string(),
                source,
            });
        }
        Step::Label { member, role } => world.label(*member, *role).await,
        Step::Settle { member } => world.settle(*member).await,
        Step::Send(_) => Ok(()),
    };
    told.map_err(|source| StepError::Tell {
        step: step.to_string(),
        source,
    })
}

async fn send<W: World, A: Agents>(agents: &A, order: &Order) -> Outcome<W, A> {
    let member = order.member;
    let step = Step::Send(order.clone()).to_string();
    let within = match order.command {
        Command::Fence => PROMISE + extra(order),
        _ => ORDER,
    };
    match agents.carry(order, within).await {
        None => Err(StepError::NoAgent { step, member }),
        Some(Ok(Answer::Accepted)) => Ok(()),
        Some(Ok(answer)) => Err(StepError::NotTaken {
            step,
            member,
            answer: words(&answer),
        }),
        Some(Err(source)) => Err(StepError::Send { step, source }),
    }
}

/// A primary that is closed waits for what runs there.
fn extra(order: &Order) -> Duration {
    match order.role {
        moco_model::Role::Primary => Duration::from_secs(6),
        moco_model::Role::Replica => Duration::ZERO,
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

    use moco_model::{MemberId, Register, Role};
    use moco_planner::plan::Expect;
    use moco_planner::{Decision, Observation};

    use super::*;
    use crate::testing::{Nobody, register};
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

        async fn settle(&mut self, _: MemberId) -> Result<(), Infallible> {
            Ok(())
        }

        async fn report(&mut self, _: &Observation, _: &Decision) -> Result<(), Infallible> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_follows_a_record_that_failed_is_not_done() {
        let label = || Step::Label {
            member: MemberId(0),
            role: Role::Primary,
        };
        let record = Step::Record {
            expect: Expect::Absent,
            register: register(1),
        };
        let mut world = Refusing::default();
        let plan = Plan {
            steps: vec![label(), record, label()],
        };
        let error = carry_out(&mut world, &Nobody, &plan).await.unwrap_err();
        assert!(matches!(error, StepError::Record { .. }), "{error}");
        assert_eq!(world.labelled, [MemberId(0)]);
    }
}
