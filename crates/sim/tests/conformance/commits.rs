//! What a commit waits for, and what ends the waiting.

use moco_model::command::Acknowledge;
use moco_model::{Account, Epoch};
use moco_mysql::replication::{follow, stop_receiver};
use moco_mysql::{heartbeat, semisync};

use crate::bench::{
    Bench, Script, Signal, channel, fact, keys, number, outcome, report, run, try_run,
};

async fn waits_invisible(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let now = report(&mut admin).await.semi_sync;
    b.note("in force", now.source_active);
    b.note("replicas", now.clients);
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    b.note_still_waits("the commit", &commit).await;
    b.note("a reader sees", keys(&mut admin).await);
    b.note("executed", report(&mut admin).await.executed.count());
    let mut replica = b.admin(1).await;
    let source = b.source(0);
    follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    let (_, answer) = b.join(commit).await;
    b.note("the commit ends", outcome(&answer));
    b.note("a reader sees", keys(&mut admin).await);
    let now = report(&mut admin).await;
    b.note("executed", now.executed.count());
    b.note("unacknowledged", now.semi_sync.unacknowledged);
}

fact!(
    a_commit_waits_invisibly_until_a_replica_acknowledges_it,
    2,
    waits_invisible,
    [
        "in force: true",
        "replicas: 0",
        "the commit: waits",
        "a reader sees: none",
        "executed: 2",
        "the commit ends: ok",
        "a reader sees: 1",
        "executed: 3",
        "unacknowledged: 0",
    ]
);

async fn group(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut commits = Vec::new();
    for id in 1..=5 {
        let writer = b.log_in(0, Account::Writable).await;
        let sql = format!("INSERT INTO app.t VALUES ({id}, 'a')");
        commits.push(b.begin(writer, &sql));
        b.waiters(&mut admin, id).await;
    }
    b.note(
        "waiting for semi-sync",
        report(&mut admin).await.semi_sync.waiting,
    );
    b.note("waiting", semisync::waiters(&mut admin).await.unwrap());
    let _replica = b.replica_of_waiters(1, 0).await;
    for commit in commits {
        let (_, answer) = b.join(commit).await;
        b.note("ends", outcome(&answer));
    }
    b.note("rows", keys(&mut admin).await);
}

/// A replica whose source has commits that wait, so that it cannot be waited for by them.
trait OfWaiters: Script {
    async fn replica_of_waiters(&mut self, replica: usize, source: usize) -> Self::Session {
        let mut session = self.admin(replica).await;
        let from = self.source(source);
        follow(&mut session, &from, Acknowledge::Yes).await.unwrap();
        session
    }
}

impl<B: Bench> OfWaiters for B {}

fact!(
    of_commits_that_are_written_together_one_waits_for_semi_sync_and_all_go_on_with_one_acknowledgement,
    2,
    group,
    [
        "waiting for semi-sync: 1",
        "waiting: 5",
        "ends: ok",
        "ends: ok",
        "ends: ok",
        "ends: ok",
        "ends: ok",
        "rows: 1,2,3,4,5",
    ]
);

async fn killed(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut writer = b.log_in(0, Account::Writable).await;
    let id = number(&mut writer).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    b.note(
        "KILL QUERY",
        try_run(&mut admin, &format!("KILL QUERY {id}")).await,
    );
    b.note_still_waits("the commit", &commit).await;
    b.note("KILL", try_run(&mut admin, &format!("KILL {id}")).await);
    let (_, answer) = b.join(commit).await;
    b.note("the client is told", outcome(&answer));
    b.note("waiting", semisync::waiters(&mut admin).await.unwrap());
    b.note("a reader sees", keys(&mut admin).await);
    let _replica = b.replica_of_waiters(1, 0).await;
    b.waiters(&mut admin, 0).await;
    b.note("a reader sees", keys(&mut admin).await);
    b.note("KILL of nobody", try_run(&mut admin, "KILL 999999").await);
}

