//! Contract with real mysqlds: copying a donor.

use moco_model::command::Acknowledge;
use moco_model::report::ThreadState;
use moco_model::{Account, Password};
use moco_mysql::clone::{self, State, clone_from};
use moco_mysql::open::open;
use moco_mysql::passwords::settle;
use moco_mysql::replication::{Followed, drop_cloned_channel, follow};
use moco_mysql::{Error, ErrorClass, Login, Server, Session as _, status};

use crate::support::{LIMIT, Mysqld, lab, passwords, passwords_with, run, until};

async fn admin_with(mysqld: &Mysqld, prefix: &str) -> Server {
    let password = passwords_with(prefix).of(Account::Admin).clone();
    Server::open(&Login::admin(mysqld.socket(), password), LIMIT)
        .await
        .unwrap()
}

/// Makes an open primary with some data.
async fn primary(mysqld: &Mysqld) -> Server {
    let mut server = mysqld.admin().await;
    open(&mut server, 0).await.unwrap();
    let mut writer = mysqld.sql(Account::Writable).await;
    writer.run("CREATE DATABASE app").await;
    writer
        .run("CREATE TABLE app.t (id INT PRIMARY KEY, filler LONGBLOB)")
        .await;
    for id in 1..=4 {
        let row = format!("INSERT INTO app.t VALUES ({id}, REPEAT(RANDOM_BYTES(1000), 5000))");
        writer.run(&row).await;
    }
    server
}

/// Copies `donor` into `recipient` and starts it again. Tells the largest progress that was seen.
async fn copy(recipient: &mut Mysqld, donor: &Mysqld) -> Option<clone::Progress> {
    let mut server = recipient.admin().await;
    let mut watcher = recipient.admin().await;
    assert_eq!(clone::state(&mut server).await.unwrap(), State::None);
    assert_eq!(clone::progress(&mut watcher).await.unwrap(), None);
    let from = donor.donor(passwords().of(Account::CloneDonor).clone());
    let copying = tokio::spawn(async move { clone_from(&mut server, &from).await });
    let mut seen: Option<clone::Progress> = None;
    while !copying.is_finished() {
        if let Ok(Some(progress)) = clone::progress(&mut watcher).await {
            assert!(progress.percent <= 100);
            seen = seen.max_by_percent(progress);
        }
        tokio::task::yield_now().await;
    }
    copying.await.unwrap().unwrap();
    let exit = recipient.wait_for_exit();
    assert!(exit.success(), "{exit}");
    recipient.start();
    seen
}

trait MaxByPercent {
    fn max_by_percent(self, other: clone::Progress) -> Self;
}

impl MaxByPercent for Option<clone::Progress> {
    fn max_by_percent(self, other: clone::Progress) -> Self {
        self.into_iter()
            .chain([other])
            .max_by_key(|one| one.percent)
    }
}

#[test]
fn a_clone_is_complete_after_a_restart_and_follows_its_donor() {
    let Some(lab) = lab() else { return };
    let [a, mut b] = lab.prepared();
    run(async {
        let mut donor = primary(&a).await;
        // The administrator's password differs, to see whose accounts the copy has.
        let mut own = passwords_with("donor");
        settle(&mut donor, &own).await.unwrap();
        let mut sql = a
            .sql_as("moco-admin", own.of(Account::Admin).reveal())
            .await
            .unwrap();
        sql.run("SET SESSION sql_log_bin = OFF").await;
        let keep = passwords().of(Account::CloneDonor).reveal().to_owned();
        sql.run(&format!(
            "ALTER USER 'moco-clone-donor'@'%' IDENTIFIED BY '{keep}'"
        ))
        .await;

        let seen = copy(&mut b, &a).await;
        assert!(seen.is_some(), "no progress was seen");
        let mut copied = admin_with(&b, "donor").await;
        let held = status::read(&mut donor).await.unwrap().executed;
        assert_eq!(
            clone::state(&mut copied).await.unwrap(),
            State::Completed(held.clone())
        );
        let now = status::read(&mut copied).await.unwrap();
        assert_eq!((&now.executed, &now.purged), (&held, &held));
        assert!(!now.writable && now.drift.is_empty(), "{:?}", now.drift);
        let there = status::read(&mut donor).await.unwrap();
        assert_ne!(now.server_uuid, there.server_uuid);

        own = passwords();
        settle(&mut copied, &own).await.unwrap();
        let mut copied = b.admin().await;
        let mut source = a.source();
        source.password = passwords_with("donor").of(Account::Replication).clone();
        follow(&mut copied, &source, Acknowledge::Yes)
            .await
            .unwrap();
        open(&mut donor, 1).await.unwrap();
        sql.run("SET SESSION sql_log_bin = ON").await;
        sql.run("INSERT INTO app.t VALUES (5, '')").await;
        let all = status::read(&mut donor).await.unwrap().executed;
        until("the clone follows", async || {
            let now = status::read(&mut copied).await.unwrap();
            now.executed.contains(&all)
        })
        .await;
    });
}

