//! Closing a server, and putting its clients out.

use std::time::Duration;

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_mysql::close::close;
use moco_mysql::fence::{FenceError, fence_primary};
use moco_mysql::open::open;
use moco_mysql::{passwords as accounts, semisync, shutdown};

use crate::bench::{
    Bench, LIMIT, Script, Signal, channel, fact, keys, outcome, passwords, report, run, try_run,
};

async fn behind_a_waiter(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let writer = b.log_in(0, Account::Writable).await;
    let mut second = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let mut closer = b.admin(0).await;
    run(&mut closer, "SET SESSION lock_wait_timeout = 3")
        .await
        .unwrap();
    let closing = b.begin(closer, "SET GLOBAL super_read_only = ON");
    b.note_still_waits("closing", &closing).await;
    b.note("a reader sees", keys(&mut second).await);
    let write = b.begin(second, "INSERT INTO app.t VALUES (2, 'b')");
    b.note_still_waits("another write", &write).await;
    b.note(
        "waiting commits",
        semisync::waiters(&mut admin).await.unwrap(),
    );
    let (_, answer) = b.join(closing).await;
    b.note("closing", outcome(&answer));
    b.note("writable", report(&mut admin).await.writable);
    b.waiters(&mut admin, 2).await;
    b.note_still_waits("the first commit", &commit).await;
}

fact!(
    closing_waits_for_a_waiting_commit_and_new_writes_wait_for_the_closing,
    1,
    behind_a_waiter,
    [
        "closing: waits",
        "a reader sees: none",
        "another write: waits",
        "waiting commits: 1",
        "closing: error 1205",
        "writable: true",
        "the first commit: waits",
    ]
);

async fn locked_tables(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut locker = b.log_in(0, Account::Writable).await;
    run(&mut locker, "LOCK TABLES app.t WRITE").await.unwrap();
    let closed = close(&mut admin, Duration::from_secs(1)).await;
    b.note("closing under LOCK TABLES WRITE", closed.is_ok());
    b.note("writable", report(&mut admin).await.writable);
    let fenced = fence_primary(&mut admin, Duration::from_secs(2)).await;
    let held_up = match &fenced {
        Err(FenceError::HeldUp { by }) => by.contains("holds tables locked"),
        _ => false,
    };
    b.note("fencing is held up by locked tables", held_up);
    b.note("offline", report(&mut admin).await.offline);
    run(&mut locker, "UNLOCK TABLES").await.unwrap();
    run(&mut locker, "LOCK TABLES app.t READ").await.unwrap();
    let closed = close(&mut admin, Duration::from_secs(1)).await;
    b.note("closing under LOCK TABLES READ", closed.is_ok());
    b.note("writable", report(&mut admin).await.writable);
}

fact!(
    locked_tables_hold_up_the_closing_when_they_are_locked_for_writing,
    1,
    locked_tables,
    [
        "closing under LOCK TABLES WRITE: false",
        "writable: true",
        "fencing is held up by locked tables: true",
        "offline: false",
        "closing under LOCK TABLES READ: true",
        "writable: false",
    ]
);

async fn open_transaction(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut writer = b.log_in(0, Account::Writable).await;
    for sql in ["BEGIN", "INSERT INTO app.t VALUES (1, 'a')"] {
        run(&mut writer, sql).await.unwrap();
    }
    b.note("it sees", keys(&mut writer).await);
    b.note("others see", keys(&mut admin).await);
    let closed = close(&mut admin, Duration::from_secs(2)).await;
    b.note("closed", closed.is_ok());
    b.note("its commit", try_run(&mut writer, "COMMIT").await);
    b.note("it sees", keys(&mut writer).await);
    let write = "INSERT INTO app.t VALUES (2, 'a')";
    b.note("a write", try_run(&mut writer, write).await);
    b.note("the administrator's", try_run(&mut admin, write).await);
    run(&mut admin, "SET GLOBAL super_read_only = OFF")
        .await
        .unwrap();
    b.note("writable", report(&mut admin).await.writable);
    b.note("a write under read_only", try_run(&mut writer, write).await);
    b.note("the administrator's", try_run(&mut admin, write).await);
    run(&mut admin, "SET GLOBAL read_only = OFF").await.unwrap();
    let more = "INSERT INTO app.t VALUES (3, 'a')";
    b.note("a write when open", try_run(&mut writer, more).await);
    run(&mut admin, "SET GLOBAL super_read_only = ON")
        .await
        .unwrap();
    b.note("writable", report(&mut admin).await.writable);
    run(&mut admin, "SET GLOBAL read_only = OFF").await.unwrap();
    b.note(
        "a write when open",
        try_run(&mut writer, "INSERT INTO app.t VALUES (4, 'a')").await,
    );
}

