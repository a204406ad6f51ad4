//! Contract with real mysqlds: following, re-pointing, semi-sync, opening and closing.

use std::time::Duration;

use moco_model::command::Acknowledge;
use moco_model::report::ThreadState;
use moco_model::{Account, Password};
use moco_mysql::open::{OpenError, open};
use moco_mysql::passwords::settle;
use moco_mysql::replication::{FollowError, Followed, follow, stop_receiver};
use moco_mysql::semisync::{self, SemiSyncError};
use moco_mysql::{close, shutdown};

use crate::cluster::{caught_up, primary, replication, report};
use crate::support::{lab, passwords, passwords_with, run, until};

#[test]
fn a_replica_follows_over_verified_tls_acknowledges_and_passes_offline_mode() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 0).await;
        let mut replica = b.admin().await;
        let done = follow(&mut replica, &a.source(), Acknowledge::Yes).await;
        assert_eq!(done.unwrap(), Followed::Repointed);
        caught_up(&mut replica, &mut source).await;
        open(&mut source, 1).await.unwrap();
        writer.run("INSERT INTO app.t VALUES (1)").await;
        caught_up(&mut replica, &mut source).await;

        let now = report(&mut replica).await;
        let channel = now.replication.unwrap();
        assert_eq!(
            (channel.receiver, channel.applier),
            (ThreadState::On, ThreadState::On)
        );
        assert_eq!((channel.lag_ms, channel.last_error), (0, None));
        assert_eq!(channel.source_port, a.port);
        assert!(now.semi_sync.replica_active && !now.writable);
        let there = report(&mut source).await.semi_sync;
        assert!(there.source_active && there.clients == 1 && there.wait_for == 1);
        let mut sql = a.sql(Account::Admin).await;
        let dump = "SELECT CONNECTION_TYPE FROM performance_schema.threads \
                    WHERE PROCESSLIST_COMMAND = 'Binlog Dump GTID'";
        assert_eq!(sql.value::<String>(dump).await, "SSL/TLS");

        // Whether it acknowledges was agreed when it connected.
        let mut sql = b.sql(Account::Admin).await;
        sql.run("SET GLOBAL rpl_semi_sync_replica_enabled = OFF")
            .await;
        writer.run("INSERT INTO app.t VALUES (2)").await;
        assert!(report(&mut replica).await.semi_sync.replica_active);
        let again = follow(&mut replica, &a.source(), Acknowledge::Yes).await;
        assert_eq!(again.unwrap(), Followed::Already);

        // A replica stays, and can come back, while clients are put out.
        shutdown::put_clients_out(&mut source).await.unwrap();
        let again = follow(&mut replica, &a.source(), Acknowledge::Yes).await;
        assert_eq!(again.unwrap(), Followed::Already);
        stop_receiver(&mut replica).await.unwrap();
        assert_eq!(replication(&mut replica).await.receiver, ThreadState::Off);
        let back = follow(&mut replica, &a.source(), Acknowledge::Yes).await;
        assert_eq!(back.unwrap(), Followed::Started);
        until("the receiver is back in offline mode", async || {
            replication(&mut replica).await.receiver == ThreadState::On
        })
        .await;
    });
}

#[test]
fn a_source_with_another_name_in_its_certificate_is_not_followed() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let mut replica = b.admin().await;
        let mut source = a.source();
        source.host = "localhost".to_owned();
        follow(&mut replica, &source, Acknowledge::Yes)
            .await
            .unwrap();
        until("the receiver complains", async || {
            replication(&mut replica).await.last_error.is_some()
        })
        .await;
        let channel = replication(&mut replica).await;
        assert_eq!(channel.receiver, ThreadState::Connecting);
        assert!(!report(&mut replica).await.semi_sync.replica_active);
        let error = channel.last_error.unwrap();
        assert!(
            error.contains("SSL") || error.contains("certificate"),
            "{error}"
        );
    });
}

