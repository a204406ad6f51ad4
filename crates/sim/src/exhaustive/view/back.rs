//! From the planner's steps to the small world's.

use std::collections::BTreeSet;

use moco_model::command::{Acknowledge, OnEmptyVolume, Order as RealOrder};
use moco_model::{
    Command as RealCommand, Epoch, MemberId, Membership as RealMembership, Register as RealRegister,
};

use super::Seen;
use super::forth::writes;
use crate::exhaustive::state::{Command, Ids, MEMBERS, Membership, Order, Register, Step, bit};

fn small(id: MemberId) -> u8 {
    u8::try_from(id.0).unwrap_or(u8::MAX)
}

fn small_epoch(epoch: Epoch) -> u8 {
    u8::try_from(epoch.0).unwrap_or(u8::MAX)
}

fn small_acks(acks: u32) -> u8 {
    u8::try_from(acks).unwrap_or(u8::MAX)
}

fn small_ids(set: &BTreeSet<MemberId>) -> Ids {
    set.iter().map(|id| bit(small(*id))).sum()
}

fn small_membership(membership: &RealMembership) -> Membership {
    Membership {
        members: small_ids(&membership.members),
        old: membership.old.as_ref().map(small_ids),
        version: u8::try_from(membership.version).unwrap_or(u8::MAX),
    }
}

pub(super) fn compact(seen: &Seen, step: &moco_planner::Step) -> Option<Step> {
    match step {
        moco_planner::Step::Record { register, .. } => {
            Some(Step::Record(compact_register(seen, register)))
        }
        moco_planner::Step::Send(order) => Some(Step::Send(compact_order(seen, order))),
        moco_planner::Step::Settle { .. } => Some(Step::Settle),
        moco_planner::Step::Label { .. } => None,
    }
}

fn compact_register(seen: &Seen, register: &RealRegister) -> Register {
    let mut counted = [0; MEMBERS];
    for (id, life) in &register.counted {
        if let Some(place) = counted.get_mut(usize::from(small(*id))) {
            *place = life.parse().unwrap_or(0);
        }
    }
    Register {
        epoch: small_epoch(register.epoch),
        primary: small(register.primary),
        membership: small_membership(&register.membership),
        initialised: register.initialised,
        must_hold: writes(seen.gtids, &register.basis.must_hold),
        counted,
        switchover: register.switchover.as_ref().map(|intent| small(intent.to)),
    }
}

fn compact_order(seen: &Seen, order: &RealOrder) -> Order {
    let command = match &order.command {
        RealCommand::Start {
            on_empty_volume,
            history,
        } => Command::Start {
            initialise: *on_empty_volume == OnEmptyVolume::Initialise,
            history: history.as_ref().map(|history| writes(seen.gtids, history)),
        },
        RealCommand::Clone { donor } => Command::Clone {
            donor: small(donor.member),
        },
        RealCommand::Follow {
            source,
            acknowledge,
        } => Command::Follow {
            source: small(source.member),
            acknowledge: *acknowledge == Acknowledge::Yes,
        },
        RealCommand::Fence => Command::Fence,
        RealCommand::Promote { acks, must_hold } => Command::Promote {
            acks: small_acks(*acks),
            must_hold: writes(seen.gtids, must_hold),
        },
        RealCommand::Retire => Command::Retire,
        RealCommand::Discard { .. } => Command::Discard,
        RealCommand::Open { acks } => Command::Open {
            acks: small_acks(*acks),
        },
        RealCommand::SetAcks { acks } => Command::SetAcks {
            acks: small_acks(*acks),
        },
    };
    Order {
        member: small(order.member),
        epoch: small_epoch(order.epoch),
        promise: small_epoch(order.promise),
        role: order.role,
        membership: small_membership(&order.membership),
        command,
    }
}
