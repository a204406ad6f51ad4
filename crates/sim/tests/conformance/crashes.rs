//! What a crash leaves, of primaries and of replicas.

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_mysql::replication::follow;

use crate::bench::{Bench, Script, Signal, channel, fact, keys, outcome, report, run, try_run};

async fn waiter(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let history = report(&mut admin).await.executed;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.written_waiters(0, &mut admin, &history, 1).await;
    b.note("before", keys(&mut admin).await);
    b.signal(0, Signal::Kill);
    let (_, answer) = b.join(commit).await;
    b.note("the client is told", outcome(&answer));
    b.note("another session", try_run(&mut admin, "SELECT 1").await);
    b.note("the tail", format!("{:?}", b.judge(0, &history)));
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.note("after", keys(&mut admin).await);
    let now = report(&mut admin).await;
    b.note("executed", now.executed.count());
    b.note("purged", now.purged.count());
    b.note("writable", now.writable);
    b.note("semi-sync", now.semi_sync.source_enabled);
    b.note(
        "a write",
        try_run(&mut admin, "INSERT INTO app.t VALUES (2, 'a')").await,
    );
}

fact!(
    a_commit_that_waited_when_its_server_was_killed_is_committed_after_the_start,
    1,
    waiter,
    [
        "before: none",
        "the client is told: lost",
        "another session: lost",
        "the tail: Cut(1)",
        "after: 1",
        "executed: 3",
        "purged: 0",
        "writable: false",
        "semi-sync: false",
        "a write: error 1290",
    ]
);

async fn errant(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    moco_mysql::fence::fence_replica(&mut replica)
        .await
        .unwrap();
    b.acknowledging(&mut admin, 0).await;
    let history = report(&mut admin).await.executed;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'tail')");
    b.written_waiters(0, &mut admin, &history, 1).await;
    b.signal(0, Signal::Kill);
    let (_, answer) = b.join(commit).await;
    b.note("the client is told", outcome(&answer));
    moco_mysql::promote::promote(&mut replica, 0, &moco_model::GtidSet::new())
        .await
        .unwrap();
    moco_mysql::open::open(&mut replica, 0).await.unwrap();
    run(&mut replica, "INSERT INTO app.t VALUES (2, 'new')")
        .await
        .unwrap();
    b.start(0).await;
    // Nothing tells that it has a transaction too many.
    let mut old = b.replica(0, 1, Acknowledge::Yes).await;
    let channel = channel(&mut old).await;
    b.note(
        "receiver and applier",
        format!("{:?} {:?}", channel.receiver, channel.applier),
    );
    b.note("an error", channel.last_error.is_some());
    b.note("the old primary has", keys(&mut old).await);
    b.note("the new primary has", keys(&mut replica).await);
}

fact!(
    a_primary_with_a_tail_attaches_to_the_new_one_without_an_error,
    2,
    errant,
    [
        "the client is told: lost",
        "receiver and applier: On On",
        "an error: false",
        "the old primary has: 1,2",
        "the new primary has: 2",
    ]
);

async fn received_kept(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut replica, "STOP REPLICA SQL_THREAD").await.unwrap();
    for id in 1..=3 {
        run(&mut admin, &format!("INSERT INTO app.t VALUES ({id}, 'a')"))
            .await
            .unwrap();
    }
    let all = report(&mut admin).await.executed;
    b.received(&mut replica, &all).await;
    b.signal(0, Signal::Kill);
    b.signal(1, Signal::Kill);
    b.start(1).await;
    let mut replica = b.admin(1).await;
    let after = channel(&mut replica).await;
    b.note("received", after.received.count());
    b.note(
        "receiver and applier",
        format!("{:?} {:?}", after.receiver, after.applier),
    );
    b.a_while().await;
    b.note("a reader sees", keys(&mut replica).await);
    run(&mut replica, "START REPLICA SQL_THREAD").await.unwrap();
    b.until("it is applied", async || {
        report(&mut replica).await.executed.contains(&all)
    })
    .await;
    b.note("a reader sees", keys(&mut replica).await);
    b.signal(1, Signal::Terminate);
    b.note_exit(1).await;
    b.start(1).await;
    let mut replica = b.admin(1).await;
    b.note(
        "received after a clean stop",
        channel(&mut replica).await.received.count(),
    );
}

