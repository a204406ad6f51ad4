//! Rules for orders.

use std::collections::BTreeSet;

use moco_model::command::{Acknowledge, OnEmptyVolume, Order};
use moco_model::guard::DataState;
use moco_model::{Command, Endpoint, GtidSet, MemberId, Register, Role};

use super::facts::{barrier, held, is_counted, present_primary};
use super::{Refusal, acks_demanded, known};
use crate::observation::{Member, Observation};

pub(super) fn check(
    order: &Order,
    register: Option<&Register>,
    seen: &Observation,
) -> Result<(), Refusal> {
    let id = order.member;
    let member = known(id, seen)?;
    let register = register
        .filter(|register| {
            register.epoch == order.epoch
                && register.membership == order.membership
                && (register.primary == id) == (order.role == Role::Primary)
                && order.cluster == seen.uid
        })
        .ok_or(Refusal::WrongEpoch(id))?;
    promise(order, register, seen)?;
    match &order.command {
        Command::Start {
            on_empty_volume,
            history,
        } => start(
            id,
            member,
            *on_empty_volume,
            history.as_ref(),
            register,
            seen,
        ),
        Command::Clone { donor } => clone(id, member, donor, register, seen),
        Command::Follow {
            source,
            acknowledge,
        } => follow(id, source, *acknowledge, register, seen),
        Command::Fence => Ok(()),
        Command::Promote { acks, must_hold } => {
            primary_only(id, register)?;
            enough(*acks, register)?;
            if must_hold.contains(&register.basis.must_hold) {
                Ok(())
            } else {
                let lacks = register.basis.must_hold.subtract(must_hold);
                Err(Refusal::LosesTransactions(id, lacks.count()))
            }
        }
        Command::Open { acks } => open(id, *acks, register, seen),
        Command::SetAcks { acks } => {
            primary_only(id, register)?;
            enough(*acks, register)
        }
        Command::Retire => retire(id, member, register),
        Command::Discard { errant } => discard(id, member, errant, register, seen),
    }
}

/// Only a fence, or a start of somebody who has promised already, may carry the next epoch.
fn promise(order: &Order, register: &Register, seen: &Observation) -> Result<(), Refusal> {
    let fitting = match order.command {
        Command::Fence => order.promise == register.epoch || order.promise == seen.next_epoch(),
        Command::Start { .. } => {
            order.promise >= register.epoch && order.promise <= seen.next_epoch()
        }
        _ => order.promise == register.epoch,
    };
    if fitting {
        Ok(())
    } else {
        Err(Refusal::WrongPromise(order.member))
    }
}

fn primary_only(id: MemberId, register: &Register) -> Result<(), Refusal> {
    if id == register.primary {
        Ok(())
    } else {
        Err(Refusal::OpensAnother(id))
    }
}

fn replica_only(id: MemberId, register: &Register) -> Result<(), Refusal> {
    if id == register.primary {
        Err(Refusal::HarmsPrimary(id))
    } else {
        Ok(())
    }
}

/// The primary is ended only when its commits can wait for ever anyway: nobody acknowledges them.
fn retire(id: MemberId, member: &Member, register: &Register) -> Result<(), Refusal> {
    let starved = member.server().is_some_and(|server| {
        server.semi_sync.source_enabled && server.semi_sync.clients < acks_demanded(register)
    });
    if starved {
        Ok(())
    } else {
        replica_only(id, register)
    }
}

fn enough(acks: u32, register: &Register) -> Result<(), Refusal> {
    let needed = acks_demanded(register);
    if acks >= needed {
        Ok(())
    } else {
        Err(Refusal::TooFewAcks {
            given: acks,
            needed,
        })
    }
}

fn start(
    id: MemberId,
    member: &Member,
    on_empty: OnEmptyVolume,
    history: Option<&GtidSet>,
    register: &Register,
    seen: &Observation,
) -> Result<(), Refusal> {
    let may_make = id != register.primary || !register.initialised;
    let holds = member.data() == Some(DataState::Holding);
    if on_empty == OnEmptyVolume::Initialise && (!may_make || holds) {
        return Err(Refusal::OverwritesData(id));
    }
    let was_open = member.guard().is_some_and(|guard| guard.opened.is_some());
    match history {
        None if was_open && id != register.primary => Err(Refusal::UncutTail(id)),
        None => Ok(()),
        Some(_) if !was_open || id == register.primary => Err(Refusal::WrongCut(id)),
        Some(history) => {
            let primary = present_primary(seen, register).and_then(Member::server);
            if primary.is_some_and(|server| history.contains(&server.executed)) {
                Ok(())
            } else {
                Err(Refusal::WrongCut(id))
            }
        }
    }
}

fn clone(
    id: MemberId,
    member: &Member,
    donor: &Endpoint,
    register: &Register,
    seen: &Observation,
) -> Result<(), Refusal> {
    let giver = known(donor.member, seen)?;
    let useful = giver
        .server()
        .is_some_and(|server| !server.executed.is_empty());
    let empty = member.data() == Some(DataState::Empty) && id != register.primary;
    let whole = donor.member == register.primary
        || (is_counted(register, donor.member, giver) && holds_history(seen, register, giver));
    if empty && useful && whole {
        Ok(())
    } else {
        Err(Refusal::OverwritesData(id))
    }
}

