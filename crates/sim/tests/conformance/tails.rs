//! The tail of a killed primary, with and without a cut.

use moco_model::command::Acknowledge;
use moco_model::{Account, GtidSet};

use crate::bench::{Bench, Script, Signal, Task, channel, fact, keys, report, run, try_run};

/// A killed primary with two transactions in its history and as many waiting inserts, keys from 11.
async fn killed_with_tail<B: Bench>(b: &mut B, waiting: u32) -> GtidSet {
    let mut admin = b.primary(0, 0).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'history')")
        .await
        .unwrap();
    moco_mysql::semisync::set_source(&mut admin, 1)
        .await
        .unwrap();
    let history = report(&mut admin).await.executed;
    let mut commits: Vec<Task<_>> = Vec::new();
    for index in 1..=waiting {
        let writer = b.log_in(0, Account::Writable).await;
        let sql = format!("INSERT INTO app.t VALUES ({}, 'tail')", 10 + index);
        commits.push(b.begin(writer, &sql));
        b.written_waiters(0, &mut admin, &history, index).await;
    }
    b.signal(0, Signal::Kill);
    for commit in commits {
        let _ = b.join(commit).await;
    }
    history
}

async fn cut(b: &mut impl Bench) {
    let history = killed_with_tail(b, 3).await;
    b.note("the tail", format!("{:?}", b.judge(0, &history)));
    b.cut(0, &history);
    b.forget_uuid(0);
    b.note("the tail", format!("{:?}", b.judge(0, &history)));
    b.start(0).await;
    let mut admin = b.admin(0).await;
    let now = report(&mut admin).await;
    b.note("a reader sees", keys(&mut admin).await);
    b.note("executed what the history has", now.executed == history);
    b.note("purged", now.purged.count());
    b.note(
        "written under another name",
        history.written_by_others(now.server_uuid) == history,
    );
    b.signal(0, Signal::Kill);
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.note("after another kill", keys(&mut admin).await);
}

fact!(
    a_tail_that_was_cut_off_is_rolled_back,
    1,
    cut,
    [
        "the tail: Cut(3)",
        "the tail: Nothing",
        "a reader sees: 1",
        "executed what the history has: true",
        "purged: 0",
        "written under another name: true",
        "after another kill: 1",
    ]
);

async fn part(b: &mut impl Bench) {
    let history = killed_with_tail(b, 3).await;
    // As if the new primary had the first of the three.
    let uuid = history.to_string();
    let uuid = uuid.split(':').next().unwrap_or_default();
    let more: GtidSet = format!("{uuid}:1-4").parse().unwrap();
    b.note("the tail", format!("{:?}", b.judge(0, &more)));
    b.cut(0, &more);
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.note("a reader sees", keys(&mut admin).await);
    b.note("executed", report(&mut admin).await.executed.count());
}

fact!(
    what_stays_of_a_tail_is_committed_and_the_rest_rolled_back,
    1,
    part,
    ["the tail: Cut(2)", "a reader sees: 1,11", "executed: 4",]
);

async fn too_far(b: &mut impl Bench) {
    let history = killed_with_tail(b, 1).await;
    // As if the last transaction of the history were not in it: it is committed in the engine.
    let uuid = history.to_string();
    let uuid = uuid.split(':').next().unwrap_or_default();
    let fewer: GtidSet = format!("{uuid}:1-2").parse().unwrap();
    b.note("the tail", format!("{:?}", b.judge(0, &fewer)));
    b.cut(0, &fewer);
    b.start(0).await;
    let mut admin = b.admin(0).await;
    let now = report(&mut admin).await;
    b.note("a reader sees", keys(&mut admin).await);
    b.note("executed", now.executed.count());
    b.note("purged", now.purged.count());
}

fact!(
    a_committed_transaction_that_was_cut_off_stays_and_shows_as_purged,
    1,
    too_far,
    [
        "the tail: Cut(2)",
        "a reader sees: 1",
        "executed: 3",
        "purged: 1",
    ]
);

