//! The way of a commit: written to the binary log, synced, acknowledged, committed in the engine.
//!
//! Commits keep the order of the binary log. What is synced together, or gathers while others wait,
//! goes on as one group: its leader waits in the eyes of semi-sync, for the last position of the
//! group, and the others wait for it.

use std::sync::Arc;
use std::time::Duration;

use super::answer::ok;
use super::content::{Change, Touched, Transaction};
use super::gtids::Gtid;
use super::session::Stage;
use super::{Fleet, Health, ServerId, SessionId};

/// The end of a transaction in the binary log: the file's number, and how many transactions it holds
/// up to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Position {
    pub(super) file: u32,
    pub(super) at: usize,
}

/// Whose commit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owner {
    /// A client's.
    Session(SessionId),
    /// The applier's.
    Applier,
}

/// A commit under way. Its transaction is prepared in the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Commit {
    pub(super) owner: Owner,
    pub(super) transaction: Arc<Transaction>,
    pub(super) at: Position,
    /// Semi-sync was in force when it was written: only then it waits for acknowledgements.
    listed: bool,
    pub(super) since: Duration,
}

/// The commits under way on one server, in the order of the binary log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Queue {
    /// In front: a group that may wait for acknowledgements.
    group: Vec<Commit>,
    /// Since when the group waits for acknowledgements.
    waiting_since: Option<Duration>,
    /// Synced, behind the group.
    synced: Vec<Commit>,
    /// Written and not synced.
    flushed: Vec<Commit>,
    /// When the fsync of what is flushed began.
    sync_since: Option<Duration>,
}

impl Queue {
    /// All of them, in order.
    pub(super) fn commits(&self) -> impl Iterator<Item = &Commit> + '_ {
        self.group.iter().chain(&self.synced).chain(&self.flushed)
    }

    /// `Rpl_semi_sync_source_wait_sessions`: groups that wait count once.
    pub(super) fn semi_sync_waiters(&self) -> u32 {
        u32::from(self.waiting_since.is_some())
    }

    /// The commit whose thread shows that it waits for an acknowledgement.
    pub(super) fn leader(&self) -> Option<&Commit> {
        self.waiting_since.and_then(|_| self.group.first())
    }

    /// Commits whose threads show that they wait for their handler's commit.
    pub(super) fn followers(&self) -> impl Iterator<Item = &Commit> + '_ {
        let led = usize::from(self.waiting_since.is_some());
        self.group.iter().skip(led).chain(&self.synced)
    }

    /// Since when the front group waits for acknowledgements.
    pub(super) const fn waiting_since(&self) -> Option<Duration> {
        self.waiting_since
    }

    /// The position that the front group waits for.
    pub(super) fn waited_for(&self) -> Option<Position> {
        self.waiting_since?;
        self.group.last().map(|commit| commit.at)
    }

    /// Whether what ends at `at` is on the list of semi-sync.
    pub(super) fn lists(&self, at: Position) -> bool {
        self.commits()
            .any(|commit| commit.at == at && commit.listed)
    }

    /// Since when an fsync is due.
    pub(super) fn sync_since(&self) -> Option<Duration> {
        self.sync_since.filter(|_| !self.flushed.is_empty())
    }

    /// What was written is synced.
    pub(super) fn sync(&mut self) {
        self.synced.append(&mut self.flushed);
        self.sync_since = None;
    }

    /// Whether a commit under way touches one of these.
    pub(super) fn holds(&self, touched: &[Touched]) -> bool {
        self.commits().any(|commit| {
            let held = commit.transaction.touched();
            held.iter()
                .any(|one| touched.iter().any(|other| one.conflicts(other)))
        })
    }

    /// Whether the applier has commits under way.
    pub(super) fn applies(&self) -> bool {
        self.commits().any(|commit| commit.owner == Owner::Applier)
    }
}