/// Nothing that the primary lacks, but for what the primary itself is about to commit, and nothing less
/// than what had to be held when the primary was decided.
fn holds_history(seen: &Observation, register: &Register, member: &Member) -> bool {
    let primary = seen.members.get(&register.primary).and_then(Member::server);
    let (Some(primary), Some(server)) = (primary, member.server()) else {
        return false;
    };
    let own = server.executed.subtract(&primary.executed);
    server.executed.contains(&register.basis.must_hold)
        && own.written_by_others(primary.server_uuid).is_empty()
}

fn follow(
    id: MemberId,
    source: &Endpoint,
    acknowledge: Acknowledge,
    register: &Register,
    seen: &Observation,
) -> Result<(), Refusal> {
    if id == register.primary || id == source.member {
        return Err(Refusal::WrongSource(id));
    }
    if acknowledge == Acknowledge::Yes && !register.membership.members.contains(&id) {
        return Err(Refusal::StrangerAcknowledges(id));
    }
    // A cluster of one waits for nobody, so there is no quorum that a newcomer could be.
    let joins = register
        .membership
        .old
        .as_ref()
        .is_some_and(|old| old.len() > 1 && !old.contains(&id));
    let may_be_open = seen
        .members
        .get(&register.primary)
        .is_none_or(|primary| primary.server().is_none_or(|server| server.writable));
    let waits = seen
        .members
        .get(&register.primary)
        .and_then(Member::server)
        .is_some_and(|server| {
            server.semi_sync.source_enabled && server.semi_sync.wait_for >= acks_demanded(register)
        });
    if acknowledge == Acknowledge::Yes && joins && may_be_open && !waits {
        return Err(Refusal::StrangerAcknowledges(id));
    }
    let target = register.switchover.as_ref().map(|intent| intent.to);
    if source.member == register.primary {
        Ok(())
    } else if target == Some(source.member) {
        chain(id, source, register, seen)
    } else {
        Err(Refusal::WrongSource(id))
    }
}

/// Chaining one more follower behind a switchover's target leaves the primary enough of them.
fn chain(
    id: MemberId,
    source: &Endpoint,
    register: &Register,
    seen: &Observation,
) -> Result<(), Refusal> {
    let chained: BTreeSet<_> = seen
        .members
        .iter()
        .filter(|(_, member)| {
            let channel = member
                .server()
                .and_then(|server| server.replication.as_ref());
            channel.is_some_and(|channel| {
                channel.source_host == source.host && channel.source_port == source.port
            })
        })
        .map(|(id, _)| *id)
        .chain([id])
        .collect();
    let members = &register.membership.members;
    let left = members
        .iter()
        .filter(|id| **id != register.primary && !chained.contains(id))
        .count();
    let left = u32::try_from(left).unwrap_or(0);
    let needed = acks_demanded(register);
    if left >= needed {
        Ok(())
    } else {
        Err(Refusal::ChainTooLong { left, needed })
    }
}

fn open(id: MemberId, acks: u32, register: &Register, seen: &Observation) -> Result<(), Refusal> {
    primary_only(id, register)?;
    if !register.initialised {
        return Err(Refusal::OpensAnother(id));
    }
    enough(acks, register)?;
    let member = known(id, seen)?;
    let lacks = member.server().map_or_else(GtidSet::new, |server| {
        register.basis.must_hold.subtract(&server.executed)
    });
    if !lacks.is_empty() {
        return Err(Refusal::LosesTransactions(id, lacks.count()));
    }
    // Somebody who takes writes by an administrator's hand can be acknowledged only by a follower.
    let dangerous = seen.members.iter().find(|(other, member)| {
        let writable = member.server().is_some_and(|server| server.writable);
        **other != id && writable && has_follower(seen, member)
    });
    if let Some((other, _)) = dangerous {
        return Err(Refusal::SecondWriter(id, *other));
    }
    let everybody = register.membership.all();
    barrier(seen, register, &everybody, acks_demanded(register))
}

fn has_follower(seen: &Observation, member: &Member) -> bool {
    seen.members.values().any(|other| {
        let channel = other
            .server()
            .and_then(|server| server.replication.as_ref());
        channel.is_some_and(|channel| {
            channel.source_host == member.endpoint.host
                && channel.source_port == member.endpoint.port
                && channel.receiver != moco_model::report::ThreadState::Off
        })
    })
}

/// A member's data is given up only while the primary holds everything else that it has, and only if
/// it is of no use.
fn discard(
    id: MemberId,
    member: &Member,
    errant: &GtidSet,
    register: &Register,
    seen: &Observation,
) -> Result<(), Refusal> {
    replica_only(id, register)?;
    let refused = Err(Refusal::OverwritesData(id));
    if register.counted.contains_key(&id) {
        return refused;
    }
    let Some(primary) = present_primary(seen, register).and_then(Member::server) else {
        return refused;
    };
    let Some(held) = held(member) else {
        return refused;
    };
    let own = held.subtract(&primary.executed);
    let lacks = !held.contains(&primary.purged);
    let useless = !own.is_empty() || lacks;
    if useless && own.contains(errant) {
        Ok(())
    } else {
        refused
    }
}
