//! Sessions: what a connection holds on the server, and the statement that runs in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{Answer, Failure};
use super::content::Change;
use super::process::Phase;
use super::statement::{LockKind, Statement, remembered};
use super::{Fleet, Pace, ServerId, SessionId};

/// A connection of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Session {
    pub(super) server: ServerId,
    pub(super) user: String,
    /// It passes `read_only` and `offline_mode`.
    pub(super) connection_admin: bool,
    /// Why the client is not there any more; its last statement may still run.
    pub(super) gone: Option<Failure>,
    /// `lock_wait_timeout`.
    pub(super) lock_wait: Duration,
    /// `sql_log_bin`.
    pub(super) log_bin: bool,
    /// The tag of `gtid_next`.
    pub(super) tag: String,
    /// What an open transaction has changed; none outside of one.
    pub(super) transaction: Option<Vec<Change>>,
    /// The open transaction is an XA transaction of this name.
    pub(super) xid: Option<String>,
    /// Tables that are locked explicitly.
    pub(super) tables: BTreeMap<String, LockKind>,
    pub(super) work: Option<Work>,
    answer: Option<Answer>,
}

/// A statement under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Work {
    pub(super) statement: Arc<Statement>,
    pub(super) since: Duration,
    /// When the client stops waiting; none for one that waits as long as it takes.
    pub(super) give_up: Option<Duration>,
    pub(super) stage: Stage,
}

/// What a statement waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It was sent and is not begun.
    Queued,
    /// Something is in its way; at `until` it fails.
    Blocked { until: Duration },
    /// It is in the binary log.
    Committing,
    /// It commits and there is no room for its transaction on the volume.
    NoRoom,
    /// Time.
    Sleeping { until: Duration },
    /// Its clone.
    Cloning,
    /// The applier's transactions under way.
    StoppingApplier,
}

/// Login failures that end a connection attempt.
const ACCESS_DENIED: u16 = 1045;
const OFFLINE_MODE: u16 = 3032;
/// There is no such connection to kill.
const NO_SUCH_THREAD: u16 = 1094;
const INTERRUPTED: u16 = 1317;
/// What a session has until it is set: a year.
const LOCK_WAIT: Duration = Duration::from_secs(31_536_000);

impl Session {
    /// The client sees the connection end. A commit under way goes on unless its process is gone.
    fn lose(&mut self, process_runs: bool) {
        self.gone.get_or_insert(Failure::Lost);
        self.tables.clear();
        let commits = self
            .work
            .as_ref()
            .is_some_and(|work| matches!(work.stage, Stage::Committing | Stage::NoRoom));
        if !(process_runs && commits) {
            self.work = None;
            self.transaction = None;
        }
    }
}

fn no_such_thread(id: SessionId) -> Failure {
    Failure::server(NO_SUCH_THREAD, format!("Unknown thread id: {}", id.0))
}

impl Fleet {
    /// Begins to log in to a server as `user`. The answer comes as that of a statement. The client
    /// gives up at `give_up`.
    pub fn log_in(
        &mut self,
        server: ServerId,
        user: &str,
        password: &str,
        give_up: Option<Duration>,
        now: Duration,
    ) -> SessionId {
        let id = SessionId(self.draw());
        let listens = self.process(server).is_some_and(|process| {
            // A stopped process leaves the connection in the kernel's hands.
            process.frozen || process.phase == Phase::Ready
        });
        let session = Session {
            server,
            user: user.to_owned(),
            connection_admin: false,
            gone: (!listens).then_some(Failure::Lost),
            lock_wait: LOCK_WAIT,
            log_bin: true,
            tag: String::new(),
            transaction: None,
            xid: None,
            tables: BTreeMap::new(),
            work: None,
            answer: None,
        };
        self.sessions.insert(id, session);
        let statement = Statement::LogIn {
            user: user.to_owned(),
            password: password.to_owned(),
        };
        if listens {
            self.queue(id, Arc::new(statement), give_up, now);
        }
        id
    }

    /// Sends a statement. It must have the answer of the one before. The client gives up at
    /// `give_up`, if that is given.
    pub fn send(
        &mut self,
        session: SessionId,
        sql: &str,
        give_up: Option<Duration>,
        now: Duration,
    ) {
        match remembered(sql) {
            Some(statement) => self.queue(session, statement, give_up, now),
            None => self.refuse_unknown(session, sql, now),
        }
    }

    fn refuse_unknown(&mut self, session: SessionId, sql: &str, now: Duration) {
        let shown: String = sql.chars().take(200).collect();
        self.unknown.push(shown.clone());
        self.answer(session, Err(Failure::Unknown(shown)), now);
    }

