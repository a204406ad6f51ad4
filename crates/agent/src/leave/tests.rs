use moco_model::command::{Acknowledge, Answer, Command};
use moco_model::{Endpoint, Epoch, MemberId};

use super::*;
use crate::orders::carry;
use crate::testing::{Machine, Mysqld, guard, opened, order};

#[test]
fn a_primary_is_stopped_gently_only_when_certainly_no_commit_waits() {
    assert_eq!(signal_for(false, true, Some(0)), MysqldSignal::Term);
    assert_eq!(signal_for(false, true, Some(1)), MysqldSignal::Kill);
    assert_eq!(signal_for(false, true, None), MysqldSignal::Kill);
    assert_eq!(signal_for(false, false, None), MysqldSignal::Term);
    assert_eq!(signal_for(true, false, None), MysqldSignal::Kill);
}

/// A member whose agent runs and that is asked to leave within `seconds`.
async fn asked(guard: Guard, seconds: u64) -> (Machine, Arc<Member<Machine>>) {
    let machine = Machine::running(guard);
    let member = machine.agent().await;
    tokio::spawn(crate::watch::run(Arc::clone(&member)));
    tokio::spawn(crate::notify::run(Arc::clone(&member)));
    tokio::spawn(run(Arc::clone(&member)));
    let left = Duration::from_secs(seconds);
    machine.terminate.send_replace(Some(left));
    (machine, member)
}

async fn after(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// What it has done about leaving.
fn left(machine: &Machine) -> Vec<String> {
    let leaving = |line: &String| line.starts_with("signal") || line == "leave";
    machine.done().into_iter().filter(leaving).collect()
}

#[tokio::test(start_paused = true)]
async fn a_primary_says_that_it_leaves_and_goes_when_it_has_become_a_replica() {
    let (machine, member) = asked(opened(), 30).await;
    after(500).await;
    let told = |machine: &Machine| machine.world().notices.iter().any(|n| n.report.leaving);
    assert!(told(&machine), "at once");
    after(5_000).await;
    assert_eq!(left(&machine), [""; 0]);
    assert_eq!(member.phase(), Phase::Running, "it still serves");
    let source = Endpoint {
        member: MemberId(2),
        host: "two".into(),
        port: 3306,
    };
    let acknowledge = Acknowledge::Yes;
    let follow = Command::Follow {
        source,
        acknowledge,
    };
    let answer = carry(&member, order(5, Role::Replica, follow)).await;
    assert_eq!(answer, Answer::Accepted);
    after(100).await;
    assert_eq!(left(&machine), ["signal Term", "leave"]);
}

#[tokio::test(start_paused = true)]
async fn a_primary_nobody_takes_over_from_leaves_10_s_before_its_time_and_after_20_s_at_most() {
    for (time, waits) in [(30, 20), (25, 15), (300, 20), (8, 0)] {
        let (machine, _member) = asked(opened(), time).await;
        machine.mysqld(Mysqld::open);
        after(waits * 1000 + 200).await;
        assert_eq!(left(&machine), ["signal Term", "leave"], "{time} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_primary_whose_notice_nobody_takes_does_not_wait_long() {
    let (machine, _member) = asked(opened(), 300).await;
    machine.world().controller_answers = false;
    after(1_500).await;
    assert_eq!(left(&machine), [""; 0]);
    after(1_000).await;
    assert_eq!(left(&machine), ["signal Term", "leave"]);
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_was_closed_for_its_successor_waits_for_it() {
    let closed = Guard {
        promised: Epoch(5),
        ..opened()
    };
    let (machine, _member) = asked(closed, 300).await;
    after(10_000).await;
    assert_eq!(left(&machine), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn neither_events_nor_the_agents_own_connections_hold_up_a_mysqld_that_stops() {
    let (machine, member) = asked(opened(), 30).await;
    machine.mysqld(Mysqld::open);
    tokio::spawn(crate::commits::run(Arc::clone(&member)));
    after(5_000).await;
    assert!(machine.world().connections > 2, "as long as it serves");
    after(30_000).await;
    assert_eq!(machine.world().connections, 0);
    let done = machine.done();
    let at = |what: &str| done.iter().position(|line| line == what).unwrap();
    assert!(at("sql: stop events") < at("signal Term"), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_leaves_at_once() {
    let (machine, _member) = asked(guard(Role::Replica), 300).await;
    after(100).await;
    assert_eq!(left(&machine), ["signal Term", "leave"]);
}

#[tokio::test(start_paused = true)]
async fn a_former_primary_that_never_followed_is_not_asked_to_stop_while_commits_wait() {
    let former = Guard {
        role: Some(Role::Replica),
        epoch: Epoch(5),
        promised: Epoch(5),
        ..opened()
    };
    let (machine, _member) = asked(former, 300).await;
    machine.mysqld(|mysqld| mysqld.waiting = 1);
    after(100).await;
    assert_eq!(left(&machine), ["signal Kill", "leave"]);
}
