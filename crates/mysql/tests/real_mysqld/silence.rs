//! Contract with real mysqlds: how long a replica has heard nothing from its source.

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_model::report::ThreadState;
use moco_mysql::replication::{follow, stop_receiver};

use crate::cluster::{primary, replica, replication};
use crate::support::{lab, run, until};

#[test]
fn a_frozen_source_grows_silent_and_one_that_goes_on_is_heard_at_once() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut first, _) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        // An idle source is heard by its heartbeats, four times a second.
        until("a heartbeat is heard", async || {
            replication(&mut second).await.silent_ms < 500
        })
        .await;
        a.freeze();
        until("the source is silent", async || {
            let channel = replication(&mut second).await;
            channel.silent_ms > 1_500 && channel.receiver == ThreadState::On
        })
        .await;
        // Silence goes on when the receiver gives the connection up.
        until("the receiver gives up", async || {
            replication(&mut second).await.receiver == ThreadState::Connecting
        })
        .await;
        assert!(replication(&mut second).await.silent_ms > 3_000);
        a.thaw();
        until("the source is heard again", async || {
            replication(&mut second).await.silent_ms < 1_000
        })
        .await;
    });
}

#[test]
fn transactions_count_as_heard_and_a_new_receiver_begins_anew() {
    let Some(lab) = lab() else { return };
    let [a, b, c] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        let mut sql = b.sql(Account::Admin).await;
        sql.run("STOP REPLICA IO_THREAD").await;
        sql.run("CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = 3600")
            .await;
        let password = crate::support::passwords();
        let start = format!(
            "START REPLICA IO_THREAD USER = 'moco-repl' PASSWORD = '{}'",
            password.of(Account::Replication).reveal()
        );
        sql.run(&start).await;
        until("nothing is heard without heartbeats", async || {
            let channel = replication(&mut second).await;
            channel.silent_ms > 2_500 && channel.receiver == ThreadState::On
        })
        .await;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        until("the transaction is heard", async || {
            replication(&mut second).await.silent_ms < 1_000
        })
        .await;

        // A source that never answers is silent since the receiver was started, not since the last
        // transaction of the source before it.
        until("the transaction is long ago", async || {
            replication(&mut second).await.silent_ms > 3_000
        })
        .await;
        c.freeze();
        follow(&mut second, &c.source(), Acknowledge::Yes)
            .await
            .unwrap();
        assert!(replication(&mut second).await.silent_ms <= 2_000);
        until("the new source is silent", async || {
            replication(&mut second).await.silent_ms > 2_500
        })
        .await;
        stop_receiver(&mut second).await.unwrap();
        c.thaw();
    });
}

#[test]
fn a_receiver_that_never_ran_has_heard_nothing() {
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let mut server = mysqld.admin().await;
        let mut sql = mysqld.sql(Account::Admin).await;
        sql.run("CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1")
            .await;
        assert_eq!(replication(&mut server).await.silent_ms, u64::MAX);
    });
}

#[test]
fn a_source_that_is_in_the_middle_of_a_transaction_is_not_silent_until_it_is_given_up() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        writer.run("CREATE TABLE app.big (x LONGBLOB)").await;
        // 64 MB that cannot be compressed take a while to be sent.
        let row = "(CONCAT(RANDOM_BYTES(1024), REPEAT('', 0)))";
        writer
            .run(&format!("INSERT INTO app.big VALUES {row}"))
            .await;
        writer.run("CREATE TABLE app.copy LIKE app.big").await;
        for _ in 0..16 {
            let double = "INSERT INTO app.big SELECT RANDOM_BYTES(1024) FROM app.big";
            writer.run(double).await;
        }
        let insert = "INSERT INTO app.copy SELECT * FROM app.big";
        let writing = tokio::spawn(async move { writer.attempt(insert).await });
        let mut sql = b.sql(Account::Admin).await;
        let coming_in = "SELECT QUEUEING_TRANSACTION <> '' \
                         FROM performance_schema.replication_connection_status";
        let caught = "SELECT COUNT(*) FROM app.copy";
        until("the transaction is coming in", async || {
            assert_eq!(sql.value::<u32>(caught).await, 0, "it was too quick");
            sql.value(coming_in).await
        })
        .await;
        a.freeze();
        assert!(sql.value::<bool>(coming_in).await);
        let now = replication(&mut second).await;
        assert_eq!((now.silent_ms, now.receiver), (0, ThreadState::On));
        until("the receiver gives up", async || {
            replication(&mut second).await.receiver == ThreadState::Connecting
        })
        .await;
        assert!(replication(&mut second).await.silent_ms > 3_000);
        a.thaw();
        writing.await.unwrap().unwrap();
    });
}
