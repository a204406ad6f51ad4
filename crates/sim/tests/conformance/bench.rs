//! What a script sees of a bench, and how a fact is judged.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moco_model::command::Acknowledge;
use moco_model::report::{ReplicationReport, ServerReport};
use moco_model::{Account, GtidSet, Password, Passwords};
use moco_mysql::clone::Donor;
use moco_mysql::open::open;
use moco_mysql::replication::{Source, follow};
use moco_mysql::{Error, Session, status};

/// Bounds the statements of a session, unless a script says otherwise.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
/// Turns that a condition may take to come true: a minute.
const TURNS_MAX: u32 = 3000;
/// Turns after which something that has not happened is believed not to happen: 400 ms.
const TURNS_OF_NOTHING: u32 = 20;

/// What can be sent to a server's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Kill,
    Terminate,
    Freeze,
    Thaw,
}

/// What is at the end of the binary log of a stopped server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TailKind {
    Nothing,
    Cut(u64),
    NotCuttable,
}

/// Servers with MOCO's accounts and settings, empty and closed, and what can be done to them.
pub(crate) trait Bench: Send {
    type Session: Session + 'static;

    /// Logs in.
    fn connect(
        &self,
        server: usize,
        account: Account,
        limit: Duration,
    ) -> impl Future<Output = Result<Self::Session, Error>> + Send + 'static;
    /// Runs something beside the script.
    fn beside(&self, work: impl Future<Output = ()> + Send + 'static);
    /// Lets 20 ms pass.
    fn turn(&mut self) -> impl Future<Output = ()> + Send;
    /// Sends a signal; after [`Signal::Kill`] the process is gone.
    fn signal(&mut self, server: usize, signal: Signal);
    /// Starts a server whose process has ended, and waits until it takes connections.
    fn start(&mut self, server: usize) -> impl Future<Output = ()> + Send;
    /// How the process has ended by itself, as a code; none while it runs.
    fn ended(&mut self, server: usize) -> Option<i32>;
    /// A server as a source.
    fn source(&self, server: usize) -> Source;
    /// A server as a donor.
    fn donor(&self, server: usize) -> Donor;
    /// How many transactions beyond `history` are in the last binary log file of a server.
    fn written(&self, server: usize, history: &GtidSet) -> u64;
    /// Judges the binary log of a stopped server.
    fn judge(&self, server: usize, history: &GtidSet) -> TailKind;
    /// Cuts it as it was judged.
    fn cut(&mut self, server: usize, history: &GtidSet);
    /// Lets a stopped server draw a new `server_uuid`.
    fn forget_uuid(&mut self, server: usize);
    /// Copies a stopped server's data aside.
    fn save(&mut self, server: usize);
    /// Puts the saved data back.
    fn restore(&mut self, server: usize);
    /// The transcript.
    fn transcript(&mut self) -> &mut Transcript;
}

/// What was observed, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transcript(Vec<String>);

/// The accounts' passwords on both benches.
pub(crate) fn passwords() -> Passwords {
    Passwords::collect(|key| Some(format!("pw{}", key.replace('_', "")))).unwrap()
}

/// Something that runs beside the script.
pub(crate) struct Task<T>(Arc<Mutex<Option<T>>>);

impl<T> Task<T> {
    /// Whether it has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }
}

/// What scripts do, on any bench.
pub(crate) trait Script: Bench {
    /// Writes an observation down.
    fn note(&mut self, what: &str, value: impl std::fmt::Display) {
        let line = format!("{what}: {value}");
        self.transcript().0.push(line);
    }

    /// Logs in as the administrator, or does not go on.
    async fn admin(&mut self, server: usize) -> Self::Session {
        self.log_in(server, Account::Admin).await
    }

    /// Logs in, or does not go on.
    async fn log_in(&mut self, server: usize, account: Account) -> Self::Session {
        let connecting = self.connect(server, account, LIMIT);
        connecting.await.unwrap()
    }

