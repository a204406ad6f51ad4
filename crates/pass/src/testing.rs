//! What the tests of a pass share.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use moco_model::command::{Answer, Order};
use moco_model::register::{Basis, BasisKind};
use moco_model::{ClusterId, Epoch, GtidSet, MemberId, MemberReport, Membership, Register};
use moco_planner::Wanted;
use moco_planner::observation::{Clustering, Rebuild};

use crate::world::{Agents, MemberFacts};

/// Agents to none of which there is a line.
pub(crate) struct Nobody;

impl Agents for Nobody {
    type Error = Infallible;

    fn connect(&mut self, _: &ClusterId, _: &BTreeMap<MemberId, MemberFacts>) {}

    async fn report(&self, _: MemberId, _: Duration) -> Option<Result<MemberReport, Infallible>> {
        None
    }

    async fn carry(&self, _: &Order, _: Duration) -> Option<Result<Answer, Infallible>> {
        None
    }
}

/// What the user of a cluster of `n` wants.
pub(crate) const fn wanted(n: u32) -> Wanted {
    Wanted {
        replicas: n,
        clustering: Clustering::Active,
        rebuild: Rebuild::Allowed,
        force: None,
    }
}

/// The register of a cluster of `n`, initialised and in its first epoch.
pub(crate) fn register(n: u32) -> Register {
    Register {
        epoch: Epoch(1),
        revision: 1,
        primary: MemberId(0),
        membership: Membership::first(n),
        initialised: true,
        basis: Basis {
            kind: BasisKind::Bootstrap,
            decided_at: 0,
            because: String::new(),
            must_hold: GtidSet::new(),
            writer: None,
        },
        counted: BTreeMap::new(),
        switchover: None,
        handovers: vec![],
    }
}
