use moco_model::{Epoch, MemberId, Membership};
use moco_wire::Beat;

use super::*;
use crate::testing::{Machine, Mysqld, opened};

async fn open_primary(members: u32) -> (Machine, Arc<Member<Machine>>) {
    let mut guard = opened();
    guard.membership = Some(Membership::first(members));
    let machine = Machine::running(guard);
    machine.mysqld(Mysqld::open);
    machine.world().controller_answers = false;
    let member = machine.agent().await;
    tokio::spawn(crate::watch::run(Arc::clone(&member)));
    tokio::spawn(run(Arc::clone(&member)));
    (machine, member)
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

fn offline(machine: &Machine) -> bool {
    machine.mysqld(|mysqld| mysqld.offline)
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_hears_nobody_for_5_s_puts_its_clients_out_and_shows_it() {
    let (machine, member) = open_primary(3).await;
    seconds(4).await;
    assert!(!offline(&machine));
    seconds(3).await;
    assert!(offline(&machine));
    let server = member.report().await.server.unwrap();
    assert!(server.offline && server.writable);
    seconds(60).await;
    assert!(offline(&machine), "it waits for orders");
}

#[tokio::test(start_paused = true)]
async fn enough_followers_or_a_controller_keep_it_open() {
    let follows = Beat {
        epoch: Epoch(4),
        follows: true,
    };
    let (with_follower, member) = open_primary(3).await;
    for _ in 0..20 {
        member.beat(MemberId(2), &follows);
        seconds(1).await;
    }
    assert!(!offline(&with_follower));

    let (with_controller, member) = open_primary(3).await;
    for _ in 0..20 {
        member.controller_called();
        seconds(1).await;
    }
    assert!(!offline(&with_controller));

    let (too_few, member) = open_primary(5).await;
    for _ in 0..20 {
        member.beat(MemberId(2), &follows);
        seconds(1).await;
    }
    assert!(offline(&too_few), "two of four must be heard");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_calls_and_does_not_follow_is_no_follower() {
    let (machine, member) = open_primary(3).await;
    let beat = Beat {
        epoch: Epoch(4),
        follows: false,
    };
    for _ in 0..10 {
        member.beat(MemberId(2), &beat);
        seconds(1).await;
    }
    assert!(offline(&machine));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_of_one_needs_nobody() {
    let (machine, _member) = open_primary(1).await;
    seconds(60).await;
    assert!(!offline(&machine));
}
