use moco_model::{Epoch, Phase, Role};

use super::*;
use crate::state::Leaving;
use crate::testing::{Channel, Machine, Mysqld, gtids, guard, opened};

async fn watched(machine: &Machine) -> Arc<Member<Machine>> {
    let member = machine.agent().await;
    tokio::spawn(run(Arc::clone(&member)));
    tokio::spawn(crate::notify::run(Arc::clone(&member)));
    tokio::spawn(crate::exits::run(Arc::clone(&member)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    member
}

async fn milliseconds(count: u64) {
    tokio::time::sleep(Duration::from_millis(count)).await;
}

fn notices(machine: &Machine) -> usize {
    machine.world().notices.len()
}

fn newest(machine: &Machine) -> MemberReport {
    machine.world().notices.last().unwrap().report.clone()
}

fn draining() -> Machine {
    let machine = Machine::running(guard(Role::Replica));
    machine.mysqld(|mysqld| {
        let mut channel = Channel::to("zero");
        channel.receiver = "OFF";
        channel.received = gtids("1-9");
        mysqld.channel = Some(channel);
        mysqld.executed = gtids("1-5");
    });
    machine
}

#[tokio::test(start_paused = true)]
async fn a_steady_member_is_told_once_and_work_that_goes_on_is_no_event() {
    let machine = draining();
    watched(&machine).await;
    assert_eq!(notices(&machine), 1);
    machine.mysqld(|mysqld| mysqld.executed = gtids("1-7"));
    milliseconds(2_000).await;
    assert_eq!(notices(&machine), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_drain_is_told_within_50_ms() {
    let machine = draining();
    watched(&machine).await;
    // Between two of the ordinary looks.
    milliseconds(60).await;
    machine.mysqld(|mysqld| mysqld.executed = gtids("1-9"));
    milliseconds(51).await;
    assert_eq!(notices(&machine), 2);
}

#[tokio::test(start_paused = true)]
async fn the_death_of_mysqld_is_told_at_once() {
    let machine = Machine::running(opened());
    machine.mysqld(Mysqld::open);
    watched(&machine).await;
    machine.end_mysqld();
    milliseconds(1).await;
    assert_eq!(newest(&machine).phase, Phase::AtGate);
}

#[tokio::test(start_paused = true)]
async fn a_promise_and_a_member_that_leaves_are_told_at_once() {
    let machine = Machine::running(guard(Role::Replica));
    let member = watched(&machine).await;
    let promise = member.amend(|guard| guard.promised = Epoch(7));
    promise.await.unwrap();
    milliseconds(1).await;
    assert_eq!(newest(&machine).guard.unwrap().promised, Epoch(7));
    member.shared.change(|state| state.leaving = Leaving::Asked);
    milliseconds(1).await;
    assert!(newest(&machine).leaving);
}

#[tokio::test(start_paused = true)]
async fn a_notice_is_repeated_until_it_is_taken_with_the_newest_state() {
    let machine = Machine::running(guard(Role::Replica));
    machine.world().controller_answers = false;
    let member = watched(&machine).await;
    assert!(notices(&machine) > 2);
    member.shared.change(|state| state.leaving = Leaving::Asked);
    machine.world().controller_answers = true;
    milliseconds(6_000).await;
    assert!(newest(&machine).leaving);
    let told = notices(&machine);
    milliseconds(10_000).await;
    assert_eq!(notices(&machine), told);
}

#[test]
fn commits_without_an_acknowledgement_are_noticed_once_for_each_opening() {
    let server = |unacknowledged| ServerReport {
        server_uuid: moco_model::ServerUuid::from_u128(1),
        version: "9.7.4".parse().unwrap(),
        executed: gtids("1"),
        purged: moco_model::GtidSet::new(),
        writable: true,
        offline: false,
        replication: None,
        semi_sync: SemiSyncReport {
            source_enabled: true,
            unacknowledged,
            ..SemiSyncReport::default()
        },
        drift: vec![],
    };
    let mut watch = Watch::default();
    assert_eq!(watch.grown(1, &server(3)), None, "of before it was open");
    assert_eq!(watch.grown(1, &server(3)), None);
    assert!(watch.grown(1, &server(4)).is_some());
    assert_eq!(watch.grown(1, &server(9)), None);
    assert_eq!(watch.grown(2, &server(0)), None, "another mysqld");
    assert!(watch.grown(2, &server(1)).is_some());
    let mut closed = server(5);
    closed.writable = false;
    assert_eq!(watch.grown(2, &closed), None);
    assert_eq!(watch.grown(2, &server(5)), None, "opened again");
    assert!(watch.grown(2, &server(6)).is_some());
}
