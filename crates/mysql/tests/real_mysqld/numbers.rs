//! Contract with real mysqlds: transactions that carry a replica's own `server_id`.

use moco_model::Account;
use moco_model::command::Acknowledge;
use moco_mysql::replication::{follow, stop_receiver};

use crate::cluster::{primary, replica, replication, report};
use crate::support::{lab, run, until};

#[test]
fn a_replica_that_takes_over_a_former_number_skips_what_was_written_under_it() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        stop_receiver(&mut second).await.unwrap();
        let before = report(&mut first).await.executed;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        let under_former = report(&mut first).await.executed.subtract(&before);

        let mut numbers = a.sql(Account::Admin).await;
        let former: u32 = numbers.value("SELECT @@GLOBAL.server_id").await;
        numbers.run("SET GLOBAL server_id = 1000").await;
        let mut taker = b.sql(Account::Admin).await;
        let take_over = format!("SET GLOBAL server_id = {former}");
        taker.run(&take_over).await;

        follow(&mut second, &a.source(), Acknowledge::Yes)
            .await
            .unwrap();
        // A session keeps the number that it began with.
        let mut writer = a.sql(Account::Writable).await;
        writer.run("INSERT INTO app.t VALUES (2)").await;
        until("what came later is there", async || {
            let found: u32 = taker.value("SELECT COUNT(*) FROM app.t WHERE id = 2").await;
            found == 1
        })
        .await;
        let lost: u32 = taker.value("SELECT COUNT(*) FROM app.t WHERE id = 1").await;
        let executed = report(&mut second).await.executed;
        let channel = replication(&mut second).await;
        assert_eq!(lost, 0);
        assert!(executed.intersect(&under_former).is_empty());
        assert_eq!(channel.last_error, None);
    });
}