fact!(
    an_open_transaction_does_not_hold_up_the_closing_and_cannot_commit_afterwards,
    1,
    open_transaction,
    [
        "it sees: 1",
        "others see: none",
        "closed: true",
        "its commit: error 1290",
        "it sees: none",
        "a write: error 1290",
        "the administrator's: error 1290",
        "writable: false",
        "a write under read_only: error 1290",
        "the administrator's: ok",
        "a write when open: ok",
        "writable: false",
        "a write when open: ok",
    ]
);

async fn offline(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    let mut idle = b.log_in(0, Account::Writable).await;
    for sql in ["BEGIN", "INSERT INTO app.t VALUES (1, 'a')"] {
        run(&mut idle, sql).await.unwrap();
    }
    shutdown::put_clients_out(&mut admin).await.unwrap();
    b.note("an idle client", try_run(&mut idle, "SELECT 1").await);
    let again = b.connect(0, Account::Writable, LIMIT).await;
    b.note("a new client", outcome(&again));
    let again = b.connect(0, Account::Admin, LIMIT).await;
    b.note("another administrator", outcome(&again));
    b.note("the administrator", try_run(&mut admin, "SELECT 1").await);
    let write = "INSERT INTO app.t VALUES (2, 'a')";
    b.note("the administrator writes", try_run(&mut admin, write).await);
    b.caught_up(&mut replica, &mut admin).await;
    b.note("the replica has", keys(&mut replica).await);
    let at_once = moco_mysql::replication::stop_receiver(&mut replica).await;
    b.note("the receiver is stopped", at_once.is_ok());
    let back = b.replica(1, 0, Acknowledge::Yes).await;
    b.note("and comes back", "ok");
    drop(back);
    shutdown::let_clients_in(&mut admin).await.unwrap();
    let again = b.connect(0, Account::Writable, LIMIT).await;
    b.note("a new client", outcome(&again));
}

fact!(
    offline_mode_puts_clients_out_and_keeps_administrators_and_replicas,
    2,
    offline,
    [
        "an idle client: lost",
        "a new client: error 3032",
        "another administrator: ok",
        "the administrator: ok",
        "the administrator writes: ok",
        "the replica has: 2",
        "the receiver is stopped: true",
        "and comes back: ok",
        "a new client: ok",
    ]
);

async fn waiter_put_out(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let mut closer = b.admin(0).await;
    run(&mut closer, "SET SESSION lock_wait_timeout = 20")
        .await
        .unwrap();
    let closing = b.begin(closer, "SET GLOBAL super_read_only = ON");
    b.note_still_waits("closing", &closing).await;
    shutdown::put_clients_out(&mut admin).await.unwrap();
    let (_, answer) = b.join(commit).await;
    b.note("the waiting client is told", outcome(&answer));
    b.note(
        "waiting commits",
        semisync::waiters(&mut admin).await.unwrap(),
    );
    b.note_still_waits("closing", &closing).await;
    b.note("a reader sees", keys(&mut admin).await);
    let off = "SET GLOBAL rpl_semi_sync_source_enabled = OFF";
    run(&mut admin, off).await.unwrap();
    let (_, answer) = b.join(closing).await;
    b.note("closing", outcome(&answer));
    b.note("a reader sees", keys(&mut admin).await);
}

fact!(
    offline_mode_works_while_closing_hangs_and_tells_the_waiting_client_nothing,
    1,
    waiter_put_out,
    [
        "closing: waits",
        "the waiting client is told: lost",
        "waiting commits: 1",
        "closing: waits",
        "a reader sees: none",
        "closing: ok",
        "a reader sees: 1",
    ]
);

