//! A primary that is alone puts its clients out.
//!
//! It cannot commit: nobody acknowledges. Somewhere else another primary may take writes by now, so
//! what is read here becomes older and older. Clients that are put out go where the controller leads
//! them.

use std::sync::Arc;
use std::time::Duration;

use moco_model::quorum;
use moco_model::sentence::with_causes;

use crate::host::{Host, within};
use crate::member::Member;
use crate::state::State;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// How long neither enough followers nor a controller must have been heard.
const ALONE: Duration = Duration::from_secs(5);

/// How long putting clients out may take: orders wait meanwhile. It is tried again at the next look.
const OUT: Duration = Duration::from_secs(1);

/// Looks for as long as the agent lives.
pub async fn run<H: Host>(member: Arc<Member<H>>) {
    let mut open_since = None;
    loop {
        look(&member, &mut open_since).await;
        member.host.sleep(LOOK).await;
    }
}

/// Looks once whether the member is an open primary that is alone; if so, puts its clients out. It
/// lets them in again when it is ordered to. `open_since` is remembered from one look to the next.
pub async fn look<H: Host>(member: &Arc<Member<H>>, open_since: &mut Option<Duration>) {
    let now = member.host.now();
    if !member.shared.read(State::is_open) {
        *open_since = None;
        return;
    }
    let since = *open_since.get_or_insert(now);
    if !member.shared.read(|state| alone(state, since, now)) {
        return;
    }
    // An order that is being carried out comes from a controller.
    let Some(_hands) = member.take_hands() else {
        return;
    };
    tracing::warn!(
        "neither enough replicas nor a controller were heard for 5 s: clients are put out"
    );
    match within(&*member.host, OUT, member.sql.put_clients_out()).await {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::warn!("{}", with_causes(&error)),
        None => tracing::warn!("mysqld does not answer"),
    }
    // The next look at mysqld shows it.
    member.shared.change(|_| ());
}

/// Whether a primary that is open since `since` hears neither those whose acknowledgements it needs nor
/// a controller.
fn alone(state: &State, since: Duration, now: Duration) -> bool {
    let acks = state
        .guard
        .as_ref()
        .and_then(|guard| guard.membership.as_ref())
        .map_or(0, quorum::acks_under);
    let Some(then) = now.checked_sub(ALONE).filter(|then| since <= *then) else {
        return false;
    };
    let controller = state.peers.controller().is_some_and(|heard| heard >= then);
    let followers = state.peers.followers_since(then);
    // Where no acknowledgement is needed nobody is missed.
    !controller && followers < usize::try_from(acks).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
