//! Contract with real mysqlds: fencing replicas and primaries, and retiring a primary.

use std::time::Duration;

use moco_model::report::ThreadState;
use moco_model::{Account, GtidSet, Password};
use moco_mysql::fence::{FenceError, fence_primary, fence_replica};
use moco_mysql::open::open;
use moco_mysql::retire::retire;
use moco_mysql::{Error, Record, Server, Session, shutdown, status};

use crate::cluster::{caught_up, primary, replica, replication, report};
use crate::support::{Sql, lab, run, until};

const WITHIN: Duration = Duration::from_secs(2);

/// What must keep the primary from being closed, in these words, and leave it as it is.
async fn held_up(server: &mut Server, words: &str) {
    let refused = fence_primary(server, WITHIN).await;
    refused_with(server, refused, words).await;
}

/// The same, before writes are stopped.
async fn seen(server: Server, words: &str) -> Server {
    let mut faulty = Faulty::on(server, &["stop writes"]);
    let refused = fence_primary(&mut faulty, WITHIN).await;
    let mut server = faulty.server;
    refused_with(&mut server, refused, words).await;
    server
}

async fn refused_with(server: &mut Server, refused: Result<GtidSet, FenceError>, words: &str) {
    let Err(FenceError::HeldUp { by }) = refused else {
        panic!("{words}: {refused:?}");
    };
    assert!(by.contains(words), "{by}");
    let now = report(server).await;
    assert!(now.writable && !now.offline, "{words}");
}

#[test]
fn a_fenced_primary_has_no_clients_and_no_commit_that_waits_and_keeps_its_replicas() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        open(&mut first, 1).await.unwrap();
        writer.run("INSERT INTO app.t VALUES (1)").await;
        let executed = fence_primary(&mut first, WITHIN).await.unwrap();

        let now = report(&mut first).await;
        assert!(!now.writable && now.offline);
        assert_eq!(now.executed, executed);
        assert_eq!(shutdown::waiters(&mut first).await.unwrap(), 0);
        assert!(writer.attempt("SELECT 1").await.is_err());
        let events = "SELECT @@global.event_scheduler";
        let mut sql = a.sql(Account::Admin).await;
        assert_eq!(sql.value::<String>(events).await, "OFF");
        caught_up(&mut second, &mut first).await;
        assert_eq!(replication(&mut second).await.receiver, ThreadState::On);
        assert_eq!(status::held(&mut second).await.unwrap(), executed);
        let again = fence_primary(&mut first, WITHIN).await.unwrap();
        assert_eq!(again, executed);
    });
}

#[test]
fn a_look_finds_what_would_hold_the_closing_up_and_clients_notice_nothing() {
    let Some(lab) = lab() else { return };
    let [a] = lab.prepared();
    run(async {
        let (server, mut client) = primary(&a, 0).await;
        client.run("INSERT INTO app.t VALUES (1), (2)").await;
        let mut other = a.sql(Account::Writable).await;
        let table = "CREATE TABLE app.slow (id INT PRIMARY KEY, x INT) SELECT 1 AS id, 0 AS x";
        other.run(table).await;

        client.run("LOCK TABLES app.t WRITE").await;
        let mut server = seen(server, "LOCK TABLES").await;
        client.run("UNLOCK TABLES").await;

        let update = "UPDATE app.slow SET x = SLEEP(60)";
        let running = tokio::spawn(async move { other.attempt(update).await });
        let mut sql = a.sql(Account::Admin).await;
        let old = "SELECT COALESCE(MAX(PROCESSLIST_TIME), 0) >= 2 FROM performance_schema.threads \
                   WHERE PROCESSLIST_INFO LIKE 'UPDATE app.slow%'";
        until("the statement is old", async || sql.value(old).await).await;
        server = seen(server, "a statement").await;
        let kill = "SELECT MAX(PROCESSLIST_ID) FROM performance_schema.threads \
                    WHERE PROCESSLIST_INFO LIKE 'UPDATE app.slow%'";
        let id: u32 = sql.value(kill).await;
        server.kill(id).await.unwrap();
        assert!(running.await.unwrap().is_err());

        // 2^17 rows are more than are rolled back in a moment.
        client.run("CREATE TABLE app.big (id INT)").await;
        client.run("BEGIN").await;
        client.run("INSERT INTO app.big VALUES (1)").await;
        for _ in 0..17 {
            client
                .run("INSERT INTO app.big SELECT * FROM app.big")
                .await;
        }
        server = seen(server, "has changed 131072 rows").await;
        client.run("ROLLBACK").await;

        // A statement that only reads, and a small transaction, hold nothing up.
        let mut reader = a.sql(Account::Readonly).await;
        let reading = tokio::spawn(async move { reader.attempt("SELECT SLEEP(60)").await });
        let old = "SELECT COALESCE(MAX(PROCESSLIST_TIME), 0) >= 2 FROM performance_schema.threads \
                   WHERE PROCESSLIST_INFO LIKE 'SELECT SLEEP%'";
        until("the query is old", async || sql.value(old).await).await;
        client.run("BEGIN").await;
        client.run("INSERT INTO app.t VALUES (3)").await;
        fence_primary(&mut server, WITHIN).await.unwrap();
        assert!(reading.await.unwrap().is_err());
        assert_eq!(sql.value::<u32>("SELECT COUNT(*) FROM app.t").await, 2);
    });
}

