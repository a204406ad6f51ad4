//! Orders of the controller: fenced, recorded in the guard file, then carried out.

use std::sync::Arc;

use moco_model::command::{Answer, OnEmptyVolume, Order};
use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::sentence::with_causes;
use moco_model::{Command, Endpoint, GtidSet, Guard, Phase, Role};

use crate::host::Host;
use crate::member::{Hands, Member};
use crate::sql::SqlError;
use crate::state::State;
use crate::work;

mod discard;
mod fence;
mod fencing;
mod follow;
mod open;
mod retire;

use fencing::{fenced, promise};

/// How an order that was accepted was not carried out.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It does not fit the member's state, and nothing is wrong with the member.
    Unfit(String),
    /// Something is wrong with the member.
    Fault(Fault),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<SqlError> for Failed {
    fn from(error: SqlError) -> Self {
        Self::Fault(Fault {
            code: FaultCode::CommandFailed,
            sentence: with_causes(&error),
        })
    }
}

/// Carries out an order, or says why not. Long work goes on after the answer; short work is done when
/// it is given. The future must be driven to its end.
pub async fn carry<H: Host>(member: &Arc<Member<H>>, order: Order) -> Answer {
    member.controller_called();
    match judged(member, order).await {
        Ok(()) => Answer::Accepted,
        Err(answer) => answer,
    }
}

async fn judged<H: Host>(member: &Arc<Member<H>>, order: Order) -> Result<(), Answer> {
    fenced(member, &order)?;
    if order.command == Command::Fence {
        return fence::carry(member, &order).await;
    }
    let hands = member.take_hands().ok_or_else(|| busy(member))?;
    if member.shared.read(State::stops) {
        return Err(busy(member));
    }
    rested(member, &order.command)?;
    promise(member, &order).await?;
    tracing::info!(epoch = %order.epoch, command = %order.command, "order accepted");
    carry_out(member, hands, order).await
}

/// Long work that failed is not begun again at once.
fn rested<H: Host>(member: &Member<H>, command: &Command) -> Result<(), Answer> {
    if !matches!(command, Command::Start { .. } | Command::Clone { .. }) {
        return Ok(());
    }
    let now = member.host.now();
    match member.shared.read(|state| state.patience.left(now)) {
        Some(left) => Err(Answer::Busy {
            doing: format!("waits {} ms before it tries again", left.as_millis()),
        }),
        None => Ok(()),
    }
}

async fn carry_out<H: Host>(
    member: &Arc<Member<H>>,
    hands: Hands,
    order: Order,
) -> Result<(), Answer> {
    let epoch = order.epoch;
    match order.command.clone() {
        Command::Start {
            on_empty_volume,
            history,
        } => start(member, hands, order, on_empty_volume, history),
        Command::Clone { donor } => clone(member, hands, donor),
        Command::Follow {
            source,
            acknowledge,
        } => short(member, follow::follow(member, source, acknowledge).await),
        Command::Fence => Ok(()),
        Command::Promote { acks, must_hold } => {
            short(member, open::promote(member, acks, &must_hold).await)
        }
        Command::Retire => short(member, retire::retire(member).await),
        Command::Discard { errant } => short(member, discard::discard(member, epoch, errant).await),
        Command::Open { acks } => short(member, open::open(member, epoch, acks).await),
        Command::SetAcks { acks } => short(member, open::set_acks(member, acks).await),
    }
}

fn refused(because: impl Into<String>) -> Answer {
    Answer::Refused {
        because: because.into(),
    }
}

fn busy<H: Host>(member: &Member<H>) -> Answer {
    Answer::Busy {
        doing: member.phase().to_string(),
    }
}

/// Refuses what needs a mysqld that runs.
fn running<H: Host>(member: &Member<H>) -> Result<i32, Failed> {
    member
        .pid()
        .ok_or_else(|| Failed::Unfit("mysqld does not run".to_owned()))
}

/// Runs long work in a task of its own; the hands are held until it ends.
fn long<H: Host>(
    member: &Arc<Member<H>>,
    hands: Hands,
    phase: Phase,
    work: impl Future<Output = Result<(), Fault>> + Send + 'static,
) {
    member.shared.change(|state| state.work = Some(phase));
    let host = Arc::clone(&member.host);
    let member = Arc::clone(member);
    host.spawn(async move {
        let outcome = work.await;
        if let Err(fault) = &outcome {
            tracing::warn!(code = ?fault.code, "{}", fault.sentence);
        }
        let now = member.host.now();
        member.shared.change(|state| {
            state.work = None;
            match outcome {
                Ok(()) => {
                    state.fault = None;
                    state.patience.succeeded();
                }
                Err(fault) => {
                    state.fault = Some(fault);
                    state.patience.failed(now);
                }
            }
        });
        drop(hands);
    });
}

/// The answer to short work, whose fault stays until something succeeds.
fn short<H: Host>(member: &Member<H>, outcome: Result<(), Failed>) -> Result<(), Answer> {
    match outcome {
        Ok(()) => {
            member.set_fault(None);
            Ok(())
        }
        Err(Failed::Unfit(because)) => Err(refused(because)),
        Err(Failed::Fault(fault)) => {
            tracing::warn!(code = ?fault.code, "{}", fault.sentence);
            let because = fault.sentence.clone();
            member.set_fault(Some(fault));
            Err(refused(because))
        }
    }
}

fn start<H: Host>(
    member: &Arc<Member<H>>,
    hands: Hands,
    order: Order,
    on_empty: OnEmptyVolume,
    history: Option<GtidSet>,
) -> Result<(), Answer> {
    if member.pid().is_some() {
        return Ok(());
    }
    let opened = |guard: Guard| guard.opened.is_some() && guard.data == DataState::Holding;
    if order.role == Role::Replica && history.is_none() && member.guard().is_some_and(opened) {
        return Err(refused(
            "this member was open for writing: it starts as a replica only with the history of the present primary",
        ));
    }
    let start = {
        let member = Arc::clone(member);
        async move { work::start::start(&member, &order, on_empty, history.as_ref()).await }
    };
    long(member, hands, Phase::Starting, start);
    Ok(())
}

fn clone<H: Host>(member: &Arc<Member<H>>, hands: Hands, donor: Endpoint) -> Result<(), Answer> {
    if member.guard().map(|guard| guard.data) != Some(DataState::Empty) {
        return Err(refused(
            "only an empty member is filled by a clone; this one holds data",
        ));
    }
    if member.pid().is_none() {
        return Err(refused("mysqld does not run"));
    }
    let work = {
        let member = Arc::clone(member);
        async move { work::clone::clone(&member, &donor).await }
    };
    long(member, hands, Phase::Cloning(0), work);
    Ok(())
}

#[cfg(test)]
mod tests;
