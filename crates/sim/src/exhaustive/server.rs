//! What mysqld and its clients do by themselves.

use super::member::{NO_ACKS, drawn_uuid};
use super::state::{Data, Disk, Gtid, Order, Receiver, State, WRITES, bit, holds, numbers};
use crate::mutation::Mutation;
use crate::property::{Property, Violation};

/// mysqld dies. What waits is in the binary log and stays there; its clients are told nothing.
pub fn kill(state: &mut State, id: u8) {
    state.member_mut(id).server = None;
    disconnect(state);
}

/// The volume of a member is replaced by an empty one, and so is its pod.
pub fn lose_volume(state: &mut State, id: u8) {
    let member = state.member_mut(id);
    member.guard = None;
    member.disk = Disk::default();
    kill(state, id);
}

/// Receivers that lost their source try again, and acknowledge nothing meanwhile.
pub fn disconnect(state: &mut State) {
    for id in 0..state.pods {
        let member = state.member(id);
        let source = member.disk.source;
        let there = source.is_some_and(|source| {
            state.linked(id, source) && state.member(source).server.is_some()
        });
        if let Some(server) = &mut state.member_mut(id).server
            && server.receiver == Receiver::On
            && !there
        {
            server.receiver = Receiver::Trying;
            server.active = false;
        }
    }
}

/// A receiver reaches its source. The source refuses who has more of its own GTIDs than itself, and who
/// lacks what its binary logs do not hold any more.
pub fn connect(state: &mut State, id: u8) {
    let Some((source, true)) = state
        .member(id)
        .disk
        .source
        .map(|source| (source, state.linked(id, source)))
    else {
        return;
    };
    let from = *state.member(source);
    if from.server.is_none() {
        return;
    }
    let held = state.alike(state.member(id).disk.held());
    let of_source = (0..4).filter(|write| {
        let gtid = state.gtids[usize::from(*write)];
        gtid.number > 0 && gtid.uuid == from.disk.uuid
    });
    let own: u8 = of_source.map(bit).sum();
    let ahead = held & own & !state.alike(from.disk.executed) != 0;
    let lacks = !holds(held, from.disk.purged);
    if let Some(server) = &mut state.member_mut(id).server {
        if ahead || lacks {
            server.receiver = Receiver::Failed;
            return;
        }
        server.receiver = Receiver::On;
        server.active = server.acknowledges;
    }
}

/// The next write that a connected receiver lacks.
pub fn next_write(state: &State, id: u8) -> Option<u8> {
    let member = state.member(id);
    let source = member.disk.source?;
    let connected = member
        .server
        .is_some_and(|server| server.receiver == Receiver::On);
    let held = state.alike(member.disk.held());
    let from = state.member(source).disk.executed;
    if connected {
        numbers(from & !held).next()
    } else {
        None
    }
}

/// A receiver gets the next write, and acknowledges it when it acknowledges.
pub fn receive(state: &mut State, id: u8, late_acks: bool) -> Result<(), Violation> {
    let (Some(write), Some(source)) = (next_write(state, id), state.member(id).disk.source) else {
        return Ok(());
    };
    let member = state.member_mut(id);
    member.disk.received |= bit(write);
    let active = member.server.is_some_and(|server| server.active);
    let held = member.disk.held();
    if let Some(server) = state.member_mut(source).server.as_mut().filter(|_| active) {
        for covered in numbers(server.waiting & held).filter(|covered| *covered <= write) {
            server.coming[usize::from(covered)] |= bit(id);
        }
    }
    if late_acks {
        Ok(())
    } else {
        acknowledge(state, source, None)
    }
}

/// Acknowledgements that were on their way arrive.
pub fn acknowledge(state: &mut State, id: u8, mutation: Option<Mutation>) -> Result<(), Violation> {
    if let Some(server) = &mut state.member_mut(id).server {
        for (there, coming) in server.acks.iter_mut().zip(&server.coming) {
            *there |= coming;
        }
        server.coming = NO_ACKS;
    }
    settle_waiting(state, id, mutation)
}

/// Commits that wait for no more acknowledgements end, in their order.
pub fn settle_waiting(state: &mut State, id: u8, _: Option<Mutation>) -> Result<(), Violation> {
    let Some(server) = state.member(id).server else {
        return Ok(());
    };
    for write in numbers(server.waiting) {
        let acks = server.acks[usize::from(write)].count_ones();
        if acks < u32::from(server.wait_for) {
            break;
        }
        answer(state, id, write)?;
    }
    Ok(())
}

/// A commit ends, and its client is told OK.
pub fn answer(state: &mut State, id: u8, write: u8) -> Result<(), Violation> {
    let Some(server) = state.member_mut(id).server.as_mut() else {
        return Ok(());
    };
    server.waiting &= !bit(write);
    server.acks[usize::from(write)] = 0;
    server.coming[usize::from(write)] = 0;
    // An administrator's doing may have put its client out; who is told nothing cannot be misled.
    if server.offline {
        return Ok(());
    }
    state.acked |= bit(write);
    read(state, id);
    told_ok(state, id, write)
}

