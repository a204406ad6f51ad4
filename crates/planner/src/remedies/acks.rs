//! An open primary waits for another number of acknowledgements than the membership demands, or does
//! not know the epoch in force.

use moco_model::{Command, quorum};

use super::order;
use crate::observation::Observation;
use crate::plan::Step;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let Some(register) = &seen.register else {
        return Vec::new();
    };
    let acks = quorum::acks_under(&register.membership);
    order(seen, register.primary, Command::SetAcks { acks })
        .into_iter()
        .collect()
}
