//! Members that were primary in an older epoch, or take writes by anybody's hand, and still run: they
//! are ended at once. What they hold beyond the history is judged before they start again.

use moco_model::Command;

use super::{Treatment, install};
use crate::members::must_retire;
use crate::observation::Observation;

pub(super) fn treat(seen: &Observation) -> Treatment {
    let Some(register) = &seen.register else {
        return Treatment::Nothing;
    };
    let steps: Vec<_> = seen
        .replicas()
        .filter(|(_, member)| must_retire(member))
        .map(|(id, _)| install::order(seen, register, id, Command::Retire))
        .collect();
    if steps.is_empty() {
        Treatment::Nothing
    } else {
        Treatment::Act(steps)
    }
}
