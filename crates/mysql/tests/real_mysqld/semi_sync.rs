//! Contract with a real mysqld: the moment in which semi-sync is switched on.

use std::path::PathBuf;

use moco_model::Account;
use moco_mysql::binlog::bytes_of_all;
use moco_mysql::semisync::set_source;
use moco_mysql::shutdown;

use crate::cluster::primary;
use crate::support::{lab, run, until};

#[test]
fn a_commit_that_was_written_before_semi_sync_is_switched_on_waits_for_nobody_and_a_later_one_does()
{
    let Some(lab) = lab() else { return };
    let [mysqld] = lab.prepared();
    run(async {
        let (mut server, mut writer) = primary(&mysqld, 0).await;
        let mut later = mysqld.sql(Account::Writable).await;
        let mut admin = mysqld.sql(Account::Admin).await;
        let folder: String = admin.value("SELECT @@datadir").await;
        let size = || bytes_of_all(&PathBuf::from(&folder)).unwrap();
        // Between writing and fsync lies a second.
        admin
            .run("SET GLOBAL binlog_group_commit_sync_delay = 1000000")
            .await;
        let before = size();
        let commit =
            tokio::spawn(async move { writer.attempt("INSERT INTO app.t VALUES (1)").await });
        until("it is written", async || size() > before).await;
        set_source(&mut server, 1).await.unwrap();
        assert!(!commit.is_finished());
        commit.await.unwrap().unwrap();
        assert_eq!(shutdown::waiters(&mut server).await.unwrap(), 0);

        admin
            .run("SET GLOBAL binlog_group_commit_sync_delay = 0")
            .await;
        let commit =
            tokio::spawn(async move { later.attempt("INSERT INTO app.t VALUES (2)").await });
        until("the later one waits", async || {
            shutdown::waiters(&mut server).await.unwrap() == 1
        })
        .await;
        assert!(!commit.is_finished());
    });
}
