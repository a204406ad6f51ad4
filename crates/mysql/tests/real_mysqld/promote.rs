//! Contract with real mysqlds: making a replica the next primary.

use std::time::Duration;

use moco_model::command::Acknowledge;
use moco_model::{Account, GtidSet};
use moco_mysql::fence::{fence_primary, fence_replica};
use moco_mysql::open::open;
use moco_mysql::promote::{PromoteError, promote};
use moco_mysql::replication::follow;
use moco_mysql::shutdown;

use crate::cluster::{caught_up, primary, replica, report};
use crate::support::{lab, run, until};

#[test]
fn a_replica_is_promoted_when_it_has_executed_what_it_must_hold_and_stays_closed() {
    let Some(lab) = lab() else { return };
    let [a, b] = lab.prepared();
    run(async {
        let (mut first, mut writer) = primary(&a, 0).await;
        let mut second = replica(&b, &a, &mut first).await;
        open(&mut first, 1).await.unwrap();
        let refused = promote(&mut first, 1, &GtidSet::default()).await;
        assert!(
            matches!(refused, Err(PromoteError::Writable)),
            "{refused:?}"
        );

        let mut lock = b.sql(Account::Admin).await;
        lock.run("LOCK TABLES app.t READ").await;
        writer.run("INSERT INTO app.t VALUES (1)").await;
        let must_hold = fence_primary(&mut first, Duration::from_secs(2))
            .await
            .unwrap();
        assert!(
            fence_replica(&mut second)
                .await
                .unwrap()
                .contains(&must_hold)
        );
        let before = report(&mut second).await.executed;
        let refused = promote(&mut second, 1, &must_hold).await;
        let Err(PromoteError::NotDrained { unapplied }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(unapplied, must_hold.subtract(&before));
        lock.run("UNLOCK TABLES").await;
        caught_up(&mut second, &mut first).await;

        let more: GtidSet = "00000000-0000-0000-0000-000000000001:1-3".parse().unwrap();
        let refused = promote(&mut second, 1, &must_hold.union(&more)).await;
        let Err(PromoteError::Lacks { missing }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(missing, more);
        assert!(report(&mut second).await.replication.is_some());

        for _ in ["first", "again"] {
            let history = promote(&mut second, 1, &must_hold).await.unwrap();
            assert_eq!(history, must_hold);
            let now = report(&mut second).await;
            assert!(!now.writable && now.replication.is_none());
            assert!(now.semi_sync.source_active && now.semi_sync.wait_for == 1);
            assert!(!now.semi_sync.replica_enabled);
        }

        // Opened, its first commit waits for the first replica of its own.
        open(&mut second, 1).await.unwrap();
        let mut writer = b.sql(Account::Writable).await;
        let commit =
            tokio::spawn(async move { writer.attempt("INSERT INTO app.t VALUES (2)").await });
        until("the commit waits", async || {
            shutdown::waiters(&mut second).await.unwrap() == 1
        })
        .await;
        follow(&mut first, &b.source(), Acknowledge::Yes)
            .await
            .unwrap();
        commit.await.unwrap().unwrap();
    });
}
