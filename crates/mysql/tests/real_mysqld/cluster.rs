//! A primary and its replicas, as the tests need them.

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_model::report::{ReplicationReport, ServerReport};
use moco_mysql::open::open;
use moco_mysql::replication::follow;
use moco_mysql::{Server, status};

use crate::support::{Mysqld, Sql, until};

pub(crate) async fn report(server: &mut Server) -> ServerReport {
    status::read(server).await.unwrap()
}

pub(crate) async fn replication(server: &mut Server) -> ReplicationReport {
    report(server).await.replication.unwrap()
}

/// Waits until the server holds and has executed all that `source` has executed.
pub(crate) async fn caught_up(replica: &mut Server, source: &mut Server) {
    let wanted = report(source).await.executed;
    until("the replica has caught up", async || {
        report(replica).await.executed.contains(&wanted)
    })
    .await;
}

/// An open primary with the table `app.t`, and a writer to it.
pub(crate) async fn primary(mysqld: &Mysqld, acks: u32) -> (Server, Sql) {
    let mut server = mysqld.admin().await;
    open(&mut server, 0).await.unwrap();
    let mut writer = mysqld.sql(Account::Writable).await;
    writer.run("CREATE DATABASE app").await;
    writer.run("CREATE TABLE app.t (id INT PRIMARY KEY)").await;
    open(&mut server, acks).await.unwrap();
    (server, writer)
}

/// A replica of `source` that has caught up and acknowledges.
pub(crate) async fn replica(mysqld: &Mysqld, source: &Mysqld, primary: &mut Server) -> Server {
    let mut replica = mysqld.admin().await;
    follow(&mut replica, &source.source(), Acknowledge::Yes)
        .await
        .unwrap();
    caught_up(&mut replica, primary).await;
    replica
}
