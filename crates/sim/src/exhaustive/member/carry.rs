//! What each order does.

use moco_model::Role;

use super::drawn_uuid;
use crate::exhaustive::server;
use crate::exhaustive::state::{
    Command, Data, Disk, Guard, Order, Receiver, Server, State, Writes, bit, holds, numbers,
};
use crate::mutation::Mutation;
use crate::property::{Property, Violation};

/// Carries out an order that was accepted.
pub(super) fn carry_out(
    state: &mut State,
    order: &Order,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    let id = order.member;
    match order.command {
        Command::Start {
            initialise,
            history,
        } => start(state, order, initialise, history, mutation),
        Command::Clone { donor } => {
            copy(state, id, donor, mutation);
            Ok(())
        }
        Command::Follow {
            source,
            acknowledge,
        } => {
            if mutation == Some(Mutation::RepointWithWaiters) {
                answer_all(state, id)?;
            }
            follow(state, id, source, acknowledge, mutation);
            Ok(())
        }
        Command::Fence => {
            fence_replica(state, id, mutation);
            Ok(())
        }
        Command::Promote { acks, must_hold } => {
            promote(state, id, acks, must_hold, mutation);
            Ok(())
        }
        Command::Retire => retire(state, id, mutation),
        Command::Discard => discard(state, id),
        Command::Open { acks } => open(state, order, acks, mutation),
        Command::SetAcks { acks } => set_acks(state, id, acks, mutation),
    }
}

fn start(
    state: &mut State,
    order: &Order,
    initialise: bool,
    history: Option<Writes>,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    let id = order.member;
    let Some(guard) = state
        .member(id)
        .guard
        .filter(|_| state.member(id).server.is_none())
    else {
        return Ok(());
    };
    let opened = order.role == Role::Replica && guard.opened.is_some();
    match guard.data {
        Data::Initialising | Data::Cloning => {
            if initialise || mutation == Some(Mutation::InitialisedTwice) {
                return make(state, order, mutation);
            }
            return Ok(());
        }
        Data::Empty => {}
        Data::Holding if opened => match history {
            None => return Ok(()),
            Some(history) => cut_tail(state, id, history, mutation)?,
        },
        Data::Holding => {
            if mutation == Some(Mutation::ReplicaIsCut)
                && let Some(register) = state.register.filter(|_| order.role == Role::Replica)
            {
                let history = state.member(register.primary).visible();
                cut_tail(state, id, history, mutation)?;
            }
        }
    }
    let member = state.member_mut(id);
    if let Some(guard) = member.guard.as_mut().filter(|guard| guard.moved) {
        member.drawn += 1;
        guard.incarnation = member.drawn;
        guard.moved = false;
    }
    if mutation == Some(Mutation::RelayLogRecovery) {
        member.disk.received = 0;
    }
    member.disk.recovered = member.disk.executed;
    member.server = Some(closed());
    Ok(())
}

/// A server that was just started: nobody writes, nothing is replicated.
fn closed() -> Server {
    Server {
        offline: true,
        acknowledges: true,
        ..Server::default()
    }
}

fn make(state: &mut State, order: &Order, mutation: Option<Mutation>) -> Result<(), Violation> {
    let id = order.member;
    let made = state.gtids.iter().any(|gtid| gtid.number > 0);
    if order.role == Role::Primary && made {
        let because = format!("primary {id} is made empty although writes were made");
        return Err(Violation::of(Property::InitialisedOnce, because));
    }
    let member = state.member_mut(id);
    member.drawn += 1;
    member.disk = Disk {
        uuid: drawn_uuid(id, member.drawn),
        ..Default::default()
    };
    if let Some(guard) = &mut member.guard {
        guard.data = Data::Empty;
        if mutation != Some(Mutation::AmnesiacCounts) {
            guard.incarnation = member.drawn;
        }
        guard.opened = None;
        guard.moved = false;
    }
    member.server = Some(closed());
    Ok(())
}

fn cut_tail(
    state: &mut State,
    id: u8,
    history: Writes,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    if mutation == Some(Mutation::TailNotCut) {
        return Ok(());
    }
    let known = state.alike(history);
    let disk = state.member(id).disk;
    let beyond = disk.executed & !known;
    let first = numbers(beyond).next();
    let Some(mut first) = first else {
        return Ok(());
    };
    let history_after = numbers(disk.executed & known).any(|write| write > first);
    if history_after || beyond & disk.recovered != 0 {
        return Ok(()); // not cuttable
    }
    if mutation == Some(Mutation::TailCutTooFar) && first > 0 {
        first -= 1;
    }
    let cut = disk.executed & !(bit(first) - 1);
    if cut & state.acked != 0 {
        let because = format!("the acknowledged writes {:#b} at {id}", cut & state.acked);
        return Err(Violation::of(Property::AckedIsNotCut, because));
    }
    let member = state.member_mut(id);
    member.disk.executed &= bit(first) - 1;
    member.drawn += 1;
    if mutation != Some(Mutation::UuidStaysAfterCut) {
        member.disk.uuid = drawn_uuid(id, member.drawn);
    }
    if let Some(guard) = &mut member.guard {
        guard.incarnation = member.drawn;
    }
    Ok(())
}

