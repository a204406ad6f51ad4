//! Small worlds, and what is decided in them.

mod failover;
mod faults;
mod members;
mod switchover;
mod tables;
mod world;

use moco_model::Command;
use world::World;

use crate::{Plan, Step};

#[test]
fn a_fresh_cluster_of_three_becomes_healthy_without_a_clone() {
    let mut world = World::fresh(3);
    let log = world.run_until_healthy(60);
    assert!(!log.iter().any(|line| line.contains("clone")), "{log:#?}");
    let primary = world.server(0);
    assert!(
        primary.writable && primary.semi_sync.wait_for == 1 && primary.semi_sync.source_enabled
    );
    assert!(!world.server(1).writable && !world.server(2).writable);
}

#[test]
fn growing_from_one_to_three_clones_and_counts_newcomers_only_when_they_acknowledge() {
    let mut world = World::fresh(1);
    world.run_until_healthy(60);
    world.commit(100);
    world.want(3);
    let log = world.run_until_healthy(80);
    assert_eq!(
        log.iter()
            .filter(|line| line.contains("clone from"))
            .count(),
        2,
        "{log:#?}"
    );
    let position = |text: &str| {
        log.iter()
            .position(|line| line.contains(text))
            .unwrap_or_else(|| panic!("{text}: {log:#?}"))
    };
    assert!(position("without acknowledging") < position("membership version 2"));
    assert!(position("membership version 2") < position("and acknowledge"));
    assert!(position("and acknowledge") < position("wait for 1 acknowledgements"));
    assert!(position("wait for 1 acknowledgements") < position("membership version 3"));
}

#[test]
fn a_primary_that_nobody_can_replace_gets_a_new_epoch_and_opens_only_behind_the_barrier() {
    let mut world = World::fresh(3);
    world.run_until_healthy(60);
    world.commit(10);
    world.crash(1);
    world.crash(0);
    let log = world.run_until_healthy(60);
    assert!(log[0].contains("record epoch 2"), "{log:#?}");
    assert!(
        log.iter()
            .any(|line| line.contains("tell member 0 in epoch 2: open")),
        "{log:#?}"
    );
    assert!(
        !log.iter().any(|line| line.contains("initialise")),
        "{log:#?}"
    );
}

#[test]
fn a_restarted_replica_is_back_without_a_clone() {
    let mut world = World::fresh(3);
    world.run_until_healthy(60);
    world.commit(10);
    world.crash(2);
    let log = world.run_until_healthy(60);
    assert!(!log.iter().any(|line| line.contains("clone")), "{log:#?}");
}

#[test]
fn a_replica_whose_volume_was_lost_is_cloned_anew() {
    let mut world = World::fresh(3);
    world.run_until_healthy(60);
    world.commit(10);
    world.lose_volume(1);
    let log = world.run_until_healthy(60);
    assert_eq!(
        log.iter()
            .filter(|line| line.contains("clone from member 2"))
            .count(),
        1,
        "{log:#?}"
    );
}

#[test]
fn a_primary_whose_volume_was_lost_is_never_initialised_again() {
    for n in [1, 3] {
        let mut world = World::fresh(n);
        world.run_until_healthy(60);
        world.commit(10);
        for id in 1..n {
            world.member(id).report = world::silent();
        }
        world.lose_volume(0);
        let log = world.run(40);
        assert!(
            !log.iter().any(|line| line.contains("initialise")),
            "{log:#?}"
        );
        assert!(!world.decide().verdict.standing.available);
    }
}

#[test]
fn a_healthy_cluster_has_no_steps_and_the_same_observation_gives_the_same_decision() {
    let mut world = World::fresh(3);
    world.run_until_healthy(60);
    let decision = world.decide();
    assert_eq!(decision.plan.steps, vec![]);
    assert_eq!(decision, world.decide());
    assert_eq!(
        decision.verdict.sentence,
        "primary 0 takes writes and 2 replicas follow it"
    );
}

#[test]
fn every_even_and_odd_size_becomes_healthy_and_grows() {
    for from in 1..=5 {
        for to in from..=6 {
            let mut world = World::fresh(from);
            world.run_until_healthy(60);
            world.commit(5);
            world.want(to);
            world.run_until_healthy(200);
            assert_eq!(world.server(0).semi_sync.wait_for, to / 2, "{from} to {to}");
        }
    }
}

proptest::proptest! {
    /// Whatever crashes and losses of replicas happen between the steps, no plan is refused by the
    /// linter, nobody initialises twice, and the cluster becomes healthy again.
    #[test]
    fn crashes_at_any_step_are_survived(faults in proptest::collection::vec((0_usize..30, 0_u32..3), 0..6)) {
        let mut world = World::fresh(3);
        let mut at = 0;
        for (steps, member) in faults {
            world.run(steps);
            at += steps;
            if at > 12 { world.commit(1); }
            world.crash(member);
        }
        world.run_until_healthy(300);
    }
}

#[test]
fn a_plan_that_the_linter_refuses_is_dropped_and_told() {
    let mut world = World::fresh(3);
    world.run_until_healthy(60);
    let verdict = world.decide().verdict;
    let bad = Plan {
        steps: vec![Step::Send(world.order(1, Command::Open { acks: 1 }))],
    };
    let (told, plan) = crate::checked(verdict, bad, &world.seen);
    assert_eq!(
        (told.code.as_str(), plan.steps.len()),
        (crate::verdict::UNSAFE_PLAN, 0)
    );
    assert!(
        told.sentence.contains("member 1 would be opened"),
        "{}",
        told.sentence
    );
}
