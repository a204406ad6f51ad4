//! How a receiver reaches its source, and what may stand against it.

use std::time::Duration;

use super::{CANNOT_CONNECT, Connection, Thread};
use crate::mysqld::commit::Position;
use crate::mysqld::disk::Disk;
use crate::mysqld::gtids::Gtids;
use crate::mysqld::process::Phase;
use crate::mysqld::{ConnectionId, Fleet, ServerId};

/// The source refused the account.
const ACCESS_DENIED: u16 = 1045;
/// The source is in offline mode.
const OFFLINE_MODE: u16 = 3032;
/// The source could not serve the replica's GTID set (its error 1236); the receiver stops.
const CANNOT_READ_BINLOG: u16 = 13114;
/// The servers cannot be told apart; the receiver stops.
const FATAL: u16 = 13117;

/// What a source says to a receiver that logs in.
enum Said {
    Welcome {
        semi_sync: bool,
        passes_offline: bool,
    },
    /// Try again later.
    NotNow(u16, String),
    /// Nothing helps but a person.
    Never(u16, &'static str),
}

impl Fleet {
    /// The server that a receiver is pointed to.
    pub(in crate::mysqld) fn source_of(&self, replica: ServerId) -> Option<ServerId> {
        let channel = self.disk(replica)?.channel.as_ref()?;
        self.at(&channel.host, channel.port)
    }

    /// Whether an attempt to connect would be answered, if only by a refusal of the kernel.
    pub(in crate::mysqld) fn answers_logins(&self, source: ServerId) -> bool {
        self.process(source).is_none_or(|process| {
            let locked = process.phase == Phase::Ready && self.accounts_locked(source);
            !(process.frozen || locked)
        })
    }

    /// The attempt of a receiver reaches its source and is answered.
    pub(in crate::mysqld) fn connect_receiver(&mut self, replica: ServerId, now: Duration) -> bool {
        let Some(Thread::Connecting { from, failed }) =
            self.process(replica).map(|process| process.receiver.thread)
        else {
            return false;
        };
        let Some(source) = self.source_of(replica) else {
            return false;
        };
        if now < from || !self.works(replica) || !self.answers_logins(source) {
            return false;
        }
        match self.greet(replica, source) {
            Said::Welcome {
                semi_sync,
                passes_offline,
            } => {
                let id = self.establish(replica, source, semi_sync, now);
                if let Some(connection) = id.and_then(|id| self.connections.get_mut(&id)) {
                    connection.passes_offline = passes_offline;
                }
            }
            Said::NotNow(code, words) => self.try_again(replica, (code, words), failed, now),
            Said::Never(code, words) => {
                if let Some(process) = self.process_mut(replica) {
                    process.receiver.fail(code, words);
                }
            }
        }
        self.settle(replica, now);
        true
    }

    /// The attempt of a receiver comes to nothing: nobody answered.
    pub(in crate::mysqld) fn fail_to_connect(&mut self, replica: ServerId, now: Duration) -> bool {
        let Some(Thread::Connecting { failed, .. }) =
            self.process(replica).map(|process| process.receiver.thread)
        else {
            return false;
        };
        let words = "Can't connect to the source".to_owned();
        self.try_again(replica, (CANNOT_CONNECT, words), failed, now);
        true
    }

    fn try_again(&mut self, replica: ServerId, error: (u16, String), failed: u32, now: Duration) {
        if let Some((disk, process)) = self.running_mut(replica) {
            let secs = disk
                .channel
                .as_ref()
                .map_or(1, |channel| channel.retry_secs);
            let from = now + Duration::from_secs(secs);
            process
                .receiver
                .retry(error, from, failed.saturating_add(1));
        }
    }

    fn greet(&self, replica: ServerId, source: ServerId) -> Said {
        let refused = || Said::NotNow(CANNOT_CONNECT, "Can't connect to the source".to_owned());
        let (Some((here, receiving)), Some((there, process))) =
            (self.running(replica), self.running(source))
        else {
            return refused();
        };
        if process.phase != Phase::Ready {
            return refused();
        }
        let (user, password) = receiving.receiver.login.clone().unwrap_or_default();
        let Some(rights) = there.engine.accounts.log_in(&user, &password) else {
            let words = format!("Access denied for user '{user}'");
            return Said::NotNow(ACCESS_DENIED, words);
        };
        if process.variables.offline_mode && !rights.connection_admin {
            return Said::NotNow(OFFLINE_MODE, "The server is in offline mode".to_owned());
        }
        if here.uuid == there.uuid || self.number(replica) == self.number(source) {
            let words = "The replica I/O thread stops because source and replica have equal ids";
            return Said::Never(FATAL, words);
        }
        let has = held(here);
        let mut known = there.engine.executed.clone();
        for gtid in process.owned() {
            known.add(&gtid);
        }
        let own = there.uuid.map(|uuid| has.written_by(uuid));
        if own.is_some_and(|own| !known.contains_all(&own)) {
            let words = "Got fatal error 1236 from source when reading data from binary log: \
                         'The replica has more GTIDs than the source has'";
            return Said::Never(CANNOT_READ_BINLOG, words);
        }
        if !has.contains_all(&process.purged) {
            let words = "Got fatal error 1236 from source when reading data from binary log: \
                         'The source has purged required GTIDs'";
            return Said::Never(CANNOT_READ_BINLOG, words);
        }
        if receiving.receiver.acknowledges && !receiving.variables.replica_enabled {
            // The plugin expects what it has not asked for this time.
            return Said::Never(FATAL, "Fatal error: Failed to run 'after_read_event' hook");
        }
        Said::Welcome {
            semi_sync: receiving.variables.replica_enabled,
            passes_offline: rights.connection_admin,
        }
    }

    fn establish(
        &mut self,
        replica: ServerId,
        source: ServerId,
        semi_sync: bool,
        now: Duration,
    ) -> Option<ConnectionId> {
        // An older connection of the same replica is ended when it comes again.
        let stale: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, one)| one.replica == replica && one.source == source && one.source_end)
            .map(|(id, _)| *id)
            .collect();
        for id in stale {
            self.close_source_end(id);
        }
        let id = ConnectionId(self.draw());
        let had = self.disk(replica).map(held)?;
        let cursor = self
            .disk(source)
            .map_or(Position { file: 0, at: 0 }, |disk| {
                first_lacking(disk, &had)
            });
        let connection = Connection {
            replica,
            source,
            number: self.number(replica),
            semi_sync,
            passes_offline: false,
            replica_end: true,
            source_end: true,
            had,
            cursor,
            pipe: Vec::new(),
            acks: Vec::new(),
            heard: now,
        };
        self.connections.insert(id, connection);
        if let Some(process) = self.process_mut(replica) {
            process.receiver.thread = Thread::On(id);
            process.receiver.error = None;
            process.receiver.acknowledges = semi_sync;
        }
        Some(id)
    }

    fn number(&self, id: ServerId) -> u32 {
        self.servers.get(&id).map_or(0, |server| server.number)
    }
}

/// What a replica says that it has.
fn held(disk: &Disk) -> Gtids {
    let mut held = disk.relay.received.clone();
    held.add_all(&disk.engine.executed);
    held
}

/// Where the first transaction begins that is not in `had`: before it nothing has to be sent.
fn first_lacking(disk: &Disk, had: &Gtids) -> Position {
    let mut end = Position { file: 0, at: 0 };
    for file in &disk.binlogs {
        for (index, one) in file.transactions.iter().enumerate() {
            if !had.contains(&one.gtid) {
                return Position {
                    file: file.number,
                    at: index,
                };
            }
        }
        end = file.end();
    }
    end
}