/// A commit on a primary without replicas, and a wait until it waits.
async fn stuck_commit(server: &mut Server, mut writer: Sql) -> Commit {
    let insert = "INSERT INTO app.t VALUES (1)";
    let commit = tokio::spawn(async move { writer.attempt(insert).await });
    until("the commit waits", async || {
        shutdown::waiters(server).await.unwrap() == 1
    })
    .await;
    commit
}

type Commit = tokio::task::JoinHandle<Result<(), mysql_async::Error>>;

#[test]
fn a_commit_that_waits_holds_the_closing_up_whether_the_look_sees_it_or_not() {
    let Some(lab) = lab() else { return };
    let [a] = lab.prepared();
    run(async {
        let (mut server, writer) = primary(&a, 1).await;
        let commit = stuck_commit(&mut server, writer).await;
        // Young still: the look lets it pass, and writes cannot be stopped.
        held_up(&mut server, "a commit of connection").await;
        held_up(&mut server, "(user \"moco-writable\")").await;
        let now = report(&mut server).await.semi_sync;
        assert!(now.source_active && now.wait_for == 1);
        assert!(!commit.is_finished());
        commit.abort();
    });
}

#[test]
fn a_retired_primary_told_the_client_of_a_waiting_commit_nothing() {
    let Some(lab) = lab() else { return };
    let [mut a] = lab.prepared();
    run(async {
        let (mut server, writer) = primary(&a, 1).await;
        let commit = stuck_commit(&mut server, writer).await;
        retire(&mut server).await.unwrap();
        assert!(report(&mut server).await.offline);
        let told = commit.await.unwrap();
        assert!(
            !matches!(told, Ok(()) | Err(mysql_async::Error::Server(_))),
            "{told:?}"
        );
        a.kill();
    });
}

#[test]
fn a_fenced_replica_receives_nothing_more_and_applies_what_it_has() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        let mut lock = b.sql(Account::Admin).await;
        lock.run("STOP REPLICA SQL_THREAD").await;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        let all = report(&mut first).await.executed;
        until("it is received", async || {
            status::held(&mut second).await.unwrap().contains(&all)
        })
        .await;
        assert!(!report(&mut second).await.executed.contains(&all));

        // Whether its source answers or not.
        a.freeze();
        let held = tokio::time::timeout(WITHIN, fence_replica(&mut second)).await;
        a.thaw();
        assert_eq!(held.unwrap().unwrap(), all);
        assert_eq!(replication(&mut second).await.receiver, ThreadState::Off);
        writer.run("INSERT INTO app.t VALUES (2)").await;
        until("what it has is applied", async || {
            report(&mut second).await.executed == all
        })
        .await;
        assert_eq!(status::held(&mut second).await.unwrap(), all);
    });
}

