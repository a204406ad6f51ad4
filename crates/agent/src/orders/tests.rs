use moco_model::command::{Acknowledge, Answer};
use moco_model::{Epoch, Membership};

use super::*;
use crate::testing::{Channel, Machine, gtids, guard, opened, order, settle_down};

fn replica() -> Machine {
    let machine = Machine::running(guard(Role::Replica));
    machine.mysqld(|mysqld| mysqld.channel = Some(Channel::to("zero")));
    machine
}

fn open_primary() -> Machine {
    let machine = Machine::running(opened());
    machine.mysqld(crate::testing::Mysqld::open);
    machine
}

/// Asks for the promise of epoch 5 in epoch 4.
fn fence(role: Role) -> Order {
    Order {
        promise: Epoch(5),
        ..order(4, role, Command::Fence)
    }
}

fn follow(epoch: u64) -> Order {
    let source = Endpoint {
        member: moco_model::MemberId(2),
        host: "two".into(),
        port: 3306,
    };
    let acknowledge = Acknowledge::Yes;
    order(
        epoch,
        Role::Replica,
        Command::Follow {
            source,
            acknowledge,
        },
    )
}

fn discard() -> Order {
    let errant = gtids("9");
    order(5, Role::Replica, Command::Discard { errant })
}

fn because(answer: Answer) -> String {
    match answer {
        Answer::Refused { because } => because,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lower_promise_or_epoch_is_refused_and_says_what_is_held() {
    let member = replica().agent().await;
    assert_eq!(carry(&member, fence(Role::Replica)).await, Answer::Accepted);
    let stale = Answer::StaleEpoch { held: Epoch(5) };
    assert_eq!(carry(&member, follow(4)).await, stale);
    assert_eq!(carry(&member, fence(Role::Replica)).await, Answer::Accepted);
    assert_eq!(carry(&member, follow(5)).await, Answer::Accepted);
    let old = order(4, Role::Replica, Command::Fence);
    assert_eq!(carry(&member, old).await, stale);
}

#[tokio::test(start_paused = true)]
async fn a_guard_of_before_there_were_promises_has_promised_its_epoch() {
    let mut old = guard(Role::Replica);
    old.promised = Epoch(0);
    let member = Machine::running(old).agent().await;
    assert_eq!(member.guard().unwrap().promised, Epoch(4));
    let stale = Answer::StaleEpoch { held: Epoch(4) };
    assert_eq!(carry(&member, follow(3)).await, stale);
}

#[tokio::test(start_paused = true)]
async fn a_promise_is_on_disk_before_the_receiver_is_stopped() {
    let machine = replica();
    let member = machine.agent().await;
    machine.done();
    assert_eq!(carry(&member, fence(Role::Replica)).await, Answer::Accepted);
    assert_eq!(
        machine.done(),
        [
            "guard: promised 5 epoch 4 \"replica\" opened - Holding",
            "sql: stop the receiver",
            "sql: start the applier",
        ]
    );
    assert_eq!(machine.world().guard.as_ref().unwrap().promised, Epoch(5));
}

#[tokio::test(start_paused = true)]
async fn without_a_promise_on_disk_nothing_is_done() {
    let machine = replica();
    let member = machine.agent().await;
    machine.done();
    machine.world().break_at = Some("guard:");
    because(carry(&member, fence(Role::Replica)).await);
    assert_eq!(machine.done(), [""; 0]);
    let held = member.guard().unwrap().promised;
    assert_eq!(held, Epoch(4), "what is not on disk was not promised");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_only_tries_is_stopped_too() {
    let machine = replica();
    machine.mysqld(|mysqld| mysqld.channel.as_mut().unwrap().receiver = "CONNECTING");
    let member = machine.agent().await;
    carry(&member, fence(Role::Replica)).await;
    let receiver = machine.mysqld(|mysqld| mysqld.channel.as_ref().unwrap().receiver);
    assert_eq!(receiver, "OFF");
}

#[tokio::test(start_paused = true)]
async fn a_member_without_data_or_mysqld_promises_without_a_word_to_mysqld() {
    let unused = Machine::new(None);
    let member = unused.agent().await;
    assert_eq!(carry(&member, fence(Role::Replica)).await, Answer::Accepted);
    let line = "guard: promised 5 epoch 4 \"replica\" opened - Initialising";
    assert_eq!(unused.done(), [line]);

    let stopped = Machine::new(Some(guard(Role::Replica)));
    let member = stopped.agent().await;
    assert_eq!(carry(&member, fence(Role::Replica)).await, Answer::Accepted);
    let line = "guard: promised 5 epoch 4 \"replica\" opened - Holding";
    assert_eq!(stopped.done(), [line]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_at_long_work_promises_at_once_and_the_work_keeps_the_promise() {
    let machine = Machine::new(Some(guard(Role::Replica)));
    let member = machine.agent().await;
    machine.mysqld(|mysqld| mysqld.hangs = true);
    let start = Command::Start {
        on_empty_volume: OnEmptyVolume::Refuse,
        history: None,
    };
    let answer = carry(&member, order(4, Role::Replica, start)).await;
    assert_eq!(answer, Answer::Accepted);
    settle_down().await;
    assert_eq!(member.phase(), Phase::Starting);
    let begun = member.host.now();
    assert_eq!(carry(&member, fence(Role::Replica)).await, Answer::Accepted);
    assert_eq!(member.host.now(), begun, "it did not wait");
    machine.mysqld(|mysqld| mysqld.hangs = false);
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    assert_eq!(member.phase(), Phase::Running);
    assert_eq!(machine.world().guard.as_ref().unwrap().promised, Epoch(5));
}

#[tokio::test(start_paused = true)]
async fn a_promise_waits_a_second_for_an_order_under_way_and_then_says_busy() {
    let machine = replica();
    let member = machine.agent().await;
    let hands = member.take_hands().unwrap();
    let begun = member.host.now();
    let answer = carry(&member, fence(Role::Replica)).await;
    assert!(matches!(answer, Answer::Busy { .. }), "{answer:?}");
    let waited = member.host.now().saturating_sub(begun);
    assert_eq!(waited, std::time::Duration::from_secs(1));
    assert_eq!(member.guard().unwrap().promised, Epoch(4));
    drop(hands);
    assert_eq!(carry(&member, fence(Role::Replica)).await, Answer::Accepted);
}

#[tokio::test(start_paused = true)]
async fn a_primary_is_closed_first_and_promises_then() {
    let machine = open_primary();
    let member = machine.agent().await;
    machine.done();
    assert_eq!(carry(&member, fence(Role::Primary)).await, Answer::Accepted);
    let done = machine.done();
    let at = |what: &str| done.iter().position(|line| line.contains(what)).unwrap();
    assert!(at("stop writes") < at("promised 5"), "{done:?}");
    assert!(at("put clients out") < at("promised 5"), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_is_held_up_stays_as_it_was_and_says_why() {
    let machine = open_primary();
    let member = machine.agent().await;
    machine.done();
    machine.mysqld(|mysqld| mysqld.locked = true);
    let why = because(carry(&member, fence(Role::Primary)).await);
    assert!(why.contains("LOCK TABLES"), "{why}");
    assert_eq!(
        machine.done(),
        [""; 0],
        "neither server nor guard was touched"
    );
    let fault = |member: &Member<Machine>| member.shared.read(|state| state.fault.clone());
    assert_eq!(fault(&member).unwrap().code, FaultCode::CloseHeldUp);
    assert!(member.shared.read(crate::state::State::may_be_open));

    machine.mysqld(|mysqld| mysqld.locked = false);
    assert_eq!(carry(&member, fence(Role::Primary)).await, Answer::Accepted);
    assert_eq!(fault(&member), None);
}

#[tokio::test(start_paused = true)]
async fn a_member_is_marked_as_open_on_disk_before_it_takes_writes() {
    let machine = Machine::running(guard(Role::Primary));
    let member = machine.agent().await;
    machine.done();
    let open = order(4, Role::Primary, Command::Open { acks: 1 });
    assert_eq!(carry(&member, open).await, Answer::Accepted);
    let done = machine.done();
    let at = |what: &str| done.iter().position(|line| line.contains(what)).unwrap();
    assert!(at("opened 4") < at("take writes"), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_opened_while_the_next_decision_is_prepared_or_by_a_replica() {
    let member = Machine::running(guard(Role::Primary)).agent().await;
    let open = Command::Open { acks: 1 };
    let early = Order {
        promise: Epoch(5),
        ..order(4, Role::Primary, open.clone())
    };
    let why = because(carry(&member, early).await);
    assert!(why.contains("being prepared"), "{why}");
    because(carry(&member, order(5, Role::Replica, open)).await);
    assert_eq!(member.guard().unwrap().promised, Epoch(4));
}

#[tokio::test(start_paused = true)]
async fn a_former_primary_forgets_on_disk_that_it_was_open_before_its_receiver_starts() {
    let machine = Machine::running(opened());
    let member = machine.agent().await;
    machine.done();
    assert_eq!(carry(&member, follow(5)).await, Answer::Accepted);
    let done = machine.done();
    let at = |what: &str| done.iter().position(|line| line.contains(what)).unwrap();
    assert!(
        at("\"replica\" opened 4 Holding") < at("\"replica\" opened - Holding"),
        "the promise comes before: {done:?}"
    );
    assert!(at("opened - ") < at("start the receiver"), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn a_former_primary_does_not_follow_while_it_is_open_or_commits_wait() {
    let machine = open_primary();
    let member = machine.agent().await;
    because(carry(&member, follow(5)).await);
    machine.mysqld(|mysqld| {
        mysqld.super_read_only = true;
        mysqld.waiting = 2;
    });
    let why = because(carry(&member, follow(5)).await);
    assert!(why.contains("2 commits wait"), "{why}");
    let kept = member.guard().unwrap().opened;
    assert_eq!(kept, Some(Epoch(4)), "its log may still be cut");
    machine.mysqld(|mysqld| mysqld.waiting = 0);
    assert_eq!(carry(&member, follow(5)).await, Answer::Accepted);
}

#[tokio::test(start_paused = true)]
async fn retiring_kills_and_is_no_fault_even_when_mysqld_hangs() {
    for role in [Role::Replica, Role::Primary] {
        retired(role).await;
    }
}

async fn retired(role: Role) {
    let machine = open_primary();
    let member = machine.agent().await;
    tokio::spawn(crate::exits::run(Arc::clone(&member)));
    settle_down().await;
    machine.mysqld(|mysqld| mysqld.hangs = true);
    let retire = || order(5, role, Command::Retire);
    let begun = member.host.now();
    assert_eq!(carry(&member, retire()).await, Answer::Accepted);
    let took = member.host.now().saturating_sub(begun);
    assert!(took < std::time::Duration::from_millis(1100), "{took:?}");
    settle_down().await;
    assert_eq!(member.phase(), Phase::AtGate);
    assert_eq!(member.shared.read(|state| state.fault.clone()), None);
    assert!(machine.done().contains(&"signal Kill".to_owned()));
    assert_eq!(carry(&member, retire()).await, Answer::Accepted);
}

#[tokio::test(start_paused = true)]
async fn data_is_given_up_on_disk_after_the_evidence_is_kept_and_before_anything_is_removed() {
    let machine = Machine::running(opened());
    let member = machine.agent().await;
    machine.done();
    assert_eq!(carry(&member, discard()).await, Answer::Accepted);
    let done = machine.done();
    assert_eq!(
        done,
        [
            "guard: promised 5 epoch 5 \"replica\" opened 4 Holding",
            "signal Kill",
            "keep the logs of first",
            "guard: promised 5 epoch 5 \"replica\" opened - Initialising",
        ]
    );
    let guard = member.guard().unwrap();
    assert_ne!(guard.incarnation, "first");
    assert!(machine.world().has_data, "the next start removes it");
    assert_eq!(member.report().await.evidence.len(), 1);
    assert_eq!(carry(&member, discard()).await, Answer::Accepted);
    assert_eq!(
        machine.done(),
        [""; 0],
        "asked again there is nothing to do"
    );
}

#[tokio::test(start_paused = true)]
async fn a_discard_that_is_cut_leaves_all_or_nothing_of_the_data_trusted() {
    for part in ["signal", "keep the logs", "Initialising"] {
        let machine = Machine::running(guard(Role::Replica));
        let member = machine.agent().await;
        machine.world().break_at = Some(part);
        because(carry(&member, discard()).await);
        let left = machine.world().guard.clone().unwrap();
        assert_eq!(left.data, DataState::Holding, "{part}");
        let again = machine.agent().await;
        assert_eq!(carry(&again, discard()).await, Answer::Accepted);
        assert_eq!(machine.world().evidence.len(), 1, "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn orders_for_mysqld_are_refused_without_one_and_change_nothing_but_the_promise() {
    let machine = Machine::new(Some(guard(Role::Primary)));
    let member = machine.agent().await;
    let open = order(5, Role::Primary, Command::Open { acks: 1 });
    let why = because(carry(&member, open).await);
    assert_eq!(why, "mysqld does not run");
    assert_eq!(member.guard().unwrap().opened, None);
    assert_eq!(member.shared.read(|state| state.fault.clone()), None);
}

#[tokio::test(start_paused = true)]
async fn an_order_for_another_member_or_an_older_membership_is_not_carried_out() {
    let member = replica().agent().await;
    let other = Order {
        member: moco_model::MemberId(2),
        ..follow(9)
    };
    assert_eq!(carry(&member, other).await, Answer::NotMine);
    let other = Order {
        cluster: moco_model::ClusterUid("v".into()),
        ..follow(9)
    };
    assert_eq!(carry(&member, other).await, Answer::NotMine);
    let older = Order {
        membership: Membership {
            version: 0,
            ..Membership::first(3)
        },
        ..follow(4)
    };
    assert!(because(carry(&member, older).await).contains("version 0"));
}

#[tokio::test(start_paused = true)]
async fn a_watermark_is_what_was_last_seen_to_be_held() {
    let machine = replica();
    machine.mysqld(|mysqld| {
        mysqld.executed = gtids("1-5");
        mysqld.channel.as_mut().unwrap().received = gtids("5-9");
    });
    let member = machine.agent().await;
    carry(&member, fence(Role::Replica)).await;
    let watermark = machine.world().guard.clone().unwrap().watermark;
    assert_eq!(watermark, gtids("1-9"));
}
