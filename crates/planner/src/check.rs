//! The linter of plans. It restates the safety rules on its own, apart from the remedies, and runs
//! in production: a plan that breaks one is never carried out.

use moco_model::command::{Acknowledge, OnEmptyVolume, Order};
use moco_model::guard::DataState;
use moco_model::register::BasisKind;
use moco_model::report::ThreadState;
use moco_model::{Command, MemberId, Register, Role};
use serde::{Deserialize, Serialize};

use crate::observation::{Member, Observation};
use crate::plan::{Expect, Plan, Step};

/// The safety rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// A step is for a member that was not seen.
    #[error("a step is for member {0}, which was not seen")]
    UnknownMember(MemberId),
    /// An order without a register, or of another epoch than the register's.
    #[error("an order for member {0} does not carry the register's epoch")]
    WrongEpoch(MemberId),
    /// The register is written together with other steps.
    #[error("the register is written together with other steps")]
    RecordNotAlone,
    /// The expectation of the compare-and-swap is not what was seen.
    #[error("the register is written over something else than what was seen")]
    WrongExpectation,
    /// A first register although one exists or a member holds data.
    #[error("a first register is written although member data or a register exists")]
    SecondBootstrap,
    /// The epoch or the membership's version goes back or jumps.
    #[error("the epoch or the version of the membership does not move forward by one")]
    NotForward,
    /// The primary is changed without a procedure that allows it.
    #[error("the primary is changed from {0} to {1} without promises")]
    PrimaryChanged(MemberId, MemberId),
    /// A member would be primary, or become one, that the register does not name.
    #[error("member {0} would be opened, and the register names another primary")]
    OpensAnother(MemberId),
    /// Another member takes writes.
    #[error("member {0} would be opened while member {1} takes writes")]
    SecondWriter(MemberId, MemberId),
    /// A commit would wait for fewer acknowledgements than the membership demands.
    #[error("commits would wait for {given} acknowledgements; the membership demands {needed}")]
    TooFewAcks {
        /// Acknowledgements of the step.
        given: u32,
        /// Acknowledgements demanded.
        needed: u32,
    },
    /// The primary would be opened before enough replicas hold what it has.
    #[error("the primary would be opened while {ready} of {needed} replicas hold what it has")]
    BeforeBarrier {
        /// Replicas that do.
        ready: u32,
        /// Replicas demanded.
        needed: u32,
    },
    /// Data would be made or replaced where data is.
    #[error("the data of member {0} would be overwritten")]
    OverwritesData(MemberId),
    /// A member would follow itself or something that is not the primary, or the primary would follow.
    #[error("member {0} would follow a member that is not the register's primary")]
    WrongSource(MemberId),
    /// A member that is not recorded would acknowledge.
    #[error("member {0} would acknowledge and is not recorded")]
    StrangerAcknowledges(MemberId),
}

/// Checks every step of `plan` against what was seen.
pub fn check(plan: &Plan, seen: &Observation) -> Result<(), Refusal> {
    for step in &plan.steps {
        match step {
            Step::Record { expect, register } => {
                if plan.steps.len() > 1 {
                    return Err(Refusal::RecordNotAlone);
                }
                check_record(*expect, register, seen)?;
            }
            Step::Send(order) => check_order(order, seen)?,
            Step::Label { member, .. } => {
                known(*member, seen)?;
            }
        }
    }
    Ok(())
}

fn known(id: MemberId, seen: &Observation) -> Result<&Member, Refusal> {
    seen.members.get(&id).ok_or(Refusal::UnknownMember(id))
}

fn check_record(expect: Expect, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    if !expect.fits(seen.register.as_ref()) {
        return Err(Refusal::WrongExpectation);
    }
    known(new.primary, seen)?;
    let Some(old) = &seen.register else {
        let holds = |member: &Member| member.data() == Some(DataState::Holding);
        let unheard = |member: &Member| member.report.fresh().is_none();
        let unsafe_member = seen
            .members
            .values()
            .any(|member| holds(member) || unheard(member));
        let first = new.epoch.0 == 1 && new.basis.kind == BasisKind::Bootstrap;
        return if first && !unsafe_member && !seen.initialised_before {
            Ok(())
        } else {
            Err(Refusal::SecondBootstrap)
        };
    };
    if old.primary != new.primary {
        return Err(Refusal::PrimaryChanged(old.primary, new.primary));
    }
    let steps = |from: u64, to: u64| to.checked_sub(from).is_some_and(|by| by <= 1);
    let forward = steps(old.epoch.0, new.epoch.0)
        && steps(old.membership.version, new.membership.version)
        && (old.membership == new.membership) == (old.membership.version == new.membership.version)
        && new.initialised >= old.initialised
        && new != old;
    if forward {
        check_membership(old, new, seen)
    } else {
        Err(Refusal::NotForward)
    }
}