fn copy(state: &mut State, id: u8, donor: u8, mutation: Option<Mutation>) {
    let empty = state
        .member(id)
        .guard
        .is_some_and(|guard| guard.data == Data::Empty);
    let source = *state.member(donor);
    let usable = state.member(id).server.is_some() && source.server.is_some();
    // A commit that waits holds a clone up.
    let held_up = source.server.is_some_and(|server| server.waiting != 0);
    if !empty || !usable || held_up || !state.linked(id, donor) {
        return;
    }
    let held = source.visible();
    let member = state.member_mut(id);
    member.drawn += 1;
    let drawn = member.drawn;
    member.disk = Disk {
        executed: held,
        purged: held,
        recovered: held,
        uuid: drawn_uuid(id, drawn),
        ..Default::default()
    };
    if let Some(guard) = &mut member.guard {
        guard.data = Data::Holding;
        if mutation != Some(Mutation::AmnesiacCounts) {
            guard.incarnation = drawn;
        }
    }
    member.server = Some(closed());
}

fn follow(state: &mut State, id: u8, source: u8, acknowledge: bool, mutation: Option<Mutation>) {
    let member = state.member_mut(id);
    let (Some(server), Some(guard)) = (&mut member.server, &mut member.guard) else {
        return;
    };
    if mutation == Some(Mutation::RepointWithWaiters) {
        server.open = false;
    }
    if guard.opened.is_some() && (server.open || server.waiting != 0) {
        return;
    }
    guard.data = Data::Holding;
    if mutation != Some(Mutation::FollowKeepsOpened) {
        guard.opened = None;
    }
    if server.open || server.waiting != 0 {
        return;
    }
    let acknowledge = acknowledge || mutation == Some(Mutation::LeaverAcknowledges);
    server.wait_for = 0;
    server.acknowledges = acknowledge;
    if member.disk.source != Some(source) {
        if mutation == Some(Mutation::ChangeDropsReceived) {
            member.disk.received = 0;
        }
        member.disk.source = Some(source);
        server.receiver = Receiver::Trying;
    } else if server.receiver != Receiver::On || server.active != acknowledge {
        server.receiver = Receiver::Trying;
    }
    if server.receiver == Receiver::Trying {
        server.active = false;
    }
    server.applier = true;
    server.offline = false;
}

fn fence_replica(state: &mut State, id: u8, mutation: Option<Mutation>) {
    let member = state.member_mut(id);
    let Some(server) = &mut member.server else {
        return;
    };
    if member.disk.source.is_none() {
        return;
    }
    if mutation != Some(Mutation::FenceLeavesReceiver) {
        server.receiver = Receiver::Off;
        server.active = false;
    }
    if mutation != Some(Mutation::FenceLeavesApplier) {
        server.applier = true;
    }
}

fn promote(state: &mut State, id: u8, acks: u8, must_hold: Writes, mutation: Option<Mutation>) {
    let known = state.alike(state.member(id).visible());
    let member = state.member_mut(id);
    let Some(server) = &mut member.server else {
        return;
    };
    if server.open {
        return;
    }
    if member.disk.source.is_some() {
        server.receiver = Receiver::Off;
        server.active = false;
        server.applier = true;
        let drained = holds(member.disk.executed, member.disk.received);
        if !drained && mutation != Some(Mutation::ResetBeforeDrain) {
            return;
        }
    }
    if !holds(known, must_hold) && mutation != Some(Mutation::ResetBeforeDrain) {
        return;
    }
    member.disk.source = None;
    member.disk.received = 0;
    server.acknowledges = false;
    server.wait_for = acks;
}

fn retire(state: &mut State, id: u8, mutation: Option<Mutation>) -> Result<(), Violation> {
    if mutation == Some(Mutation::TermWithWaiters) {
        answer_all(state, id)?;
    }
    server::kill(state, id);
    Ok(())
}

/// Commits that wait are answered OK as they are.
fn answer_all(state: &mut State, id: u8) -> Result<(), Violation> {
    let waiting = state.member(id).server.map_or(0, |server| server.waiting);
    for write in numbers(waiting) {
        server::answer(state, id, write)?;
    }
    Ok(())
}

fn discard(state: &mut State, id: u8) -> Result<(), Violation> {
    let holding = |guard: &Guard| guard.data != Data::Initialising;
    if !state.member(id).guard.as_ref().is_some_and(holding) {
        return Ok(());
    }
    server::kill(state, id);
    let member = state.member_mut(id);
    member.drawn += 1;
    member.disk = Disk::default();
    if let Some(guard) = &mut member.guard {
        guard.data = Data::Initialising;
        guard.incarnation = member.drawn;
        guard.opened = None;
    }
    server::last_copy(state, id)
}

fn open(
    state: &mut State,
    order: &Order,
    acks: u8,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    let id = order.member;
    let member = state.member_mut(id);
    let (Some(server), Some(guard)) = (&mut member.server, &mut member.guard) else {
        return Ok(());
    };
    guard.data = Data::Holding;
    guard.opened = Some(order.epoch);
    if member.disk.source.is_some() {
        server.receiver = Receiver::Off;
        server.active = false;
        server.applier = true;
        if !holds(member.disk.executed, member.disk.received) {
            return Ok(());
        }
        member.disk.source = None;
        member.disk.received = 0;
    }
    server.wait_for = acks;
    server.open = true;
    server.offline = false;
    server::opened(state, id, order, mutation)
}

fn set_acks(
    state: &mut State,
    id: u8,
    acks: u8,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    if let Some(server) = &mut state.member_mut(id).server {
        server.wait_for = acks;
    }
    server::settle_waiting(state, id, mutation)
}
