//! Receivers: starting, stopping and pointing them elsewhere.

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_model::report::ThreadState;
use moco_mysql::replication::follow;

use crate::bench::{Bench, Script, Signal, channel, fact, keys, report, run, try_run, wrong};

async fn repoint(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    let mut locker = b.admin(1).await;
    run(&mut locker, "LOCK TABLES app.t READ").await.unwrap();
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let all = report(&mut admin).await.executed;
    b.received(&mut replica, &all).await;
    let other = b.source(2);
    let done = follow(&mut replica, &other, Acknowledge::Yes)
        .await
        .unwrap();
    b.note("followed", format!("{done:?}"));
    b.note("received", channel(&mut replica).await.received.count());
    b.note("a reader sees", keys(&mut replica).await);
    run(&mut locker, "UNLOCK TABLES").await.unwrap();
    b.until("it is applied", async || {
        report(&mut replica).await.executed.contains(&all)
    })
    .await;
    b.note("a reader sees", keys(&mut replica).await);
}

fact!(
    pointing_the_receiver_elsewhere_under_a_running_applier_keeps_what_was_received,
    3,
    repoint,
    [
        "followed: Repointed",
        "received: 3",
        "a reader sees: none",
        "a reader sees: 1",
    ]
);

async fn wiped(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut replica, "STOP REPLICA SQL_THREAD").await.unwrap();
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let all = report(&mut admin).await.executed;
    b.received(&mut replica, &all).await;
    b.note("received", channel(&mut replica).await.received.count());
    run(&mut replica, "STOP REPLICA").await.unwrap();
    b.note(
        "after the stop",
        channel(&mut replica).await.received.count(),
    );
    let port = "CHANGE REPLICATION SOURCE TO SOURCE_PORT = 1";
    b.note("the change", try_run(&mut replica, port).await);
    b.note("received", channel(&mut replica).await.received.count());
    run(&mut replica, "START REPLICA SQL_THREAD").await.unwrap();
    b.a_while().await;
    b.note("a reader sees", keys(&mut replica).await);
}

fact!(
    a_change_with_both_threads_stopped_throws_away_what_was_received,
    2,
    wiped,
    [
        "received: 3",
        "after the stop: 3",
        "the change: ok",
        "received: 0",
        "a reader sees: none",
    ]
);

async fn wiped_by_any(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut replica, "STOP REPLICA SQL_THREAD").await.unwrap();
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let all = report(&mut admin).await.executed;
    b.received(&mut replica, &all).await;
    run(&mut replica, "STOP REPLICA").await.unwrap();
    let retry = "CHANGE REPLICATION SOURCE TO SOURCE_CONNECT_RETRY = 2";
    b.note("the change", try_run(&mut replica, retry).await);
    b.note("received", channel(&mut replica).await.received.count());
}

fact!(
    even_a_change_of_the_retry_interval_does_it,
    2,
    wiped_by_any,
    ["the change: ok", "received: 0",]
);

async fn refused(b: &mut impl Bench) {
    let mut fresh = b.admin(1).await;
    for sql in [
        "START REPLICA",
        "START REPLICA SQL_THREAD FOR CHANNEL ''",
        "STOP REPLICA",
        "STOP REPLICA IO_THREAD FOR CHANNEL ''",
        "RESET REPLICA ALL",
        "CHANGE REPLICATION SOURCE TO GTID_ONLY = 1",
    ] {
        b.note(
            &format!("{sql} without a channel"),
            try_run(&mut fresh, sql).await,
        );
    }
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    for sql in [
        "CHANGE REPLICATION SOURCE TO SOURCE_PORT = 1",
        "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1",
        "CHANGE REPLICATION SOURCE TO REQUIRE_ROW_FORMAT = 1",
        "RESET REPLICA ALL",
        "START REPLICA",
        "STOP REPLICA IO_THREAD",
        "STOP REPLICA IO_THREAD",
        "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1",
        "CHANGE REPLICATION SOURCE TO REQUIRE_ROW_FORMAT = 1",
        "CHANGE REPLICATION SOURCE TO SOURCE_CONNECT_RETRY = 1",
        "RESET REPLICA ALL",
        "STOP REPLICA SQL_THREAD",
        "STOP REPLICA",
        "RESET REPLICA ALL",
    ] {
        b.note(sql, try_run(&mut replica, sql).await);
    }
    let gone = report(&mut replica).await.replication.is_none();
    b.note("the channel is gone", gone);
    b.note("executed", report(&mut replica).await.executed.count());
    b.acknowledging(&mut admin, 0).await;
}

