//! What a replica gets: its receiver, and the connection to its source.
//!
//! A source sends what is synced in its binary log and the replica did not have when it connected.
//! What was sent arrives even when the source is gone by then ([`Connection`]'s pipe).

use std::sync::Arc;
use std::time::Duration;

use super::commit::Position;
use super::content::Transaction;
use super::disk::Disk;
use super::gtids::Gtids;
use super::process::{Phase, Process};
use super::{ConnectionId, Fleet, Health, ServerId};

mod connect;

/// The receiver's thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Thread {
    #[default]
    Off,
    /// It tries to reach its source: since when this attempt may begin, and how many failed.
    Connecting { from: Duration, failed: u32 },
    /// It listens to its source.
    On(ConnectionId),
}

/// A receiver and what it remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Receiver {
    pub(super) thread: Thread,
    /// As whom it logs in: given when it was started, and kept in memory only.
    pub(super) login: Option<(String, String)>,
    pub(super) error: Option<(u16, String)>,
    /// `Rpl_semi_sync_replica_status`: it means to acknowledge.
    pub(super) acknowledges: bool,
    pub(super) started: Duration,
    /// When the source was last heard, of this source.
    pub(super) heartbeat: Option<Duration>,
    /// When the last transaction was received, and its time at its origin, of any source.
    pub(super) queued: Option<(Duration, u64)>,
}

impl Receiver {
    pub(super) fn start(&mut self, login: (String, String), acknowledges: bool, now: Duration) {
        self.login = Some(login);
        self.error = None;
        self.acknowledges = acknowledges;
        self.started = now;
        self.thread = Thread::Connecting {
            from: now,
            failed: 0,
        };
    }

    /// Stops it and tells which connection it leaves.
    pub(super) fn stop(&mut self) -> Option<ConnectionId> {
        self.login = None;
        self.acknowledges = false;
        match std::mem::take(&mut self.thread) {
            Thread::On(connection) => Some(connection),
            Thread::Off | Thread::Connecting { .. } => None,
        }
    }

    pub(super) const fn forget_source(&mut self) {
        self.heartbeat = None;
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// It goes on trying.
    fn retry(&mut self, error: (u16, String), from: Duration, failed: u32) {
        self.error = Some(error);
        self.thread = Thread::Connecting { from, failed };
    }

    /// It gives up.
    fn fail(&mut self, code: u16, words: &str) {
        self.stop();
        self.error = Some((code, words.to_owned()));
    }
}

/// A connection from a receiver to its source. Each end can be gone without the other knowing.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what two programs agreed on, and whether each is still there"
)]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Connection {
    pub(super) replica: ServerId,
    pub(super) source: ServerId,
    /// The replica's `server_id`, by which it acknowledges.
    number: u32,
    /// Both agreed that the replica acknowledges.
    pub(super) semi_sync: bool,
    /// Its account stays in `offline_mode`.
    pub(super) passes_offline: bool,
    pub(super) replica_end: bool,
    pub(super) source_end: bool,
    /// What the replica had when it connected.
    had: Gtids,
    /// Behind what was sent last.
    cursor: Position,
    /// Sent by a source that is gone or stands still, and not received.
    pipe: Vec<Sent>,
    /// Acknowledgements on their way.
    pub(super) acks: Vec<Position>,
    /// When the replica last got anything.
    pub(super) heard: Duration,
}

/// A transaction on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    transaction: Arc<Transaction>,
    at: Position,
    /// The source asks for an acknowledgement.
    wanted: bool,
}

/// The source was lost, or could not be reached.
const CANNOT_CONNECT: u16 = 2003;

impl Connection {
    /// What its source would send next.
    fn next(&self, disk: &Disk, process: &Process) -> Option<Sent> {
        let files = disk
            .binlogs
            .iter()
            .filter(|file| file.number >= self.cursor.file);
        for file in files {
            let from = if file.number == self.cursor.file {
                self.cursor.at
            } else {
                0
            };
            let synced = file.transactions.iter().enumerate().take(file.synced);
            for (index, transaction) in synced.skip(from) {
                if !self.had.contains(&transaction.gtid) {
                    let at = Position {
                        file: file.number,
                        at: index + 1,
                    };
                    return Some(Sent {
                        transaction: Arc::clone(transaction),
                        at,
                        wanted: self.semi_sync && process.wants_ack(at, disk.end()),
                    });
                }
            }
        }
        None
    }
}

impl Process {
    /// Whether a source asks for an acknowledgement of what ends at `at`: it is on the list of
    /// semi-sync, and not before what is waited for. A source that has given up waiting asks at the
    /// end of its binary log, to learn that somebody has caught up.
    fn wants_ack(&self, at: Position, end: Position) -> bool {
        if !self.semi_sync.active {
            return self.variables.source_enabled && at >= end;
        }
        let waited = self.queue.waited_for();
        !self.semi_sync.releases(at)
            && waited.is_none_or(|waited| at >= waited)
            && self.queue.lists(at)
    }
}

impl Fleet {
    /// What a replica would receive next over its connection, if anything is there.
    pub(super) fn next_to_receive(&self, id: ConnectionId) -> Option<Sent> {
        let connection = self.connections.get(&id)?;
        if let Some(first) = connection.pipe.first() {
            return Some(first.clone());
        }
        if !connection.source_end {
            return None;
        }
        let (disk, process) = self.running(connection.source)?;
        if !process.works() {
            return None;
        }
        connection.next(disk, process)
    }