#[test]
fn received_transactions_survive_a_crash_of_the_replica_and_a_repoint() {
    let Some(lab) = lab() else { return };
    let [mut a, mut b, c] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 0).await;
        let mut replica = b.admin().await;
        follow(&mut replica, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        caught_up(&mut replica, &mut source).await;
        let mut lock = b.sql(Account::Admin).await;
        lock.run("LOCK TABLES app.t READ").await;
        for id in 1..=3 {
            writer
                .run(&format!("INSERT INTO app.t VALUES ({id})"))
                .await;
        }
        let all = report(&mut source).await.executed;
        until("everything is received", async || {
            replication(&mut replica).await.received.contains(&all)
        })
        .await;
        let waiting = report(&mut replica).await;
        assert!(!waiting.executed.contains(&all));
        assert!(waiting.replication.unwrap().lag_ms > 0);
        let refused = open(&mut replica, 1).await;
        assert!(
            matches!(refused, Err(OpenError::NotDrained { .. })),
            "{refused:?}"
        );
        assert!(!report(&mut replica).await.writable);

        a.kill();
        b.kill();
        b.start();
        let mut replica = b.admin().await;
        let kept = replication(&mut replica).await;
        assert!(kept.received.contains(&all), "{kept:?}");
        assert_eq!(kept.applier, ThreadState::Off);
        let mut lock = b.sql(Account::Admin).await;
        lock.run("LOCK TABLES app.t READ").await;
        let done = follow(&mut replica, &c.source(), Acknowledge::Yes).await;
        assert_eq!(done.unwrap(), Followed::Repointed);
        let moved = report(&mut replica).await;
        assert!(!moved.executed.contains(&all));
        let channel = moved.replication.unwrap();
        assert!(channel.received.contains(&all));
        assert_eq!(channel.source_port, c.port);
        lock.run("UNLOCK TABLES").await;
        until("what was received is applied", async || {
            report(&mut replica).await.executed.contains(&all)
        })
        .await;
        let rows = "SELECT COUNT(*) FROM app.t";
        assert_eq!(lock.value::<u32>(rows).await, 3);
    });
}

#[test]
fn a_change_with_both_threads_stopped_would_lose_what_was_received() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 0).await;
        let mut replica = b.admin().await;
        follow(&mut replica, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        caught_up(&mut replica, &mut source).await;
        let mut sql = b.sql(Account::Admin).await;
        sql.run("STOP REPLICA SQL_THREAD").await;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        let all = report(&mut source).await.executed;
        until("it is received", async || {
            replication(&mut replica).await.received.contains(&all)
        })
        .await;
        sql.run("STOP REPLICA").await;
        sql.run("CHANGE REPLICATION SOURCE TO SOURCE_PORT = 1")
            .await;
        let left = replication(&mut replica).await.received;
        assert!(!left.contains(&all), "{left}");
    });
}

#[test]
fn an_applier_that_failed_is_not_pointed_elsewhere_over_unapplied_work() {
    let Some(lab) = lab() else { return };
    let [a, b, c] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 0).await;
        let mut replica = b.admin().await;
        follow(&mut replica, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        caught_up(&mut replica, &mut source).await;
        // A row that only the replica has, so that the source's cannot be applied.
        let mut sql = b.sql(Account::Admin).await;
        sql.run("SET SESSION sql_log_bin = OFF").await;
        sql.run("SET GLOBAL super_read_only = OFF").await;
        sql.run("INSERT INTO app.t VALUES (1)").await;
        sql.run("SET GLOBAL super_read_only = ON").await;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        until("the applier fails", async || {
            replication(&mut replica).await.applier == ThreadState::Off
        })
        .await;
        let all = report(&mut source).await.executed;
        let refused = follow(&mut replica, &c.source(), Acknowledge::Yes).await;
        let Err(FollowError::ApplierStopped {
            unapplied: 1,
            error,
        }) = refused
        else {
            panic!("{refused:?}");
        };
        assert!(error.unwrap().contains("(error 1062)"));
        until("the applier fails again", async || {
            replication(&mut replica).await.applier == ThreadState::Off
        })
        .await;
        let kept = replication(&mut replica).await;
        assert!(kept.received.contains(&all));
        assert!(kept.last_error.unwrap().contains("(error 1062)"));
    });
}