#[test]
fn the_channel_that_comes_with_a_replicas_clone_is_dropped() {
    let Some(lab) = lab() else { return };
    let [a, b, mut c] = lab.prepared();
    run(async {
        let mut first = primary(&a).await;
        let mut second = b.admin().await;
        follow(&mut second, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        let held = status::read(&mut first).await.unwrap().executed;
        until("the donor has caught up", async || {
            status::read(&mut second).await.unwrap().executed == held
        })
        .await;
        copy(&mut c, &b).await;
        let mut third = c.admin().await;
        let cloned = status::read(&mut third).await.unwrap();
        assert_eq!(cloned.executed, held);
        let channel = cloned.replication.expect("the channel was not copied");
        assert_eq!(channel.receiver, ThreadState::Off);
        assert!(channel.received.is_empty());
        drop_cloned_channel(&mut third).await.unwrap();
        let now = status::read(&mut third).await.unwrap();
        assert!(now.replication.is_none());
        assert_eq!(now.executed, held);
        let done = follow(&mut third, &a.source(), Acknowledge::Yes).await;
        assert_eq!(done.unwrap(), Followed::Repointed);
        open(&mut first, 2).await.unwrap();
        a.sql(Account::Writable)
            .await
            .run("INSERT INTO app.t VALUES (5, '')")
            .await;
    });
}

#[test]
fn a_clone_with_a_wrong_password_fails_by_name_and_can_be_killed_when_it_hangs() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let secret = "Hunter2'Hunter2";
        let mut server = b.admin().await;
        let failed = clone_from(&mut server, &a.donor(Password::new(secret.to_owned()))).await;
        let failed = failed.unwrap_err();
        assert_eq!(failed.class(), ErrorClass::Server);
        assert!(!format!("{failed:?}").contains("Hunter2"), "{failed}");
        assert!(server.is_usable());

        // A donor that takes the connection and never says a word.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut hanging = a.donor(Password::new("x".to_owned()));
        hanging.port = silent.local_addr().unwrap().port();
        let (mut other, id) = (b.admin().await, server.id());
        let copying = tokio::spawn(async move { clone_from(&mut server, &hanging).await });
        let running = format!(
            "SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_ID = {id} \
             AND PROCESSLIST_INFO LIKE 'CLONE%'"
        );
        let mut sql = b.sql(Account::Admin).await;
        until("the clone runs", async || {
            sql.value::<u32>(&running).await == 1
        })
        .await;
        other.kill(id).await.unwrap();
        drop(silent);
        let ended = copying.await.unwrap();
        assert!(
            matches!(ended, Err(Error::Server { .. } | Error::Unreachable { .. })),
            "{ended:?}"
        );
    });
}

#[test]
fn a_closed_server_that_holds_a_schema_refuses_the_clone_and_keeps_its_data() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        primary(&a).await;
        let mut server = primary(&b).await;
        moco_mysql::close::close(&mut server, LIMIT / 2)
            .await
            .unwrap();
        let from = a.donor(passwords().of(Account::CloneDonor).clone());
        let refused = clone_from(&mut server, &from).await.unwrap_err();
        assert_eq!(refused.code(), Some(1290), "{refused}");
        let mut sql = b.sql(Account::Admin).await;
        assert_eq!(sql.value::<u32>("SELECT COUNT(*) FROM app.t").await, 4);
    });
}
