//! The truth, which no client can see: what properties of a world are judged by.

use std::collections::BTreeMap;

use moco_model::GtidSet;

use super::content::Transaction;
use super::disk::Disk;
use super::process::Process;
use super::{Fleet, ServerId};

impl Fleet {
    /// What the engine has committed.
    pub fn executed(&self, id: ServerId) -> GtidSet {
        self.disk(id)
            .map_or_else(GtidSet::new, |disk| disk.engine.executed.to_set())
    }

    /// What is received or executed, even if it is written and not synced.
    pub fn held(&self, id: ServerId) -> GtidSet {
        self.disk(id).map_or_else(GtidSet::new, |disk| {
            disk.relay
                .received
                .to_set()
                .union(&disk.engine.executed.to_set())
        })
    }

    /// Commits that are written to the binary log and not in the engine: their clients wait.
    pub fn waiting_commits(&self, id: ServerId) -> usize {
        self.process(id).map_or(0, Process::commits)
    }

    /// Whether ordinary clients can write now.
    pub fn is_open(&self, id: ServerId) -> bool {
        self.process(id).is_some_and(|process| {
            let variables = &process.variables;
            !variables.read_only && !variables.offline_mode
        })
    }

    /// The value of a key as a reader would see it on this server.
    pub fn visible(&self, id: ServerId, table: &str, key: i64) -> Option<&str> {
        self.disk(id)?.engine.value(table, key)
    }

    /// Every row of a table as a reader would see it.
    pub fn rows_of(&self, id: ServerId, table: &str) -> BTreeMap<i64, String> {
        self.disk(id)
            .and_then(|disk| disk.engine.tables.get(table))
            .cloned()
            .unwrap_or_default()
    }

    /// Whether a power cut of this server now would leave it with a transaction that writes this
    /// key: in its synced binary log, in its synced relay log, or in what a clone brought.
    pub fn holds_durably(&self, id: ServerId, table: &str, key: i64) -> bool {
        self.disk(id).is_some_and(|disk| {
            let cloned = disk.cloned.get(table);
            cloned.is_some_and(|rows| rows.contains_key(&key))
                || disk.durable().any(|one| one.writes(table, key))
        })
    }

    /// Every transaction that is on this server's disk: binary logs, then relay log.
    pub fn transactions(&self, id: ServerId) -> impl Iterator<Item = &Transaction> + '_ {
        self.disk(id).into_iter().flat_map(Disk::transactions)
    }

    /// How many replicas are connected to a source and acknowledge, as it sees them.
    pub fn acknowledging(&self, id: ServerId) -> usize {
        self.semi_sync_clients(id)
    }
}
