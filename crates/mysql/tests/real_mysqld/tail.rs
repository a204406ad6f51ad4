//! Contract with a real mysqld: what a primary that was killed holds at the end of its binary log, and
//! what becomes of it with and without a cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use moco_model::{Account, GtidSet};
use moco_mysql::binlog::{Cut, NothingToCut, Obstacle, Tail, cut, forget_server_uuid, judge};
use moco_mysql::open::open;
use moco_mysql::{Server, status};
use tokio::task::JoinHandle;

use crate::support::{Mysqld, Sql, lab, run, until};

/// The data directory.
fn data(mysqld: &Mysqld) -> PathBuf {
    mysqld.socket().with_file_name("data")
}

async fn executed(server: &mut Server) -> GtidSet {
    status::read(server).await.unwrap().executed
}

/// Opens a primary with two tables of one row each, whose commits from now on wait for a replica, and
/// there is none. What it has executed is all the history that there will be.
async fn stalled_primary(mysqld: &Mysqld) -> (Server, GtidSet) {
    let mut server = mysqld.admin().await;
    open(&mut server, 0).await.unwrap();
    let mut writer = mysqld.sql(Account::Writable).await;
    writer.run("CREATE DATABASE app").await;
    for table in ["t", "w"] {
        writer
            .run(&format!(
                "CREATE TABLE app.{table} (id INT PRIMARY KEY, v LONGTEXT)"
            ))
            .await;
        writer
            .run(&format!("INSERT INTO app.{table} VALUES (1, 'history')"))
            .await;
    }
    open(&mut server, 1).await.unwrap();
    let history = executed(&mut server).await;
    (server, history)
}

/// Runs the statements on a session of their own; the last one is to wait for its acknowledgement, and
/// the answer is whether it was told OK.
async fn client(
    mysqld: &Mysqld,
    account: Account,
    statements: &'static [&'static str],
) -> JoinHandle<bool> {
    let mut sql: Sql = mysqld.sql(account).await;
    let (last, before) = statements.split_last().unwrap();
    for statement in before {
        sql.run(statement).await;
    }
    tokio::spawn(async move { sql.attempt(last).await.is_ok() })
}

/// The tail that must be there.
fn tail(mysqld: &Mysqld, history: &GtidSet) -> Cut {
    match judge(&data(mysqld), history).unwrap() {
        Tail::Cut(cut) => cut,
        other => panic!("{other:?}"),
    }
}

/// Waits until `count` transactions beyond the history are in the binary log of the running server.
async fn until_written(mysqld: &Mysqld, history: &GtidSet, count: u64) {
    until("the waiting transactions are written", async || {
        matches!(judge(&data(mysqld), history), Ok(Tail::Cut(cut))
            if cut.transactions.count() == count)
    })
    .await;
}

/// What `mysqlbinlog` reads in a file: where each transaction starts, and its GTID.
fn transactions(file: &Path) -> Vec<(u64, GtidSet)> {
    let mysqld = PathBuf::from(std::env::var_os("MOCO_TEST_MYSQLD").unwrap());
    let beside = mysqld.with_file_name("mysqlbinlog");
    let program = if beside.exists() {
        beside
    } else {
        "mysqlbinlog".into()
    };
    let said = Command::new(program)
        .args(["--no-defaults", "--verify-binlog-checksum"])
        .arg(file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{errors}");
    let mut at = 0;
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&said.stdout).lines() {
        if let Some(offset) = line.strip_prefix("# at ") {
            at = offset.parse().unwrap();
        }
        let gtid = line
            .strip_prefix("SET @@SESSION.GTID_NEXT= '")
            .and_then(|rest| rest.split('\'').next())
            .filter(|gtid| *gtid != "AUTOMATIC");
        if let Some(gtid) = gtid {
            found.push((at, gtid.parse().unwrap()));
        }
    }
    found
}

