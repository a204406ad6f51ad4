use moco_model::command::{Answer, Command, Order};
use moco_model::{MemberReport, Phase};

use super::*;
use crate::orders::carry;
use crate::testing::{Machine, Mysqld, gtids, guard, opened, order};

/// An open primary whose agent looks at it.
async fn open_primary() -> (Machine, Arc<Member<Machine>>) {
    let machine = Machine::running(opened());
    machine.mysqld(Mysqld::open);
    let member = machine.agent().await;
    tokio::spawn(crate::watch::run(Arc::clone(&member)));
    tokio::spawn(run(Arc::clone(&member)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    (machine, member)
}

async fn after(milliseconds: u64, member: &Arc<Member<Machine>>) -> MemberReport {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    member.report().await
}

fn beats(machine: &Machine) -> u64 {
    machine.mysqld(|mysqld| mysqld.beats)
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_sent_while_nothing_else_is_committed_and_not_otherwise() {
    let (machine, member) = open_primary().await;
    let report = after(10_000, &member).await;
    let sent = beats(&machine);
    assert!((8..=12).contains(&sent), "{sent} in 10 s");
    let fine = CommitProbe {
        waiting_ms: 0,
        error: None,
        settled: true,
    };
    assert_eq!(report.commits, Some(fine));
    for end in 10..40 {
        machine.mysqld(|mysqld| {
            let more = gtids(&format!("1-{end}"));
            mysqld.executed = mysqld.executed.union(&more);
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let sent = beats(&machine) - sent;
    assert!(sent <= 1, "{sent} while clients committed");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_become_rare_when_clients_are_idle() {
    let (machine, member) = open_primary().await;
    after(70_000, &member).await;
    let before = beats(&machine);
    after(60_000, &member).await;
    let sent = beats(&machine) - before;
    assert!((10..=13).contains(&sent), "{sent} in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_commit_shows_its_age_and_a_second_one_is_sent_and_no_third() {
    let (machine, member) = open_primary().await;
    machine.mysqld(|mysqld| mysqld.commits_hang = true);
    let report = after(4_000, &member).await;
    let waiting = report.commits.unwrap().waiting_ms;
    assert!((3_000..=4_000).contains(&waiting), "{waiting}");
    let under_way = || member.shared.read(|state| state.beats.under_way.len());
    assert_eq!(under_way(), 2);
    let rows = member.shared.read(|state| {
        let beats = &state.beats.under_way;
        beats
            .iter()
            .map(|(number, _)| row(*number))
            .collect::<Vec<_>>()
    });
    assert_ne!(rows[0], rows[1], "one would wait for the lock of the other");
    let report = after(30_000, &member).await;
    assert!(report.commits.unwrap().waiting_ms > 30_000);
    assert_eq!(under_way(), 2);
    machine.mysqld(|mysqld| mysqld.commits_hang = false);
    let report = after(600, &member).await;
    assert_eq!(report.commits.unwrap().waiting_ms, 0);
    assert!(after(3_000, &member).await.commits.unwrap().error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_full_volume_is_named_until_there_is_room() {
    let (machine, member) = open_primary().await;
    machine.mysqld(|mysqld| mysqld.full = true);
    let report = after(1_500, &member).await;
    let error = report.commits.unwrap().error;
    assert_eq!(error, Some(CommitFailure::DiskFull));
    machine.mysqld(|mysqld| mysqld.full = false);
    let report = after(1_500, &member).await;
    assert_eq!(report.commits.unwrap().error, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_closed_or_about_to_be_is_sent_none() {
    let mut promised = opened();
    promised.promised = Epoch(5);
    for (guard, open) in [
        (guard(Role::Primary), false),
        (guard(Role::Replica), false),
        (opened(), false),
        (promised, true),
    ] {
        let machine = Machine::running(guard);
        if open {
            machine.mysqld(Mysqld::open);
        }
        let member = machine.agent().await;
        tokio::spawn(crate::watch::run(Arc::clone(&member)));
        tokio::spawn(run(Arc::clone(&member)));
        let report = after(5_000, &member).await;
        assert_eq!(report.commits, None);
        let sent = |line: &String| line.contains("heartbeat");
        assert!(!machine.done().iter().any(sent));
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_promise_of_a_closed_primary_none_is_sent_and_none_shown() {
    let (machine, member) = open_primary().await;
    after(3_000, &member).await;
    let fence = Order {
        promise: Epoch(5),
        ..order(4, Role::Primary, Command::Fence)
    };
    assert_eq!(carry(&member, fence).await, Answer::Accepted);
    machine.done();
    let report = after(5_000, &member).await;
    assert_eq!((report.phase, report.commits), (Phase::Running, None));
    let sent = |line: &String| line.contains("heartbeat");
    assert!(!machine.done().iter().any(sent));
}

#[tokio::test(start_paused = true)]
async fn after_another_number_of_acknowledgements_one_has_to_go_through_also_among_busy_clients() {
    let (machine, member) = open_primary().await;
    let settled = async |milliseconds| after(milliseconds, &member).await.commits.unwrap().settled;
    assert!(settled(1_500).await);
    // One that was begun before the change says nothing about it, however late it ends.
    machine.mysqld(|mysqld| mysqld.commits_hang = true);
    after(600, &member).await;
    let set = order(4, Role::Primary, Command::SetAcks { acks: 2 });
    assert_eq!(carry(&member, set).await, Answer::Accepted);
    assert!(!settled(0).await);
    assert!(!settled(300).await);
    machine.mysqld(|mysqld| mysqld.commits_hang = false);
    let mut end = 10;
    let mut busy = || {
        end += 1;
        machine.mysqld(|mysqld| {
            mysqld.executed = mysqld.executed.union(&gtids(&format!("1-{end}")));
        });
    };
    let mut waited = 0;
    while !settled(100).await {
        busy();
        waited += 1;
        assert!(waited < 15, "not within 1.5 s");
    }
    // The number is changed behind the agent's back.
    machine.mysqld(|mysqld| mysqld.wait_for = 1);
    assert!(!settled(0).await);
    busy();
    assert!(settled(1_500).await);
}

#[tokio::test(start_paused = true)]
async fn a_large_transaction_before_it_excuses_a_commit_that_waits_and_not_for_longer_than_it_needs()
 {
    let (machine, member) = open_primary().await;
    let waiting = async |milliseconds| {
        after(milliseconds, &member)
            .await
            .commits
            .unwrap()
            .waiting_ms
    };
    // What was written before excuses nothing.
    machine.world().log_bytes = 10 * SLOW_BYTES;
    assert_eq!(waiting(2_000).await, 0);
    machine.mysqld(|mysqld| mysqld.commits_hang = true);
    for _ in 0..5 {
        machine.world().log_bytes += 2 * SLOW_BYTES;
        assert_eq!(waiting(1_000).await, 0);
    }
    assert_eq!(waiting(4_000).await, 0);
    let later = waiting(5_000).await;
    assert!((2_500..=4_500).contains(&later), "{later}");
    machine.mysqld(|mysqld| {
        mysqld.commits_hang = false;
        mysqld.executed = mysqld.executed.union(&gtids("1-50"));
    });
    assert_eq!(waiting(1_500).await, 0);
    machine.mysqld(|mysqld| mysqld.commits_hang = true);
    let next = waiting(4_000).await;
    assert!(next >= 2_000, "{next}: it is over");
}