#[test]
fn a_commit_waits_for_its_acknowledgement_and_goes_on_with_it() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 1).await;
        let now = report(&mut source).await.semi_sync;
        assert!(
            now.source_active && now.clients == 0,
            "no replica, and yet in force"
        );
        let commit = tokio::spawn(async move {
            writer.run("INSERT INTO app.t VALUES (1)").await;
            writer
        });
        until("the commit waits", async || {
            shutdown::waiters(&mut source).await.unwrap() == 1
        })
        .await;
        assert!(!commit.is_finished());
        let mut reader = a.sql(Account::Readonly).await;
        assert_eq!(reader.value::<u32>("SELECT COUNT(*) FROM app.t").await, 0);

        // Nothing may release it but an acknowledgement.
        let refused = semisync::disable_source(&mut source).await;
        assert!(
            matches!(refused, Err(SemiSyncError::Writable)),
            "{refused:?}"
        );
        let held = close::close(&mut source, Duration::from_secs(1)).await;
        assert!(
            matches!(held, Err(close::CloseError::HeldUp { .. })),
            "{held:?}"
        );
        assert!(!commit.is_finished());

        let mut replica = b.admin().await;
        follow(&mut replica, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        let mut writer = commit.await.unwrap();
        caught_up(&mut replica, &mut source).await;
        assert_eq!(report(&mut source).await.semi_sync.unacknowledged, 0);

        // A replica that does not acknowledge does not count, and starts to when it is told.
        let done = follow(&mut replica, &a.source(), Acknowledge::No).await;
        assert_eq!(done.unwrap(), Followed::Started);
        until("the replica is back without acknowledging", async || {
            let now = report(&mut replica).await;
            let on = now.replication.unwrap().receiver == ThreadState::On;
            on && !now.semi_sync.replica_active
        })
        .await;
        until("the source knows", async || {
            report(&mut source).await.semi_sync.clients == 0
        })
        .await;
        let commit = tokio::spawn(async move {
            writer.run("INSERT INTO app.t VALUES (2)").await;
        });
        until("it is received and waits", async || {
            let waits = report(&mut source).await.semi_sync.waiting == 1;
            waits && replication(&mut replica).await.received.count() == 4
        })
        .await;
        assert!(!commit.is_finished());
        let done = follow(&mut replica, &a.source(), Acknowledge::Yes).await;
        assert_eq!(done.unwrap(), Followed::Started);
        until("the replica acknowledges", async || {
            report(&mut source).await.semi_sync.clients == 1
        })
        .await;
        // What it had received before is not sent again, so not acknowledged; what comes next is,
        // and with it everything before.
        assert_eq!(report(&mut source).await.semi_sync.waiting, 1);
        let mut writer = a.sql(Account::Writable).await;
        writer.run("INSERT INTO app.t VALUES (3)").await;
        commit.await.unwrap();
    });
}

#[test]
fn a_client_that_is_put_out_while_its_commit_waits_is_not_told_ok() {
    let Some(lab) = lab() else { return };
    let [a] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 1).await;
        let commit =
            tokio::spawn(async move { writer.attempt("INSERT INTO app.t VALUES (1)").await });
        until("the commit waits", async || {
            shutdown::waiters(&mut source).await.unwrap() == 1
        })
        .await;
        shutdown::put_clients_out(&mut source).await.unwrap();
        let told = commit.await.unwrap();
        assert!(
            !matches!(told, Ok(()) | Err(mysql_async::Error::Server(_))),
            "{told:?}"
        );
        assert_eq!(shutdown::waiters(&mut source).await.unwrap(), 1);
    });
}

#[test]
fn a_drained_replica_is_opened_and_the_old_primary_follows_it() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = b.admin().await;
        follow(&mut second, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        caught_up(&mut second, &mut first).await;
        open(&mut first, 1).await.unwrap();
        writer.run("INSERT INTO app.t VALUES (1)").await;

        let writable = follow(&mut first, &b.source(), Acknowledge::Yes).await;
        assert!(
            matches!(writable, Err(FollowError::Writable)),
            "{writable:?}"
        );
        close::close(&mut first, Duration::from_secs(5))
            .await
            .unwrap();
        caught_up(&mut second, &mut first).await;
        open(&mut second, 1).await.unwrap();
        let now = report(&mut second).await;
        assert!(now.writable && now.replication.is_none());
        assert!(now.semi_sync.source_active && now.semi_sync.wait_for == 1);

        follow(&mut first, &b.source(), Acknowledge::Yes)
            .await
            .unwrap();
        assert!(!report(&mut first).await.semi_sync.source_enabled);
        let mut writer = b.sql(Account::Writable).await;
        writer.run("INSERT INTO app.t VALUES (2)").await;
        caught_up(&mut first, &mut second).await;
        let mut sql = b.sql(Account::Admin).await;
        assert_eq!(
            sql.value::<String>("SELECT @@global.event_scheduler").await,
            "ON"
        );
        // Asking again changes the number of acknowledgements only.
        open(&mut second, 2).await.unwrap();
        assert_eq!(report(&mut second).await.semi_sync.wait_for, 2);
    });
}

