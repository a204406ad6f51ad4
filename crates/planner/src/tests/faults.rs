//! Faults of the catalogue (`docs/faults.md`) that need no more than a small world.

use moco_model::register::BasisKind;
use moco_model::report::{CommitFailure, CommitProbe, Hearing, ThreadState};
use moco_model::{MemberId, Role};

use super::world::{World, silent};
use crate::observation::Ask;

/// Runs one step after the other until another member than `old` is recorded as the primary.
fn until_replaced(world: &mut World, old: u32) {
    for _ in 0..100 {
        if world.primary() != old {
            return;
        }
        world.run(1);
    }
    panic!("nobody took over");
}

#[test]
fn an_agent_that_stands_still_is_no_reason_to_replace_a_primary_that_replicas_hear() {
    let mut world = World::healthy(3);
    world.member(0).report = silent();
    for id in [1, 2] {
        world.report(id).hearing = Some(Hearing {
            member: MemberId(0),
            silent_ms: 60_000,
            refused: false,
        });
    }
    let decision = world.decide();
    assert_eq!(decision.verdict.code, "PrimaryUnreachable");
    assert_eq!(decision.plan.steps, vec![]);
    world.now += 60_000;
    assert_eq!(world.run(10), Vec::<String>::new(), "nor when it lasts");
}

#[test]
fn a_primary_whose_volume_is_full_is_replaced_when_that_lasts() {
    let mut world = World::healthy(3);
    world.report(0).commits = Some(CommitProbe {
        waiting_ms: 0,
        error: Some(CommitFailure::DiskFull),
        ..CommitProbe::default()
    });
    assert_eq!(world.run(60), Vec::<String>::new(), "not yet");
    let verdict = world.decide().verdict;
    assert_eq!(verdict.code, "PrimaryStuck");
    assert!(
        verdict.sentence.contains("its volume is full"),
        "{verdict:?}"
    );
    world.now += 1_100;
    let log = world.run_until_healthy(200);
    assert_ne!(world.primary(), 0, "{log:#?}");
}

#[test]
fn a_winner_that_dies_while_it_applies_the_rest_makes_way_for_another_one() {
    let mut world = World::healthy(5);
    let acknowledged = world.server(0).executed.clone();
    world.write(0, 2); // one replica has received it, two are needed to acknowledge
    let all = world.server(0).executed.clone();
    let channel = world.server(3).replication.as_mut().unwrap();
    channel.received = channel.received.union(&all);
    world.crash(0);
    let log = world.run(100);
    assert_eq!(world.primary(), 0, "member 3 has not applied it: {log:#?}");
    world.crash(3);
    let log = world.run_until_healthy(300);
    assert!([1, 2, 4].contains(&world.primary()), "{log:#?}");
    for id in 0..5 {
        assert!(world.server(id).executed.contains(&acknowledged), "{id}");
    }
}

#[test]
fn a_new_primary_that_dies_before_it_is_open_costs_nothing_that_was_acknowledged() {
    for n in [3, 5] {
        let mut world = World::healthy(n);
        let acknowledged = world.server(0).executed.clone();
        world.write(0, 1);
        world.crash(0);
        until_replaced(&mut world, 0);
        let second = world.primary();
        assert!(!world.server(second).writable);
        world.crash(second);
        let log = world.run_until_healthy(300);
        for id in 0..n {
            let executed = world.server(id).executed.clone();
            assert!(executed.contains(&acknowledged), "{id}: {log:#?}");
        }
    }
}

#[test]
fn a_replica_that_lacks_what_was_purged_is_cloned_anew() {
    let mut world = World::healthy(3);
    world.crash(2);
    world.commit(5);
    let primary = world.server(0);
    primary.purged = primary.executed.clone();
    let log = world.run(1);
    assert_eq!(world.decide().verdict.code, "HistoryPurged", "{log:#?}");
    let log = world.run_until_healthy(60);
    let position = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
    assert!(position("member 2 in epoch 1: give up its data") < position("clone from member 1"));
}

#[test]
fn a_receiver_that_was_stopped_and_a_channel_that_was_dropped_by_hand_are_put_back() {
    let mut world = World::healthy(3);
    let channel = world.server(1).replication.as_mut().unwrap();
    channel.receiver = ThreadState::Off;
    world.server(2).replication = None;
    assert_eq!(world.decide().verdict.code, "ReplicaDetached");
    let log = world.run_until_healthy(10);
    for id in [1, 2] {
        let told = format!("tell member {id} in epoch 1: follow");
        assert!(log.iter().any(|line| line.contains(&told)), "{log:#?}");
    }
}

#[test]
fn labels_that_somebody_edited_are_set_back_and_decide_nothing() {
    let mut world = World::healthy(3);
    let register = world.register().clone();
    world.member(0).label = None;
    world.member(1).label = Some(Role::Primary);
    let log = world.run_until_healthy(10);
    assert_eq!(
        log,
        ["label member 0 as primary", "label member 1 as replica"],
        "clients always have somewhere to go"
    );
    assert_eq!(world.register(), &register);
}

#[test]
fn a_wish_that_came_true_is_taken_back_although_the_controller_died_after_the_decision() {
    let mut world = World::healthy(3);
    let because = "somebody asks".to_owned();
    world.member(1).ask = Some(Ask::Lead { because });
    until_replaced(&mut world, 0); // nothing of the plan but the decision
    world.run_until_healthy(100);
    assert_eq!(world.member(1).ask, None);
    world.crash(1);
    world.run_until_healthy(200);
    assert_ne!(world.primary(), 1, "nobody asks for it any more");
}

#[test]
fn two_who_ask_for_different_primaries_and_a_third_who_shrinks_the_cluster_are_served_in_turn() {
    let mut world = World::healthy(5);
    for id in [1, 2] {
        let because = format!("somebody asks for {id}");
        world.member(id).ask = Some(Ask::Lead { because });
    }
    world.want(3);
    let log = world.run_until_healthy(400);
    let register = world.register().clone();
    assert_eq!(register.membership.members.len(), 3, "{log:#?}");
    let kinds: Vec<_> = register.handovers.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [BasisKind::Switchover, BasisKind::Switchover]);
    assert!(world.primary() != 0 && world.server(world.primary()).writable);
}
