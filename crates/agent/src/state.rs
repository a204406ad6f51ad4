//! What the agent knows without asking mysqld.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moco_model::report::{Evidence, Fault, ThreadState};
use moco_model::{Endpoint, GtidSet, Guard, Phase, Role, ServerReport};
use tokio::sync::watch;

use crate::commits::Beats;
use crate::peers::Peers;

/// The state, behind a lock that is held for a few instructions only.
pub struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

/// The state.
#[derive(Debug, Default)]
pub struct State {
    /// The guard file's content; none on a volume that was never used.
    pub guard: Option<Guard>,
    /// The long work under way.
    pub work: Option<Phase>,
    /// What went wrong last and has not been mended since.
    pub fault: Option<Fault>,
    /// The primary is being closed for a switchover.
    pub closing: bool,
    /// How far the end of this member has come.
    pub leaving: Leaving,
    /// The mysqld, by its pid, that this agent ends: its end is no fault.
    pub ends: Option<i32>,
    /// Work that fails is not tried again at once.
    pub patience: Patience,
    /// What mysqld said when it last answered.
    pub seen: Option<Seen>,
    /// Since when mysqld has not answered a look.
    pub unanswered: Option<Duration>,
    /// The mysqld, by its pid, that was seen to hold what this member is known to have held.
    pub settled: Option<i32>,
    /// The member that this one was last told to follow.
    pub following: Option<Endpoint>,
    /// Heartbeats of and to other agents.
    pub peers: Peers,
    /// Heartbeat transactions of an open primary.
    pub beats: Beats,
    /// What was cut off or given up here.
    pub evidence: Vec<Evidence>,
    /// What was counted, for the metrics.
    pub counters: Counters,
}

/// How far the end of a member has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaving {
    /// Nobody asked for it.
    #[default]
    No,
    /// supervise was asked to end.
    Asked,
    /// A controller knows.
    Known,
    /// mysqld is being stopped, and nothing else is begun.
    Stopping,
}

/// What mysqld said, and when.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When the look began.
    pub at: Duration,
    /// The pid of the mysqld that said so.
    pub pid: i32,
    /// What it said.
    pub server: ServerReport,
}

impl Seen {
    /// Everything that the server holds: received or executed.
    pub fn held(&self) -> GtidSet {
        let executed = &self.server.executed;
        self.server.replication.as_ref().map_or_else(
            || executed.clone(),
            |channel| executed.union(&channel.received),
        )
    }
}

/// Whether a replica takes nothing more and has still to execute some of what it received.
pub fn drains(server: &ServerReport) -> bool {
    server.replication.as_ref().is_some_and(|channel| {
        channel.receiver == ThreadState::Off && !server.executed.contains(&channel.received)
    })
}

impl State {
    /// What this member was last seen to hold; none before it was compared with what it is known to
    /// have held.
    pub fn held(&self) -> Option<GtidSet> {
        let seen = self.seen.as_ref()?;
        (self.settled == Some(seen.pid)).then(|| seen.held())
    }

    /// mysqld is being stopped, and nothing else is begun.
    pub fn stops(&self) -> bool {
        self.leaving == Leaving::Stopping
    }

    /// The member is the primary of the decision in force and was told to open, and nothing has been
    /// promised or begun since that ends it.
    pub fn may_be_open(&self) -> bool {
        let told = self.guard.as_ref().is_some_and(|guard| {
            guard.role == Some(Role::Primary)
                && guard.opened == Some(guard.epoch)
                && guard.promised == guard.epoch
        });
        told && self.work.is_none() && !self.closing && !self.stops()
    }

    /// [`State::may_be_open`], and mysqld was last seen to take writes.
    pub fn is_open(&self) -> bool {
        let takes_writes = |seen: &Seen| seen.server.writable && !seen.server.offline;
        self.may_be_open() && self.seen.as_ref().is_some_and(takes_writes)
    }
}

/// Counts for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Clones begun.
    pub clones: u64,
    /// Clones that failed.
    pub clone_failures: u64,
    /// Seconds that the last clone took.
    pub last_clone_seconds: f64,
}

/// When work that failed may be tried again: 0.5 s after the first failure, doubling up to 30 s.
#[derive(Debug, Default)]
pub struct Patience {
    failures: u32,
    not_before: Option<Duration>,
}

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Patience {
    /// How long to wait yet; none if the work may be tried.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        self.not_before?
            .checked_sub(now)
            .filter(|left| !left.is_zero())
    }

    /// The work failed.
    pub fn failed(&mut self, now: Duration) {
        let wait = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.checked_add(wait);
    }

    /// The work was done.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

impl Shared {
    /// Begins with what is on the volume.
    pub fn new(inspected: Result<Option<Guard>, Fault>, evidence: Vec<Evidence>) -> Self {
        let mut state = State {
            evidence,
            ..State::default()
        };
        match inspected {
            Ok(guard) => state.guard = guard,
            Err(fault) => state.fault = Some(fault),
        }
        Self {
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
        }
    }

    /// Reads.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    /// Changes, and wakes whoever waits for changes.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Changes what nobody waits for.
    pub fn note<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.lock())
    }

    /// Sees every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while holding it cannot leave it half-changed: every change is a few assignments
        // of values that were computed before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_work_is_tried_again_after_growing_waits_and_at_once_after_success() {
        let start = Duration::from_secs(7);
        let mut patience = Patience::default();
        assert_eq!(patience.left(start), None);
        let mut waits = Vec::new();
        for _ in 0..9 {
            patience.failed(start);
            waits.push(patience.left(start).unwrap().as_millis());
        }
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
        assert_eq!(patience.left(start + LONGEST_WAIT), None);
        patience.succeeded();
        assert_eq!(patience.left(start), None);
    }
}