fact!(
    received_transactions_survive_a_kill_and_are_applied_once_somebody_starts_the_applier,
    2,
    received_kept,
    [
        "received: 5",
        "receiver and applier: Off Off",
        "a reader sees: none",
        "a reader sees: 1,2,3",
        "exit code: 0",
        "received after a clean stop: 5",
    ]
);

async fn source_killed(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    b.caught_up(&mut replica, &mut admin).await;
    b.signal(0, Signal::Kill);
    b.until("the receiver notices", async || {
        let now = channel(&mut replica).await;
        now.receiver == moco_model::report::ThreadState::Connecting
    })
    .await;
    b.note("an error", channel(&mut replica).await.last_error.is_some());
    b.note(
        "acknowledging",
        report(&mut replica).await.semi_sync.replica_active,
    );
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.caught_up(&mut replica, &mut admin).await;
    b.note(
        "an error after it is back",
        channel(&mut replica).await.last_error.is_some(),
    );
    moco_mysql::open::open(&mut admin, 1).await.unwrap();
    let write = try_run(&mut admin, "INSERT INTO app.t VALUES (2, 'a')").await;
    b.note("a commit that waits for it", write);
}

fact!(
    a_receiver_comes_back_by_itself_when_its_source_was_killed_and_acknowledges_again,
    2,
    source_killed,
    [
        "an error: true",
        "acknowledging: false",
        "an error after it is back: false",
        "a commit that waits for it: ok",
    ]
);

async fn replica_killed(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let _replica = b.replica(1, 0, Acknowledge::Yes).await;
    b.acknowledging(&mut admin, 1).await;
    b.signal(1, Signal::Kill);
    b.acknowledging(&mut admin, 0).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.note_still_waits("a commit", &commit).await;
    b.start(1).await;
    let mut replica = b.admin(1).await;
    let source = b.source(0);
    let done = follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.note("followed", format!("{done:?}"));
    let (_, answer) = b.join(commit).await;
    b.note("the commit", outcome(&answer));
}

fact!(
    a_killed_replica_is_no_longer_counted_and_acknowledges_again_when_it_follows_again,
    2,
    replica_killed,
    ["a commit: waits", "followed: Started", "the commit: ok",]
);

async fn fewer(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    drop(admin);
    b.signal(0, Signal::Terminate);
    b.note_exit(0).await;
    b.save(0);
    b.start(0).await;
    admin = b.admin(0).await;
    moco_mysql::open::open(&mut admin, 0).await.unwrap();
    for id in 1..=2 {
        run(
            &mut admin,
            &format!("INSERT INTO app.t VALUES ({id}, 'lost')"),
        )
        .await
        .unwrap();
    }
    b.caught_up(&mut replica, &mut admin).await;
    b.signal(0, Signal::Kill);
    b.restore(0);
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.until("the receiver gives up", async || {
        channel(&mut replica).await.receiver == moco_model::report::ThreadState::Off
    })
    .await;
    let error = channel(&mut replica).await.last_error.unwrap_or_default();
    b.note("error 13114", error.contains("13114"));
    b.note(
        "it has more than its source",
        error.contains("more GTIDs than the source"),
    );

    // Once the source has given as many numbers, nothing tells that they mean something else.
    moco_mysql::open::open(&mut admin, 0).await.unwrap();
    for id in 11..=13 {
        run(
            &mut admin,
            &format!("INSERT INTO app.t VALUES ({id}, 'other')"),
        )
        .await
        .unwrap();
    }
    let source = b.source(0);
    follow(&mut replica, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.caught_up(&mut replica, &mut admin).await;
    b.note("the source has", keys(&mut admin).await);
    b.note("the replica has", keys(&mut replica).await);
    b.note("an error", channel(&mut replica).await.last_error.is_some());
}

fact!(
    a_source_that_lost_transactions_is_refused_until_it_has_given_their_numbers_to_others,
    2,
    fewer,
    [
        "exit code: 0",
        "error 13114: true",
        "it has more than its source: true",
        "the source has: 11,12,13",
        "the replica has: 1,2,13",
        "an error: false",
    ]
);
