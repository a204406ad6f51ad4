//! Who stands in whose way: row and table locks, the locks of the grant tables, and the closing of a
//! server, which waits for writers and makes new ones wait.

use super::content::{Change, Touched};
use super::session::{Session, Stage};
use super::statement::{LockKind, Statement};
use super::{Fleet, ServerId, SessionId};

impl Session {
    /// The statement that waits for something in its way.
    fn blocked(&self) -> Option<&Statement> {
        let work = self.work.as_ref()?;
        matches!(work.stage, Stage::Blocked { .. }).then(|| work.statement.as_ref())
    }

    /// It waits to close the server, and new writers wait for it.
    pub(super) fn closes(&self) -> bool {
        matches!(self.blocked(), Some(Statement::Set(all)) if all.iter().any(super::statement::Assignment::closes))
    }

    /// It holds the lock that every writing statement takes: explicit table locks, or a writing
    /// statement that waits.
    pub(super) fn writes(&self) -> bool {
        self.locks_for_writing()
            || matches!(
                self.blocked(),
                Some(Statement::Write(_) | Statement::Define { .. } | Statement::Commit)
            )
            || self.has_no_room()
    }

    /// Its commit waits for room on the volume.
    pub(super) fn has_no_room(&self) -> bool {
        let stage = self.work.as_ref().map(|work| &work.stage);
        stage == Some(&Stage::NoRoom)
    }

    pub(super) fn locks_for_writing(&self) -> bool {
        self.tables.values().any(|kind| *kind == LockKind::Write)
    }

    /// Whether it holds what a writer of these must wait for.
    fn locks(&self, touched: &[Touched]) -> bool {
        let tables = self
            .tables
            .keys()
            .map(|table| Touched::Table(table.clone()));
        let changed = self.transaction.iter().flatten().flat_map(Change::touched);
        tables
            .chain(changed)
            .any(|held| touched.iter().any(|one| held.conflicts(one)))
    }
}

impl Fleet {
    /// The sessions of a server.
    pub(super) fn sessions_of(
        &self,
        server: ServerId,
    ) -> impl Iterator<Item = (SessionId, &Session)> + '_ {
        let here = move |(_, session): &(&SessionId, &Session)| session.server == server;
        let all = self.sessions.iter().filter(here);
        all.map(|(id, session)| (*id, session))
    }

    /// The sessions of a server but one.
    fn others(
        &self,
        server: ServerId,
        but: Option<SessionId>,
    ) -> impl Iterator<Item = &Session> + '_ {
        let all = self.sessions_of(server);
        all.filter(move |(id, _)| Some(*id) != but)
            .map(|(_, session)| session)
    }

    /// Whether another session, or a prepared XA transaction, holds what a writer of these needs.
    pub(super) fn sessions_lock(
        &self,
        server: ServerId,
        but: Option<SessionId>,
        touched: &[Touched],
    ) -> bool {
        let prepared = self.disk(server).into_iter().flat_map(|disk| {
            let changes = disk.engine.xa.values().flatten();
            changes.flat_map(Change::touched)
        });
        let conflicts = |held: &Touched| touched.iter().any(|one| held.conflicts(one));
        let by_xa = prepared
            .filter(|_| !touched.contains(&Touched::Everything))
            .any(|held| conflicts(&held));
        by_xa || self.others(server, but).any(|one| one.locks(touched))
    }

    /// Whether another session keeps readers off a table.
    pub(super) fn reading_locked(&self, server: ServerId, but: SessionId, table: &str) -> bool {
        self.others(server, Some(but))
            .any(|one| one.tables.get(table) == Some(&LockKind::Write))
    }

    /// An account statement whose commit waits keeps everybody from logging in.
    pub(super) fn accounts_locked(&self, server: ServerId) -> bool {
        self.process(server)
            .is_some_and(|process| process.queue.holds(&[Touched::Accounts]))
    }

    /// Whether somebody waits to close the server.
    pub(super) fn is_being_closed(&self, server: ServerId, but: SessionId) -> bool {
        self.others(server, Some(but)).any(Session::closes)
    }

    /// Whether a closing has to wait: for commits under way, for statements that write, and for
    /// tables that are locked for writing.
    pub(super) fn closing_is_held_up(&self, server: ServerId, by_others_than: SessionId) -> bool {
        let commits = self
            .process(server)
            .is_some_and(|process| process.commits() > 0);
        commits
            || self
                .others(server, Some(by_others_than))
                .any(Session::writes)
    }
}
