//! A controller of the small world.

use super::state::{MEMBERS, Step, Writes};
use super::view::Seen;

/// What a controller remembers of the open primary; see [`moco_planner::observation::Mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The decision in force.
    pub epoch: u8,
    /// What the primary had executed.
    pub executed: Writes,
    /// The incarnations that were seen, by member; 0 for none.
    pub lives: [u8; MEMBERS],
    /// The version of the membership.
    pub version: u8,
    /// The acknowledgements that the primary waited for.
    pub acks: u8,
    /// The look before had seen the same rule.
    pub settled: bool,
}

/// A controller: it may be in the middle of a plan while another one acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Controller {
    /// What is left of its plan.
    pub plan: Vec<Step>,
    /// What it has gathered so far, when it gathers piece by piece.
    pub gathered: Option<Box<Seen>>,
    /// The register was written by somebody else since it was read.
    pub behind: bool,
    /// What it remembers of its last look.
    pub mark: Option<Mark>,
}