fact!(
    a_killed_waiter_loses_its_client_and_commits_with_the_acknowledgement,
    2,
    killed,
    [
        "KILL QUERY: ok",
        "the commit: waits",
        "KILL: ok",
        "the client is told: lost",
        "waiting: 1",
        "a reader sees: none",
        "a reader sees: 1",
        "KILL of nobody: error 1094",
    ]
);

async fn stopped(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let history = report(&mut admin).await.executed;
    b.signal(0, Signal::Terminate);
    let (_, answer) = b.join(commit).await;
    b.note("the client is told", outcome(&answer));
    b.note_exit(0).await;
    b.note("the tail", format!("{:?}", b.judge(0, &history)));
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.note("a reader sees", keys(&mut admin).await);
    b.note("executed", report(&mut admin).await.executed.count());
}

fact!(
    a_server_that_is_asked_to_stop_answers_waiting_commits_ok,
    1,
    stopped,
    [
        "the client is told: ok",
        "exit code: 0",
        "the tail: Nothing",
        "a reader sees: 1",
        "executed: 3",
    ]
);

async fn disabled(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let off = "SET GLOBAL rpl_semi_sync_source_enabled = OFF";
    b.note("switched off", try_run(&mut admin, off).await);
    let (_, answer) = b.join(commit).await;
    b.note("the client is told", outcome(&answer));
    b.note("a reader sees", keys(&mut admin).await);
    let now = report(&mut admin).await.semi_sync;
    b.note(
        "enabled and in force",
        format!("{} {}", now.source_enabled, now.source_active),
    );
    // Whether `Rpl_semi_sync_source_no_tx` has counted the commit already differs from run to run.
}

fact!(
    switching_semi_sync_off_answers_waiting_commits_ok,
    1,
    disabled,
    [
        "switched off: ok",
        "the client is told: ok",
        "a reader sees: 1",
        "enabled and in force: false false",
    ]
);

async fn finite(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let timeout = "SET GLOBAL rpl_semi_sync_source_timeout = 1000";
    run(&mut admin, timeout).await.unwrap();
    let mut writer = b.log_in(0, Account::Writable).await;
    let first = try_run(&mut writer, "INSERT INTO app.t VALUES (1, 'a')").await;
    b.note("without an acknowledgement", first);
    let now = report(&mut admin).await.semi_sync;
    b.note(
        "enabled and in force",
        format!("{} {}", now.source_enabled, now.source_active),
    );
    b.note("switched off", now.switched_off);
    b.note("unacknowledged", now.unacknowledged);
    let second = try_run(&mut writer, "INSERT INTO app.t VALUES (2, 'a')").await;
    b.note("the next one", second);
    b.note(
        "unacknowledged",
        report(&mut admin).await.semi_sync.unacknowledged,
    );
    let again = semisync::set_source(&mut admin, 1).await;
    b.note("asked for again, it is in force", again.is_ok());
    // A replica that has caught up brings it back.
    let _replica = b.replica(1, 0, Acknowledge::Yes).await;
    b.acknowledging(&mut admin, 1).await;
    let third = try_run(&mut writer, "INSERT INTO app.t VALUES (3, 'a')").await;
    b.note("with a replica", third);
    b.until("it is in force again", async || {
        report(&mut admin).await.semi_sync.source_active
    })
    .await;
}

fact!(
    after_a_finite_timeout_commits_are_answered_unacknowledged_until_a_replica_has_caught_up,
    2,
    finite,
    [
        "without an acknowledgement: ok",
        "enabled and in force: true false",
        "switched off: 1",
        "unacknowledged: 1",
        "the next one: ok",
        "unacknowledged: 2",
        "asked for again, it is in force: false",
        "with a replica: ok",
    ]
);

