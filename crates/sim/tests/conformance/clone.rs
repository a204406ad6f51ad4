//! Copying a donor.

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_mysql::clone::{self, Donor, State};
use moco_mysql::replication::{drop_cloned_channel, follow};
use moco_mysql::{Session, shutdown};

use crate::bench::{Bench, Script, channel, fact, keys, outcome, report, run, try_run, wrong};

/// The statements of `moco_mysql::clone`, which speaks to a real server only.
fn statements(donor: &Donor) -> [String; 2] {
    let path = |path: &std::path::PathBuf| path.display().to_string();
    [
        format!(
            "SET GLOBAL clone_valid_donor_list = '{}:{}', clone_ssl_ca = '{}', \
             clone_ssl_cert = '{}', clone_ssl_key = '{}'",
            donor.host,
            donor.port,
            path(&donor.tls.ca),
            path(&donor.tls.certificate),
            path(&donor.tls.key),
        ),
        format!(
            "CLONE INSTANCE FROM '{}'@'{}':{} IDENTIFIED BY '{}' REQUIRE SSL",
            donor.user,
            donor.host,
            donor.port,
            donor.password.reveal()
        ),
    ]
}

async fn copy<S: Session>(server: &mut S, donor: &Donor) -> String {
    let [prepare, clone] = statements(donor);
    run(server, &prepare).await.unwrap();
    try_run(server, &clone).await
}

async fn complete(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    let held = report(&mut admin).await.executed;
    let mut recipient = b.admin(1).await;
    let before = report(&mut recipient).await.server_uuid;
    b.note(
        "state before",
        format!("{:?}", clone::state(&mut recipient).await.unwrap()),
    );
    let donor = b.donor(0);
    b.note("the clone", copy(&mut recipient, &donor).await);
    b.note_exit(1).await;
    b.start(1).await;
    let mut recipient = b.admin(1).await;
    let state = clone::state(&mut recipient).await.unwrap();
    b.note("complete", state == State::Completed(held.clone()));
    let now = report(&mut recipient).await;
    b.note("executed what the donor has", now.executed == held);
    b.note("all of it purged", now.purged == held);
    b.note("its own name", now.server_uuid == before);
    b.note("writable", now.writable);
    b.note("a reader sees", keys(&mut recipient).await);
    b.note("a channel", now.replication.is_some());
    drop(recipient);
    let mut recipient = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut admin, "INSERT INTO app.t VALUES (2, 'a')")
        .await
        .unwrap();
    b.caught_up(&mut recipient, &mut admin).await;
    b.note("a reader sees", keys(&mut recipient).await);
}

fact!(
    a_clone_ends_its_server_and_is_complete_after_the_next_start,
    2,
    complete,
    [
        "state before: None",
        "the clone: error 3707",
        "exit code: 0",
        "complete: true",
        "executed what the donor has: true",
        "all of it purged: true",
        "its own name: true",
        "writable: false",
        "a reader sees: 1",
        "a channel: false",
        "a reader sees: 1,2",
    ]
);

async fn of_a_replica(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut replica = b.replica(1, 0, Acknowledge::Yes).await;
    run(&mut admin, "INSERT INTO app.t VALUES (1, 'a')")
        .await
        .unwrap();
    b.caught_up(&mut replica, &mut admin).await;
    let mut recipient = b.admin(2).await;
    let donor = b.donor(1);
    b.note("the clone", copy(&mut recipient, &donor).await);
    b.note_exit(2).await;
    b.start(2).await;
    let mut recipient = b.admin(2).await;
    let copied = channel(&mut recipient).await;
    b.note(
        "receiver and applier",
        format!("{:?} {:?}", copied.receiver, copied.applier),
    );
    b.note("received", copied.received.count());
    b.note(
        "points to the replica's source",
        copied.source_host == b.source(0).host,
    );
    drop_cloned_channel(&mut recipient).await.unwrap();
    b.note(
        "a channel",
        report(&mut recipient).await.replication.is_some(),
    );
    let source = b.source(0);
    follow(&mut recipient, &source, Acknowledge::Yes)
        .await
        .unwrap();
    b.caught_up(&mut recipient, &mut admin).await;
    b.note("a reader sees", keys(&mut recipient).await);
}