fact!(
    threads_that_run_stand_against_changes_of_the_channel,
    2,
    refused,
    [
        "START REPLICA without a channel: error 1200",
        "START REPLICA SQL_THREAD FOR CHANNEL '' without a channel: ok",
        "STOP REPLICA without a channel: ok",
        "STOP REPLICA IO_THREAD FOR CHANNEL '' without a channel: ok",
        "RESET REPLICA ALL without a channel: ok",
        "CHANGE REPLICATION SOURCE TO GTID_ONLY = 1 without a channel: error 4065",
        "CHANGE REPLICATION SOURCE TO SOURCE_PORT = 1: error 3021",
        "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1: error 3081",
        "CHANGE REPLICATION SOURCE TO REQUIRE_ROW_FORMAT = 1: error 3081",
        "RESET REPLICA ALL: error 3081",
        "START REPLICA: ok",
        "STOP REPLICA IO_THREAD: ok",
        "STOP REPLICA IO_THREAD: ok",
        "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1: error 3081",
        "CHANGE REPLICATION SOURCE TO REQUIRE_ROW_FORMAT = 1: error 3085",
        "CHANGE REPLICATION SOURCE TO SOURCE_CONNECT_RETRY = 1: ok",
        "RESET REPLICA ALL: error 3081",
        "STOP REPLICA SQL_THREAD: ok",
        "STOP REPLICA: ok",
        "RESET REPLICA ALL: ok",
        "the channel is gone: true",
        "executed: 2",
    ]
);

async fn connecting(b: &mut impl Bench) {
    let mut replica = b.admin(0).await;
    let mut nowhere = b.source(1);
    nowhere.port = 1;
    follow(&mut replica, &nowhere, Acknowledge::Yes)
        .await
        .unwrap();
    b.until("it has tried", async || {
        channel(&mut replica).await.last_error.is_some()
    })
    .await;
    let now = report(&mut replica).await;
    b.note(
        "receiver",
        format!("{:?}", now.replication.as_ref().unwrap().receiver),
    );
    let sql = "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_status \
               WHERE VARIABLE_NAME LIKE 'Rpl\\_semi\\_sync\\_%'";
    let rows = moco_mysql::Session::rows(&mut replica, "count", sql)
        .await
        .unwrap();
    for row in rows {
        if row.get::<String>("VARIABLE_NAME").unwrap() == "Rpl_semi_sync_replica_status" {
            b.note(
                "it calls itself active",
                row.get::<String>("VARIABLE_VALUE").unwrap(),
            );
        }
    }
    moco_mysql::fence::fence_replica(&mut replica)
        .await
        .unwrap();
    let now = channel(&mut replica).await;
    b.note(
        "after a fence",
        format!("{:?} {:?}", now.receiver, now.applier),
    );
}

fact!(
    a_receiver_that_reaches_nobody_calls_itself_active_and_is_stopped_at_once,
    2,
    connecting,
    [
        "receiver: Connecting",
        "it calls itself active: ON",
        "after a fence: Off On",
    ]
);

async fn refused_login(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.admin(1).await;
    let mut source = b.source(0);
    source.password = wrong();
    follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.until("it is refused", async || {
        channel(&mut replica).await.last_error.is_some()
    })
    .await;
    let now = channel(&mut replica).await;
    let error = now.last_error.unwrap_or_default();
    b.note("receiver", format!("{:?}", now.receiver));
    b.note("error 1045", error.contains("(error 1045)"));
    let right = b.source(0);
    let done = follow(&mut replica, &right, Acknowledge::Yes)
        .await
        .unwrap();
    b.note("followed", format!("{done:?}"));
    b.caught_up(&mut replica, &mut admin).await;
    let done = follow(&mut replica, &right, Acknowledge::Yes)
        .await
        .unwrap();
    b.note("asked again", format!("{done:?}"));
    let done = follow(&mut replica, &right, Acknowledge::No).await.unwrap();
    b.note("not to acknowledge", format!("{done:?}"));
}

fact!(
    a_wrong_password_keeps_a_receiver_trying_and_the_right_one_helps,
    2,
    refused_login,
    [
        "receiver: Connecting",
        "error 1045: true",
        "followed: Started",
        "asked again: Already",
        "not to acknowledge: Started",
    ]
);

async fn purged(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    for sql in [
        "INSERT INTO app.t VALUES (1, 'a')",
        "FLUSH BINARY LOGS",
        "FLUSH BINARY LOGS",
        "INSERT INTO app.t VALUES (2, 'a')",
        "PURGE BINARY LOGS TO 'binlog.000003'",
    ] {
        run(&mut admin, sql).await.unwrap();
    }
    let now = report(&mut admin).await;
    b.note("executed", now.executed.count());
    b.note("purged", now.purged.count());
    let mut replica = b.admin(1).await;
    let source = b.source(0);
    follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.until("it gives up", async || {
        channel(&mut replica).await.receiver == ThreadState::Off
    })
    .await;
    let error = channel(&mut replica).await.last_error.unwrap_or_default();
    b.note("error 13114", error.contains("13114"));
    b.note("purged", error.contains("purged required"));
}

