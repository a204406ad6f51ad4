//! Pods whose role label is not the member's role: replicas first, so that no two are the primary.

use moco_model::Role;

use super::role_of;
use crate::members::mislabelled;
use crate::observation::Observation;
use crate::plan::Step;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let wrong = seen
        .members
        .iter()
        .filter(|(id, member)| mislabelled(seen, **id, member));
    let mut steps: Vec<_> = wrong
        .map(|(id, _)| Step::Label {
            member: *id,
            role: role_of(seen, *id),
        })
        .collect();
    steps.sort_by_key(|step| {
        matches!(
            step,
            Step::Label {
                role: Role::Primary,
                ..
            }
        )
    });
    steps
}