fact!(
    a_clone_of_a_replica_brings_its_channel_stopped_and_without_what_was_received,
    3,
    of_a_replica,
    [
        "the clone: error 3707",
        "exit code: 0",
        "receiver and applier: Off Off",
        "received: 0",
        "points to the replica's source: true",
        "a channel: false",
        "a reader sees: 1",
    ]
);

async fn refused(b: &mut impl Bench) {
    let mut admin = b.primary(0, 0).await;
    let mut recipient = b.primary(1, 0).await;
    run(&mut recipient, "INSERT INTO app.t VALUES (7, 'own')")
        .await
        .unwrap();
    let mut donor = b.donor(0);
    donor.password = wrong();
    b.note("a wrong password", copy(&mut recipient, &donor).await);
    b.note("a reader sees", keys(&mut recipient).await);
    let failed = matches!(clone::state(&mut recipient).await, Ok(State::Failed { .. }));
    b.note("failed", failed);
    let mut nowhere = b.donor(0);
    nowhere.port = 1;
    b.note("nobody there", copy(&mut recipient, &nowhere).await);
    b.note("a reader sees", keys(&mut recipient).await);
    shutdown::put_clients_out(&mut admin).await.unwrap();
    b.note(
        "a donor in offline mode",
        copy(&mut recipient, &b.donor(0)).await,
    );
    let [_, statement] = statements(&b.donor(0));
    run(&mut recipient, "SET GLOBAL clone_valid_donor_list = 'x:1'")
        .await
        .unwrap();
    b.note("not on the list", try_run(&mut recipient, &statement).await);
    b.note("a reader sees", keys(&mut recipient).await);
    run(&mut recipient, "SET GLOBAL super_read_only = ON")
        .await
        .unwrap();
    shutdown::let_clients_in(&mut admin).await.unwrap();
    let closed = copy(&mut recipient, &b.donor(0)).await;
    b.note("a closed server with a schema", closed);
    run(&mut recipient, "SET GLOBAL read_only = OFF")
        .await
        .unwrap();
    b.note("a reader sees", keys(&mut recipient).await);
    b.note(
        "a write",
        outcome(&run(&mut recipient, "INSERT INTO app.t VALUES (8, 'own')").await),
    );
}

fact!(
    a_clone_that_is_refused_leaves_the_recipients_data_alone,
    2,
    refused,
    [
        "a wrong password: error 3862",
        "a reader sees: 7",
        "failed: true",
        "nobody there: error 3862",
        "a reader sees: 7",
        "a donor in offline mode: error 3862",
        "not on the list: error 3869",
        "a reader sees: 7",
        "a closed server with a schema: error 1290",
        "a reader sees: 7",
        "a write: ok",
    ]
);

async fn of_a_waiter(b: &mut impl Bench) {
    let mut admin = b.primary(0, 1).await;
    let writer = b.log_in(0, Account::Writable).await;
    let commit = b.begin(writer, "INSERT INTO app.t VALUES (1, 'a')");
    b.waiters(&mut admin, 1).await;
    let mut recipient = b.admin(1).await;
    let mut other = b.admin(1).await;
    let [prepare, statement] = statements(&b.donor(0));
    run(&mut recipient, &prepare).await.unwrap();
    let copying = b.begin(recipient, &statement);
    b.until("it copies pages", async || {
        let progress = clone::progress(&mut other).await.unwrap();
        progress.is_some_and(|progress| progress.stage == "PAGE COPY")
    })
    .await;
    for _ in 0..5 {
        b.a_while().await;
    }
    b.note_still_waits("the clone", &copying).await;
    b.note_still_waits("the commit", &commit).await;
    let off = "SET GLOBAL rpl_semi_sync_source_enabled = OFF";
    run(&mut admin, off).await.unwrap();
    let (_, answer) = b.join(commit).await;
    b.note("the commit without semi-sync", outcome(&answer));
    let (_, answer) = b.join(copying).await;
    b.note("the clone", outcome(&answer));
    b.note_exit(1).await;
    b.start(1).await;
    let mut recipient = b.admin(1).await;
    b.note("a reader sees", keys(&mut recipient).await);
}

fact!(
    a_clone_cannot_end_while_a_commit_of_its_donor_waits,
    2,
    of_a_waiter,
    [
        "the clone: waits",
        "the commit: waits",
        "the commit without semi-sync: ok",
        "the clone: error 3707",
        "exit code: 0",
        "a reader sees: 1",
    ]
);