#[test]
fn a_replica_is_fenced_while_it_tries_to_reach_its_source_and_without_a_working_applier() {
    let Some(lab) = lab() else { return };
    let [mut a, b] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        // A row that only the replica has, so that the applier fails, now and after each start.
        let mut sql = b.sql(Account::Admin).await;
        sql.run("SET SESSION sql_log_bin = OFF").await;
        sql.run("SET GLOBAL super_read_only = OFF").await;
        sql.run("INSERT INTO app.t VALUES (1)").await;
        sql.run("SET GLOBAL super_read_only = ON").await;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        let all = report(&mut first).await.executed;
        until("the applier fails", async || {
            replication(&mut second).await.applier == ThreadState::Off
        })
        .await;
        a.kill();
        until("the source is not reached", async || {
            replication(&mut second).await.receiver == ThreadState::Connecting
        })
        .await;
        assert_eq!(fence_replica(&mut second).await.unwrap(), all);
        assert_eq!(replication(&mut second).await.receiver, ThreadState::Off);
        let mut faulty = Faulty::on(second, &["start the applier"]);
        assert_eq!(fence_replica(&mut faulty).await.unwrap(), all);
        let mut second = faulty.server;
        // A member without a channel only tells what it has.
        sql.run("STOP REPLICA").await;
        sql.run("RESET REPLICA ALL").await;
        let executed = report(&mut second).await.executed;
        assert_eq!(fence_replica(&mut second).await.unwrap(), executed);
    });
}

/// A connection on which some steps go wrong: a statement fails, and the count of waiting commits is
/// two.
struct Faulty {
    server: Server,
    steps: &'static [&'static str],
}

impl Faulty {
    const fn on(server: Server, steps: &'static [&'static str]) -> Self {
        Self { server, steps }
    }

    fn fails(&self, attempted: &'static str) -> Result<(), Error> {
        if self.steps.contains(&attempted) {
            let message = "made up".to_owned();
            return Err(Error::Server {
                attempted,
                code: 1,
                message,
            });
        }
        Ok(())
    }
}

impl Session for Faulty {
    async fn run(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<(), Error> {
        self.fails(attempted)?;
        self.server.run(attempted, sql).await
    }

    async fn run_secret(
        &mut self,
        attempted: &'static str,
        sql: String,
        secrets: &[&Password],
    ) -> Result<(), Error> {
        self.server.run_secret(attempted, sql, secrets).await
    }

    async fn rows(
        &mut self,
        attempted: &'static str,
        sql: impl Into<String> + Send,
    ) -> Result<Vec<Record>, Error> {
        if self.steps.contains(&attempted) {
            let waiting = ["sessions", "clients", "appliers"]
                .map(|column| (column.to_owned(), Some("1".to_owned())));
            return Ok(vec![Record::of(attempted, waiting.to_vec())]);
        }
        self.server.rows(attempted, sql).await
    }

    fn is_usable(&self) -> bool {
        Session::is_usable(&self.server)
    }

    fn limit(&self) -> Duration {
        Session::limit(&self.server)
    }
}

#[test]
fn what_goes_wrong_after_writes_were_stopped_is_undone() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut server, mut writer) = primary(&a, 0).await;
        let _second = replica(&b, &a, &mut server).await;
        open(&mut server, 1).await.unwrap();
        let steps: [(&[&str], &str); 3] = [
            (&["stop events"], "made up"),
            (&["put clients out"], "made up"),
            (&["count the commits that wait"], "2 commits wait"),
        ];
        for (attempted, words) in steps {
            let mut faulty = Faulty::on(server, attempted);
            let refused = fence_primary(&mut faulty, Duration::from_millis(100)).await;
            let error = refused.unwrap_err();
            let sentence = moco_model::sentence::with_causes(&error);
            assert!(sentence.contains(words), "{sentence}");
            server = faulty.server;
            let now = report(&mut server).await;
            assert!(now.writable && !now.offline, "{attempted:?}");
            assert!(now.semi_sync.source_active && now.semi_sync.wait_for == 1);
            let events = "SELECT @@global.event_scheduler";
            let mut sql = a.sql(Account::Admin).await;
            assert_eq!(sql.value::<String>(events).await, "ON", "{attempted:?}");
        }
        // The last of them had put the clients out.
        assert!(writer.attempt("SELECT 1").await.is_err());
        let mut writer = a.sql(Account::Writable).await;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        // Where semi-sync cannot be put in force nothing is opened.
        let mut faulty = Faulty::on(server, &["put clients out", "wait for acknowledgements"]);
        let refused = fence_primary(&mut faulty, WITHIN).await;
        assert!(
            matches!(refused, Err(FenceError::NotUndone { .. })),
            "{refused:?}"
        );
        assert!(!report(&mut faulty.server).await.writable);
    });
}
