//! Replicas: applying, failing to, and becoming primary.

use moco_model::GtidSet;
use moco_model::command::Acknowledge;
use moco_model::report::ThreadState;
use moco_mysql::fence::fence_replica;
use moco_mysql::open::{OpenError, open};
use moco_mysql::promote::{PromoteError, promote};
use moco_mysql::replication::{FollowError, follow};
use moco_mysql::status;

use crate::bench::{Bench, Script, channel, fact, keys, report, run, try_run, value};

async fn conflict(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    // A row that only the replica has.
    for sql in [
        "SET SESSION sql_log_bin = OFF",
        "SET GLOBAL super_read_only = OFF",
        "INSERT INTO app.t VALUES (1, 'other')",
        "SET GLOBAL super_read_only = ON",
    ] {
        run(&mut replica, sql).await.unwrap();
    }
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    run(&mut admin, "INSERT INTO app.t VALUES (2, 'b')")
        .await
        .unwrap();
    b.until("the applier fails", async || {
        channel(&mut replica).await.applier == ThreadState::Off
    })
    .await;
    let all = report(&mut admin).await.executed;
    b.received(&mut replica, &all).await;
    let now = report(&mut replica).await;
    let error = now
        .replication
        .as_ref()
        .unwrap()
        .last_error
        .clone()
        .unwrap_or_default();
    b.note("error 1062", error.contains("(error 1062)"));
    b.note("executed", now.executed.count());
    let again = follow(&mut replica, &b.source(2), Acknowledge::Yes).await;
    b.note(
        "not pointed elsewhere",
        matches!(again, Err(FollowError::ApplierStopped { .. })),
    );
    let opened = open(&mut replica, 0).await;
    b.note(
        "not opened",
        matches!(opened, Err(OpenError::NotDrained { .. })),
    );
    // Both have started the applier again, and mysqld starts none beside one that is about to end.
    b.until("the applier fails again", async || {
        channel(&mut replica).await.applier == ThreadState::Off
    })
    .await;
    for sql in [
        "SET GLOBAL super_read_only = OFF",
        "DELETE FROM app.t WHERE id = 1",
        "SET GLOBAL super_read_only = ON",
        "START REPLICA SQL_THREAD",
    ] {
        run(&mut replica, sql).await.unwrap();
    }
    b.until("it is applied", async || {
        report(&mut replica).await.executed.contains(&all)
    })
    .await;
    b.note("a reader sees", keys(&mut replica).await);
    b.note(
        "its value",
        value(&mut replica, "v AS x FROM app.t WHERE id = 1").await,
    );
}

fact!(
    an_applier_stops_at_a_row_that_is_there_already_and_loses_nothing,
    3,
    conflict,
    [
        "error 1062: true",
        "executed: 2",
        "not pointed elsewhere: true",
        "not opened: true",
        "a reader sees: 1,2",
        "its value: a",
    ]
);

async fn missing_row(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    for sql in [
        "SET SESSION sql_log_bin = OFF",
        "SET GLOBAL super_read_only = OFF",
        "DELETE FROM app.t WHERE id = 1",
        "SET GLOBAL super_read_only = ON",
    ] {
        run(&mut replica, sql).await.unwrap();
    }
    run(&mut admin, "UPDATE app.t SET v = 'b' WHERE id = 1")
        .await
        .unwrap();
    b.until("the applier fails", async || {
        channel(&mut replica).await.applier == ThreadState::Off
    })
    .await;
    let error = channel(&mut replica).await.last_error.unwrap_or_default();
    b.note("error 1032", error.contains("(error 1032)"));
    b.note(
        "receiver",
        format!("{:?}", channel(&mut replica).await.receiver),
    );
}

fact!(
    an_applier_stops_at_a_row_that_is_missing_and_the_receiver_goes_on,
    2,
    missing_row,
    ["error 1032: true", "receiver: On",]
);

async fn promoted(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let all = report(&mut admin).await.executed;
    let held = fence_replica(&mut replica).await.unwrap();
    b.note(
        "a fenced replica holds what was answered",
        held.contains(&all),
    );
    b.until("it is drained", async || {
        report(&mut replica).await.executed.contains(&all)
    })
    .await;
    let beyond: GtidSet = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1".parse().unwrap();
    let refused = promote(&mut replica, 1, &beyond).await;
    b.note(
        "what it must hold",
        matches!(refused, Err(PromoteError::Lacks { .. })),
    );
    let executed = promote(&mut replica, 1, &all).await.unwrap();
    b.note("promoted with", executed.count());
    let now = report(&mut replica).await;
    b.note("a channel", now.replication.is_some());
    b.note("writable", now.writable);
    b.note("in force", now.semi_sync.source_active);
    b.note(
        "promoted again",
        promote(&mut replica, 1, &all).await.is_ok(),
    );
    moco_mysql::retire::retire(&mut admin).await.unwrap();
    open(&mut replica, 1).await.unwrap();
    b.note("writable", report(&mut replica).await.writable);
    let again = follow(&mut replica, &b.source(0), Acknowledge::Yes).await;
    b.note(
        "an open server follows",
        !matches!(again, Err(FollowError::Writable)),
    );
    let again = promote(&mut replica, 1, &all).await;
    b.note(
        "an open server is promoted",
        !matches!(again, Err(PromoteError::Writable)),
    );
}

