//! Statements that change data, and transactions.

use std::time::Duration;

use super::{Attempt, XA_STATE};
use crate::mysqld::answer::{Failure, ok};
use crate::mysqld::content::{Change, Code, ROW_NOT_FOUND, Touched, UNKNOWN_TABLE};
use crate::mysqld::disk::HEARTBEAT;
use crate::mysqld::statement::{Statement, Write};
use crate::mysqld::{Fleet, ServerId, SessionId};

/// The server takes no writes.
const READ_ONLY: Code = 1290;
/// `innodb_lock_wait_timeout`.
const ROW_LOCK_WAIT: Duration = Duration::from_secs(50);

impl Fleet {
    pub(super) fn write(&mut self, server: ServerId, id: SessionId, write: &Write) -> Attempt {
        let changes = self.changes_of(server, id, write);
        let touched: Vec<Touched> = changes.iter().flat_map(Change::touched).collect();
        if let Some(attempt) = self.before_writing(server, id, &touched, ROW_LOCK_WAIT) {
            return attempt;
        }
        let Some((disk, session)) = self.disk(server).zip(self.sessions.get(&id)) else {
            return Attempt::Done(Err(Failure::Lost));
        };
        let mut own = session.transaction.clone().unwrap_or_default();
        let open = session.transaction.is_some();
        let before = own.len();
        for change in changes {
            match disk.engine.check(&own, &change) {
                Ok(()) => own.push(change),
                // A client's statement that finds no row has nothing to do.
                Err(ROW_NOT_FOUND) => {}
                Err(code) => return failed(code),
            }
        }
        if open {
            if let Some(session) = self.session_mut(id) {
                session.transaction = Some(own);
            }
            Attempt::Done(ok())
        } else if own.len() == before {
            Attempt::Done(ok())
        } else {
            Attempt::Commit(own)
        }
    }

    /// What a statement would change now.
    fn changes_of(&self, server: ServerId, id: SessionId, write: &Write) -> Vec<Change> {
        match write {
            Write::Insert { table, rows } => {
                let insert = |(key, value): &(i64, String)| Change::Insert {
                    table: table.clone(),
                    key: *key,
                    value: value.clone(),
                };
                rows.iter().map(insert).collect()
            }
            Write::Update { table, key, value } => vec![Change::Update {
                table: table.clone(),
                key: *key,
                value: value.clone(),
            }],
            Write::Delete { table, key } => vec![Change::Delete {
                table: table.clone(),
                key: *key,
            }],
            Write::Heartbeat { row, epoch } => {
                vec![self.heartbeat_change(server, id, *row, *epoch)]
            }
        }
    }

    /// The row holds the epoch and how many heartbeats there were.
    fn heartbeat_change(&self, server: ServerId, id: SessionId, key: i64, epoch: u64) -> Change {
        let own = self
            .sessions
            .get(&id)
            .and_then(|session| session.transaction.as_deref())
            .unwrap_or_default();
        let before = self
            .disk(server)
            .and_then(|disk| disk.engine.value_within(own, HEARTBEAT, key))
            .map(str::to_owned);
        let table = HEARTBEAT.to_owned();
        match before {
            None => Change::Insert {
                table,
                key,
                value: format!("{epoch} 1"),
            },
            Some(before) => {
                let beats = before
                    .split(' ')
                    .nth(1)
                    .and_then(|beats| beats.parse().ok());
                let beats = beats.unwrap_or(0_u64) + 1;
                Change::Update {
                    table,
                    key,
                    value: format!("{epoch} {beats}"),
                }
            }
        }
    }

    /// What a writing statement meets before it reads a row: a closed server, somebody who closes it,
    /// or a lock.
    fn before_writing(
        &self,
        server: ServerId,
        id: SessionId,
        touched: &[Touched],
        wait_for_rows: Duration,
    ) -> Option<Attempt> {
        if self.is_closed_for(server, id) {
            return Some(read_only());
        }
        if self.is_being_closed(server, id) {
            return Some(Attempt::Blocked(self.lock_wait(id)));
        }
        let commits = self
            .process(server)
            .is_some_and(|process| process.queue.holds(touched));
        if commits || self.sessions_lock(server, Some(id), touched) {
            return Some(Attempt::Blocked(wait_for_rows.min(self.lock_wait(id))));
        }
        None
    }

