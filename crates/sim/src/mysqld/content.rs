//! What transactions hold, and what an engine makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::accounts::Accounts;
use super::gtids::{Gtid, Gtids};

/// One change of a transaction, as row events or a statement in the binary log tell it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// `CREATE DATABASE`.
    CreateSchema(String),
    /// `DROP DATABASE`, with all its tables.
    DropSchema(String),
    /// `CREATE TABLE`, by its full name.
    CreateTable(String),
    /// `DROP TABLE`.
    DropTable(String),
    /// A new row.
    Insert {
        /// The table's full name.
        table: String,
        /// The primary key.
        key: i64,
        /// Everything else.
        value: String,
    },
    /// A row that must be there.
    Update {
        /// The table's full name.
        table: String,
        /// The primary key.
        key: i64,
        /// What it becomes.
        value: String,
    },
    /// The end of a row that must be there.
    Delete {
        /// The table's full name.
        table: String,
        /// The primary key.
        key: i64,
    },
    /// An account statement: whom it is about, and what it does.
    Account(super::accounts::AccountChange),
    /// `XA PREPARE` of these changes.
    XaPrepare {
        /// The transaction's name.
        xid: String,
        /// What it will do.
        changes: Vec<Self>,
    },
    /// `XA COMMIT`.
    XaCommit(String),
    /// `XA ROLLBACK`.
    XaRollback(String),
}

/// A transaction as it is in binary and relay logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction {
    /// Its name.
    pub gtid: Gtid,
    /// What it does, in order.
    pub changes: Vec<Change>,
    /// When it was committed first, milliseconds since 1970 by the clock of its origin.
    pub origin_ms: u64,
}

/// What a change touches: two transactions that touch the same wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Touched {
    /// A row.
    Row(String, i64),
    /// A table with all its rows.
    Table(String),
    /// A schema with all its tables.
    Schema(String),
    /// The grant tables.
    Accounts,
    /// Nothing that a lock tells apart.
    Everything,
}

impl Touched {
    /// Whether two of them cannot be held at the same time.
    pub(super) fn conflicts(&self, other: &Self) -> bool {
        let within = |table: &str, schema: &str| {
            let rest = table.strip_prefix(schema);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) | (Self::Accounts, Self::Accounts) => {
                true
            }
            (Self::Row(a, one), Self::Row(b, two)) => a == b && one == two,
            (Self::Row(a, _) | Self::Table(a), Self::Table(b))
            | (Self::Table(a), Self::Row(b, _))
            | (Self::Schema(a), Self::Schema(b)) => a == b,
            (Self::Schema(schema), Self::Row(table, _) | Self::Table(table))
            | (Self::Row(table, _) | Self::Table(table), Self::Schema(schema)) => {
                within(table, schema)
            }
            (Self::Accounts, _) | (_, Self::Accounts) => false,
        }
    }
}

impl Change {
    /// What it touches.
    pub(super) fn touched(&self) -> Vec<Touched> {
        match self {
            Self::CreateSchema(name) | Self::DropSchema(name) => {
                vec![Touched::Schema(name.clone())]
            }
            Self::CreateTable(name) | Self::DropTable(name) => vec![Touched::Table(name.clone())],
            Self::Insert { table, key, .. }
            | Self::Update { table, key, .. }
            | Self::Delete { table, key } => vec![Touched::Row(table.clone(), *key)],
            Self::Account(_) => vec![Touched::Accounts],
            Self::XaPrepare { changes, .. } => changes.iter().flat_map(Self::touched).collect(),
            Self::XaCommit(_) | Self::XaRollback(_) => vec![Touched::Everything],
        }
    }

    /// The table whose row it writes, and the key.
    fn row(&self) -> Option<(&str, i64, Option<&str>)> {
        match self {
            Self::Insert { table, key, value } | Self::Update { table, key, value } => {
                Some((table, *key, Some(value)))
            }
            Self::Delete { table, key } => Some((table, *key, None)),
            _ => None,
        }
    }
}

impl Transaction {
    /// Whether it writes this row, itself or in what it prepares.
    pub fn writes(&self, table: &str, key: i64) -> bool {
        fn any(changes: &[Change], table: &str, key: i64) -> bool {
            changes.iter().any(|change| match change {
                Change::XaPrepare { changes, .. } => any(changes, table, key),
                other => other
                    .row()
                    .is_some_and(|(of, number, _)| of == table && number == key),
            })
        }
        any(&self.changes, table, key)
    }

    /// Whether it is a part of an XA transaction.
    pub(super) fn is_xa(&self) -> bool {
        self.changes.iter().any(|change| {
            matches!(
                change,
                Change::XaPrepare { .. } | Change::XaCommit(_) | Change::XaRollback(_)
            )
        })
    }

    /// What it touches.
    pub(super) fn touched(&self) -> Vec<Touched> {
        self.changes.iter().flat_map(Change::touched).collect()
    }
}

/// InnoDB: what is committed, and what is prepared and waits to be one or the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Engine {
    pub(super) schemas: BTreeSet<String>,
    /// Rows by the table's full name.
    pub(super) tables: BTreeMap<String, BTreeMap<i64, String>>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) executed: Gtids,
    /// Written to the binary log or about to be, in that order.
    pub(super) prepared: Vec<Arc<Transaction>>,
    /// XA transactions that were prepared, by name.
    pub(super) xa: BTreeMap<String, Vec<Change>>,
}

