//! From the planner's steps to the small world's.

use std::collections::{BTreeMap, BTreeSet};

use moco_model::command::{Acknowledge, OnEmptyVolume, Order as RealOrder};
use moco_model::{
    Command as RealCommand, Epoch, MemberId, Membership as RealMembership,
    Register as RealRegister, ServerUuid,
};
use moco_planner::observation::Mark as RealMark;

use super::Seen;
use super::forth::{uuid as real_uuid, writes};
use crate::exhaustive::state::{
    Command, Ids, MEMBERS, Mark, Membership, Order, Register, Step, bit,
};

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

fn small_uuid(uuid: ServerUuid) -> u8 {
    (0..=u8::MAX)
        .find(|number| real_uuid(*number) == uuid)
        .unwrap_or(0)
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

pub(super) fn compact_mark(seen: &Seen, mark: &RealMark) -> Mark {
    Mark {
        epoch: small_epoch(mark.epoch),
        executed: writes(seen.gtids, &mark.executed),
        lives: small_lives(&mark.incarnations),
        version: u8::try_from(mark.rule.version).unwrap_or(u8::MAX),
        acks: small_acks(mark.rule.acks),
        settled: mark.settled,
    }
}

fn small_lives(lives: &BTreeMap<MemberId, String>) -> [u8; MEMBERS] {
    let mut small_lives = [0; MEMBERS];
    for (id, life) in lives {
        if let Some(place) = small_lives.get_mut(usize::from(small(*id))) {
            *place = life.parse().unwrap_or(0);
        }
    }
    small_lives
}

fn compact_register(seen: &Seen, register: &RealRegister) -> Register {
    Register {
        epoch: small_epoch(register.epoch),
        primary: small(register.primary),
        membership: small_membership(&register.membership),
        initialised: register.initialised,
        must_hold: writes(seen.gtids, &register.basis.must_hold),
        writer: register.basis.writer.map_or(0, small_uuid),
        counted: small_lives(&register.counted),
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
