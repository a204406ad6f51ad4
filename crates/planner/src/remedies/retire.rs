//! Members that were primary in an older epoch, or take writes by anybody's hand, and still run: they are ended, at once
//! or right after clients have a primary again. What they hold beyond the history is judged before they start again.

use moco_model::{Command, Millis};

use super::{Treatment, install, open};
use crate::members::must_retire;
use crate::memory::Memory;
use crate::observation::Observation;

pub(super) fn treat(seen: &Observation, memory: &Memory, now: Millis) -> Treatment {
    let Some(register) = &seen.register else {
        return Treatment::Nothing;
    };
    if open::comes_first(seen, memory, now) {
        return Treatment::Nothing;
    }
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