    /// Whether this session may not write.
    fn is_closed_for(&self, server: ServerId, id: SessionId) -> bool {
        let passes = self
            .sessions
            .get(&id)
            .is_some_and(|session| session.connection_admin);
        self.process(server).is_none_or(|process| {
            let variables = &process.variables;
            variables.super_read_only || (variables.read_only && !passes)
        })
    }

    /// A statement about a schema, a table or an account: a transaction of its own.
    pub(super) fn define(
        &mut self,
        server: ServerId,
        id: SessionId,
        change: &Change,
        unless_there: bool,
    ) -> Attempt {
        let wait = self.lock_wait(id);
        if let Some(attempt) = self.before_writing(server, id, &change.touched(), wait) {
            return attempt;
        }
        let Some(disk) = self.disk(server) else {
            return Attempt::Done(Err(Failure::Lost));
        };
        match disk.engine.check(&[], change) {
            Ok(()) => Attempt::Commit(vec![change.clone()]),
            Err(_) if unless_there => Attempt::Commit(Vec::new()),
            Err(code) => failed(code),
        }
    }

    pub(super) fn transaction_statement(
        &mut self,
        server: ServerId,
        id: SessionId,
        statement: &Statement,
    ) -> Attempt {
        match statement {
            Statement::Begin | Statement::XaStart(_) => {
                if let Some(session) = self.session_mut(id) {
                    session.transaction = Some(Vec::new());
                    session.xid = match statement {
                        Statement::XaStart(xid) => Some(xid.clone()),
                        _ => None,
                    };
                }
                Attempt::Done(ok())
            }
            Statement::Rollback => {
                self.end_transaction(id);
                Attempt::Done(ok())
            }
            Statement::Commit => {
                let changes = self.open_changes(id);
                self.end(server, id, changes)
            }
            Statement::XaPrepare(xid) => {
                let named = self.sessions.get(&id).and_then(|one| one.xid.as_ref());
                if named != Some(xid) {
                    return Attempt::refused(XA_STATE, "there is no such XA transaction open");
                }
                let changes = self.open_changes(id);
                let xid = xid.clone();
                self.end(server, id, vec![Change::XaPrepare { xid, changes }])
            }
            Statement::XaCommit(xid) => {
                self.define(server, id, &Change::XaCommit(xid.clone()), false)
            }
            Statement::XaRollback(xid) => {
                self.define(server, id, &Change::XaRollback(xid.clone()), false)
            }
            _ => Attempt::Done(ok()),
        }
    }

    pub(super) fn open_changes(&self, id: SessionId) -> Vec<Change> {
        let session = self.sessions.get(&id);
        session
            .and_then(|session| session.transaction.clone())
            .unwrap_or_default()
    }

    /// The end of an open transaction. On a closed server it is rolled back.
    fn end(&mut self, server: ServerId, id: SessionId, changes: Vec<Change>) -> Attempt {
        if changes.is_empty() {
            self.end_transaction(id);
            return Attempt::Done(ok());
        }
        if self.is_closed_for(server, id) {
            self.end_transaction(id);
            return read_only();
        }
        if self.is_being_closed(server, id) {
            return Attempt::Blocked(self.lock_wait(id));
        }
        Attempt::Commit(changes)
    }
}

fn read_only() -> Attempt {
    let words = "The MySQL server is running with the --super-read-only option so it cannot execute \
                 this statement";
    Attempt::refused(READ_ONLY, words)
}

fn failed(code: Code) -> Attempt {
    let words = match code {
        UNKNOWN_TABLE => "the table doesn't exist",
        _ => "the statement failed",
    };
    Attempt::refused(code, words)
}
