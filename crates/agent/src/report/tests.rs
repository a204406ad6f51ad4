use std::time::Duration;

use moco_model::{Epoch, Role};

use super::*;
use crate::testing::{Machine, guard};

#[tokio::test(start_paused = true)]
async fn a_report_comes_in_time_from_a_mysqld_that_hangs() {
    let machine = Machine::running(guard(Role::Replica));
    let member = machine.agent().await;
    assert!(member.report().await.server.is_some());
    machine.mysqld(|mysqld| mysqld.hangs = true);
    // Who asks again learns the same sooner, also after the connection that hung was given up.
    for limit in [700, 150, 150, 150] {
        let begun = member.host.now();
        let report = member.report().await;
        assert!(member.host.now().saturating_sub(begun) <= Duration::from_millis(limit));
        assert_eq!((report.phase, report.server), (Phase::Running, None));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    machine.mysqld(|mysqld| mysqld.hangs = false);
    assert!(member.report().await.server.is_some());
    machine.mysqld(|mysqld| mysqld.hangs = true);
    let begun = member.host.now();
    member.report().await;
    let waited = member.host.now().saturating_sub(begun);
    assert_eq!(waited, LOOK, "it had answered in between");
}

#[tokio::test(start_paused = true)]
async fn a_report_never_shows_a_promise_beside_what_was_held_before_it() {
    let machine = Machine::running(guard(Role::Replica));
    let member = machine.agent().await;
    machine.mysqld(|mysqld| mysqld.hangs = true);
    let reporting = {
        let member = std::sync::Arc::clone(&member);
        tokio::spawn(async move { member.report().await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let promise = member.amend(|guard| guard.promised = Epoch(5));
    promise.await.unwrap();
    machine.mysqld(|mysqld| mysqld.hangs = false);
    let report = reporting.await.unwrap();
    assert!(report.server.is_some());
    assert_eq!(report.guard.unwrap().promised, Epoch(4));
}

#[tokio::test(start_paused = true)]
async fn a_report_never_shows_an_old_incarnation_beside_a_server_that_lost_something() {
    let mut known = guard(Role::Replica);
    known.watermark = crate::testing::gtids("1-9");
    let machine = Machine::running(known);
    machine.mysqld(|mysqld| mysqld.hangs = true);
    let member = Arc::new(Member::begin(machine.clone(), crate::testing::settings()).await);
    let settling = tokio::spawn({
        let member = Arc::clone(&member);
        async move { crate::work::settle::settle(&member).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let reporting = tokio::spawn({
        let member = Arc::clone(&member);
        async move { member.report().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    machine.mysqld(|mysqld| mysqld.hangs = false);
    settling.await.unwrap();
    let report = reporting.await.unwrap();
    assert_eq!(report.guard.unwrap().incarnation, "first");
    assert_eq!(report.server, None);
    let report = member.report().await;
    assert_ne!(report.guard.unwrap().incarnation, "first");
    assert!(report.server.is_some());
}
