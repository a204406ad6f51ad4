//! The source half of semi-sync: which acknowledgements came, and up to where they release commits.

use std::collections::BTreeMap;

use super::commit::Position;

/// What the source's plugin remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SemiSync {
    /// `Rpl_semi_sync_source_status`: enabled and not given up.
    pub(super) active: bool,
    /// The last position that each replica acknowledged, by its `server_id`.
    acks: BTreeMap<u32, Position>,
    /// Everything up to here has enough acknowledgements.
    replied: Option<Position>,
    /// `Rpl_semi_sync_source_no_tx`.
    pub(super) unacknowledged: u64,
    /// `Rpl_semi_sync_source_no_times`.
    pub(super) switched_off: u64,
}

impl SemiSync {
    /// `SET GLOBAL rpl_semi_sync_source_enabled`.
    pub(super) fn set_enabled(&mut self, enabled: bool) {
        if !enabled {
            self.forget();
        }
        self.active = enabled;
    }

    fn forget(&mut self) {
        self.acks.clear();
        self.replied = None;
    }

    /// The timeout passed: commits go on without.
    pub(super) fn time_out(&mut self) {
        self.active = false;
        self.switched_off += 1;
        self.forget();
    }

    /// A stop does not wait for acknowledgements.
    pub(super) fn forced_off(&mut self) {
        if self.active {
            self.active = false;
            self.switched_off += 1;
        }
    }

    /// Takes an acknowledgement, which covers everything before it. `end` is the end of the binary
    /// log: a plugin that had given up takes part again when a replica has come so far.
    pub(super) fn take(&mut self, replica: u32, at: Position, end: Position, wait_for: u32) {
        if !self.active {
            if at < end {
                return;
            }
            self.active = true;
        }
        let last = self.acks.entry(replica).or_insert(at);
        *last = at.max(*last);
        self.count(wait_for);
    }

    /// Moves the released position to where enough replicas are.
    pub(super) fn count(&mut self, wait_for: u32) {
        let mut positions: Vec<Position> = self.acks.values().copied().collect();
        positions.sort_unstable();
        let enough = usize::try_from(wait_for).unwrap_or(usize::MAX);
        let reached = positions.iter().rev().nth(enough.saturating_sub(1));
        self.replied = self.replied.max(reached.copied());
    }

    /// Whether a commit that ends at `at` may go on.
    pub(super) fn releases(&self, at: Position) -> bool {
        !self.active || self.replied.is_some_and(|replied| replied >= at)
    }
}
