//! What may still happen.

use super::state::Ids;

/// What may still go wrong, and what clients and people may still do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Members whose mysqld may be killed once.
    pub crashes: Ids,
    /// Kills altogether.
    pub kills: u8,
    /// Members whose volume may be lost.
    pub volumes: Ids,
    /// Volumes altogether.
    pub losses: u8,
    /// Cuts of links.
    pub cuts: u8,
    /// Writes of clients.
    pub writes: u8,
    /// Switchovers asked for.
    pub switchovers: u8,
    /// Looks in which the primary seems stuck, or a deadline has passed.
    pub doubts: u8,
}
