//! What an agent does with an order: the same fences and the same effects as the product's, each order
//! in one piece, or cut after its promise was written.

use moco_model::Role;

use carry::carry_out;

use super::server;
use super::state::{Command, Data, Guard, Ids, Order, State, WRITES};
use crate::mutation::Mutation;
use crate::property::{Property, Violation};

mod carry;

/// How far an order gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HowFar {
    /// To its end.
    Whole,
    /// The guard is written, then agent and mysqld die.
    PromiseOnly,
    /// The guard is written, then the agent dies; mysqld goes on as it was.
    AgentDies,
}

/// A member takes an order, or refuses it.
pub fn take(
    state: &mut State,
    order: &Order,
    how_far: HowFar,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    let guard = state.member(order.member).guard;
    if !fits(order) || !fenced(guard.as_ref(), order, mutation) {
        return Ok(());
    }
    if order.command == Command::Fence && order.role == Role::Primary {
        return fence_primary(state, order, mutation);
    }
    if !may_begin(state, order) {
        return Ok(());
    }
    promise(state, order, mutation)?;
    match how_far {
        HowFar::Whole => carry_out(state, order, mutation),
        HowFar::PromiseOnly => {
            server::kill(state, order.member);
            Ok(())
        }
        HowFar::AgentDies => Ok(()),
    }
}

fn fits(order: &Order) -> bool {
    let role = match order.command {
        Command::Start { .. } | Command::Fence | Command::Retire => return true,
        Command::Promote { .. } | Command::Open { .. } | Command::SetAcks { .. } => Role::Primary,
        Command::Clone { .. } | Command::Follow { .. } | Command::Discard => Role::Replica,
    };
    let opens = matches!(
        order.command,
        Command::Promote { .. } | Command::Open { .. }
    );
    order.role == role && !(opens && order.promise > order.epoch)
}

fn fenced(guard: Option<&Guard>, order: &Order, mutation: Option<Mutation>) -> bool {
    let Some(guard) = guard else { return true };
    if mutation == Some(Mutation::NoEpochCheck) {
        return true;
    }
    let known = guard.membership.map_or(0, |membership| membership.version);
    order.promise.max(order.epoch) >= guard.promised
        && order.epoch >= guard.epoch
        && (order.epoch > guard.epoch || order.membership.version >= known)
}

/// Refused before anything is promised.
fn may_begin(state: &State, order: &Order) -> bool {
    let member = state.member(order.member);
    match order.command {
        Command::Start { initialise, .. } => member.guard.is_some() || initialise,
        Command::Fence => true,
        _ => member.guard.is_some(),
    }
}

fn promise(state: &mut State, order: &Order, mutation: Option<Mutation>) -> Result<(), Violation> {
    let member = state.member_mut(order.member);
    let before = member.guard;
    if before.is_none() {
        member.drawn += 1;
    }
    let life = match mutation {
        Some(Mutation::AmnesiacCounts) => 1,
        _ => member.drawn,
    };
    let guard = member.guard.get_or_insert(Guard {
        epoch: 0,
        promised: 0,
        opened: None,
        role: None,
        membership: None,
        incarnation: life,
        data: Data::Initialising,
        moved: false,
    });
    guard.promised = order.promise.max(order.epoch);
    guard.epoch = order.epoch;
    guard.role = Some(order.role);
    guard.membership = Some(order.membership);
    let after = *guard;
    if before.is_some_and(|old| old.promised > after.promised || old.epoch > after.epoch) {
        let because = format!("the guard of member {} went back", order.member);
        return Err(Violation::of(Property::EpochsRise, because));
    }
    Ok(())
}

/// Closes first, and promises only when that was done.
fn fence_primary(
    state: &mut State,
    order: &Order,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    if state.member(order.member).guard.is_none() {
        return Ok(());
    }
    if let Some(server) = &mut state.member_mut(order.member).server {
        if server.waiting != 0 {
            return Ok(());
        }
        server.open = mutation == Some(Mutation::ReopensAfterFence) && server.open;
        server.offline = !server.open;
    }
    promise(state, order, mutation)
}

/// A uuid that no other member has or had.
pub fn drawn_uuid(id: u8, drawn: u8) -> u8 {
    drawn * 8 + id
}

/// The acknowledgements of no commit.
pub const NO_ACKS: [Ids; WRITES] = [0; WRITES];
