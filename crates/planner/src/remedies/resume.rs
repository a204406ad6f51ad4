//! A failover was prepared or a switchover begun, and no longer wanted: the same primary goes on. What
//! was promised is promised, so it does so in a new epoch.

use moco_model::Millis;
use moco_model::register::{Basis, BasisKind};

use super::{Treatment, successor};
use crate::observation::Observation;
use crate::plan::{Expect, Step};

/// A failover that was prepared and is not needed.
pub(super) fn treat(seen: &Observation, now: Millis) -> Treatment {
    because(
        seen,
        "another primary was prepared for and is not needed",
        now,
    )
}

/// The same primary goes on.
pub(super) fn because(seen: &Observation, because: &str, now: Millis) -> Treatment {
    let Some(register) = &seen.register else {
        return Treatment::Nothing;
    };
    let mut new = successor(register, seen.next_epoch());
    new.switchover = None;
    new.basis = Basis {
        kind: BasisKind::Resumed,
        decided_at: now,
        because: because.to_owned(),
        must_hold: register.basis.must_hold.clone(),
        writer: register.basis.writer,
    };
    let record = Step::Record {
        expect: Expect::of(register),
        register: new,
    };
    let settled = super::switchover::settled(seen);
    Treatment::Act(std::iter::once(record).chain(settled).collect())
}
