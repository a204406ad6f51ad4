//! Plans: what is safe to start now.

use std::fmt;

use moco_model::command::Order;
use moco_model::{Epoch, MemberId, Register, Role};
use serde::{Deserialize, Serialize};

/// Steps in the order in which they are to be taken. After the first that fails the rest is dropped
/// and the next observation decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One change of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Write the register by compare-and-swap.
    Record {
        /// What the register must hold for the write to happen.
        expect: Expect,
        /// What to write.
        register: Register,
    },
    /// Tell an agent what to do.
    Send(Order),
    /// What was asked of a member is done, or will not be done: drop the asking.
    Settle {
        /// Which member.
        member: MemberId,
    },
    /// Tell clients the role of a member.
    Label {
        /// Which member.
        member: MemberId,
        /// Its role.
        role: Role,
    },
}

/// What a compare-and-swap of the register expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// No register.
    Absent,
    /// A register of this epoch and revision.
    Held {
        /// Its epoch.
        epoch: Epoch,
        /// Its revision.
        revision: u64,
    },
}

impl Expect {
    /// The expectation that fits `register`.
    pub const fn of(register: &Register) -> Self {
        Self::Held {
            epoch: register.epoch,
            revision: register.revision,
        }
    }

    /// Whether `found` is what was expected.
    pub fn fits(self, found: Option<&Register>) -> bool {
        found.map_or(Self::Absent, Self::of) == self
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { register, .. } => write!(
                f,
                "record epoch {}, primary {}, {} members, membership version {}",
                register.epoch,
                register.primary,
                register.membership.members.len(),
                register.membership.version
            ),
            Self::Send(order) => {
                let promise = if order.promise == order.epoch {
                    String::new()
                } else {
                    format!(", promising {}", order.promise)
                };
                write!(
                    f,
                    "tell member {} in epoch {}{promise}: {}",
                    order.member, order.epoch, order.command
                )
            }
            Self::Settle { member } => {
                write!(f, "drop what was asked of member {member}")
            }
            Self::Label { member, role } => write!(f, "label member {member} as {role}"),
        }
    }
}