    /// Runs something beside the script.
    fn task<T: Send + 'static>(
        &mut self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let place = Arc::new(Mutex::new(None));
        let result = Arc::clone(&place);
        self.beside(async move {
            let done = work.await;
            *result.lock().unwrap() = Some(done);
        });
        Task(place)
    }

    /// Sends a statement and goes on without its answer. The session comes back with the answer.
    fn begin(
        &mut self,
        mut session: Self::Session,
        sql: &str,
    ) -> Task<(Self::Session, Result<(), Error>)> {
        let sql = sql.to_owned();
        self.task(async move {
            let answer = session.run("run a statement", sql).await;
            (session, answer)
        })
    }

    /// Waits for the end of a task.
    async fn join<T: Send>(&mut self, task: Task<T>) -> T {
        for _ in 0..TURNS_MAX {
            if let Some(done) = task.0.lock().unwrap().take() {
                return done;
            }
            self.turn().await;
        }
        panic!("the task does not end; so far: {:#?}", self.transcript().0);
    }

    /// Waits until a question is answered with true.
    async fn until(&mut self, what: &str, mut question: impl AsyncFnMut() -> bool) {
        for _ in 0..TURNS_MAX {
            if question().await {
                return;
            }
            self.turn().await;
        }
        panic!(
            "never came true: {what}; so far: {:#?}",
            self.transcript().0
        );
    }

    /// Notes whether a task still runs after a while.
    async fn note_still_waits<T: Send>(&mut self, what: &str, task: &Task<T>) {
        for _ in 0..TURNS_OF_NOTHING {
            if task.is_done() {
                break;
            }
            self.turn().await;
        }
        let state = if task.is_done() {
            "is answered"
        } else {
            "waits"
        };
        self.note(what, state);
    }

    /// Lets a while pass, for what must not happen.
    async fn a_while(&mut self) {
        for _ in 0..TURNS_OF_NOTHING {
            self.turn().await;
        }
    }

    /// Waits for the process to end by itself.
    async fn note_exit(&mut self, server: usize) {
        for _ in 0..TURNS_MAX {
            if let Some(code) = self.ended(server) {
                return self.note("exit code", code);
            }
            self.turn().await;
        }
        panic!("mysqld does not end");
    }

    /// An open primary with the table `app.t` and nothing in it, whose commits wait for `acks`.
    async fn primary(&mut self, server: usize, acks: u32) -> Self::Session {
        let mut admin = self.admin(server).await;
        open(&mut admin, 0).await.unwrap();
        for sql in [
            "CREATE DATABASE app",
            "CREATE TABLE app.t (id INT PRIMARY KEY, v VARCHAR(200))",
        ] {
            run(&mut admin, sql).await.unwrap();
        }
        open(&mut admin, acks).await.unwrap();
        admin
    }

    /// Makes `replica` follow `source` and waits until it is connected and has everything.
    async fn replica(
        &mut self,
        replica: usize,
        source: usize,
        acknowledge: Acknowledge,
    ) -> Self::Session {
        let mut session = self.admin(replica).await;
        let from = self.source(source);
        follow(&mut session, &from, acknowledge).await.unwrap();
        let mut there = self.admin(source).await;
        self.caught_up(&mut session, &mut there).await;
        session
    }

    /// Waits until a replica is connected and has executed all that its source has.
    async fn caught_up(&mut self, replica: &mut Self::Session, source: &mut Self::Session) {
        let all = report(source).await.executed;
        self.until("the replica has caught up", async || {
            let now = report(replica).await;
            let on = now.replication.as_ref().map(|channel| channel.receiver);
            on == Some(moco_model::report::ThreadState::On) && now.executed.contains(&all)
        })
        .await;
    }

    /// Waits until a replica has received all of a set.
    async fn received(&mut self, replica: &mut Self::Session, all: &GtidSet) {
        self.until("everything is received", async || {
            channel(replica).await.received.contains(all)
        })
        .await;
    }

    /// Waits until that many commits wait for acknowledgements.
    async fn waiters(&mut self, server: &mut Self::Session, count: u32) {
        self.until("the commits wait", async || {
            moco_mysql::semisync::waiters(server).await.unwrap() == count
        })
        .await;
    }

