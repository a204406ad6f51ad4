//! The primary is asked to go.

use moco_model::register::BasisKind;
use moco_model::report::{Fault, FaultCode, ThreadState};
use moco_model::{Epoch, MemberId};

use super::world::World;
use crate::Step;
use crate::observation::Ask;

fn asked(because: &str) -> Ask {
    let because = because.to_owned();
    Ask::Leave { because }
}

/// A cluster whose primary was asked to go, and was just closed for that; with the target.
fn closed() -> (World, MemberId) {
    let mut world = World::healthy(3);
    world.member(0).ask = Some(asked("somebody asks"));
    world.run_until("the primary is closed", |world| !world.server(0).writable);
    let to = world.register().switchover.as_ref().unwrap().to;
    (world, to)
}

#[test]
fn a_primary_that_is_asked_to_leave_hands_over_without_a_restart() {
    for n in [2, 3, 4, 5] {
        let mut world = World::healthy(n);
        world.member(0).ask = Some(asked("somebody asks"));
        let log = world.run(200);
        assert_ne!(world.primary(), 0, "{log:#?}");
        assert!(!log.iter().any(|line| line.contains("start")), "{log:#?}");
        assert_eq!(world.register().basis.kind, BasisKind::Switchover);
        let chained = log
            .iter()
            .take_while(|line| !line.contains("promising"))
            .count()
            - 1;
        assert_eq!(chained, usize::try_from(n - 1 - n / 2).unwrap(), "{log:#?}");
        world.member(0).ask = None;
        world.run_until_healthy(100);
    }
}

#[test]
fn the_member_that_is_asked_to_lead_leads() {
    let mut world = World::healthy(3);
    let because = "somebody asks".to_owned();
    world.member(2).ask = Some(Ask::Lead { because });
    world.run(200);
    assert_eq!(world.primary(), 2);
}

#[test]
fn a_follower_that_was_chained_and_lost_its_source_is_not_joined_by_another_one() {
    let mut world = World::healthy(4);
    let because = "somebody asks".to_owned();
    world.member(1).ask = Some(Ask::Lead { because });
    world.run(2); // recorded, and one is chained
    let target = world.member(1).endpoint.clone();
    assert!(world.member(2).points_at(&target));
    let channel = world.server(2).replication.as_mut().unwrap();
    (channel.receiver, channel.lag_ms) = (ThreadState::Off, 900);
    let plan = world.decide().plan;
    assert!(
        matches!(plan.steps.as_slice(), [Step::Send(order)] if order.member == MemberId(2)),
        "{plan:?}"
    );
    world.run_until_healthy(200);
    assert_eq!(world.primary(), 1);
}

#[test]
fn a_switchover_waits_for_a_target_and_is_given_up_in_time_with_the_primary_open() {
    let mut world = World::healthy(3);
    for id in [1, 2] {
        world.server(id).replication.as_mut().unwrap().lag_ms = 5_000;
    }
    world.member(0).ask = Some(asked("somebody asks"));
    assert_eq!(world.run(10), Vec::<String>::new());
    let sentence = world.decide().verdict.sentence;
    assert!(
        sentence.contains("it waits: member 1 lags 5000 ms behind"),
        "{sentence}"
    );

    let mut world = World::healthy(3);
    world.member(0).ask = Some(asked("somebody asks"));
    world.run(1); // recorded
    world.server(1).replication.as_mut().unwrap().lag_ms = 5_000;
    assert_eq!(world.run(10), Vec::<String>::new());
    world.now += 40_000;
    let log = world.run(1);
    assert!(world.register().switchover.is_none(), "{log:#?}");
    assert!(
        world.register().basis.because.contains("lags 5000 ms"),
        "{log:#?}"
    );
    assert!(world.server(0).writable && world.epoch() == Epoch(1));
}

#[test]
fn the_primary_goes_on_while_who_shall_acknowledge_its_successor_is_far_behind_and_not_for_ever() {
    let mut world = World::healthy(3);
    let because = "somebody asks".to_owned();
    world.member(1).ask = Some(Ask::Lead { because });
    world.run(1); // recorded
    world.write(0, 51);
    world.server(1).executed = world.server(0).executed.clone();
    let waits = world.decide();
    assert!(waits.plan.steps.is_empty(), "{:?}", waits.plan);
    assert!(waits.wake_at - world.now <= 10, "{:?}", waits.verdict);
    let chain = |world: &World| {
        let plan = world.decide().plan;
        matches!(plan.steps.as_slice(), [Step::Send(order)] if order.member == MemberId(2))
    };
    world.now += 3_000;
    assert!(chain(&world), "long enough");
    world.now -= 2_000;
    let mut near = world.server(1).executed.clone();
    near = near.subtract(
        &format!("{}:1", world.server(0).server_uuid)
            .parse()
            .unwrap(),
    );
    world.server(2).executed = near;
    assert!(chain(&world), "one is not far");
}

#[test]
fn what_holds_the_primary_up_is_told() {
    let mut world = World::healthy(3);
    world.member(0).ask = Some(asked("somebody asks"));
    world.run(1);
    world.report(0).fault = Some(Fault {
        code: FaultCode::CloseHeldUp,
        sentence: "a statement runs for 20 s".into(),
    });
    let sentence = world.decide().verdict.sentence;
    assert!(sentence.contains("a statement runs for 20 s"), "{sentence}");
}

#[test]
fn a_primary_that_was_closed_for_nothing_opens_again_in_a_new_epoch() {
    let (mut world, to) = closed();
    world.vanish(to.0);
    let other = 3 - to.0;
    world.vanish(other);
    let log = world.run(60);
    assert_eq!((world.primary(), world.epoch()), (0, Epoch(2)), "{log:#?}");
    let basis = &world.register().basis;
    assert_eq!(basis.kind, BasisKind::Resumed);
    let said = format!("given up: member {to} did not answer");
    assert!(basis.because.contains(&said), "{}", basis.because);
}

#[test]
fn a_target_that_does_not_apply_everything_in_time_is_named_and_the_same_primary_goes_on() {
    let (mut world, to) = closed();
    world.write(0, 1);
    assert_eq!(world.decide().plan.steps, vec![], "there is time left");
    world.now += 40_000;
    let log = world.run(3);
    assert_eq!((world.primary(), world.epoch()), (0, Epoch(2)), "{log:#?}");
    assert!(world.server(0).writable, "{log:#?}");
    let because = &world.register().basis.because;
    let said = format!("given up: member {to} did not apply everything");
    assert!(because.contains(&said), "{because}");
}

#[test]
fn a_primary_that_dies_while_it_is_handed_over_is_a_failover() {
    let (mut world, _) = closed();
    world.crash(0);
    world.member(0).ask = None;
    let log = world.run_until_healthy(200);
    assert_eq!(world.register().basis.kind, BasisKind::Failover, "{log:#?}");
}