/// mysqld's number of an error of the engine.
pub(super) type Code = u16;

pub(super) const SCHEMA_EXISTS: Code = 1007;
pub(super) const NO_SCHEMA_TO_DROP: Code = 1008;
pub(super) const ROW_NOT_FOUND: Code = 1032;
pub(super) const UNKNOWN_SCHEMA: Code = 1049;
pub(super) const TABLE_EXISTS: Code = 1050;
pub(super) const UNKNOWN_TABLE_TO_DROP: Code = 1051;
pub(super) const DUPLICATE_KEY: Code = 1062;
pub(super) const UNKNOWN_TABLE: Code = 1146;
const UNKNOWN_XID: Code = 1397;

impl Engine {
    /// A committed row.
    pub(super) fn value(&self, table: &str, key: i64) -> Option<&str> {
        self.tables.get(table)?.get(&key).map(String::as_str)
    }

    /// A row as a transaction sees it that has made the changes `own`.
    pub(super) fn value_within<'a>(
        &'a self,
        own: &'a [Change],
        table: &str,
        key: i64,
    ) -> Option<&'a str> {
        let written = own
            .iter()
            .rev()
            .filter_map(Change::row)
            .find(|(of, number, _)| *of == table && *number == key);
        match written {
            Some((_, _, value)) => value,
            None => self.value(table, key),
        }
    }

    /// Whether a change can be made after the changes `own`.
    pub(super) fn check(&self, own: &[Change], change: &Change) -> Result<(), Code> {
        let refuse = |refused: bool, code: Code| if refused { Err(code) } else { Ok(()) };
        match change {
            Change::CreateSchema(name) => refuse(self.schemas.contains(name), SCHEMA_EXISTS),
            Change::DropSchema(name) => refuse(!self.schemas.contains(name), NO_SCHEMA_TO_DROP),
            Change::CreateTable(name) => {
                let schema = name.split('.').next().unwrap_or_default();
                refuse(!self.schemas.contains(schema), UNKNOWN_SCHEMA)?;
                refuse(self.tables.contains_key(name), TABLE_EXISTS)
            }
            Change::DropTable(name) => {
                refuse(!self.tables.contains_key(name), UNKNOWN_TABLE_TO_DROP)
            }
            Change::Insert { table, key, .. } => {
                self.check_table(table)?;
                let there = self.value_within(own, table, *key).is_some();
                refuse(there, DUPLICATE_KEY)
            }
            Change::Update { table, key, .. } | Change::Delete { table, key } => {
                self.check_table(table)?;
                refuse(self.value_within(own, table, *key).is_none(), ROW_NOT_FOUND)
            }
            Change::Account(_) | Change::XaPrepare { .. } => Ok(()),
            Change::XaCommit(xid) | Change::XaRollback(xid) => {
                refuse(!self.xa.contains_key(xid), UNKNOWN_XID)
            }
        }
    }

    /// Whether the table is there; if not, mysqld's number for what is missing.
    pub(super) fn check_table(&self, table: &str) -> Result<(), Code> {
        let schema = table.split('.').next().unwrap_or_default();
        if !self.schemas.contains(schema) {
            Err(UNKNOWN_SCHEMA)
        } else if !self.tables.contains_key(table) {
            Err(UNKNOWN_TABLE)
        } else {
            Ok(())
        }
    }

    /// Whether all changes can be made one after the other.
    pub(super) fn check_all(&self, changes: &[Change]) -> Result<(), Code> {
        changes.iter().enumerate().try_for_each(|(at, change)| {
            let before = changes.get(..at).unwrap_or_default();
            self.check(before, change)
        })
    }

    /// Makes a prepared transaction visible.
    pub(super) fn commit(&mut self, transaction: &Transaction) {
        self.prepared.retain(|one| one.gtid != transaction.gtid);
        self.executed.add(&transaction.gtid);
        self.make(&transaction.changes);
    }

    /// Makes changes that are no transaction of the binary log.
    pub(super) fn make(&mut self, changes: &[Change]) {
        for change in changes {
            self.make_one(change);
        }
    }

    fn make_one(&mut self, change: &Change) {
        match change {
            Change::CreateSchema(name) => {
                self.schemas.insert(name.clone());
            }
            Change::DropSchema(name) => {
                self.schemas.remove(name);
                let inside = format!("{name}.");
                self.tables.retain(|table, _| !table.starts_with(&inside));
            }
            Change::CreateTable(name) => {
                self.tables.entry(name.clone()).or_default();
            }
            Change::DropTable(name) => {
                self.tables.remove(name);
            }
            Change::Insert { table, key, value } | Change::Update { table, key, value } => {
                let rows = self.tables.entry(table.clone()).or_default();
                rows.insert(*key, value.clone());
            }
            Change::Delete { table, key } => {
                if let Some(rows) = self.tables.get_mut(table) {
                    rows.remove(key);
                }
            }
            Change::Account(change) => Arc::make_mut(&mut self.accounts).make(change),
            Change::XaPrepare { xid, changes } => {
                self.xa.insert(xid.clone(), changes.clone());
            }
            Change::XaCommit(xid) => {
                if let Some(changes) = self.xa.remove(xid) {
                    self.make(&changes);
                }
            }
            Change::XaRollback(xid) => {
                self.xa.remove(xid);
            }
        }
    }
}