fn union(sets: impl Iterator<Item = GtidSet>) -> GtidSet {
    sets.fold(GtidSet::new(), |all, one| all.union(&one))
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The tables of the schema `app` with the names of their columns.
const TABLES: &str = "SELECT GROUP_CONCAT(TABLE_NAME, '.', COLUMN_NAME ORDER BY TABLE_NAME, COLUMN_NAME SEPARATOR ' ') \
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'app'";
const ROWS: &str = "SELECT GROUP_CONCAT(id, v ORDER BY id) FROM app.t";

/// Writes that wait: rows, several statements, tables made and copied, and one with a tag.
async fn waiting_writes(mysqld: &Mysqld) -> Vec<JoinHandle<bool>> {
    vec![
        client(
            mysqld,
            Account::Writable,
            &["INSERT INTO app.t VALUES (2, REPEAT('x', 1000000))"],
        )
        .await,
        client(
            mysqld,
            Account::Writable,
            &[
                "START TRANSACTION",
                "INSERT INTO app.t VALUES (3, 'a'), (4, 'b')",
                "UPDATE app.t SET v = 'tail' WHERE id = 3",
                "DELETE FROM app.t WHERE id = 4",
                "COMMIT",
            ],
        )
        .await,
        client(
            mysqld,
            Account::Writable,
            &["CREATE TABLE app.u (id INT PRIMARY KEY)"],
        )
        .await,
        client(
            mysqld,
            Account::Writable,
            &["ALTER TABLE app.w ADD COLUMN c INT, ALGORITHM = COPY"],
        )
        .await,
        client(
            mysqld,
            Account::Admin,
            &[
                "SET SESSION gtid_next = 'AUTOMATIC:moco_heartbeat'",
                "INSERT INTO app.t VALUES (5, 'tagged')",
            ],
        )
        .await,
    ]
}

/// Kills the server; the clients that waited must not have been told OK.
async fn kill(mysqld: &mut Mysqld, clients: Vec<JoinHandle<bool>>) {
    mysqld.kill();
    for client in clients {
        assert!(!client.await.unwrap(), "a waiting client was told OK");
    }
}

#[test]
fn a_tail_that_was_cut_is_rolled_back_and_one_that_was_not_is_committed() {
    let Some(lab) = lab() else { return };
    let [mut a] = lab.prepared();
    run(async {
        let (mut server, history) = stalled_primary(&a).await;
        let uuid_before = status::read(&mut server).await.unwrap().server_uuid;
        let clients = waiting_writes(&a).await;
        until_written(&a, &history, 5).await;
        kill(&mut a, clients).await;
        let untouched = data(&a).with_extension("untouched");
        copy_dir(&data(&a), &untouched);

        let to_cut = tail(&a, &history);
        let read = transactions(&to_cut.file);
        let beyond = read.iter().filter(|(_, gtid)| !history.contains(gtid));
        let beyond: Vec<_> = beyond.cloned().collect();
        assert_eq!(to_cut.at, beyond[0].0);
        assert_eq!(
            to_cut.transactions,
            union(beyond.into_iter().map(|(_, gtid)| gtid))
        );

        let evidence = data(&a).with_extension("evidence");
        let done = cut(&to_cut, &evidence).unwrap();
        let kept = transactions(&done.evidence);
        assert_eq!(
            union(kept.into_iter().map(|(_, gtid)| gtid)),
            to_cut.transactions
        );
        forget_server_uuid(&data(&a)).unwrap();
        assert_eq!(
            judge(&data(&a), &history).unwrap(),
            Tail::None {
                because: NothingToCut::AllInHistory
            }
        );

        a.start();
        let mut server = a.admin().await;
        let now = status::read(&mut server).await.unwrap();
        assert_eq!(
            (now.executed, now.purged.is_empty()),
            (history.clone(), true)
        );
        assert_ne!(now.server_uuid, uuid_before);
        let mut sql = a.sql(Account::Admin).await;
        assert_eq!(sql.value::<String>(ROWS).await, "1history");
        assert_eq!(sql.value::<String>(TABLES).await, "t.id t.v w.id w.v");
        let folder = fs::read_dir(data(&a).join("app")).unwrap();
        assert_eq!(folder.count(), 2, "files of rolled back tables are left");
        // Its tables can be read, rewritten and made again.
        open(&mut server, 0).await.unwrap();
        sql.run("ALTER TABLE app.t FORCE").await;
        sql.run("ALTER TABLE app.w FORCE").await;
        sql.run("CREATE TABLE app.u (id INT PRIMARY KEY)").await;

        a.kill();
        fs::remove_dir_all(data(&a)).unwrap();
        fs::rename(untouched, data(&a)).unwrap();
        a.start();
        let mut server = a.admin().await;
        assert_eq!(
            executed(&mut server).await,
            history.union(&to_cut.transactions)
        );
        let mut sql = a.sql(Account::Admin).await;
        let rows = sql.value::<String>("SELECT GROUP_CONCAT(id ORDER BY id) FROM app.t");
        assert_eq!(rows.await, "1,2,3,5");
        assert_eq!(
            sql.value::<String>(TABLES).await,
            "t.id t.v u.id w.c w.id w.v"
        );
    });
}

#[test]
fn the_binary_log_is_not_rotated_while_a_commit_waits() {
    let Some(lab) = lab() else { return };
    let [mut a] = lab.prepared();
    run(async {
        let (_server, history) = stalled_primary(&a).await;
        let write = &["INSERT INTO app.t VALUES (2, 'tail')"];
        let mut clients = vec![client(&a, Account::Writable, write).await];
        until_written(&a, &history, 1).await;
        let before = tail(&a, &history);
        let flush = client(&a, Account::Admin, &["FLUSH BINARY LOGS"]).await;
        let mut sql = a.sql(Account::Admin).await;
        until("the flush waits", async || {
            assert!(!flush.is_finished(), "the log was rotated");
            let waiting = "SELECT COUNT(*) FROM performance_schema.threads \
                WHERE PROCESSLIST_INFO = 'FLUSH BINARY LOGS' AND PROCESSLIST_TIME >= 1";
            sql.value::<u64>(waiting).await == 1
        })
        .await;
        clients.push(flush);
        kill(&mut a, clients).await;
        assert_eq!(tail(&a, &history), before);
    });
}

#[test]
fn an_xa_transaction_in_the_tail_is_seen_inside_its_compressed_payload() {
    let Some(lab) = lab() else { return };
    let [mut a] = lab.prepared();
    run(async {
        let (_server, history) = stalled_primary(&a).await;
        let prepare = &[
            "XA START 'x'",
            "INSERT INTO app.t VALUES (2, REPEAT('y', 100000))",
            "XA END 'x'",
            "XA PREPARE 'x'",
        ];
        let waiting = client(&a, Account::Writable, prepare).await;
        let xa = |found: Tail| match found {
            Tail::NotCuttable {
                because: Obstacle::Xa { .. },
                transactions,
            } => transactions.count() == 1,
            _ => false,
        };
        until("the transaction is written", async || {
            judge(&data(&a), &history).is_ok_and(xa)
        })
        .await;
        kill(&mut a, vec![waiting]).await;
        assert!(xa(judge(&data(&a), &history).unwrap()));
        let log = fs::read(data(&a).join("binlog.000001")).unwrap();
        assert!(
            !log.windows(8).any(|bytes| bytes == b"XA START"),
            "it is not compressed"
        );
    });
}

#[test]
fn a_change_that_cannot_be_rolled_back_is_seen_in_the_tail() {
    let Some(lab) = lab() else { return };
    let mut a = lab.blank(&["disabled-storage-engines ="]);
    run(async {
        let mut sql = a.sql_as("root", "").await.unwrap();
        for statement in [
            "SET GLOBAL super_read_only = OFF",
            "SET GLOBAL read_only = OFF",
            "CREATE DATABASE app",
            "CREATE TABLE app.m (id INT PRIMARY KEY) ENGINE = MyISAM",
            "SET GLOBAL rpl_semi_sync_source_enabled = ON",
        ] {
            sql.run(statement).await;
        }
        let history = sql.value::<String>("SELECT @@gtid_executed").await;
        let history = history.parse().unwrap();
        let waiting = tokio::spawn(async move {
            let insert = sql.attempt("INSERT INTO app.m VALUES (1)");
            insert.await.is_ok()
        });
        let seen = || {
            matches!(
                judge(&data(&a), &history),
                Ok(Tail::NotCuttable {
                    because: Obstacle::NotTransactional { .. },
                    ..
                })
            )
        };
        until("the change is written", async || seen()).await;
        kill(&mut a, vec![waiting]).await;
    });
}

#[test]
fn a_server_that_stopped_by_itself_has_nothing_to_cut() {
    let Some(lab) = lab() else { return };
    let [mut a] = lab.prepared();
    run(async {
        let mut server = a.admin().await;
        open(&mut server, 0).await.unwrap();
        let mut sql = a.sql(Account::Admin).await;
        sql.run("CREATE DATABASE app").await;
        sql.run("SHUTDOWN").await;
        assert!(a.wait_for_exit().success());
        assert_eq!(
            judge(&data(&a), &GtidSet::new()).unwrap(),
            Tail::None {
                because: NothingToCut::ClosedCleanly
            }
        );
    });
}

#[test]
fn a_torn_last_transaction_is_cut_with_the_tail_and_mysqld_drops_what_is_torn_before_its_gtid() {
    let Some(lab) = lab() else { return };
    let [mut a] = lab.prepared();
    run(async {
        let (_server, history) = stalled_primary(&a).await;
        let write = &["INSERT INTO app.t VALUES (2, 'tail')"];
        let clients = vec![client(&a, Account::Writable, write).await];
        until_written(&a, &history, 1).await;
        kill(&mut a, clients).await;
        let whole = tail(&a, &history);
        let copy = data(&a).with_extension("copy");
        copy_dir(&data(&a), &copy);

        // In the middle of its changes, and of its GTID event.
        for left in [whole.bytes - 37, 40] {
            let log = fs::OpenOptions::new()
                .write(true)
                .open(&whole.file)
                .unwrap();
            log.set_len(whole.at + left).unwrap();
            let found = judge(&data(&a), &history).unwrap();
            if left == 40 {
                let because = NothingToCut::AllInHistory;
                assert_eq!(found, Tail::None { because });
            } else {
                let Tail::Cut(torn) = found else {
                    panic!("{found:?}");
                };
                assert_eq!((torn.at, torn.bytes), (whole.at, left));
                assert_eq!(torn.transactions, whole.transactions);
                cut(&torn, &data(&a).with_extension("evidence")).unwrap();
            }
            a.start();
            let mut server = a.admin().await;
            assert_eq!(executed(&mut server).await, history);
            let mut sql = a.sql(Account::Admin).await;
            assert_eq!(sql.value::<String>(ROWS).await, "1history");
            a.kill();
            fs::remove_dir_all(data(&a)).unwrap();
            copy_dir(&copy, &data(&a));
        }
    });
}
