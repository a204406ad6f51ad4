//! What is on a server's volume and outlives its process.

use std::collections::BTreeMap;
use std::sync::Arc;

use moco_model::{Passwords, ServerUuid};

use super::Loss;
use super::accounts::Accounts;
use super::channel::Channel;
use super::clone::CloneStatus;
use super::commit::Position;
use super::content::{Engine, Transaction};
use super::gtids::Gtids;

/// A volume with a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    /// `auto.cnf`; none until a start draws one.
    pub(super) uuid: Option<ServerUuid>,
    /// The binary log files, the newest last. None before the first start.
    pub(super) binlogs: Vec<BinlogFile>,
    pub(super) engine: Engine,
    pub(super) channel: Option<Channel>,
    pub(super) relay: RelayLog,
    pub(super) clone_status: CloneStatus,
    /// A complete copy of a donor, which the next start takes up.
    pub(super) copied: Option<Box<Copied>>,
    /// What the last clone brought: no log of this server has it, and it is as durable.
    pub(super) cloned: BTreeMap<String, BTreeMap<i64, String>>,
}

/// What a clone brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Copied {
    pub(super) engine: Engine,
    /// The donor's channel comes along, without what was received.
    pub(super) channel: Option<Channel>,
}

/// One file of the binary log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct BinlogFile {
    /// `binlog.NNNNNN`.
    pub(super) number: u32,
    /// mysqld has not closed it: what it holds decides what recovery commits.
    pub(super) in_use: bool,
    /// Behind the last transaction is the beginning of another one.
    pub(super) torn: bool,
    pub(super) transactions: Vec<Arc<Transaction>>,
    /// How many of them are synced.
    pub(super) synced: usize,
    /// Everything that was executed when the file was begun.
    pub(super) previous: Gtids,
}

/// The relay log: what was received and may not be applied yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct RelayLog {
    /// Everything that was received since the channel was made, also what was applied and purged.
    pub(super) received: Gtids,
    pub(super) transactions: Vec<Arc<Transaction>>,
    /// How many of them are synced.
    pub(super) synced: usize,
}

/// MOCO's own table, which the first heartbeat makes.
pub(super) const HEARTBEAT: &str = "moco.heartbeat";

impl Disk {
    /// As `mysqld --initialize-insecure` leaves it.
    pub(super) fn fresh() -> Self {
        let engine = Engine {
            accounts: Arc::new(Accounts::fresh()),
            ..Engine::default()
        };
        Self {
            uuid: None,
            binlogs: Vec::new(),
            engine,
            channel: None,
            relay: RelayLog::default(),
            clone_status: CloneStatus::NotStarted,
            copied: None,
            cloned: BTreeMap::new(),
        }
    }

    /// What the set-up makes, all of it outside the binary log.
    pub(super) fn set_up(&mut self, passwords: &Passwords) {
        self.engine.accounts = Arc::new(Accounts::set_up(passwords));
        self.reset_binlogs();
    }

    /// `RESET BINARY LOGS AND GTIDS`.
    pub(super) fn reset_binlogs(&mut self) {
        self.engine.executed = Gtids::default();
        self.binlogs = vec![BinlogFile::new(1, Gtids::default())];
    }

    /// Begins a new binary log file.
    pub(super) fn rotate(&mut self) {
        let number = self.binlogs.last().map_or(1, |file| file.number + 1);
        if let Some(last) = self.binlogs.last_mut() {
            last.close();
        }
        let previous = self.engine.executed.clone();
        self.binlogs.push(BinlogFile::new(number, previous));
    }

    /// What is executed and cannot be read from any binary log file.
    pub(super) fn purged(&self) -> Gtids {
        let mut logged = Gtids::default();
        for file in &self.binlogs {
            for one in &file.transactions {
                logged.add(&one.gtid);
            }
        }
        Gtids::from(&self.engine.executed.to_set().subtract(&logged.to_set()))
    }

    /// The end of the binary log.
    pub(super) fn end(&self) -> Position {
        self.binlogs
            .last()
            .map_or(Position { file: 0, at: 0 }, BinlogFile::end)
    }

    /// A power cut.
    pub(super) fn lose_unsynced(&mut self, loss: Loss) {
        if let Some(file) = self.binlogs.last_mut() {
            file.torn |= loss == Loss::Torn && file.synced < file.transactions.len();
            file.transactions.truncate(file.synced);
        }
        let unsynced = self
            .relay
            .transactions
            .split_off(self.relay.synced.min(self.relay.transactions.len()));
        if !unsynced.is_empty() {
            // What is left of the relay log says what was received.
            let mut gone = Gtids::default();
            for one in &unsynced {
                gone.add(&one.gtid);
            }
            let left = self.relay.received.to_set().subtract(&gone.to_set());
            self.relay.received = Gtids::from(&left);
        }
    }

    /// Every transaction in the binary logs, the oldest first, then in the relay log.
    pub(super) fn transactions(&self) -> impl Iterator<Item = &Transaction> + '_ {
        self.binlogs
            .iter()
            .flat_map(|file| &file.transactions)
            .chain(&self.relay.transactions)
            .map(AsRef::as_ref)
    }

    /// Every transaction that a power cut would leave.
    pub(super) fn durable(&self) -> impl Iterator<Item = &Transaction> + '_ {
        let relay = self.relay.transactions.iter().take(self.relay.synced).rev();
        let logs = self.binlogs.iter().rev();
        let logged = logs.flat_map(|file| file.transactions.iter().take(file.synced).rev());
        relay.chain(logged).map(AsRef::as_ref)
    }
}

impl BinlogFile {
    pub(super) const fn new(number: u32, previous: Gtids) -> Self {
        Self {
            number,
            in_use: true,
            torn: false,
            transactions: Vec::new(),
            synced: 0,
            previous,
        }
    }

    /// mysqld ends the file.
    pub(super) fn close(&mut self) {
        self.in_use = false;
        self.torn = false;
        self.synced = self.transactions.len();
    }

    /// Its end.
    pub(super) const fn end(&self) -> Position {
        Position {
            file: self.number,
            at: self.transactions.len(),
        }
    }
}

impl RelayLog {
    /// Appends what was received.
    pub(super) fn append(&mut self, transaction: Arc<Transaction>, synced: bool) {
        self.received.add(&transaction.gtid);
        self.transactions.push(transaction);
        if synced {
            self.synced = self.transactions.len();
        }
    }

    /// Drops the beginning that is executed: mysqld purges relay logs that are applied.
    pub(super) fn purge(&mut self, executed: &Gtids) {
        let applied = self
            .transactions
            .iter()
            .take_while(|one| executed.contains(&one.gtid))
            .count();
        self.transactions.drain(..applied);
        self.synced = self.synced.saturating_sub(applied);
    }
}