#[test]
fn a_changed_replication_password_reaches_the_receiver() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut source, _) = primary(&a, 0).await;
        let mut replica = b.admin().await;
        let mut wrong = a.source();
        wrong.password = Password::new("wrongPassword".to_owned());
        follow(&mut replica, &wrong, Acknowledge::Yes)
            .await
            .unwrap();
        until("the receiver is refused", async || {
            let error = replication(&mut replica).await.last_error;
            error.is_some_and(|error| error.contains("(error 1045)"))
        })
        .await;
        let error = replication(&mut replica).await.last_error.unwrap();
        assert!(!error.contains("wrongPassword"), "{error}");

        // On an open primary, passwords are set without closing it and without a transaction.
        let before = report(&mut source).await.executed;
        settle(&mut source, &passwords_with("new")).await.unwrap();
        let after = report(&mut source).await;
        assert!(after.writable && after.executed == before);
        let mut right = a.source();
        right.password = passwords_with("new").of(Account::Replication).clone();
        assert_ne!(&right.password, passwords().of(Account::Replication));
        let done = follow(&mut replica, &right, Acknowledge::Yes).await;
        assert_eq!(done.unwrap(), Followed::Started);
        caught_up(&mut replica, &mut source).await;
    });
}

#[test]
fn a_channel_that_somebody_made_differently_is_made_anew() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut source, _) = primary(&a, 0).await;
        let mut sql = b.sql(Account::Admin).await;
        let theirs = format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {}, \
             SOURCE_USER = 'x', SOURCE_AUTO_POSITION = 0",
            a.port
        );
        sql.run(&theirs).await;
        let mut replica = b.admin().await;
        let done = follow(&mut replica, &a.source(), Acknowledge::No).await;
        assert_eq!(done.unwrap(), Followed::Repointed);
        caught_up(&mut replica, &mut source).await;
        let done = follow(&mut replica, &a.source(), Acknowledge::No).await;
        assert_eq!(done.unwrap(), Followed::Already);
    });
}

#[test]
fn a_replica_that_was_made_a_semi_sync_source_is_freed() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 0).await;
        let mut replica = b.admin().await;
        follow(&mut replica, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        caught_up(&mut replica, &mut source).await;
        semisync::set_source(&mut replica, 1).await.unwrap();
        writer.run("INSERT INTO app.t VALUES (1)").await;
        until("the applier waits", async || {
            shutdown::waiters(&mut replica).await.unwrap() > 0
        })
        .await;
        let all = report(&mut source).await.executed;
        assert!(!report(&mut replica).await.executed.contains(&all));
        let done = follow(&mut replica, &a.source(), Acknowledge::Yes).await;
        assert_eq!(done.unwrap(), Followed::Already);
        caught_up(&mut replica, &mut source).await;
    });
}

#[test]
fn a_server_that_is_asked_to_stop_answers_waiting_commits_ok() {
    let Some(lab) = lab() else { return };
    let [mut a] = lab.prepared();
    run(async {
        let (mut source, mut writer) = primary(&a, 1).await;
        let commit =
            tokio::spawn(async move { writer.attempt("INSERT INTO app.t VALUES (1)").await });
        until("the commit waits", async || {
            shutdown::waiters(&mut source).await.unwrap() == 1
        })
        .await;
        a.sql(Account::Admin).await.run("SHUTDOWN").await;
        // Nobody acknowledged it: this is why clients are put out first.
        commit.await.unwrap().unwrap();
        a.wait_for_exit();
    });
}
