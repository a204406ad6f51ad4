use moco_model::{Epoch, MemberReport};

use super::*;
use crate::testing::{Channel, Machine, Mysqld, guard, opened};

fn answer() -> BeatAnswer {
    BeatAnswer {
        member: MemberId(0),
        epoch: Epoch(4),
        role: Some(Role::Primary),
        mysqld_runs: true,
        open: true,
    }
}

/// A replica that follows member 0, whose agent looks and asks.
async fn replica() -> (Machine, Arc<Member<Machine>>) {
    let machine = Machine::running(guard(Role::Replica));
    machine.world().peer = Ok(answer());
    let host = "moco-orders-0.moco-orders.shop.svc";
    machine.mysqld(|mysqld| mysqld.channel = Some(Channel::to(host)));
    let member = machine.agent().await;
    tokio::spawn(crate::watch::run(Arc::clone(&member)));
    tokio::spawn(crate::notify::run(Arc::clone(&member)));
    tokio::spawn(run(Arc::clone(&member)));
    (machine, member)
}

async fn after(milliseconds: u64, member: &Arc<Member<Machine>>) -> MemberReport {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    member.report().await
}

#[tokio::test(start_paused = true)]
async fn a_replica_asks_the_member_that_it_follows_4_times_a_second() {
    let (machine, member) = replica().await;
    let hearing = after(10_000, &member).await.hearing.unwrap();
    assert_eq!((hearing.member, hearing.refused), (MemberId(0), false));
    assert!(hearing.silent_ms <= 250, "{}", hearing.silent_ms);
    let asked = machine.world().beaten.len();
    assert!((39..=42).contains(&asked), "{asked} in 10 s");
}

#[tokio::test(start_paused = true)]
async fn silence_is_measured_and_a_refusal_is_told_at_once() {
    let (machine, member) = replica().await;
    after(1_000, &member).await;
    machine.world().peer = Err(Unheard::Silent);
    let hearing = after(3_000, &member).await.hearing.unwrap();
    assert!((2_700..=3_300).contains(&hearing.silent_ms), "{hearing:?}");
    assert!(!hearing.refused);

    let told = machine.world().notices.len();
    machine.world().peer = Err(Unheard::Refused);
    tokio::time::sleep(Duration::from_millis(1_260)).await;
    let notices = machine.world().notices.split_off(told);
    let refused = |notice: &moco_wire::Notice| {
        let hearing = notice.report.hearing.as_ref();
        hearing.is_some_and(|hearing| hearing.refused)
    };
    assert!(notices.iter().any(refused), "the controller was told");

    machine.world().peer = Err(Unheard::Silent);
    let hearing = after(5_000, &member).await.hearing.unwrap();
    assert!(hearing.refused, "silence does not take it back");
    machine.world().peer = Ok(answer());
    let hearing = after(2_000, &member).await.hearing.unwrap();
    assert!(!hearing.refused && hearing.silent_ms <= 250);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_changes_is_woken_by_a_refusal_and_not_by_each_answer() {
    let machine = Machine::running(guard(Role::Replica));
    let host = "moco-orders-0.moco-orders.shop.svc";
    machine.mysqld(|mysqld| mysqld.channel = Some(Channel::to(host)));
    let member = machine.agent().await;
    let mut changes = member.shared.changes();
    let mut woken = async |peer| {
        machine.world().peer = peer;
        changes.borrow_and_update();
        ask(&member).await;
        changes.has_changed().unwrap()
    };
    assert!(!woken(Ok(answer())).await);
    assert!(woken(Err(Unheard::Refused)).await);
    assert!(!woken(Err(Unheard::Refused)).await);
    assert!(woken(Ok(answer())).await);
    assert!(!woken(Ok(answer())).await);
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_and_a_silent_source_together_are_told() {
    let (machine, member) = replica().await;
    after(1_000, &member).await;
    machine.world().peer = Err(Unheard::Silent);
    after(3_000, &member).await;
    let told = machine.world().notices.len();
    machine.mysqld(|mysqld| mysqld.channel.as_mut().unwrap().heard_ms_ago = 1_500);
    after(500, &member).await;
    assert!(machine.world().notices.len() > told);
}

#[tokio::test(start_paused = true)]
async fn a_primary_asks_nobody_and_answers_what_it_is() {
    let machine = Machine::running(opened());
    machine.mysqld(Mysqld::open);
    let member = machine.agent().await;
    ask(&member).await;
    assert_eq!(machine.world().beaten, []);
    assert_eq!(member.report().await.hearing, None);
    let beat = Beat {
        epoch: Epoch(4),
        follows: true,
    };
    let own = BeatAnswer {
        member: MemberId(1),
        ..answer()
    };
    assert_eq!(member.beat(MemberId(2), &beat), own);
    machine.end_mysqld();
    let own = member.beat(MemberId(2), &beat);
    assert!(!own.mysqld_runs && !own.open);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_promised_or_receives_nothing_says_that_it_follows_nobody() {
    let (machine, member) = replica().await;
    let cluster = member.settings.cluster.clone();
    let follows = || {
        let asked = member.shared.read(|state| question(state, &cluster));
        asked.unwrap().2.follows
    };
    assert!(follows());
    machine.mysqld(|mysqld| mysqld.channel.as_mut().unwrap().receiver = "OFF");
    after(300, &member).await;
    assert!(!follows());
    machine.mysqld(|mysqld| mysqld.channel.as_mut().unwrap().receiver = "CONNECTING");
    after(300, &member).await;
    assert!(follows());
    let promise = member.amend(|guard| guard.promised = Epoch(5));
    promise.await.unwrap();
    assert!(!follows());
}
