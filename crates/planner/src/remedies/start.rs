//! Members that wait at the gate: give leave to start, closed.

use moco_model::command::OnEmptyVolume;
use moco_model::guard::DataState;
use moco_model::{Command, MemberId, Role};

use super::{order, role_of};
use crate::members::at_gate;
use crate::observation::{Member, Observation};
use crate::plan::Step;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let start = |(id, member): (&MemberId, &Member)| {
        if !at_gate(seen, *id, member) {
            return None;
        }
        order(
            seen,
            *id,
            Command::Start {
                on_empty_volume: on_empty_volume(seen, *id, member),
            },
        )
    };
    seen.members.iter().filter_map(start).collect()
}

/// A replica without data is made empty and filled; a primary only before the cluster was ever open.
fn on_empty_volume(seen: &Observation, id: MemberId, member: &Member) -> OnEmptyVolume {
    let opened = seen
        .register
        .as_ref()
        .is_some_and(|register| register.initialised);
    let holds = member.data() == Some(DataState::Holding);
    if holds || (opened && role_of(seen, id) == Role::Primary) {
        OnEmptyVolume::Refuse
    } else {
        OnEmptyVolume::Initialise
    }
}
