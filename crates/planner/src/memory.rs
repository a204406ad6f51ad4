//! The little that is kept between passes.

use std::collections::BTreeMap;

use moco_model::Millis;
use serde::{Deserialize, Serialize};

use crate::diagnosis::Finding;
use crate::problem::Problem;

/// What the planner remembers. Losing it loses nothing but the age of the problems.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Since when each problem has been seen without a break.
    pub since: BTreeMap<Problem, Millis>,
}

impl Memory {
    /// The memory after a pass that found `problems`.
    #[must_use]
    pub fn after(&self, problems: &[Finding], now: Millis) -> Self {
        let since = problems
            .iter()
            .map(|found| {
                (
                    found.problem,
                    self.since.get(&found.problem).copied().unwrap_or(now),
                )
            })
            .collect();
        Self { since }
    }
}