async fn two_of_two(b: &mut impl Bench) {
    let mut admin = b.primary(0, 2).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let mut one = b.replica_of_waiters(1, 0).await;
    b.until("one replica has it", async || {
        channel(&mut one).await.received.count() == 3
    })
    .await;
    b.note_still_waits("with one acknowledgement", &commit)
        .await;
    let _other = b.replica_of_waiters(2, 0).await;
    let (mut writer, answer) = b.join(commit).await;
    b.note("with two", outcome(&answer));

    // One acknowledgement, and the number is lowered.
    stop_receiver(&mut one).await.unwrap();
    b.acknowledging(&mut admin, 1).await;
    run(&mut admin, "SET SESSION lock_wait_timeout = 5")
        .await
        .unwrap();
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (2, 'a')");
    b.note_still_waits("again with one", &commit).await;
    let fewer = "SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = 1";
    run(&mut admin, fewer).await.unwrap();
    let answer;
    (writer, answer) = b.join(commit).await;
    b.note("after lowering the number", outcome(&answer));
    drop(writer);
}

fact!(
    as_many_replicas_must_acknowledge_as_were_asked_for_and_lowering_the_number_releases,
    3,
    two_of_two,
    [
        "with one acknowledgement: waits",
        "with two: ok",
        "again with one: waits",
        "after lowering the number: ok",
    ]
);

async fn late(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut replica = b.replica(1, 0, Acknowledge::No).await;
    b.note("acknowledging", report(&mut admin).await.semi_sync.clients);
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.until("the replica has it", async || {
        channel(&mut replica).await.received.count() == 3
    })
    .await;
    b.note_still_waits("received and not acknowledged", &commit)
        .await;
    let source = b.source(0);
    follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.acknowledging(&mut admin, 1).await;
    b.note_still_waits("what it had before", &commit).await;
    let mut other = b.log_in(0, Account::Writable).await;
    let next = try_run(&mut other, "INSERT INTO app.t VALUES (2, 'a')").await;
    b.note("the next one", next);
    let (_, answer) = b.join(commit).await;
    b.note("and with it the first", outcome(&answer));
}

fact!(
    a_replica_does_not_acknowledge_what_it_had_before_and_a_later_acknowledgement_covers_it,
    2,
    late,
    [
        "acknowledging: 0",
        "received and not acknowledged: waits",
        "what it had before: waits",
        "the next one: ok",
        "and with it the first: ok",
    ]
);

async fn agreed(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut replica = b.replica_of_waiters(1, 0).await;
    b.acknowledging(&mut admin, 1).await;
    run(
        &mut replica,
        "SET GLOBAL rpl_semi_sync_replica_enabled = OFF",
    )
    .await
    .unwrap();
    let mut writer = b.log_in(0, Account::Writable).await;
    let first = try_run(&mut writer, "INSERT INTO app.t VALUES (1, 'a')").await;
    b.note("the replica still acknowledges", first);
    let now = report(&mut replica).await.semi_sync;
    b.note(
        "enabled and active",
        format!("{} {}", now.replica_enabled, now.replica_active),
    );
    stop_receiver(&mut replica).await.unwrap();
    let now = report(&mut replica).await.semi_sync;
    b.note("active after a stop", now.replica_active);
    b.acknowledging(&mut admin, 0).await;
}

fact!(
    whether_a_replica_acknowledges_is_agreed_when_it_connects,
    2,
    agreed,
    [
        "the replica still acknowledges: ok",
        "enabled and active: false true",
        "active after a stop: false",
    ]
);

async fn applier_waits(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    semisync::set_source(&mut replica, 1).await.unwrap();
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    b.waiters(&mut replica, 1).await;
    b.note("a reader sees", keys(&mut replica).await);
    b.note(
        "a waiter of a client",
        semisync::read(&mut replica).await.unwrap().waiting,
    );
    semisync::disable_source(&mut replica).await.unwrap();
    b.caught_up(&mut replica, &mut admin).await;
    b.note("a reader sees", keys(&mut replica).await);
}

fact!(
    the_applier_of_a_semi_sync_source_waits_until_semi_sync_is_switched_off,
    2,
    applier_waits,
    [
        "a reader sees: none",
        "a waiter of a client: 1",
        "a reader sees: 1",
    ]
);

