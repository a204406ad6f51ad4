//! Running statements.

use std::time::Duration;

use super::answer::{Answer, Failure, ok};
use super::channel::Threads;
use super::content::Change;
use super::session::{Session, Stage};
use super::statement::{Assignment, LockKind, Scope, Statement};
use super::{Fleet, ServerId, SessionId};

mod set;
mod write;

/// What came of an attempt to run a statement.
pub(super) enum Attempt {
    /// It has ended.
    Done(Answer),
    /// Something is in its way. It fails when it waits for that longer than it may.
    Blocked(Duration),
    /// It commits these changes.
    Commit(Vec<Change>),
    /// It goes on by itself.
    Wait(Stage),
}

impl Attempt {
    fn refused(code: u16, words: &str) -> Self {
        Self::Done(Err(Failure::server(code, words)))
    }
}

/// A lock was waited for as long as the session may.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
/// The rows of a transaction that ends otherwise.
const XA_STATE: u16 = 1399;
/// A wait that nothing bounds but the client.
const FOR_EVER: Duration = Duration::from_secs(31_536_000);

impl Fleet {
    /// Runs a queued statement, or tries one again that was blocked. True when it went on.
    pub(super) fn execute(&mut self, id: SessionId, now: Duration) -> bool {
        let Some(session) = self.sessions.get(&id) else {
            return false;
        };
        let server = session.server;
        let Some(work) = session.work.clone() else {
            return false;
        };
        if !self.works(server) {
            return false;
        }
        let blocked_until = match work.stage {
            Stage::Queued => None,
            Stage::Blocked { until } => Some(until),
            // It has passed everything that may be in its way.
            Stage::NoRoom => {
                let changes = self.open_changes(id);
                return self.commit(server, id, changes, now);
            }
            _ => return false,
        };
        let attempt = self.attempt(server, id, &work.statement, now);
        let went_on = !matches!(attempt, Attempt::Blocked(_));
        match attempt {
            Attempt::Done(answer) => self.answer(id, answer, now),
            Attempt::Blocked(wait) => {
                let until = blocked_until.unwrap_or(work.since.saturating_add(wait));
                self.set_stage(id, Stage::Blocked { until });
            }
            Attempt::Commit(changes) => return self.commit(server, id, changes, now),
            Attempt::Wait(stage) => self.set_stage(id, stage),
        }
        if blocked_until.is_none() || went_on {
            self.settle(server, now);
        }
        went_on
    }

    /// Brings a commit on its way. It hangs while the volume is full.
    fn commit(
        &mut self,
        server: ServerId,
        id: SessionId,
        changes: Vec<Change>,
        now: Duration,
    ) -> bool {
        let (tag, log_bin) = match self.sessions.get(&id) {
            Some(session) => (session.tag.clone(), session.log_bin),
            None => return false,
        };
        if !log_bin {
            if let Some(disk) = self.disk_mut(server) {
                disk.engine.make(&changes);
            }
            self.end_transaction(id);
            self.answer(id, ok(), now);
            self.settle(server, now);
            return true;
        }
        let unwritten = changes.clone();
        if self.flush_new(server, id, &tag, changes, now) {
            self.end_transaction(id);
            self.set_stage(id, Stage::Committing);
            self.settle(server, now);
            return true;
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.transaction = Some(unwritten);
        }
        self.set_stage(id, Stage::NoRoom);
        false
    }