fact!(
    a_source_that_purged_what_is_needed_is_given_up,
    2,
    purged,
    [
        "executed: 4",
        "purged: 3",
        "error 13114: true",
        "purged: true",
    ]
);

async fn frozen(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    b.signal(0, Signal::Freeze);
    b.until("it is silent for a second", async || {
        channel(&mut replica).await.silent_ms >= 1000
    })
    .await;
    b.note(
        "receiver",
        format!("{:?}", channel(&mut replica).await.receiver),
    );
    b.until("the receiver gives it up", async || {
        channel(&mut replica).await.receiver == ThreadState::Connecting
    })
    .await;
    moco_mysql::fence::fence_replica(&mut replica)
        .await
        .unwrap();
    b.note(
        "stopped",
        format!("{:?}", channel(&mut replica).await.receiver),
    );
    let source = b.source(0);
    follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.a_while().await;
    b.note(
        "started",
        format!("{:?}", channel(&mut replica).await.receiver),
    );
    b.signal(0, Signal::Thaw);
    b.caught_up(&mut replica, &mut admin).await;
    let write = try_run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')").await;
    b.note("a commit that waits for it", write);
}

fact!(
    a_frozen_source_is_given_up_after_the_timeout_and_found_again,
    2,
    frozen,
    [
        "receiver: On",
        "stopped: Off",
        "started: Connecting",
        "a commit that waits for it: ok",
    ]
);

async fn frozen_replica(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let _replica = b.replica(1, 0, Acknowledge::Yes).await;
    b.acknowledging(&mut admin, 1).await;
    b.signal(1, Signal::Freeze);
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.note_still_waits("a commit", &commit).await;
    let now = report(&mut admin).await.semi_sync;
    b.note(
        "replicas and in force",
        format!("{} {}", now.clients, now.source_active),
    );
    b.signal(1, Signal::Thaw);
    let (_, answer) = b.join(commit).await;
    b.note("the commit", crate::bench::outcome(&answer));
}

fact!(
    a_frozen_replica_is_still_counted_and_acknowledges_when_it_goes_on,
    2,
    frozen_replica,
    [
        "a commit: waits",
        "replicas and in force: 1 true",
        "the commit: ok",
    ]
);

async fn same_twice(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    b.caught_up(&mut replica, &mut admin).await;
    run(&mut replica, "STOP REPLICA").await.unwrap();
    run(&mut replica, "RESET REPLICA ALL").await.unwrap();
    b.note("executed", report(&mut replica).await.executed.count());
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    b.note(
        "received anew",
        channel(&mut replica).await.received.count(),
    );
    run(&mut admin, "INSERT INTO app.t VALUES (2, 'a')")
        .await
        .unwrap();
    b.caught_up(&mut replica, &mut admin).await;
    b.note("received", channel(&mut replica).await.received.count());
    b.note("executed", report(&mut replica).await.executed.count());
}

fact!(
    a_source_sends_only_what_the_replica_neither_received_nor_executed,
    2,
    same_twice,
    [
        "executed: 3",
        "received anew: 0",
        "received: 1",
        "executed: 4",
    ]
);

async fn reconnects(b: &mut impl Bench) {
    let admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(
        &mut replica,
        "SET GLOBAL rpl_semi_sync_replica_enabled = OFF",
    )
    .await
    .unwrap();
    drop(admin);
    b.signal(0, Signal::Kill);
    b.start(0).await;
    b.until("the receiver stops", async || {
        channel(&mut replica).await.receiver == ThreadState::Off
    })
    .await;
    let error = channel(&mut replica).await.last_error.unwrap_or_default();
    b.note("error 13117", error.contains("(error 13117)"));
    let source = b.source(0);
    let done = follow(&mut replica, &source, Acknowledge::No).await;
    b.note("followed", format!("{:?}", done.unwrap()));
    let mut admin = b.admin(0).await;
    b.caught_up(&mut replica, &mut admin).await;
    b.note("acknowledging", report(&mut admin).await.semi_sync.clients);

    // The other way round it agrees anew.
    run(
        &mut replica,
        "SET GLOBAL rpl_semi_sync_replica_enabled = ON",
    )
    .await
    .unwrap();
    b.signal(0, Signal::Kill);
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.acknowledging(&mut admin, 1).await;
    let active = report(&mut replica).await.semi_sync.replica_active;
    b.note("switched on, it acknowledges", active);
}

fact!(
    a_receiver_that_must_not_acknowledge_any_more_stops_for_good_when_it_reconnects_by_itself,
    2,
    reconnects,
    [
        "error 13117: true",
        "followed: Started",
        "acknowledging: 0",
        "switched on, it acknowledges: true",
    ]
);