async fn beat(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    heartbeat::beat(&mut admin, 1, Epoch(3)).await.unwrap();
    heartbeat::beat(&mut admin, 1, Epoch(4)).await.unwrap();
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let executed = report(&mut admin).await.executed.to_string();
    let without_uuid = executed.split_once(':').map(|(_, rest)| rest.to_owned());
    b.note("executed", without_uuid.unwrap_or_default());
    let mut closed = b.admin(1).await;
    let beaten = heartbeat::beat(&mut closed, 1, Epoch(3)).await;
    b.note("on a closed server", beaten.is_err());
    b.note("executed there", report(&mut closed).await.executed.count());
}

fact!(
    heartbeats_have_a_tag_and_other_transactions_of_the_session_have_none,
    2,
    beat,
    [
        "executed: 1-5:moco_heartbeat:1-2",
        "on a closed server: true",
        "executed there: 0",
    ]
);

async fn row_lock(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let first = b.log_in(0, Account::Writable).await;
    let second = b.log_in(0, Account::Writable).await;
    let first = b.begin(first, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let second = b.begin(second, "INSERT INTO app.t VALUES (1, 'b')");
    b.note_still_waits("the same key", &second).await;
    b.note(
        "waiting commits",
        semisync::waiters(&mut admin).await.unwrap(),
    );
    let _replica = b.replica_of_waiters(1, 0).await;
    let (mut writer, answer) = b.join(first).await;
    b.note("the first", outcome(&answer));
    let (_, answer) = b.join(second).await;
    b.note("the second", outcome(&answer));
    for sql in [
        "INSERT INTO nowhere.t VALUES (1, 'a')",
        "INSERT INTO app.u VALUES (1, 'a')",
        "CREATE DATABASE app",
        "CREATE TABLE app.t (id INT PRIMARY KEY)",
        "DROP TABLE app.u",
        "UPDATE app.t SET v = 'c' WHERE id = 9",
        "DELETE FROM app.t WHERE id = 9",
    ] {
        b.note(sql, try_run(&mut writer, sql).await);
    }
    b.note("executed", report(&mut admin).await.executed.count());
}

fact!(
    a_row_of_a_waiting_commit_is_locked_and_statements_without_effect_are_no_transactions,
    2,
    row_lock,
    [
        "the same key: waits",
        "waiting commits: 1",
        "the first: ok",
        "the second: error 1062",
        "INSERT INTO nowhere.t VALUES (1, 'a'): error 1049",
        "INSERT INTO app.u VALUES (1, 'a'): error 1146",
        "CREATE DATABASE app: error 1007",
        "CREATE TABLE app.t (id INT PRIMARY KEY): error 1050",
        "DROP TABLE app.u: error 1051",
        "UPDATE app.t SET v = 'c' WHERE id = 9: ok",
        "DELETE FROM app.t WHERE id = 9: ok",
        "executed: 3",
    ]
);

async fn accounts_block_logins(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let other = b.admin(0).await;
    let sql = "CREATE USER 'somebody'@'%' IDENTIFIED BY 'Some-body1'";
    let commit = b.begin(other, sql);
    b.waiters(&mut admin, 1).await;
    let connecting = b.connect(0, Account::Readonly, crate::bench::LIMIT);
    let login = b.task(connecting);
    b.note_still_waits("a login", &login).await;
    b.note(
        "a statement of an open session",
        try_run(&mut admin, "SELECT 1").await,
    );
    let source = b.source(0);
    let mut replica = b.admin(1).await;
    follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.note_still_waits("with a replica that would acknowledge", &commit)
        .await;
    let off = "SET GLOBAL rpl_semi_sync_source_enabled = OFF";
    b.note("switched off", try_run(&mut admin, off).await);
    let (_, answer) = b.join(commit).await;
    b.note("the account", outcome(&answer));
    let logged_in = b.join(login).await;
    b.note("the login", outcome(&logged_in));
}

fact!(
    an_account_statement_that_waits_keeps_everybody_out_also_who_would_acknowledge_it,
    2,
    accounts_block_logins,
    [
        "a login: waits",
        "a statement of an open session: ok",
        "with a replica that would acknowledge: waits",
        "switched off: ok",
        "the account: ok",
        "the login: ok",
    ]
);
