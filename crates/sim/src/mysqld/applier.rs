//! The applier: what was received becomes executed, in the order in which it was received.

use std::sync::Arc;
use std::time::Duration;

use super::commit::Owner;
use super::content::{Code, Transaction};
use super::{Fleet, Health, ServerId};

/// How many transactions are applied at the same time.
const WORKERS: usize = 4;

/// The applier's threads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Applier {
    running: bool,
    /// `STOP REPLICA` waits for what is being applied.
    stopping: bool,
    pub(super) error: Option<(Code, String)>,
    /// When the last applied transaction was committed at its origin, milliseconds since 1970.
    pub(super) applied_ms: u64,
}

impl Applier {
    /// Whether its threads are there.
    pub(super) const fn runs(&self) -> bool {
        self.running
    }

    pub(super) fn start(&mut self) {
        self.stopping = false;
        if !self.running {
            self.error = None;
        }
        self.running = true;
    }

    /// Takes nothing new. It has stopped when nothing of it is under way.
    pub(super) const fn ask_to_stop(&mut self) {
        self.stopping = true;
    }

    pub(super) const fn stop(&mut self) {
        self.running = false;
        self.stopping = false;
    }

    pub(super) fn applied(&mut self, transaction: &Transaction) {
        self.applied_ms = transaction.origin_ms;
    }

    fn fail(&mut self, code: Code, transaction: &Transaction) {
        self.stop();
        let gtid = &transaction.gtid;
        let words = format!("Worker 1 failed executing transaction '{gtid}'; error {code}");
        self.error = Some((code, words));
    }
}

impl Fleet {
    /// What the applier can take up now, if anything.
    pub(super) fn next_to_apply(&self, id: ServerId) -> Option<Arc<Transaction>> {
        let server = self.servers.get(&id)?;
        let (disk, process) = self.running(id)?;
        let able = process.works() && process.applier.running && !process.applier.stopping;
        if !able || server.health == Health::Full {
            return None;
        }
        let owned = process.owned();
        let next =
            disk.relay.transactions.iter().find(|one| {
                !disk.engine.executed.contains(&one.gtid) && !owned.contains(&one.gtid)
            })?;
        let mine = process.queue.commits();
        let busy = mine.filter(|commit| commit.owner == Owner::Applier).count();
        let touched = next.touched();
        let free = busy < WORKERS
            && !process.queue.holds(&touched)
            && !self.sessions_lock(id, None, &touched);
        free.then(|| Arc::clone(next))
    }

    /// Applies one transaction as far as its commit, or fails on it.
    pub(super) fn apply(&mut self, id: ServerId, now: Duration) -> bool {
        let Some(next) = self.next_to_apply(id) else {
            return false;
        };
        let Some((disk, process)) = self.running_mut(id) else {
            return false;
        };
        if let Err(code) = disk.engine.check_all(&next.changes) {
            process.applier.fail(code, &next);
        } else {
            self.flush(id, Owner::Applier, next, now);
        }
        self.settle(id, now);
        true
    }
}
