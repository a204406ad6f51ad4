use moco_model::Epoch;
use moco_model::command::{Answer, Command};

use super::*;
use crate::orders::carry;
use crate::testing::{Machine, gtids, guard, opened, order, settle_down};

fn start(epoch: u64, role: Role, history: Option<GtidSet>) -> Order {
    let command = Command::Start {
        on_empty_volume: OnEmptyVolume::Refuse,
        history,
    };
    order(epoch, role, command)
}

/// A former open primary that was killed with two transactions that nobody acknowledged.
fn former() -> Machine {
    let mut guard = opened();
    guard.watermark = gtids("1-9");
    let machine = Machine::new(Some(guard));
    machine.mysqld(|mysqld| mysqld.executed = gtids("1-9"));
    machine.world().tail = Some((gtids("8-9"), 100));
    machine
}

async fn started(machine: &Machine, order: Order) -> Arc<Member<Machine>> {
    let member = machine.agent().await;
    assert_eq!(carry(&member, order).await, Answer::Accepted);
    settle_down().await;
    member
}

#[tokio::test(start_paused = true)]
async fn a_former_primary_is_cut_before_mysqld_starts_and_everything_else_is_on_disk_before() {
    let machine = former();
    let member = started(&machine, start(5, Role::Replica, Some(gtids("1-7")))).await;
    let done = machine.done();
    let at = |what: &str| done.iter().position(|line| line.contains(what)).unwrap();
    assert!(at("forget the uuid") < at("keep the tail"), "{done:?}");
    assert!(at("keep the tail") < at("cut the tail"), "{done:?}");
    assert!(at("cut the tail") < at("start mysqld"), "{done:?}");
    let guard = member.guard().unwrap();
    assert_ne!(guard.incarnation, "first");
    assert_eq!(guard.opened, Some(Epoch(4)), "until it follows");
    assert_eq!(guard.watermark, gtids("1-7"));
    let report = member.report().await;
    assert_eq!(report.evidence[0].transactions, gtids("8-9"));
    assert_eq!(report.server.unwrap().executed, gtids("1-7"));
}

#[tokio::test(start_paused = true)]
async fn a_cut_that_is_cut_short_anywhere_ends_the_same_when_it_is_asked_again() {
    for part in [
        "guard:",
        "forget",
        "keep the tail",
        "cut the tail",
        "start mysqld",
    ] {
        let machine = former();
        machine.world().break_at = Some(part);
        let member = machine.agent().await;
        carry(&member, start(5, Role::Replica, Some(gtids("1-7")))).await;
        settle_down().await;
        assert_ne!(member.phase(), moco_model::Phase::Running, "{part}");
        let again = started(&machine, start(5, Role::Replica, Some(gtids("1-7")))).await;
        let server = again.report().await.server.unwrap();
        assert_eq!(server.executed, gtids("1-7"), "{part}");
        assert_ne!(again.guard().unwrap().incarnation, "first", "{part}");
        assert_eq!(machine.world().evidence.len(), 1, "{part}");
        let done = machine.done();
        assert!(done.iter().any(|line| line == "forget the uuid"), "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_former_primary_does_not_start_as_a_replica_without_the_history() {
    let machine = former();
    let member = machine.agent().await;
    let answer = carry(&member, start(5, Role::Replica, None)).await;
    assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    settle_down().await;
    assert!(!machine.done().contains(&"start mysqld".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_primary_and_a_member_that_was_never_open_are_never_cut() {
    let history = || Some(gtids("1-7"));
    let primary = former();
    started(&primary, start(5, Role::Primary, history())).await;
    let replica = Machine::new(Some(guard(Role::Replica)));
    replica.world().tail = Some((gtids("8-9"), 100));
    started(&replica, start(5, Role::Replica, history())).await;
    for machine in [primary, replica] {
        let done = machine.done();
        assert!(done.contains(&"start mysqld".to_owned()), "{done:?}");
        assert!(!done.iter().any(|line| line.contains("tail")), "{done:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tail_that_cannot_be_cut_does_not_keep_mysqld_from_starting() {
    let machine = former();
    machine.world().not_cuttable = true;
    let member = started(&machine, start(5, Role::Replica, Some(gtids("1-7")))).await;
    let server = member.report().await.server.unwrap();
    assert_eq!(server.executed, gtids("1-9"), "the controller sees them");
}

#[tokio::test(start_paused = true)]
async fn another_kernel_pod_or_volume_is_another_incarnation_and_the_same_place_is_not() {
    let incarnation = async |change: fn(&mut crate::host::Place)| {
        let machine = Machine::new(Some(guard(Role::Replica)));
        change(&mut machine.world().place);
        let member = started(&machine, start(4, Role::Replica, None)).await;
        member.guard().unwrap().incarnation
    };
    assert_eq!(incarnation(|_| ()).await, "first");
    assert_ne!(
        incarnation(|place| place.boot_id = "b".into()).await,
        "first"
    );
    assert_ne!(
        incarnation(|place| place.pod_uid = "p".into()).await,
        "first"
    );
    assert_ne!(
        incarnation(|place| place.volume_id = "v".into()).await,
        "first"
    );
}

#[tokio::test(start_paused = true)]
async fn data_that_went_backwards_is_another_incarnation_even_for_an_agent_that_comes_later() {
    let mut known = guard(Role::Replica);
    known.watermark = gtids("1-9");
    for executed in ["1-9", "1-8"] {
        let machine = Machine::new(Some(known.clone()));
        machine.mysqld(|mysqld| mysqld.executed = gtids(executed));
        let member = started(&machine, start(4, Role::Replica, None)).await;
        let later = Machine::running(known.clone());
        later.mysqld(|mysqld| mysqld.executed = gtids(executed));
        for member in [member, later.agent().await] {
            let guard = member.guard().unwrap();
            assert_eq!(guard.incarnation == "first", executed == "1-9");
            assert_eq!(guard.watermark, gtids(executed));
            assert!(member.report().await.server.is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_given_up_or_half_made_data_directory_is_made_anew_or_said_to_be_missing() {
    let mut given_up = guard(Role::Replica);
    given_up.data = DataState::Initialising;
    let machine = Machine::new(Some(given_up));
    let member = started(&machine, start(4, Role::Replica, None)).await;
    let fault = member.shared.read(|state| state.fault.clone()).unwrap();
    assert_eq!(fault.code, FaultCode::DataMissing);
    let command = Command::Start {
        on_empty_volume: OnEmptyVolume::Initialise,
        history: None,
    };
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    machine.done();
    let member = started(&machine, order(4, Role::Replica, command)).await;
    let done = machine.done();
    let at = |what: &str| done.iter().position(|line| line.contains(what)).unwrap();
    assert!(at("Initialising") < at("wipe"), "{done:?}");
    assert!(at("wipe") < at("initialise"), "{done:?}");
    assert_eq!(member.guard().unwrap().data, DataState::Empty);
}