/// A change of membership becomes final only when its newcomers hold everything under the new rule.
fn check_membership(old: &Register, new: &Register, seen: &Observation) -> Result<(), Refusal> {
    let finished = old.membership.old.is_some() && new.membership.old.is_none();
    if !finished {
        return Ok(());
    }
    let needed = acks_demanded(old);
    let set = seen
        .primary()
        .and_then(|(_, primary)| primary.server())
        .map(|s| s.semi_sync.wait_for);
    if set != Some(needed) {
        return Err(Refusal::TooFewAcks {
            given: set.unwrap_or(0),
            needed,
        });
    }
    barrier(seen, old, needed)
}

/// Half of the larger of the two memberships, rounded down.
fn acks_demanded(register: &Register) -> u32 {
    let old = register
        .membership
        .old
        .as_ref()
        .map_or(0, std::collections::BTreeSet::len);
    let larger = register.membership.members.len().max(old);
    u32::try_from(larger / 2).unwrap_or(u32::MAX)
}

fn barrier(seen: &Observation, register: &Register, needed: u32) -> Result<(), Refusal> {
    let Some((_, primary)) = seen.primary() else {
        return Err(Refusal::OpensAnother(register.primary));
    };
    let Some(wanted) = primary.server().map(|server| &server.executed) else {
        return Err(Refusal::BeforeBarrier { ready: 0, needed });
    };
    let members = register.membership.all();
    let ready = seen.members.iter().filter(|(id, member)| {
        let Some(server) = member.server() else {
            return false;
        };
        let Some(channel) = &server.replication else {
            return false;
        };
        **id != register.primary
            && members.contains(id)
            && channel.receiver == ThreadState::On
            && server.executed.union(&channel.received).contains(wanted)
    });
    let ready = u32::try_from(ready.count()).unwrap_or(0);
    if ready >= needed {
        Ok(())
    } else {
        Err(Refusal::BeforeBarrier { ready, needed })
    }
}

fn check_order(order: &Order, seen: &Observation) -> Result<(), Refusal> {
    let id = order.member;
    let member = known(id, seen)?;
    let register = seen.register.as_ref().filter(|register| {
        register.epoch == order.epoch
            && register.membership == order.membership
            && (register.primary == id) == (order.role == Role::Primary)
    });
    let register = register
        .filter(|_| order.cluster == seen.uid)
        .ok_or(Refusal::WrongEpoch(id))?;
    match &order.command {
        Command::Start { on_empty_volume } => check_start(id, member, *on_empty_volume, register),
        Command::Clone { donor } => {
            let donor = known(donor.member, seen)?;
            let empty = member.data() == Some(DataState::Empty) && id != register.primary;
            let useful = donor
                .server()
                .is_some_and(|server| !server.executed.is_empty());
            if empty && useful {
                Ok(())
            } else {
                Err(Refusal::OverwritesData(id))
            }
        }
        Command::Follow {
            source,
            acknowledge,
        } => {
            if source.member != register.primary || id == register.primary {
                return Err(Refusal::WrongSource(id));
            }
            let recorded = register.membership.all().contains(&id);
            if *acknowledge == Acknowledge::Yes && !recorded {
                return Err(Refusal::StrangerAcknowledges(id));
            }
            Ok(())
        }
        Command::Open { acks } => check_open(id, *acks, register, seen),
        Command::SetAcks { acks } => {
            let needed = acks_demanded(register);
            if id != register.primary {
                return Err(Refusal::OpensAnother(id));
            }
            if *acks < needed {
                Err(Refusal::TooFewAcks {
                    given: *acks,
                    needed,
                })
            } else {
                Ok(())
            }
        }
    }
}

fn check_start(
    id: MemberId,
    member: &Member,
    on_empty: OnEmptyVolume,
    register: &Register,
) -> Result<(), Refusal> {
    let may_make = id != register.primary || !register.initialised;
    let holds = member.data() == Some(DataState::Holding);
    if on_empty == OnEmptyVolume::Initialise && (!may_make || holds) {
        return Err(Refusal::OverwritesData(id));
    }
    Ok(())
}

fn check_open(
    id: MemberId,
    acks: u32,
    register: &Register,
    seen: &Observation,
) -> Result<(), Refusal> {
    if id != register.primary || !register.initialised {
        return Err(Refusal::OpensAnother(id));
    }
    let writes = |member: &Member| member.server().is_some_and(|server| server.writable);
    if let Some((other, _)) = seen
        .members
        .iter()
        .find(|(other, member)| **other != id && writes(member))
    {
        return Err(Refusal::SecondWriter(id, *other));
    }
    let needed = acks_demanded(register);
    if acks < needed {
        return Err(Refusal::TooFewAcks {
            given: acks,
            needed,
        });
    }
    barrier(seen, register, needed)
}