    fn end_transaction(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.transaction = None;
            session.xid = None;
        }
    }

    fn set_stage(&mut self, id: SessionId, stage: Stage) {
        let session = self.sessions.get_mut(&id);
        if let Some(work) = session.and_then(|session| session.work.as_mut()) {
            work.stage = stage;
        }
    }

    fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    fn attempt(
        &mut self,
        server: ServerId,
        id: SessionId,
        statement: &Statement,
        now: Duration,
    ) -> Attempt {
        match statement {
            Statement::LogIn { .. } => self.log_in_now(id),
            Statement::Begin
            | Statement::Commit
            | Statement::Rollback
            | Statement::XaStart(_)
            | Statement::XaEnd
            | Statement::XaPrepare(_)
            | Statement::XaCommit(_)
            | Statement::XaRollback(_) => self.transaction_statement(server, id, statement),
            Statement::Write(write) => self.write(server, id, write),
            Statement::Define {
                change,
                unless_there,
            } => self.define(server, id, change, *unless_there),
            Statement::Set(assignments) => self.set(server, id, assignments),
            Statement::Select(select) => self.select(server, id, select, now),
            Statement::LockTables(locks) => self.lock_tables(server, id, locks),
            Statement::UnlockTables => {
                if let Some(session) = self.session_mut(id) {
                    session.tables.clear();
                }
                Attempt::Done(ok())
            }
            Statement::ChangeSource(clauses) => Attempt::Done(self.change_source(server, clauses)),
            Statement::StartReplica(threads, login) => {
                Attempt::Done(self.start_replica(server, *threads, login.as_ref(), now))
            }
            Statement::StopReplica(threads) => self.stop_replica(server, *threads),
            Statement::ResetReplica { all } => Attempt::Done(self.reset_replica(server, *all)),
            Statement::ResetBinlogs | Statement::FlushBinlogs | Statement::PurgeBinlogs(_) => {
                self.binlog_statement(server, statement)
            }
            Statement::KillQuery(number) => Attempt::Done(self.kill_query(server, *number, now)),
            Statement::KillConnection(number) => {
                Attempt::Done(self.kill_connection(server, *number, now))
            }
            Statement::Clone(from) => match self.begin_clone(server, id, from, now) {
                Ok(stage) => Attempt::Wait(stage),
                Err(failure) => Attempt::Done(Err(failure)),
            },
            Statement::Shutdown => {
                self.ask_to_stop(server);
                Attempt::Done(ok())
            }
            Statement::Sleep(time) => Attempt::Wait(Stage::Sleeping { until: now + *time }),
        }
    }

    fn log_in_now(&mut self, id: SessionId) -> Attempt {
        match self.try_log_in(id) {
            None => Attempt::Blocked(FOR_EVER),
            Some(Err(failure)) => Attempt::Done(Err(failure)),
            Some(Ok(connection_admin)) => {
                if let Some(session) = self.session_mut(id) {
                    session.connection_admin = connection_admin;
                }
                Attempt::Done(ok())
            }
        }
    }

    fn stop_replica(&mut self, server: ServerId, threads: Threads) -> Attempt {
        if threads.receiver() {
            self.stop_receiver(server);
        }
        if !threads.applier() {
            return Attempt::Done(ok());
        }
        if let Some(process) = self.process_mut(server) {
            process.applier.ask_to_stop();
        }
        Attempt::Wait(Stage::StoppingApplier)
    }

    fn lock_tables(
        &mut self,
        server: ServerId,
        id: SessionId,
        locks: &[(String, LockKind)],
    ) -> Attempt {
        let wait = self.lock_wait(id);
        for (table, kind) in locks {
            let touched = [super::content::Touched::Table(table.clone())];
            let commits = self
                .process(server)
                .is_some_and(|process| process.queue.holds(&touched));
            let locked = match kind {
                LockKind::Write => self.sessions_lock(server, Some(id), &touched),
                LockKind::Read => self.reading_locked(server, id, table),
            };
            let closing = *kind == LockKind::Write && self.is_being_closed(server, id);
            if commits || locked || closing {
                return Attempt::Blocked(wait);
            }
        }
        if let Some(session) = self.session_mut(id) {
            session.tables = locks.iter().cloned().collect();
        }
        Attempt::Done(ok())
    }

    pub(super) fn lock_wait(&self, id: SessionId) -> Duration {
        self.sessions
            .get(&id)
            .map_or(FOR_EVER, |session| session.lock_wait)
    }

    fn binlog_statement(&mut self, server: ServerId, statement: &Statement) -> Attempt {
        let Some((disk, process)) = self.running_mut(server) else {
            return Attempt::Done(Err(Failure::Lost));
        };
        // A file is ended only when no commit is between the binary log and the engine.
        if process.commits() > 0 {
            return Attempt::Blocked(FOR_EVER);
        }
        match statement {
            Statement::ResetBinlogs => disk.reset_binlogs(),
            Statement::FlushBinlogs => disk.rotate(),
            Statement::PurgeBinlogs(up_to) => disk.binlogs.retain(|file| file.number >= *up_to),
            _ => {}
        }
        process.purged = disk.purged();
        Attempt::Done(ok())
    }

    /// Lets everything go on, on one server, that waited for what has just changed.
    pub(super) fn settle(&mut self, server: ServerId, now: Duration) {
        if !self.works(server) {
            return;
        }
        self.finish_commits(server, now);
        self.finish_stopping_appliers(server, now);
        while self.try_blocked(server, now) {
            self.finish_commits(server, now);
        }
    }

    /// Tries the statements that are in each other's way, the oldest first, until one goes on.
    fn try_blocked(&mut self, server: ServerId, now: Duration) -> bool {
        let is_blocked = |session: &Session| {
            session
                .work
                .as_ref()
                .filter(|work| matches!(work.stage, Stage::Blocked { .. } | Stage::NoRoom))
                .map(|work| work.since)
        };
        let mut blocked: Vec<(Duration, SessionId)> = self
            .sessions_of(server)
            .filter_map(|(id, session)| Some((is_blocked(session)?, id)))
            .collect();
        blocked.sort_unstable();
        blocked.into_iter().any(|(_, id)| self.execute(id, now))
    }

    fn finish_stopping_appliers(&mut self, server: ServerId, now: Duration) {
        let Some(process) = self.process(server) else {
            return;
        };
        if process.queue.applies() {
            return;
        }
        let stopping: Vec<SessionId> = self
            .sessions_of(server)
            .filter(|(_, session)| {
                let stage = session.work.as_ref().map(|work| &work.stage);
                stage == Some(&Stage::StoppingApplier)
            })
            .map(|(id, _)| id)
            .collect();
        for id in stopping {
            if let Some(process) = self.process_mut(server) {
                process.applier.stop();
            }
            self.answer(id, ok(), now);
        }
    }

    /// Runs what was sent to a server while it was frozen.
    pub(super) fn wake_queued(&mut self, server: ServerId, now: Duration) {
        if self.pace == super::Pace::Scheduled {
            return;
        }
        let queued: Vec<SessionId> = self
            .sessions_of(server)
            .filter(|(_, session)| {
                let stage = session.work.as_ref().map(|work| &work.stage);
                stage == Some(&Stage::Queued)
            })
            .map(|(id, _)| id)
            .collect();
        for id in queued {
            self.execute(id, now);
        }
    }

    /// The time of a waiting statement is over.
    pub(super) fn wake(&mut self, id: SessionId, now: Duration) -> bool {
        let Some(session) = self.sessions.get(&id) else {
            return false;
        };
        let server = session.server;
        if !self.works(server) {
            return false;
        }
        let ended = match session.work.as_ref().map(|work| &work.stage) {
            Some(Stage::Sleeping { until }) if *until <= now => ok(),
            Some(Stage::Blocked { until }) if *until <= now => {
                let words = "Lock wait timeout exceeded; try restarting transaction";
                Err(Failure::server(LOCK_WAIT_TIMEOUT, words))
            }
            _ => return false,
        };
        self.answer(id, ended, now);
        self.settle(server, now);
        true
    }
}

/// Whether any of these may have to wait for writers.
fn closes(assignments: &[Assignment]) -> bool {
    assignments.iter().any(Assignment::closes)
}

/// Whether a scope is the server's.
const fn is_global(scope: Scope) -> bool {
    matches!(scope, Scope::Global)
}
