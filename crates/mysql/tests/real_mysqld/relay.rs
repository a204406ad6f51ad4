//! Contract with real mysqlds: a relay log that is damaged or torn.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_model::report::ThreadState;
use moco_mysql::Server;
use moco_mysql::replication::{FollowError, follow};

use crate::cluster::{caught_up, primary, replica, replication, report};
use crate::support::{Mysqld, Sql, lab, run, until};

/// Bytes before the end of the file, in the middle of its last event.
const INSIDE: u64 = 12;

/// The relay log file that is written to.
fn newest(mysqld: &Mysqld) -> File {
    let files = fs::read_dir(mysqld.socket().with_file_name("data")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let relay = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let number = name.strip_prefix("relay.");
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let path = files.filter(relay).max().unwrap();
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn tear(log: &File) {
    let size = log.metadata().unwrap().len();
    log.set_len(size - INSIDE).unwrap();
}

fn damage(log: &File) {
    let at = log.metadata().unwrap().len() - INSIDE;
    let mut byte = [0];
    log.read_exact_at(&mut byte, at).unwrap();
    log.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// A primary with a writer, and a replica with a row in its relay log that it has not applied.
async fn with_a_row(a: &Mysqld, b: &Mysqld) -> (Server, Sql, Server) {
    let (mut first, mut writer) = primary(a, 0).await;
    let mut second = replica(b, a, &mut first).await;
    let mut sql = b.sql(Account::Admin).await;
    sql.run("STOP REPLICA SQL_THREAD").await;
    writer.run("INSERT INTO app.t VALUES (1)").await;
    let all = report(&mut first).await.executed;
    until("the row is received", async || {
        replication(&mut second).await.received.contains(&all)
    })
    .await;
    (first, writer, second)
}

#[test]
fn a_damaged_relay_log_stops_the_applier_and_nothing_is_skipped() {
    let Some(lab) = lab() else { return };
    let [a, b, c] = lab.prepared();
    run(async {
        let (mut first, mut writer, mut second) = with_a_row(&a, &b).await;
        damage(&newest(&b));
        follow(&mut second, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        until("the applier fails", async || {
            let channel = replication(&mut second).await;
            channel.applier == ThreadState::Off && channel.last_error.is_some()
        })
        .await;
        writer.run("INSERT INTO app.t VALUES (2)").await;
        let all = report(&mut first).await.executed;
        until("what comes later is received", async || {
            replication(&mut second).await.received.contains(&all)
        })
        .await;
        let refused = follow(&mut second, &c.source(), Acknowledge::Yes).await;
        assert!(
            matches!(refused, Err(FollowError::ApplierStopped { .. })),
            "{refused:?}"
        );
        let mut sql = b.sql(Account::Admin).await;
        assert_eq!(sql.value::<u32>("SELECT COUNT(*) FROM app.t").await, 0);
    });
}

#[test]
fn what_is_torn_or_damaged_at_the_end_of_a_relay_log_is_received_again_after_a_restart() {
    let Some(lab) = lab() else { return };
    for harm in [tear, damage] {
        let [a, mut b] = lab.prepared();
        run(async {
            let (mut first, mut writer, _) = with_a_row(&a, &b).await;
            b.kill();
            harm(&newest(&b));
            b.start();

            let mut second = b.admin().await;
            let all = report(&mut first).await.executed;
            let kept = replication(&mut second).await.received;
            assert!(!kept.contains(&all), "{kept}");
            follow(&mut second, &a.source(), Acknowledge::Yes)
                .await
                .unwrap();
            caught_up(&mut second, &mut first).await;
            writer.run("INSERT INTO app.t VALUES (2)").await;
            caught_up(&mut second, &mut first).await;
            assert_eq!(replication(&mut second).await.last_error, None);
        });
    }
}