    /// Whether the replica can write down what it receives.
    pub(super) fn can_receive(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| {
            let replica = self.servers.get(&connection.replica);
            let fit =
                replica.is_some_and(|server| !matches!(server.health, Health::Hung | Health::Full));
            fit && connection.replica_end && self.works(connection.replica)
        })
    }

    /// Whether the process runs, takes connections and is not frozen.
    pub(super) fn works(&self, id: ServerId) -> bool {
        self.process(id).is_some_and(Process::works)
    }

    /// The replica writes one transaction to its relay log and, if it is asked to, acknowledges it.
    pub(super) fn receive(&mut self, id: ConnectionId, now: Duration) -> bool {
        let Some(sent) = self.next_to_receive(id).filter(|_| self.can_receive(id)) else {
            return false;
        };
        let Some(connection) = self.connections.get_mut(&id) else {
            return false;
        };
        if !connection.pipe.is_empty() {
            connection.pipe.remove(0);
        }
        connection.cursor = sent.at;
        connection.heard = now;
        let replica = connection.replica;
        let Some((disk, process)) = self.running_mut(replica) else {
            return false;
        };
        let synced = process.variables.settings.sync_relay_log;
        process.receiver.queued = Some((now, sent.transaction.origin_ms));
        disk.relay.append(sent.transaction, synced);
        if sent.wanted
            && let Some(connection) = self.connections.get_mut(&id)
        {
            connection.acks.push(sent.at);
        }
        self.settle(replica, now);
        true
    }

    /// The source takes the oldest acknowledgement on its way.
    pub(super) fn acknowledge(&mut self, id: ConnectionId, now: Duration) -> bool {
        let Some(connection) = self.connections.get(&id) else {
            return false;
        };
        let (source, number) = (connection.source, connection.number);
        if connection.acks.is_empty() || !connection.source_end || !self.works(source) {
            return false;
        }
        let at = match self.connections.get_mut(&id) {
            Some(connection) => connection.acks.remove(0),
            None => return false,
        };
        if let Some((disk, process)) = self.running_mut(source)
            && process.variables.source_enabled
        {
            let end = disk.end();
            let wait_for = process.variables.wait_for;
            process.semi_sync.take(number, at, end, wait_for);
        }
        self.settle(source, now);
        true
    }

    /// An idle source says that it is there.
    pub(super) fn heartbeat(&mut self, id: ConnectionId, now: Duration) -> bool {
        let idle = self.next_to_receive(id).is_none();
        let Some(connection) = self.connections.get(&id) else {
            return false;
        };
        let (replica, source) = (connection.replica, connection.source);
        let both = connection.source_end && connection.replica_end;
        if !idle || !both || !self.works(source) || !self.works(replica) {
            return false;
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.heard = now;
        }
        if let Some(process) = self.process_mut(replica) {
            process.receiver.heartbeat = Some(now);
        }
        true
    }

    /// The replica sees that its source is gone, or has been silent too long, and tries again.
    pub(super) fn lose_source(&mut self, id: ConnectionId, now: Duration) {
        let Some(replica) = self.connections.get(&id).map(|one| one.replica) else {
            return;
        };
        self.close_replica_end(id);
        if let Some(process) = self.process_mut(replica)
            && process.receiver.thread == Thread::On(id)
        {
            let words = "Lost connection to the source".to_owned();
            process.receiver.retry((CANNOT_CONNECT, words), now, 0);
        }
    }

    pub(super) fn close_replica_end(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.replica_end = false;
            connection.pipe.clear();
        }
        self.forget_closed();
    }

    /// The source ends its side.
    pub(super) fn close_source_end(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.source_end = false;
            connection.acks.clear();
        }
        self.forget_closed();
    }

    fn forget_closed(&mut self) {
        self.connections
            .retain(|_, connection| connection.replica_end || connection.source_end);
    }

    /// A process is gone: its ends of connections are closed.
    pub(super) fn cut_ends(&mut self, id: ServerId) {
        for connection in self.connections.values_mut() {
            if connection.replica == id {
                connection.replica_end = false;
                connection.pipe.clear();
            }
            if connection.source == id {
                connection.source_end = false;
                connection.acks.clear();
            }
        }
        self.forget_closed();
    }

    /// What a source has sent is on the wire when it dies or is stopped.
    pub(super) fn fill_pipes(&mut self, source: ServerId) {
        let from_here = |connection: &Connection| {
            connection.source == source && connection.source_end && connection.replica_end
        };
        let ids: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| from_here(connection))
            .map(|(id, _)| *id)
            .collect();
        let works = self
            .process(source)
            .is_some_and(|process| process.works() && process.phase != Phase::Starting);
        if !works {
            return;
        }
        for id in ids {
            self.fill_pipe(id);
        }
    }

    fn fill_pipe(&mut self, id: ConnectionId) {
        let Some(mut connection) = self.connections.get(&id).cloned() else {
            return;
        };
        if let Some((disk, process)) = self.running(connection.source) {
            let received_to = connection.cursor;
            while let Some(sent) = connection.next(disk, process) {
                connection.cursor = sent.at;
                connection.pipe.push(sent);
            }
            if connection.pipe.is_empty() {
                connection.cursor = received_to;
            }
        }
        self.connections.insert(id, connection);
    }

    /// How many replicas are connected that acknowledge.
    pub(super) fn semi_sync_clients(&self, source: ServerId) -> usize {
        let here = |connection: &&Connection| {
            connection.source == source && connection.source_end && connection.semi_sync
        };
        self.connections.values().filter(here).count()
    }
}