    /// Waits until that many commits are in the binary log and wait: a thread may show that it waits
    /// for its commit before it has written anything.
    async fn written_waiters(
        &mut self,
        server: usize,
        admin: &mut Self::Session,
        history: &GtidSet,
        count: u32,
    ) {
        self.waiters(admin, count).await;
        for _ in 0..TURNS_MAX {
            if self.written(server, history) == u64::from(count) {
                return;
            }
            self.turn().await;
        }
        panic!("the commits are not written");
    }

    /// Waits until the source counts that many acknowledging replicas.
    async fn acknowledging(&mut self, source: &mut Self::Session, count: u32) {
        self.until("the source knows its replicas", async || {
            report(source).await.semi_sync.clients == count
        })
        .await;
    }
}

impl<B: Bench> Script for B {}

/// Runs a statement.
pub(crate) async fn run<S: Session>(session: &mut S, sql: &str) -> Result<(), Error> {
    session.run("run a statement", sql).await
}

/// A statement's outcome as it is written down.
pub(crate) fn outcome<T>(answer: &Result<T, Error>) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
        Err(
            Error::Server { code, .. }
            | Error::AccessDenied {
                code: Some(code), ..
            },
        ) => {
            format!("error {code}")
        }
        Err(Error::Unreachable { .. } | Error::GivenUp { .. }) => "lost".to_owned(),
        Err(Error::Timeout { .. }) => "timed out".to_owned(),
        Err(other) => panic!("{other}"),
    }
}

/// The outcome of a statement.
pub(crate) async fn try_run<S: Session>(session: &mut S, sql: &str) -> String {
    outcome(&run(session, sql).await)
}

/// The one value of an answer.
pub(crate) async fn value<S: Session>(session: &mut S, sql: &str) -> String {
    let row = session.row("ask", format!("SELECT {sql}")).await.unwrap();
    row.get("x").unwrap()
}

/// The keys in `app.t` as a reader sees them.
pub(crate) async fn keys<S: Session>(session: &mut S) -> String {
    let sql = "SELECT COUNT(*) AS x FROM app.t";
    let count: u32 = session.row("count", sql).await.unwrap().get("x").unwrap();
    if count == 0 {
        return "none".to_owned();
    }
    value(session, "GROUP_CONCAT(id ORDER BY id) AS x FROM app.t").await
}

/// The whole status.
pub(crate) async fn report<S: Session>(session: &mut S) -> ServerReport {
    status::read(session).await.unwrap()
}

/// The channel's status.
pub(crate) async fn channel<S: Session>(session: &mut S) -> ReplicationReport {
    report(session).await.replication.unwrap()
}

/// A session's own number.
pub(crate) async fn number<S: Session>(session: &mut S) -> String {
    value(session, "CONNECTION_ID() AS x").await
}

/// A wrong password.
pub(crate) fn wrong() -> Password {
    Password::new("wrongPassword".to_owned())
}

/// Judges a fact: both transcripts must be the expected one.
pub(crate) fn judge(name: &str, expected: &[&str], fake: &Transcript, real: Option<&Transcript>) {
    if real.is_none() {
        eprintln!("SKIPPED the real half of {name}: MOCO_TEST_MYSQLD is not set");
    }
    let fake_holds = fake.0 == expected;
    let real_holds = real.is_none_or(|real| real.0 == expected);
    assert!(
        fake_holds && real_holds,
        "{name}\nexpected: {expected:#?}\nthe fake said: {:#?}\nmysqld said: {:#?}",
        fake.0,
        real.map(|real| &real.0)
    );
}

/// A fact: its name, how many servers it needs, the script's function and the transcript.
macro_rules! fact {
    ($name:ident, $servers:literal, $script:ident, [$($line:literal),* $(,)?]) => {
        #[test]
        fn $name() {
            let fake = crate::fake::run($servers, async |bench| $script(bench).await);
            let real = crate::real::run($servers, async |bench| $script(bench).await);
            crate::bench::judge(stringify!($name), &[$($line),*], &fake, real.as_ref());
        }
    };
}
pub(crate) use fact;
