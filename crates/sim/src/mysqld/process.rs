//! A running mysqld: everything that a crash takes.

use std::time::Duration;

use super::applier::Applier;
use super::clone::Cloning;
use super::commit::Queue;
use super::gtids::{Gtid, Gtids};
use super::receiver::Receiver;
use super::semisync::SemiSync;
use super::variables::Variables;
use super::{Exit, Fleet, ProcessState, ServerId};

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    /// It recovers and takes no connections.
    Starting,
    /// It works.
    Ready,
    /// It was asked to stop.
    Stopping,
}

/// The memory of a mysqld.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) phase: Phase,
    pub(super) frozen: bool,
    /// When it was started.
    pub(super) started: Duration,
    pub(super) variables: Variables,
    /// Executed, and in no binary log file.
    pub(super) purged: Gtids,
    pub(super) queue: Queue,
    pub(super) semi_sync: SemiSync,
    pub(super) receiver: Receiver,
    pub(super) applier: Applier,
    pub(super) cloning: Option<Cloning>,
    /// What recovery did with prepared transactions: how many it committed and rolled back.
    pub(super) recovered: (usize, usize),
}

impl Process {
    pub(super) fn starting(variables: Variables, purged: Gtids, started: Duration) -> Self {
        Self {
            phase: Phase::Starting,
            frozen: false,
            started,
            variables,
            purged,
            queue: Queue::default(),
            semi_sync: SemiSync::default(),
            receiver: Receiver::default(),
            applier: Applier::default(),
            cloning: None,
            recovered: (0, 0),
        }
    }

    pub(super) const fn state(&self) -> ProcessState {
        match self.phase {
            _ if self.frozen => ProcessState::Frozen,
            Phase::Starting => ProcessState::Starting,
            Phase::Ready => ProcessState::Ready,
            Phase::Stopping => ProcessState::Stopping,
        }
    }

    /// Whether it does anything at all now.
    pub(super) const fn works(&self) -> bool {
        !self.frozen && !matches!(self.phase, Phase::Starting)
    }

    /// How many commits are under way.
    pub(super) fn commits(&self) -> usize {
        self.queue.commits().count()
    }

    /// The GTIDs that are given to commits under way.
    pub(super) fn owned(&self) -> Vec<Gtid> {
        let gtid = |commit: &super::commit::Commit| commit.transaction.gtid.clone();
        self.queue.commits().map(gtid).collect()
    }
}

impl Fleet {
    /// The process is gone at once; its disk stays.
    pub(super) fn end_process(&mut self, id: ServerId, exit: Exit) {
        if self.process(id).is_none() {
            return;
        }
        // What is on the wire arrives though its sender is gone.
        self.fill_pipes(id);
        if let Some(server) = self.server_mut(id) {
            server.process = None;
            server.exit = Some(exit);
        }
        self.lose_sessions(id, |_| true);
        self.cut_ends(id);
    }

    /// SIGTERM. The stop itself is a motion.
    pub(super) fn ask_to_stop(&mut self, id: ServerId) {
        if let Some(process) = self.process_mut(id) {
            process.phase = Phase::Stopping;
        }
    }

    /// An orderly stop: commits that wait are answered OK, whether anybody acknowledged them or not,
    /// and the binary log is closed.
    pub(super) fn stop(&mut self, id: ServerId, now: Duration) {
        if let Some((disk, process)) = self.running_mut(id) {
            process.semi_sync.forced_off();
            if let Some(file) = disk.binlogs.last_mut() {
                file.synced = file.transactions.len();
            }
            process.queue.sync();
        }
        self.finish_commits(id, now);
        if let Some((disk, process)) = self.running_mut(id) {
            if process.commits() == 0
                && let Some(file) = disk.binlogs.last_mut()
            {
                file.close();
            }
            disk.relay.synced = disk.relay.transactions.len();
        }
        self.end_process(id, Exit::Code(0));
    }

    pub(super) fn freeze(&mut self, id: ServerId) {
        self.fill_pipes(id);
        if let Some(process) = self.process_mut(id) {
            process.frozen = true;
        }
    }

    pub(super) fn thaw(&mut self, id: ServerId, now: Duration) {
        if let Some(process) = self.process_mut(id) {
            process.frozen = false;
        }
        self.wake_queued(id, now);
        self.settle(id, now);
    }
}