    fn queue(
        &mut self,
        id: SessionId,
        statement: Arc<Statement>,
        give_up: Option<Duration>,
        now: Duration,
    ) {
        let Some(session) = self.sessions.get_mut(&id).filter(|one| one.gone.is_none()) else {
            return;
        };
        session.answer = None;
        session.work = Some(Work {
            statement,
            since: now,
            give_up,
            stage: Stage::Queued,
        });
        if self.pace == Pace::AtOnce {
            self.execute(id, now);
        }
    }

    /// The answer, once it is there; it is given once. A session that is lost always has one.
    pub fn take_answer(&mut self, id: SessionId) -> Option<Answer> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Some(Err(Failure::Lost));
        };
        // What was sent before the connection ended is read first.
        let lost = session.gone.clone().map(Err);
        session.answer.take().or(lost)
    }

    /// Whether [`Fleet::take_answer`] has something to give.
    pub fn has_answer(&self, id: SessionId) -> bool {
        self.sessions
            .get(&id)
            .is_none_or(|session| session.gone.is_some() || session.answer.is_some())
    }

    /// The client closes its connection. A statement that runs goes on.
    pub fn close_session(&mut self, id: SessionId, now: Duration) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.gone.get_or_insert(Failure::Lost);
        if session.work.is_none() {
            self.end_session(id, now);
        }
    }

    /// The way to the client breaks: it sees the connection end, and a statement that runs goes on.
    pub fn break_session(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.gone.get_or_insert(Failure::Lost);
        }
    }

    /// Releases what a session holds.
    fn end_session(&mut self, id: SessionId, now: Duration) {
        if let Some(session) = self.sessions.remove(&id) {
            self.settle(session.server, now);
        }
    }

    /// A statement has ended.
    pub(super) fn answer(&mut self, id: SessionId, answer: Answer, now: Duration) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.work = None;
        if session.gone.is_some() {
            self.end_session(id, now);
        } else {
            session.answer = Some(answer);
        }
    }

    /// The client's limit has passed: it closes the connection, and the server does not notice.
    pub(super) fn give_up(&mut self, id: SessionId, now: Duration) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        let due = session
            .work
            .as_ref()
            .and_then(|work| work.give_up)
            .is_some_and(|at| at <= now);
        if due && session.gone.is_none() {
            session.gone = Some(Failure::TimedOut);
            return true;
        }
        false
    }

    /// Ends sessions of a server as a dying process or `offline_mode` does.
    pub(super) fn lose_sessions(&mut self, id: ServerId, which: impl Fn(&Session) -> bool) {
        let runs = self.process(id).is_some();
        for session in self.sessions.values_mut() {
            if session.server == id && which(session) {
                session.lose(runs);
            }
        }
    }

    /// `KILL`: the client loses its connection at once, while a commit that waits goes on waiting.
    pub(super) fn kill_connection(&mut self, server: ServerId, id: u64, now: Duration) -> Answer {
        let id = SessionId(id);
        let Some(session) = self.sessions.get(&id).filter(|one| one.server == server) else {
            return Err(no_such_thread(id));
        };
        let clones = session
            .work
            .as_ref()
            .is_some_and(|work| work.stage == Stage::Cloning);
        if clones {
            self.interrupt_clone(server, now);
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.lose(true);
        }
        super::answer::ok()
    }

    /// `KILL QUERY`: a statement that waits for a lock fails; a commit does not notice.
    pub(super) fn kill_query(&mut self, server: ServerId, id: u64, now: Duration) -> Answer {
        let id = SessionId(id);
        let Some(session) = self.sessions.get(&id).filter(|one| one.server == server) else {
            return Err(no_such_thread(id));
        };
        match session.work.as_ref().map(|work| &work.stage) {
            Some(Stage::Cloning) => self.interrupt_clone(server, now),
            Some(Stage::Blocked { .. } | Stage::Sleeping { .. }) => {
                let failure = Failure::server(INTERRUPTED, "Query execution was interrupted");
                self.answer(id, Err(failure), now);
            }
            _ => {}
        }
        super::answer::ok()
    }

    /// What a login comes to; none while it waits for the lock of the grant tables.
    pub(super) fn try_log_in(&self, id: SessionId) -> Option<Result<bool, Failure>> {
        let session = self.sessions.get(&id)?;
        let work = session.work.as_ref()?;
        let Statement::LogIn { user, password } = work.statement.as_ref() else {
            return None;
        };
        let (disk, process) = self.running(session.server)?;
        if self.accounts_locked(session.server) {
            return None;
        }
        let Some(rights) = disk.engine.accounts.log_in(user, password) else {
            let words = format!("Access denied for user '{user}'");
            return Some(Err(Failure::server(ACCESS_DENIED, words)));
        };
        if process.variables.offline_mode && !rights.connection_admin {
            let words = "The server is currently in offline mode";
            return Some(Err(Failure::server(OFFLINE_MODE, words)));
        }
        Some(Ok(rights.connection_admin))
    }
}