async fn rotated(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let history = report(&mut admin).await.executed;
    for sql in [
        "INSERT INTO app.t VALUES (1, 'beyond')",
        "FLUSH BINARY LOGS",
    ] {
        run(&mut admin, sql).await.unwrap();
    }
    b.signal(0, Signal::Kill);
    b.note(
        "an earlier file is beyond",
        format!("{:?}", b.judge(0, &history)),
    );
    b.start(0).await;
    let mut admin = b.admin(0).await;
    let all = report(&mut admin).await.executed;
    b.note("executed", all.count());
    b.signal(0, Signal::Terminate);
    b.note_exit(0).await;
    b.note("a clean stop", format!("{:?}", b.judge(0, &history)));
}

fact!(
    only_the_last_file_of_a_killed_server_can_hold_a_tail,
    1,
    rotated,
    [
        "an earlier file is beyond: NotCuttable",
        "executed: 3",
        "exit code: 0",
        "a clean stop: Nothing",
    ]
);

async fn xa(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let history = report(&mut admin).await.executed;
    moco_mysql::semisync::set_source(&mut admin, 1)
        .await
        .unwrap();
    let mut writer = b.log_in(0, Account::Writable).await;
    for sql in [
        "XA START 'x'",
        "INSERT INTO app.t VALUES (1, 'a')",
        "XA END 'x'",
    ] {
        run(&mut writer, sql).await.unwrap();
    }
    let prepare = b.begin(writer, "XA PREPARE 'x'");
    b.written_waiters(0, &mut admin, &history, 1).await;
    b.note_still_waits("XA PREPARE", &prepare).await;
    b.signal(0, Signal::Kill);
    let _ = b.join(prepare).await;
    b.note("the tail", format!("{:?}", b.judge(0, &history)));
    b.start(0).await;
    let mut admin = b.admin(0).await;
    b.note("executed", report(&mut admin).await.executed.count());
    b.note("a reader sees", keys(&mut admin).await);
    moco_mysql::open::open(&mut admin, 0).await.unwrap();
    b.note("XA COMMIT", try_run(&mut admin, "XA COMMIT 'x'").await);
    b.note("a reader sees", keys(&mut admin).await);
    b.note("executed", report(&mut admin).await.executed.count());
    b.note(
        "XA COMMIT again",
        try_run(&mut admin, "XA COMMIT 'x'").await,
    );
}

fact!(
    a_prepared_xa_transaction_in_the_tail_is_not_cut_and_survives,
    1,
    xa,
    [
        "XA PREPARE: waits",
        "the tail: NotCuttable",
        "executed: 3",
        "a reader sees: none",
        "XA COMMIT: ok",
        "a reader sees: 1",
        "executed: 4",
        "XA COMMIT again: error 1397",
    ]
);

async fn rejoin(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let mut second = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    moco_mysql::fence::fence_replica(&mut second).await.unwrap();
    b.acknowledging(&mut admin, 0).await;
    let before = report(&mut admin).await.executed;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (2, 'tail')");
    b.written_waiters(0, &mut admin, &before, 1).await;
    b.signal(0, Signal::Kill);
    let _ = b.join(commit).await;
    let history = moco_mysql::promote::promote(&mut second, 1, &GtidSet::new())
        .await
        .unwrap();
    moco_mysql::open::open(&mut second, 1).await.unwrap();
    b.note("the tail", format!("{:?}", b.judge(0, &history)));
    b.cut(0, &history);
    b.forget_uuid(0);
    b.start(0).await;
    let mut first = b.replica(0, 1, Acknowledge::Yes).await;
    let write = try_run(&mut second, "INSERT INTO app.t VALUES (2, 'new')").await;
    b.note("a commit that waits for it", write);
    b.caught_up(&mut first, &mut second).await;
    b.note("the new primary", keys(&mut second).await);
    b.note("the old primary", keys(&mut first).await);
    b.note("an error", channel(&mut first).await.last_error.is_some());
}

fact!(
    an_old_primary_whose_tail_was_cut_off_follows_and_acknowledges,
    2,
    rejoin,
    [
        "the tail: Cut(1)",
        "a commit that waits for it: ok",
        "the new primary: 1,2",
        "the old primary: 1,2",
        "an error: false",
    ]
);
