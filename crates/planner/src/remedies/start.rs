//! Members that wait at the gate: give leave to start, closed. A former primary learns what the present
//! one holds, so that what nobody acknowledged is cut off before its mysqld sees it.

use moco_model::command::OnEmptyVolume;
use moco_model::guard::DataState;
use moco_model::{Command, GtidSet, MemberId, Role};

use super::{promised_order, role_of};
use crate::members::at_gate;
use crate::observation::{Member, Observation};
use crate::plan::Step;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let start = |(id, member): (&MemberId, &Member)| {
        if !at_gate(seen, *id, member) {
            return None;
        }
        let history = if was_open_before(seen, *id, member) {
            Some(present_history(seen)?)
        } else {
            None
        };
        let on_empty_volume = on_empty_volume(seen, *id, member);
        let command = Command::Start {
            on_empty_volume,
            history,
        };
        promised_order(seen, *id, command)
    };
    seen.members.iter().filter_map(start).collect()
}

/// It was open in an older epoch and is not the primary now.
pub(crate) fn was_open_before(seen: &Observation, id: MemberId, member: &Member) -> bool {
    role_of(seen, id) == Role::Replica && member.guard().is_some_and(|guard| guard.opened.is_some())
}

/// What the present primary has executed, once it takes writes: then it holds everything that was
/// ever acknowledged.
pub(crate) fn present_history(seen: &Observation) -> Option<GtidSet> {
    let (register, primary) = seen.primary()?;
    let server = primary.server()?;
    let present = primary
        .guard()
        .is_some_and(|guard| guard.epoch == register.epoch && guard.role == Some(Role::Primary));
    let complete = server.executed.contains(&register.basis.must_hold);
    (present && complete && server.replication.is_none()).then(|| server.executed.clone())
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