async fn fence(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let _replica = b.replica(1, 0, Acknowledge::Yes).await;
    let mut writer = b.log_in(0, Account::Writable).await;
    run(&mut writer, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let fenced = fence_primary(&mut admin, Duration::from_secs(2)).await;
    b.note("executed", fenced.unwrap().count());
    b.note("the client", try_run(&mut writer, "SELECT 1").await);
    let now = report(&mut admin).await;
    b.note(
        "writable and offline",
        format!("{} {}", now.writable, now.offline),
    );
    let again = fence_primary(&mut admin, Duration::from_secs(2)).await;
    b.note("fenced again", again.is_ok());
    open(&mut admin, 1).await.unwrap();
    let mut writer = b.log_in(0, Account::Writable).await;
    let write = try_run(&mut writer, "INSERT INTO app.t VALUES (2, 'a')").await;
    b.note("opened again", write);
}

fact!(
    a_fenced_primary_has_executed_all_that_it_answered_and_can_be_opened_again,
    2,
    fence,
    [
        "executed: 3",
        "the client: lost",
        "writable and offline: false true",
        "fenced again: true",
        "opened again: ok",
    ]
);

async fn fence_held_up(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut patient = b.admin(0).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let fenced = fence_primary(&mut patient, Duration::from_secs(1)).await;
    b.note("held up", matches!(fenced, Err(FenceError::HeldUp { .. })));
    let now = report(&mut admin).await;
    b.note(
        "writable and offline",
        format!("{} {}", now.writable, now.offline),
    );
    b.note_still_waits("the commit", &commit).await;
}

fact!(
    a_primary_with_a_commit_that_waits_is_not_fenced_and_stays_open,
    1,
    fence_held_up,
    [
        "held up: true",
        "writable and offline: true false",
        "the commit: waits",
    ]
);

async fn accounts_closed(b: &mut impl Bench) {
    let mut admin = b.admin(0).await;
    run(&mut admin, "SET SESSION sql_log_bin = OFF")
        .await
        .unwrap();
    let create = "CREATE USER 'somebody'@'%' IDENTIFIED BY 'Some-body1'";
    b.note(
        "an account on a closed server",
        try_run(&mut admin, create).await,
    );
    run(&mut admin, "SET GLOBAL super_read_only = OFF")
        .await
        .unwrap();
    b.note("under read_only", try_run(&mut admin, create).await);
    run(&mut admin, "SET GLOBAL super_read_only = ON")
        .await
        .unwrap();
    b.note("executed", report(&mut admin).await.executed.count());
    let settled = accounts::settle(&mut admin, &passwords()).await;
    b.note("settling the passwords", settled.is_ok());
    let now = report(&mut admin).await;
    b.note("writable", now.writable);
    b.note("executed", now.executed.count());
    b.note("drift", now.drift.len());
}

fact!(
    account_statements_are_refused_on_a_closed_server_and_settling_leaves_no_transaction,
    1,
    accounts_closed,
    [
        "an account on a closed server: error 1290",
        "under read_only: ok",
        "executed: 0",
        "settling the passwords: true",
        "writable: false",
        "executed: 0",
        "drift: 0",
    ]
);

async fn read_lock(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    let mut locker = b.admin(1).await;
    b.note(
        "LOCK TABLES on a closed server",
        try_run(&mut locker, "LOCK TABLES app.t READ").await,
    );
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let all = report(&mut admin).await.executed;
    b.received(&mut replica, &all).await;
    b.a_while().await;
    b.note("a reader sees", keys(&mut replica).await);
    b.note("lag", channel(&mut replica).await.lag_ms > 0);
    run(&mut locker, "UNLOCK TABLES").await.unwrap();
    b.caught_up(&mut replica, &mut admin).await;
    b.note("a reader sees", keys(&mut replica).await);
    b.note("lag", channel(&mut replica).await.lag_ms);
    let mut locker = b.log_in(0, Account::Writable).await;
    run(&mut locker, "LOCK TABLES app.t READ").await.unwrap();
    run(&mut admin, "SET SESSION lock_wait_timeout = 1")
        .await
        .unwrap();
    let write = try_run(&mut admin, "INSERT INTO app.t VALUES (2, 'a')").await;
    b.note("a write under LOCK TABLES READ", write);
}

fact!(
    a_locked_table_stops_the_applier_and_writers,
    2,
    read_lock,
    [
        "LOCK TABLES on a closed server: ok",
        "a reader sees: none",
        "lag: true",
        "a reader sees: 1",
        "lag: 0",
        "a write under LOCK TABLES READ: error 1205",
    ]
);

async fn flush(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let other = b.admin(0).await;
    let flush = b.begin(other, "FLUSH BINARY LOGS");
    b.note_still_waits("a new binary log file", &flush).await;
    let off = "SET GLOBAL rpl_semi_sync_source_enabled = OFF";
    run(&mut admin, off).await.unwrap();
    let (_, answer) = b.join(flush).await;
    b.note("the file", outcome(&answer));
    let (_, answer) = b.join(commit).await;
    b.note("the commit", outcome(&answer));
}

fact!(
    a_binary_log_file_is_not_ended_while_a_commit_waits,
    1,
    flush,
    [
        "a new binary log file: waits",
        "the file: ok",
        "the commit: ok",
    ]
);

async fn late_statement(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let connecting = b.connect(0, Account::Writable, Duration::from_secs(2));
    let mut writer = connecting.await.unwrap();
    b.signal(0, Signal::Freeze);
    let sql = "INSERT INTO app.t VALUES (1, 'a')";
    b.note(
        "a write to a frozen server",
        try_run(&mut writer, sql).await,
    );
    b.note("the session afterwards", try_run(&mut writer, sql).await);
    b.signal(0, Signal::Thaw);
    b.until("the write is there", async || keys(&mut admin).await == "1")
        .await;
    b.note("a reader sees", keys(&mut admin).await);
}

fact!(
    a_statement_that_was_sent_to_a_frozen_server_runs_after_its_client_is_gone,
    1,
    late_statement,
    [
        "a write to a frozen server: timed out",
        "the session afterwards: lost",
        "a reader sees: 1",
    ]
);

async fn late_closing(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let connecting = b.connect(0, Account::Admin, Duration::from_secs(1));
    let mut closer = connecting.await.unwrap();
    run(&mut closer, "SET SESSION lock_wait_timeout = 60")
        .await
        .unwrap();
    let closing = try_run(&mut closer, "SET GLOBAL super_read_only = ON").await;
    b.note("closing behind a commit", closing);
    drop(closer);
    b.note("writable", report(&mut admin).await.writable);
    let off = "SET GLOBAL rpl_semi_sync_source_enabled = OFF";
    run(&mut admin, off).await.unwrap();
    let (_, answer) = b.join(commit).await;
    b.note("the commit", outcome(&answer));
    b.until("the server is closed", async || {
        !report(&mut admin).await.writable
    })
    .await;
    b.note("writable", report(&mut admin).await.writable);
}

fact!(
    a_closing_that_waits_goes_on_when_its_client_is_gone_and_takes_place_later,
    1,
    late_closing,
    [
        "closing behind a commit: timed out",
        "writable: true",
        "the commit: ok",
        "writable: false",
    ]
);

async fn dropped(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut leaver = b.log_in(0, Account::Writable).await;
    for sql in ["BEGIN", "INSERT INTO app.t VALUES (1, 'a')"] {
        run(&mut leaver, sql).await.unwrap();
    }
    let writer = b.log_in(0, Account::Writable).await;
    let write = b.begin(writer, "INSERT INTO app.t VALUES (1, 'b')");
    b.note_still_waits("a write of the same row", &write).await;
    drop(leaver);
    let (_, answer) = b.join(write).await;
    b.note("after the other client left", outcome(&answer));
    let value = crate::bench::value(&mut admin, "v AS x FROM app.t WHERE id = 1").await;
    b.note("the row", value);
}

fact!(
    a_client_that_leaves_gives_its_rows_free,
    1,
    dropped,
    [
        "a write of the same row: waits",
        "after the other client left: ok",
        "the row: b",
    ]
);