fact!(
    a_drained_replica_is_promoted_closed_and_opened_afterwards,
    2,
    promoted,
    [
        "a fenced replica holds what was answered: true",
        "what it must hold: true",
        "promoted with: 3",
        "a channel: false",
        "writable: false",
        "in force: true",
        "promoted again: true",
        "writable: true",
        "an open server follows: false",
        "an open server is promoted: false",
    ]
);

async fn undrained(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    let mut locker = b.admin(1).await;
    run(&mut locker, "LOCK TABLES app.t READ").await.unwrap();
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let all = report(&mut admin).await.executed;
    b.received(&mut replica, &all).await;
    let held = fence_replica(&mut replica).await.unwrap();
    b.note("it holds all", held.contains(&all));
    b.note(
        "the same, asked again",
        status::held(&mut replica).await.unwrap().contains(&all),
    );
    let refused = promote(&mut replica, 0, &GtidSet::new()).await;
    b.note(
        "not drained",
        matches!(refused, Err(PromoteError::NotDrained { .. })),
    );
    b.note("received", channel(&mut replica).await.received.count());
    run(&mut locker, "UNLOCK TABLES").await.unwrap();
    b.until("it is drained", async || {
        report(&mut replica).await.executed.contains(&all)
    })
    .await;
    b.note("promoted", promote(&mut replica, 0, &all).await.is_ok());
}

fact!(
    a_replica_with_received_work_is_not_promoted_and_loses_none_of_it,
    2,
    undrained,
    [
        "it holds all: true",
        "the same, asked again: true",
        "not drained: true",
        "received: 3",
        "promoted: true",
    ]
);

async fn chain(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut middle = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let mut last = b.replica(2, 1, Acknowledge::Yes).await;
    b.note("the last has", keys(&mut last).await);
    run(&mut admin, "INSERT INTO app.t VALUES (2, 'a')")
        .await
        .unwrap();
    b.caught_up(&mut middle, &mut admin).await;
    b.caught_up(&mut last, &mut middle).await;
    b.note("the last has", keys(&mut last).await);
    let uuid = report(&mut admin).await.server_uuid;
    let others = report(&mut last).await.executed.written_by_others(uuid);
    b.note("written by others than the first", others.count());
    b.note(
        "the middle's clients",
        report(&mut middle).await.semi_sync.clients,
    );
}

fact!(
    a_replica_of_a_replica_gets_the_same_transactions_under_the_same_names,
    3,
    chain,
    [
        "the last has: 1",
        "the last has: 1,2",
        "written by others than the first: 0",
        "the middle's clients: 1",
    ]
);

async fn reading(b: &mut impl Bench) {
    // With two acknowledgements asked for, a replica shows what its primary does not yet.
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    moco_mysql::semisync::set_source(&mut admin, 2)
        .await
        .unwrap();
    let writer = b.log_in(0, moco_model::Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.until("the replica shows it", async || {
        keys(&mut replica).await == "1"
    })
    .await;
    b.note_still_waits("the commit", &commit).await;
    b.note("the primary shows", keys(&mut admin).await);
}

fact!(
    a_replica_shows_what_its_primary_does_not_show_yet,
    2,
    reading,
    ["the commit: waits", "the primary shows: none",]
);

async fn errors_of_definitions(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    for sql in [
        "CREATE DATABASE other",
        "CREATE TABLE other.u (id INT PRIMARY KEY, v INT)",
        "INSERT INTO other.u VALUES (1, 1), (2, 2)",
        "DROP TABLE other.u",
        "DROP DATABASE other",
        "CREATE DATABASE IF NOT EXISTS app",
        "CREATE TABLE IF NOT EXISTS app.t (id INT PRIMARY KEY)",
        "DROP TABLE IF EXISTS app.nothing",
    ] {
        let before = report(&mut admin).await.executed.count();
        let answer = try_run(&mut admin, sql).await;
        let after = report(&mut admin).await.executed.count();
        b.note(sql, format!("{answer}, {} transactions", after - before));
    }
    b.caught_up(&mut replica, &mut admin).await;
    b.note(
        "on the replica",
        try_run(&mut replica, "SELECT COUNT(*) AS x FROM other.u").await,
    );
}

fact!(
    definitions_are_transactions_also_when_there_is_nothing_to_do,
    2,
    errors_of_definitions,
    [
        "CREATE DATABASE other: ok, 1 transactions",
        "CREATE TABLE other.u (id INT PRIMARY KEY, v INT): ok, 1 transactions",
        "INSERT INTO other.u VALUES (1, 1), (2, 2): ok, 1 transactions",
        "DROP TABLE other.u: ok, 1 transactions",
        "DROP DATABASE other: ok, 1 transactions",
        "CREATE DATABASE IF NOT EXISTS app: ok, 1 transactions",
        "CREATE TABLE IF NOT EXISTS app.t (id INT PRIMARY KEY): ok, 1 transactions",
        "DROP TABLE IF EXISTS app.nothing: ok, 1 transactions",
        "on the replica: error 1049",
    ]
);
