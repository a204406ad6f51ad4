//! The primary's mysqld ended and nobody can take over: begin a new epoch with the same primary, so
//! that whatever was decided for the ended process is void, and it is opened again only behind the
//! barrier.

use moco_model::Millis;
use moco_model::register::{Basis, BasisKind};

use super::Treatment;
use crate::observation::Observation;
use crate::plan::{Expect, Step};

pub(super) fn treat(seen: &Observation, now: Millis) -> Treatment {
    let Some(register) = &seen.register else {
        return Treatment::Nothing;
    };
    let mut new = super::successor(register, seen.next_epoch());
    new.switchover = None;
    new.basis = Basis {
        kind: BasisKind::RestartInPlace,
        decided_at: now,
        because: format!(
            "mysqld of primary {} ended, and too few others could take over",
            register.primary
        ),
        must_hold: register.basis.must_hold.clone(),
        writer: register.basis.writer,
    };
    Treatment::Act(vec![Step::Record {
        expect: Expect::of(register),
        register: new,
    }])
}
