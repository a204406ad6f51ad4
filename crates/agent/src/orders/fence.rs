//! The promise: no order of a lower epoch any more, and nothing that acknowledges or is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use moco_model::command::{Answer, Order};
use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::{Phase, Role};

use super::fencing::{fenced, promise};
use super::{Failed, busy, short};
use crate::host::{Host, within};
use crate::member::Member;
use crate::sql::{Closing, SqlError};
use crate::state::State;

/// How long an order under way may take to end before the promise is given up for now. A failover
/// waits for it.
const HANDS: Duration = Duration::from_secs(1);

/// How long the closing of a primary may take, during which its clients wait.
const CLOSE: Duration = Duration::from_secs(2);

/// Carries out [`moco_model::Command::Fence`].
pub(super) async fn carry<H: Host>(member: &Arc<Member<H>>, order: &Order) -> Result<(), Answer> {
    if works_long(member) {
        return promise(member, order).await;
    }
    let Some(_hands) = within(&*member.host, HANDS, member.wait_hands()).await else {
        if works_long(member) {
            return promise(member, order).await;
        }
        return Err(busy(member));
    };
    if member.shared.read(State::stops) {
        return Err(busy(member));
    }
    // What was promised while an order was under way counts.
    fenced(member, order)?;
    tracing::info!(promise = %order.promise, role = %order.role, "asked for a promise");
    match order.role {
        Role::Replica => replica(member, order).await,
        Role::Primary => primary(member, order).await,
    }
}

/// Whether mysqld is being made, started or filled: it is closed and receives nothing, and none of
/// that work ends otherwise.
fn works_long<H: Host>(member: &Member<H>) -> bool {
    let work = member.shared.read(|state| state.work);
    matches!(
        work,
        Some(Phase::Initialising | Phase::Starting | Phase::Cloning(_))
    )
}

/// Promises, then stops the receiver. From then on the member acknowledges nothing, and what it holds
/// does not become more.
async fn replica<H: Host>(member: &Arc<Member<H>>, order: &Order) -> Result<(), Answer> {
    promise(member, order).await?;
    if !has_server(member) {
        return short(member, Ok(()));
    }
    let fenced = member.sql.fence_replica().await.map_err(Failed::from);
    // The next look shows what is held.
    short(member, fenced)
}

/// Closes the primary for a switchover, then promises. When something holds that up, neither happens.
async fn primary<H: Host>(member: &Arc<Member<H>>, order: &Order) -> Result<(), Answer> {
    member.shared.change(|state| state.closing = true);
    let outcome = close_and_promise(member, order).await;
    member.shared.change(|state| state.closing = false);
    outcome
}

async fn close_and_promise<H: Host>(member: &Arc<Member<H>>, order: &Order) -> Result<(), Answer> {
    if has_server(member) {
        let closed = member.sql.fence_primary(CLOSE).await;
        short(member, closed_or_why(closed))?;
    }
    promise(member, order).await
}

fn closed_or_why(closed: Result<Closing, SqlError>) -> Result<(), Failed> {
    match closed? {
        Closing::Done => Ok(()),
        Closing::HeldUp(by) => Err(Failed::Fault(Fault {
            code: FaultCode::CloseHeldUp,
            sentence: format!("the primary was not closed and goes on: {by}"),
        })),
    }
}

/// Whether there is a mysqld with data.
fn has_server<H: Host>(member: &Member<H>) -> bool {
    let data = member.guard().map(|guard| guard.data);
    let with_data = matches!(data, Some(DataState::Empty | DataState::Holding));
    with_data && member.pid().is_some()
}