impl Fleet {
    /// Writes a client's transaction to the binary log. False when there is no room: the commit hangs
    /// and is tried again.
    pub(super) fn flush_new(
        &mut self,
        id: ServerId,
        owner: SessionId,
        tag: &str,
        changes: Vec<Change>,
        now: Duration,
    ) -> bool {
        let Some((disk, process)) = self.running(id) else {
            return false;
        };
        let Some(uuid) = disk.uuid else {
            return false;
        };
        let number = disk
            .engine
            .executed
            .next_number(uuid, tag, &process.owned());
        let gtid = Gtid {
            uuid,
            tag: tag.to_owned(),
            number,
        };
        let transaction = Arc::new(Transaction {
            gtid,
            changes,
            origin_ms: super::views::wall_ms(now),
        });
        self.flush(id, Owner::Session(owner), transaction, now)
    }

    /// Writes a transaction to the binary log.
    pub(super) fn flush(
        &mut self,
        id: ServerId,
        owner: Owner,
        transaction: Arc<Transaction>,
        now: Duration,
    ) -> bool {
        let full = self
            .servers
            .get(&id)
            .is_none_or(|server| server.health == Health::Full);
        let Some((disk, process)) = self.running_mut(id).filter(|_| !full) else {
            return false;
        };
        let Some(file) = disk.binlogs.last_mut() else {
            return false;
        };
        disk.engine.prepared.push(Arc::clone(&transaction));
        file.transactions.push(Arc::clone(&transaction));
        let at = file.end();
        let listed = process.semi_sync.active;
        process.queue.flushed.push(Commit {
            owner,
            transaction,
            at,
            listed,
            since: now,
        });
        process.queue.sync_since.get_or_insert(now);
        true
    }

    /// The fsync of the binary log returns. From here on the transactions may be sent to replicas.
    pub(super) fn sync_binlog(&mut self, id: ServerId, now: Duration) {
        if let Some((disk, process)) = self.running_mut(id) {
            if let Some(file) = disk.binlogs.last_mut() {
                file.synced = file.transactions.len();
            }
            process.queue.sync();
        }
        self.settle(id, now);
    }

    /// Lets every commit go on that nothing holds up. The others of a group keep their GTIDs meanwhile: the answer to
    /// one lets its client write the next.
    pub(super) fn finish_commits(&mut self, id: ServerId, now: Duration) {
        while let Some(commit) = self.next_released(id, now) {
            self.commit_in_engine(id, &commit, now);
        }
    }

    fn next_released(&mut self, id: ServerId, now: Duration) -> Option<Commit> {
        let process = self.process_mut(id)?;
        let (queue, semi_sync) = (&mut process.queue, &mut process.semi_sync);
        if queue.group.is_empty() {
            queue.group = std::mem::take(&mut queue.synced);
            let last = queue.group.last()?;
            if last.listed && !semi_sync.releases(last.at) {
                queue.waiting_since = Some(now);
            } else if !semi_sync.active && process.variables.source_enabled {
                semi_sync.unacknowledged += 1;
            }
        } else if queue.waiting_since.is_some() {
            let last = queue.group.last()?;
            if !semi_sync.releases(last.at) {
                return None;
            }
            if !semi_sync.active {
                semi_sync.unacknowledged += 1;
            }
            queue.waiting_since = None;
        }
        if queue.waiting_since.is_some() || queue.group.is_empty() {
            return None;
        }
        Some(queue.group.remove(0))
    }

    fn commit_in_engine(&mut self, id: ServerId, commit: &Commit, now: Duration) {
        if let Some((disk, process)) = self.running_mut(id) {
            disk.engine.commit(&commit.transaction);
            if commit.owner == Owner::Applier {
                process.applier.applied(&commit.transaction);
                disk.relay.purge(&disk.engine.executed);
            }
        }
        if let Owner::Session(owner) = commit.owner {
            self.answer_commit(owner, now);
        }
    }

    fn answer_commit(&mut self, owner: SessionId, now: Duration) {
        let committing = self.sessions.get(&owner).is_some_and(|session| {
            let stage = session.work.as_ref().map(|work| &work.stage);
            stage == Some(&Stage::Committing)
        });
        if committing {
            self.answer(owner, ok(), now);
        }
    }
}
