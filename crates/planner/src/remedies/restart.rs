//! The primary's mysqld ended: begin a new epoch with the same primary, so that whatever was decided
//! for the ended process is void, and it is opened again only behind the barrier.

use moco_model::Millis;
use moco_model::register::{Basis, BasisKind};

use crate::observation::Observation;
use crate::plan::{Expect, Step};

pub(super) fn steps(seen: &Observation, now: Millis) -> Vec<Step> {
    let Some(register) = &seen.register else {
        return Vec::new();
    };
    let mut new = register.clone();
    new.epoch = register.epoch.next();
    new.basis = Basis {
        kind: BasisKind::RestartInPlace,
        decided_at: now,
        because: format!(
            "mysqld of primary {} ended and waits at the gate",
            register.primary
        ),
    };
    vec![Step::Record {
        expect: Expect::of(register),
        register: new,
    }]
}