fn told_ok(state: &mut State, id: u8, write: u8) -> Result<(), Violation> {
    let guard = state.member(id).guard;
    let epoch = guard.map_or(0, |guard| guard.epoch);
    if !held_by_others(state, id, write) {
        let because =
            format!("write {write} was answered OK by member {id} and too few others hold it");
        return Err(Violation::of(Property::HeldByOthers, because));
    }
    if let Some(register) = state.register.filter(|register| register.primary != id) {
        let primary = state.member(register.primary).disk.held();
        if !holds(primary, bit(write)) {
            let because = format!(
                "member {id} answered write {write} OK in epoch {epoch}, and primary {} of epoch {} lacks it",
                register.primary, register.epoch
            );
            return Err(Violation::of(Property::NothingLost, because));
        }
    }
    if epoch < state.ok_epoch {
        let because = format!(
            "member {id} answered OK in epoch {epoch} after one of epoch {}",
            state.ok_epoch
        );
        return Err(Violation::of(Property::OneAcknowledges, because));
    }
    state.ok_epoch = epoch;
    Ok(())
}

/// Whether so many others hold a write that promises of a failover would meet one of them. While the
/// membership changes promises are needed under both rules, so it is enough that one of them is kept.
fn held_by_others(state: &State, id: u8, write: u8) -> bool {
    let told = state.member(id).guard;
    let membership = state
        .register
        .filter(|register| register.primary == id)
        .map(|register| register.membership)
        .or_else(|| told.and_then(|guard| guard.membership));
    let Some(membership) = membership else {
        return false;
    };
    let holders = state
        .ids()
        .filter(|other| *other != id && holds(state.member(*other).disk.held(), bit(write)))
        .map(bit)
        .sum::<u8>();
    let kept =
        |members: super::state::Ids| (holders & members).count_ones() >= members.count_ones() / 2;
    kept(membership.members) || membership.old.is_some_and(kept)
}

/// A client writes at a member that takes writes.
pub fn write(state: &mut State, id: u8, mutation: Option<Mutation>) -> Result<(), Violation> {
    let Some(write) = (0..4_u8).find(|write| state.gtids[usize::from(*write)].number == 0) else {
        return Ok(());
    };
    let disk = state.member(id).disk;
    let own = numbers(disk.held()).map(|write| state.gtids[usize::from(write)]);
    let last = own
        .filter(|gtid| gtid.uuid == disk.uuid)
        .map(|gtid| gtid.number)
        .max();
    let gtid = Gtid {
        uuid: disk.uuid,
        number: last.unwrap_or(0) + 1,
    };
    let reused = state.gtids.contains(&gtid);
    state.gtids[usize::from(write)] = gtid;
    let member = state.member_mut(id);
    member.disk.executed |= bit(write);
    if let Some(server) = &mut member.server {
        server.waiting |= bit(write);
        server.acks[usize::from(write)] = 0;
    }
    if reused {
        let because = format!("write {write} at member {id} got a GTID that was used before");
        return Err(Violation::of(Property::OneContent, because));
    }
    settle_waiting(state, id, mutation)
}

/// Everything received is executed.
pub fn execute(state: &mut State, id: u8) {
    let member = state.member_mut(id);
    member.disk.executed |= member.disk.received;
}

/// Somebody reads everything on a member that takes clients' writes.
fn read(state: &mut State, id: u8) {
    let open = state
        .member(id)
        .server
        .is_some_and(|server| server.open && !server.offline);
    if open {
        state.seen |= state.member(id).visible();
    }
}

/// A member was just opened: what was promised to clients must be there.
pub fn opened(
    state: &mut State,
    id: u8,
    order: &Order,
    mutation: Option<Mutation>,
) -> Result<(), Violation> {
    let needed = order.membership.acks();
    let member = state.member(id);
    let wait_for = member.server.map_or(0, |server| server.wait_for);
    let held = member.disk.executed;
    if wait_for < needed {
        let because = format!("member {id} is open with {wait_for} of {needed} acknowledgements");
        return Err(Violation::of(Property::OpenWithAcks, because));
    }
    let lost = state.acked & !held;
    if lost != 0 {
        let because = format!("member {id} is open and lacks the acknowledged writes {lost:#b}");
        return Err(Violation::of(Property::NothingLost, because));
    }
    let vanished = state.seen & !held;
    if vanished != 0 {
        let because = format!("member {id} is open and lacks writes {vanished:#b} that were read");
        return Err(Violation::of(Property::NothingVanishes, because));
    }
    read(state, id);
    settle_waiting(state, id, mutation)
}

/// Some member with data holds each acknowledged write.
pub fn last_copy(state: &State, by: u8) -> Result<(), Violation> {
    let held = state
        .ids()
        .fold(0, |all, id| all | state.member(id).disk.held());
    let gone = state.acked & !held;
    if gone == 0 {
        return Ok(());
    }
    let because = format!("member {by} was the last that held the acknowledged writes {gone:#b}");
    Err(Violation::of(Property::LastCopyKept, because))
}

/// A member that holds the history from before, and follows `source` or is the open primary.
pub fn healthy_member(id: u8, primary: u8, guard: super::state::Guard) -> super::state::Member {
    let is_primary = id == primary;
    let server = super::state::Server {
        open: is_primary,
        offline: false,
        wait_for: if is_primary {
            guard.membership.map_or(0, super::state::Membership::acks)
        } else {
            0
        },
        acknowledges: !is_primary,
        active: !is_primary,
        receiver: if is_primary {
            Receiver::Off
        } else {
            Receiver::On
        },
        applier: !is_primary,
        waiting: 0,
        acks: [0; WRITES],
        coming: [0; WRITES],
    };
    super::state::Member {
        guard: Some(super::state::Guard {
            data: Data::Holding,
            ..guard
        }),
        disk: Disk {
            executed: 1,
            received: 0,
            purged: 0,
            source: (!is_primary).then_some(primary),
            uuid: drawn_uuid(id, 1),
            recovered: 1,
        },
        server: Some(server),
        drawn: 1,
    }
}
