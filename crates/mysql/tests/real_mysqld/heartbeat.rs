//! Contract with real mysqlds: heartbeat transactions.

use std::path::PathBuf;
use std::time::Duration;

use moco_model::{Account, Epoch};
use moco_mysql::Session as _;
use moco_mysql::binlog::bytes_of_all;
use moco_mysql::fence::{FenceError, fence_primary};
use moco_mysql::heartbeat::{BeatError, TAG, beat};
use moco_mysql::open::open;
use moco_mysql::retire::retire;
use moco_mysql::shutdown;

use crate::cluster::{primary, replica, report};
use crate::support::{Volume, lab, run, until};

/// No right to a table, to a schema.
const DENIED: [u16; 2] = [1142, 1044];

#[test]
fn a_heartbeat_is_a_transaction_with_a_tag_of_its_own_that_waits_like_any_other() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let mut closed = a.admin().await;
        let refused = beat(&mut closed, 1, Epoch(1)).await;
        let Err(BeatError::Statement(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.code(), Some(1290));

        let (mut server, _) = primary(&a, 0).await;
        let mut line = a.admin().await;
        let before = report(&mut server).await.executed;
        beat(&mut line, 1, Epoch(6)).await.unwrap();
        let new = report(&mut server).await.executed.subtract(&before);
        assert_eq!(new.count(), 3, "schema, table, heartbeat: {new}");
        let before = report(&mut server).await.executed;
        beat(&mut line, 1, Epoch(7)).await.unwrap();
        beat(&mut line, 1, Epoch(8)).await.unwrap();
        let new = report(&mut server).await.executed.subtract(&before);
        assert!(new.to_string().ends_with(&format!("{TAG}:2-3")), "{new}");
        // What else the session does has no tag.
        line.run("write", "INSERT INTO app.t VALUES (1)")
            .await
            .unwrap();
        let all = report(&mut server).await.executed.subtract(&before);
        let untagged = all.subtract(&new).to_string();
        assert!(!untagged.is_empty() && !untagged.contains(TAG), "{all}");
        let mut sql = a.sql(Account::Admin).await;
        let row = "SELECT CONCAT_WS(' ', id, epoch, beats) FROM moco.heartbeat";
        assert_eq!(sql.value::<String>(row).await, "1 8 3");

        // Without a replica it waits; a replica that connects makes it go on.
        open(&mut server, 1).await.unwrap();
        let waiting = tokio::spawn(async move { (beat(&mut line, 1, Epoch(8)).await, line) });
        until("the heartbeat waits", async || {
            report(&mut server).await.semi_sync.waiting == 1
        })
        .await;
        let _second = replica(&b, &a, &mut server).await;
        let (beaten, mut line) = waiting.await.unwrap();
        beaten.unwrap();

        // It is made again as well.
        sql.run("DROP DATABASE moco").await;
        beat(&mut line, 1, Epoch(9)).await.unwrap();
        assert_eq!(sql.value::<String>(row).await, "1 9 1");
        sql.run("DROP TABLE moco.heartbeat").await;
        beat(&mut line, 1, Epoch(9)).await.unwrap();
        assert_eq!(sql.value::<String>(row).await, "1 9 1");
    });
}

#[test]
fn people_can_neither_read_nor_write_heartbeats_nor_let_others_do_it() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let (mut server, mut tenant) = primary(&mysqld, 0).await;
        beat(&mut server, 1, Epoch(1)).await.unwrap();
        let mut reader = mysqld.sql(Account::Readonly).await;
        let read = "SELECT * FROM moco.heartbeat";
        assert!(DENIED.contains(&reader.refused(read).await));
        for sql in [
            read,
            "SELECT * FROM moco.heartbeat FOR UPDATE",
            "LOCK TABLES moco.heartbeat WRITE",
            "UPDATE moco.heartbeat SET epoch = 9",
            "INSERT INTO moco.heartbeat VALUES (2, 2, 2)",
            "TRUNCATE moco.heartbeat",
            "DROP TABLE moco.heartbeat",
            "DROP DATABASE moco",
            "CREATE TABLE moco.other (id INT)",
            "CREATE VIEW app.v AS SELECT * FROM moco.heartbeat",
        ] {
            let code = tenant.refused(sql).await;
            assert!(DENIED.contains(&code), "{sql}: {code}");
        }
        tenant.run("CREATE USER app IDENTIFIED BY 'x'").await;
        let code = tenant.refused("GRANT SELECT ON moco.* TO app").await;
        assert!(DENIED.contains(&code), "{code}");
        // What it passes on is as restricted as what it has.
        tenant.run("GRANT SELECT, DROP, UPDATE ON *.* TO app").await;
        let mut app = mysqld.sql_as("app", "x").await.unwrap();
        for sql in [read, "DROP DATABASE moco"] {
            let code = app.refused(sql).await;
            assert!(DENIED.contains(&code), "{sql}: {code}");
        }
    });
}

