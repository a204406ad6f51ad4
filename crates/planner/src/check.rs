//! The linter of plans. It restates the safety rules on its own, apart from the remedies, and runs
//! in production: a plan that breaks one is never carried out.
//!
//! Orders are judged against the register as it will be when they are sent: the one that was seen, or
//! the one that the same plan writes first.

use moco_model::{MemberId, Register};
use serde::{Deserialize, Serialize};

use crate::observation::{Member, Observation};
use crate::plan::{Plan, Step};

mod facts;
mod orders;
mod record;

/// The safety rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// A step is for a member that was not seen.
    #[error("a step is for member {0}, which was not seen")]
    UnknownMember(MemberId),
    /// An order without a register, or of another epoch than the register's.
    #[error("an order for member {0} does not carry the register's epoch")]
    WrongEpoch(MemberId),
    /// A promise of something that is neither decided nor the next decision.
    #[error("member {0} would promise an epoch that is not the next one")]
    WrongPromise(MemberId),
    /// The register is written after other steps.
    #[error("the register is not written first")]
    RecordNotFirst,
    /// The expectation of the compare-and-swap is not what was seen.
    #[error("the register is written over something else than what was seen")]
    WrongExpectation,
    /// A first register although one exists or a member holds data.
    #[error("a first register is written although member data or a register exists")]
    SecondBootstrap,
    /// The epoch, the revision or the membership's version goes back or jumps.
    #[error("the epoch, the revision or the version of the membership does not move forward")]
    NotForward,
    /// The primary is changed without a procedure that allows it.
    #[error("the primary is changed from {0} to {1} without promises")]
    PrimaryChanged(MemberId, MemberId),
    /// The new primary lacks transactions that the old one may have acknowledged.
    #[error("member {0} would become primary and lacks {1} transactions")]
    LosesTransactions(MemberId, u64),
    /// The register would tell of another server than the new primary's that what is acknowledged from now on is its.
    #[error("the register would name another writer than the server of member {0}")]
    WrongWriter(MemberId),
    /// The new primary holds transactions that the history went on without.
    #[error(
        "member {0} would become primary and holds {1} transactions that the history went on without"
    )]
    OutOfOrder(MemberId, u64),
    /// A register is made again from too few guards, or from others than the newest.
    #[error("the register is made again from guards that do not tell it")]
    NotRecovered,
    /// A forced change that nobody demanded, or that was demanded of another epoch.
    #[error("nobody demands a forced change of this epoch")]
    NotDemanded,
    /// A member is counted that was not seen to hold everything.
    #[error("member {0} would count and was not seen to hold everything")]
    CountsTooEarly(MemberId),
    /// Two changes of members at once, or one that lets the primary go.
    #[error("the membership would change in more than one way, or without its primary")]
    WrongMembership,
    /// A leaver may still acknowledge.
    #[error("member {0} would be removed and may still acknowledge")]
    LeaverAcknowledges(MemberId),
    /// A member would be primary, or become one, that the register does not name.
    #[error("member {0} would be opened, and the register names another primary")]
    OpensAnother(MemberId),
    /// Another member takes writes and could be acknowledged.
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
    /// New members would be final although a commit under way may still be answered by the rule of before.
    #[error("the new members would be final while commits of before may still be under way")]
    Unsettled,
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
    /// A former primary would start without being told what the present one holds.
    #[error("member {0} would start with commits that nobody acknowledged")]
    UncutTail(MemberId),
    /// A member's log would be cut although it was no open primary, or by another history than the
    /// present primary's.
    #[error("the log of member {0} would be cut by a wrong history")]
    WrongCut(MemberId),
    /// A member would follow itself or something that is not the primary, or the primary would follow.
    #[error("member {0} would follow a member that is not the register's primary")]
    WrongSource(MemberId),
    /// So many followers would be chained behind a switchover's target that the primary is starved.
    #[error("{left} followers would be left to the primary, which needs {needed}")]
    ChainTooLong {
        /// Followers that stay with the primary.
        left: u32,
        /// Acknowledgements that it needs.
        needed: u32,
    },
    /// A member that is not recorded would acknowledge.
    #[error("member {0} would acknowledge and is not recorded")]
    StrangerAcknowledges(MemberId),
    /// The register's primary would be ended or emptied.
    #[error("member {0} is the primary and would be ended or emptied")]
    HarmsPrimary(MemberId),
}

/// Checks every step of `plan` against what was seen.
pub fn check(plan: &Plan, seen: &Observation) -> Result<(), Refusal> {
    let mut register = seen.register.as_ref();
    for (at, step) in plan.steps.iter().enumerate() {
        match step {
            Step::Record {
                expect,
                register: new,
            } => {
                if at > 0 {
                    return Err(Refusal::RecordNotFirst);
                }
                record::check(*expect, new, seen)?;
                register = Some(new);
            }
            Step::Send(order) => orders::check(order, register, seen)?,
            Step::Label { member, .. } | Step::Settle { member } => {
                known(*member, seen)?;
            }
        }
    }
    Ok(())
}

fn known(id: MemberId, seen: &Observation) -> Result<&Member, Refusal> {
    seen.members.get(&id).ok_or(Refusal::UnknownMember(id))
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
