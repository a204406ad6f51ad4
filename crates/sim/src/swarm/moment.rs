//! The steps of MOCO's procedures, as they are seen from outside: orders that a member takes up, and
//! writes of the register. Faults are aimed at them and counted by them.

use std::fmt;
use std::time::Duration;

use moco_model::command::{Acknowledge, OnEmptyVolume, Order};
use moco_model::register::BasisKind;
use moco_model::{Command, MemberId, Membership, Register, Role};

use super::executor::Owner;
use super::fault::{self, Fault};
use super::scene::Scene;

macro_rules! moments {
    ($($name:ident: $word:literal,)+) => {
        /// A step of a procedure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Moment {
            $(#[doc = $word] $name,)+
        }

        impl Moment {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Procedure and step, as in stories.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

moments! {
    FailoverFence: "failover/fence",
    FailoverRecord: "failover/record",
    FailoverPromote: "failover/promote",
    FailoverFollow: "failover/follow",
    FailoverOpen: "failover/open",
    FailoverRetire: "failover/retire",
    SwitchoverIntend: "switchover/intend",
    SwitchoverChain: "switchover/chain",
    SwitchoverFence: "switchover/fence",
    SwitchoverRecord: "switchover/record",
    SwitchoverPromote: "switchover/promote",
    SwitchoverFollow: "switchover/follow",
    SwitchoverOpen: "switchover/open",
    SwitchoverGiveUp: "switchover/give-up",
    SwitchoverResume: "switchover/resume",
    RejoinCut: "rejoin/cut",
    RejoinStart: "rejoin/start",
    RejoinFollow: "rejoin/follow",
    CloneDiscard: "clone/discard",
    CloneInitialise: "clone/initialise",
    CloneCopy: "clone/copy",
    CloneFollow: "clone/follow",
    CloneCount: "clone/count",
    GrowInitialise: "grow/initialise",
    GrowCopy: "grow/copy",
    GrowFollow: "grow/follow",
    GrowRecord: "grow/record",
    GrowAcks: "grow/acks",
    GrowAcknowledge: "grow/acknowledge",
    GrowFinal: "grow/final",
    ShrinkRecord: "shrink/record",
    ShrinkSilence: "shrink/silence",
    ShrinkFinal: "shrink/final",
    ShrinkAcks: "shrink/acks",
    RecoverStart: "recover/start",
    RecoverRecord: "recover/record",
    RecoverPromote: "recover/promote",
    RecoverOpen: "recover/open",
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Moment {
    /// The step of this name.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.word() == word)
    }
}

/// A fault that waits for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aimed {
    /// The step.
    pub at: Moment,
    /// How long after its beginning.
    pub after: Duration,
    /// What happens.
    pub fault: Fault,
}

/// A fault within this time of the last step came in the midst of the procedure.
pub const MIDST: Duration = Duration::from_millis(250);

/// A member takes an order up.
pub fn ordered(scene: &Scene, order: &Order) {
    let moment = scene.with(|stage| {
        let register = stage.api.register.as_ref()?;
        of_order(register, order)
    });
    if let Some(moment) = moment {
        reached(scene, moment);
    }
}

/// The register is written.
pub fn recorded(scene: &Scene, old: Option<&Register>, new: &Register) {
    if let Some(moment) = old.and_then(|old| of_record(old, new)) {
        reached(scene, moment);
    }
}

/// A step begins. What is aimed at it happens once.
pub fn reached(scene: &Scene, moment: Moment) {
    let now = scene.executor.now();
    let due: Vec<Aimed> = scene.with(|stage| {
        stage.moment = Some((moment, now));
        let (due, left) = std::mem::take(&mut stage.aimed)
            .into_iter()
            .partition(|aimed| aimed.at == moment);
        stage.aimed = left;
        due
    });
    for aimed in due {
        let nature = Owner(0);
        fault::after(scene, nature, aimed.after, move |scene| {
            if !scene.with(|stage| stage.calm) {
                fault::happen(scene, nature, aimed.fault);
            }
        });
    }
}

/// By the handover that this epoch began with, until its primary was seen open.
fn by_handover(
    register: &Register,
    failover: Moment,
    switchover: Moment,
    otherwise: Moment,
) -> Moment {
    let last = register.handovers.last();
    match last.filter(|last| last.epoch == register.epoch && last.opened_at.is_none()) {
        Some(last) if last.kind == BasisKind::Switchover => switchover,
        Some(_) => failover,
        None => otherwise,
    }
}

fn is_new(membership: &Membership, id: MemberId) -> bool {
    let before = membership.old.as_ref().unwrap_or(&membership.members);
    !before.contains(&id)
}

fn of_order(register: &Register, order: &Order) -> Option<Moment> {
    let membership = &register.membership;
    let new = is_new(membership, order.member);
    let counted = register.counted.contains_key(&order.member);
    match &order.command {
        Command::Fence if order.promise <= order.epoch => None,
        Command::Fence if register.switchover.is_some() => Some(Moment::SwitchoverFence),
        Command::Fence => Some(Moment::FailoverFence),
        Command::Retire => Some(Moment::FailoverRetire),
        Command::Discard { .. } => Some(Moment::CloneDiscard),
        Command::Clone { .. } if new => Some(Moment::GrowCopy),
        Command::Clone { .. } => Some(Moment::CloneCopy),
        Command::Start {
            on_empty_volume, ..
        } => {
            let makes = *on_empty_volume == OnEmptyVolume::Initialise && !counted;
            Some(match order.role {
                Role::Primary => Moment::RecoverStart,
                Role::Replica if new && makes => Moment::GrowInitialise,
                Role::Replica if makes => Moment::CloneInitialise,
                Role::Replica => Moment::RejoinStart,
            })
        }
        Command::Follow {
            source,
            acknowledge,
        } => {
            let leaves = !membership.members.contains(&order.member)
                && membership.all().contains(&order.member);
            let target = register.switchover.as_ref().map(|intent| intent.to);
            Some(match acknowledge {
                Acknowledge::No if leaves => Moment::ShrinkSilence,
                Acknowledge::No => Moment::GrowFollow,
                Acknowledge::Yes if new => Moment::GrowAcknowledge,
                Acknowledge::Yes if target == Some(source.member) => Moment::SwitchoverChain,
                Acknowledge::Yes if !counted => Moment::CloneFollow,
                Acknowledge::Yes => by_handover(
                    register,
                    Moment::FailoverFollow,
                    Moment::SwitchoverFollow,
                    Moment::RejoinFollow,
                ),
            })
        }
        commanded => of_primary(register, commanded),
    }
}

fn of_primary(register: &Register, command: &Command) -> Option<Moment> {
    match command {
        Command::Promote { .. } => Some(by_handover(
            register,
            Moment::FailoverPromote,
            Moment::SwitchoverPromote,
            Moment::RecoverPromote,
        )),
        Command::Open { .. } => Some(by_handover(
            register,
            Moment::FailoverOpen,
            Moment::SwitchoverOpen,
            Moment::RecoverOpen,
        )),
        Command::SetAcks { .. } => {
            let membership = &register.membership;
            let grows = membership
                .old
                .as_ref()
                .is_some_and(|old| old.len() < membership.members.len());
            Some(if grows {
                Moment::GrowAcks
            } else {
                Moment::ShrinkAcks
            })
        }
        _ => None,
    }
}

fn of_record(old: &Register, new: &Register) -> Option<Moment> {
    if new.epoch > old.epoch {
        return match new.basis.kind {
            BasisKind::Failover => Some(Moment::FailoverRecord),
            BasisKind::Switchover => Some(Moment::SwitchoverRecord),
            BasisKind::Resumed => Some(Moment::SwitchoverResume),
            BasisKind::RestartInPlace => Some(Moment::RecoverRecord),
            BasisKind::Bootstrap | BasisKind::Forced | BasisKind::Recovered => None,
        };
    }
    match (&old.switchover, &new.switchover) {
        (None, Some(_)) => return Some(Moment::SwitchoverIntend),
        (Some(_), None) => return Some(Moment::SwitchoverGiveUp),
        _ => {}
    }
    let (before, after) = (&old.membership, &new.membership);
    match (&before.old, &after.old) {
        (None, Some(old)) if old.len() < after.members.len() => Some(Moment::GrowRecord),
        (None, Some(_)) => Some(Moment::ShrinkRecord),
        (Some(old), None) if old.len() < after.members.len() => Some(Moment::GrowFinal),
        (Some(_), None) => Some(Moment::ShrinkFinal),
        _ if new.counted != old.counted => Some(Moment::CloneCount),
        _ => None,
    }
}