#[test]
fn a_tag_needs_a_privilege_that_the_administrator_has_and_people_have_not() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let tag = format!("SET SESSION gtid_next = 'AUTOMATIC:{TAG}'");
        let mut tenant = mysqld.sql(Account::Writable).await;
        assert_eq!(tenant.refused(&tag).await, 6038);
        mysqld.sql(Account::Admin).await.run(&tag).await;
    });
}

#[test]
fn a_heartbeat_that_hangs_costs_its_own_connection_only() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let (mut server, _) = primary(&mysqld, 1).await;
        let mut line = mysqld.admin_within(Duration::from_secs(1)).await;
        assert!(beat(&mut line, 1, Epoch(1)).await.is_err());
        assert!(!line.is_usable());
        assert!(report(&mut server).await.writable);
    });
}

#[test]
fn without_room_for_the_binary_log_commits_hang_and_clients_can_still_be_put_out() {
    let Some(lab) = lab() else { return };
    let Some(volume) = Volume::mount("1m") else {
        return;
    };
    let log = format!("log-bin = {}/binlog", volume.path().display());
    let mysqld = lab.prepared_with(&[&log]);
    run(async {
        let (mut server, _) = primary(&mysqld, 0).await;
        volume.fill();
        // The last page of the log has room for some.
        let beats = async || {
            let mut line = mysqld.admin_within(Duration::from_secs(2)).await;
            while beat(&mut line, 1, Epoch(1)).await.is_ok() {}
            line
        };
        let line = tokio::time::timeout(Duration::from_secs(30), beats()).await;
        assert!(!line.unwrap().is_usable(), "it was answered");
        assert_eq!(shutdown::waiters(&mut server).await.unwrap(), 1);
        let refused = fence_primary(&mut server, Duration::from_secs(1)).await;
        let Err(FenceError::HeldUp { by }) = refused else {
            panic!("{refused:?}");
        };
        assert!(by.contains("a commit of"), "{by}");
        retire(&mut server).await.unwrap();
        assert!(report(&mut server).await.offline);
    });
}

#[test]
fn a_heartbeat_on_another_row_does_not_wait_for_one_that_nobody_acknowledges_and_is_written() {
    let Some(lab) = lab() else { return };
    let [a] = lab.prepared();
    run(async {
        let (mut server, _) = primary(&a, 0).await;
        let mut first = a.admin().await;
        beat(&mut first, 1, Epoch(1)).await.unwrap();
        open(&mut server, 1).await.unwrap();
        let mut admin = a.sql(Account::Admin).await;
        let folder: String = admin.value("SELECT @@datadir").await;
        let size = || bytes_of_all(&PathBuf::from(&folder)).unwrap();
        let before = size();
        let mut waiting = Vec::new();
        waiting.push(tokio::spawn(
            async move { beat(&mut first, 1, Epoch(1)).await },
        ));
        until("the first is written", async || size() > before).await;
        let before = size();
        let mut second = a.admin().await;
        waiting.push(tokio::spawn(
            async move { beat(&mut second, 2, Epoch(1)).await },
        ));
        until("the second is written", async || size() > before).await;
        assert!(waiting.iter().all(|one| !one.is_finished()));
        for one in waiting {
            one.abort();
        }
    });
}
