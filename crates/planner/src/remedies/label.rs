//! Pods whose role label is not the member's role. The primary's is set first: with the others' first its Service would
//! lead nowhere for a moment, and kube-proxy, which follows within a second by default, could keep it so for as long.
//! Until the other label is gone, some new connections reach the former primary, which is closed and says so at once.

use moco_model::{MemberId, Role};

use super::role_of;
use crate::members::mislabelled;
use crate::observation::{Member, Observation};
use crate::plan::Step;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    labels(seen, |id, member| mislabelled(seen, id, member))
}

/// Every label that differs from the role, also the primary's before it takes writes.
pub(super) fn all(seen: &Observation) -> Vec<Step> {
    labels(seen, |id, member| member.label != Some(role_of(seen, id)))
}

fn labels(seen: &Observation, wrong: impl Fn(MemberId, &Member) -> bool) -> Vec<Step> {
    let wrong = seen
        .members
        .iter()
        .filter(|(id, member)| wrong(**id, member));
    let mut steps: Vec<_> = wrong
        .map(|(id, _)| Step::Label {
            member: *id,
            role: role_of(seen, *id),
        })
        .collect();
    let is_primary =
        |step: &Step| matches!(step, Step::Label { role, .. } if *role == Role::Primary);
    steps.sort_by_key(|step| !is_primary(step));
    steps
}
