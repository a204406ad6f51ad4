//! A new cluster: record member 0 as the first primary.

use std::collections::BTreeMap;

use moco_model::register::{Basis, BasisKind};
use moco_model::{Epoch, GtidSet, MemberId, Membership, Millis, Register};

use crate::observation::Observation;
use crate::plan::{Expect, Step};

pub(super) fn steps(seen: &Observation, now: Millis) -> Vec<Step> {
    let register = Register {
        epoch: Epoch(1),
        revision: 1,
        primary: MemberId(0),
        membership: Membership::first(seen.wanted.replicas),
        initialised: false,
        basis: Basis {
            kind: BasisKind::Bootstrap,
            decided_at: now,
            because: "every member was heard and none holds data".to_owned(),
            must_hold: GtidSet::new(),
            writer: None,
        },
        counted: BTreeMap::new(),
        switchover: None,
        handovers: Vec::new(),
    };
    vec![Step::Record {
        expect: Expect::Absent,
        register,
    }]
}
