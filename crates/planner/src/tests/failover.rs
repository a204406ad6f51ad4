//! The primary is lost.

use moco_model::register::BasisKind;
use moco_model::report::{CommitProbe, Hearing};
use moco_model::{Epoch, GtidSet, MemberId, Role};

use super::world::{World, silent};
use crate::check::{Refusal, check};
use crate::observation::{Ask, Member};
use crate::plan::Expect;
use crate::{Plan, Step};

fn deaf(world: &mut World, ids: &[u32]) {
    for id in ids {
        world.report(*id).hearing = Some(Hearing {
            member: MemberId(0),
            silent_ms: 2_000,
            refused: false,
        });
    }
}

#[test]
fn when_mysqld_of_the_primary_ends_another_member_takes_over_and_it_comes_back_without_a_clone() {
    for n in [3, 4, 5, 7] {
        let mut world = World::healthy(n);
        world.write(0, 2); // written, and acknowledged by nobody
        world.crash(0);
        let log = world.run_until_healthy(200);
        assert_ne!(world.primary(), 0, "{log:#?}");
        assert!(!log.iter().any(|line| line.contains("clone")), "{log:#?}");
        let register = world.register().clone();
        assert_eq!(register.basis.kind, BasisKind::Failover);
        let handover = register.handovers.last().unwrap();
        assert!(handover.opened_at.is_some(), "{handover:?}");
        assert_eq!(handover.from, MemberId(0));
        let promises = handover.promised.len();
        assert!(
            promises >= usize::try_from(n - n / 2).unwrap(),
            "{handover:?}"
        );
        let position = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
        assert!(position("promising 2") < position("record epoch 2"));
        assert!(position("record epoch 2") < position("become primary"));
        assert!(position("become primary") < position("open for writing"));
        assert!(position("become primary") < position("never acknowledged"));
    }
}

#[test]
fn clients_are_led_to_the_new_primary_before_they_are_led_away_from_the_old_one() {
    let mut world = World::healthy(3);
    world.member(1).ask = Some(Ask::Lead {
        because: "a test".into(),
    });
    let log = world.run_until_healthy(200);
    let position = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
    let [to, from] = ["label member 1 as primary", "label member 0 as replica"].map(position);
    assert!(to < from, "{log:#?}");
}

#[test]
fn while_nobody_can_write_no_pass_waits_for_a_former_primary_unless_it_is_needed() {
    let mut world = World::healthy(3);
    world.server(0).writable = false;
    world.server(2).semi_sync.source_enabled = true;
    world.server(2).replication = None;
    let steps = |world: &World| -> Vec<_> {
        let plan = world.decide().plan;
        plan.steps.iter().map(ToString::to_string).collect()
    };
    world.server(1).replication = None;
    assert_eq!(
        steps(&world),
        ["tell member 1 in epoch 1: follow member 0 and acknowledge"]
    );
    let gone = world.vanish(1);
    assert_eq!(
        steps(&world),
        ["tell member 2 in epoch 1: follow member 0 and acknowledge"]
    );
    *world.member(1) = gone;
    world.server(0).writable = true;
    assert_eq!(steps(&world).len(), 2, "nobody waits for either");
}

#[test]
fn a_replica_that_is_milliseconds_behind_a_closed_primary_is_waited_for_and_for_a_second_at_most() {
    let mut world = World::healthy(3);
    world.write(0, 1);
    world.server(0).writable = false;
    world.server(2).semi_sync.source_enabled = true;
    world.server(2).replication = None;
    let first = world.decide();
    world.memory = first.memory;
    assert!(first.plan.steps.is_empty(), "{:?}", first.plan);
    assert!(first.wake_at - world.now <= 10);
    world.now += 1_000;
    let follow = "tell member 2 in epoch 1: follow member 0 and acknowledge";
    let later = world.decide().plan.steps;
    assert_eq!(later.first().map(ToString::to_string).unwrap(), follow);
    world.now -= 500;
    world.server(1).executed = world.server(0).executed.clone();
    let open = world.decide().plan.steps;
    let open: Vec<_> = open.iter().map(ToString::to_string).collect();
    assert!(open.iter().any(|step| step.contains("open")), "{open:?}");
}

#[test]
fn the_winner_holds_everything_that_the_others_hold_and_applies_it_first() {
    let mut world = World::healthy(3);
    world.write(0, 3);
    let set = world.server(0).executed.clone();
    let channel = world.server(2).replication.as_mut().unwrap();
    channel.received = channel.received.union(&set); // received, not executed
    world.crash(0);
    let log = world.run(200);
    assert!(
        !log.iter().any(|line| line.contains("record epoch 2")),
        "{log:#?}"
    );
    world.server(2).executed = set.clone();
    world.run_until_healthy(200);
    assert_eq!(world.primary(), 2);
    assert!(world.server(1).executed.contains(&set));
}

#[test]
fn the_promise_of_a_member_that_does_not_count_is_not_enough() {
    let mut world = World::healthy(3);
    world.guard(1).incarnation = "another".into();
    world.crash(0);
    let decision = world.decide();
    assert_eq!(decision.verdict.code, "PrimaryEnded");
    assert!(
        decision
            .verdict
            .sentence
            .contains("member 1 was not seen to hold everything"),
        "{}",
        decision.verdict.sentence
    );
    let log = world.run_until_healthy(200);
    assert_eq!(world.primary(), 0, "{log:#?}");
    assert!(world.register().counted.contains_key(&MemberId(1)));
}

#[test]
fn silence_is_acted_upon_only_when_enough_replicas_share_it() {
    let mut world = World::healthy(3);
    world.member(0).report = silent();
    world.report(1).hearing = Some(Hearing {
        member: MemberId(0),
        silent_ms: 100,
        refused: false,
    });
    deaf(&mut world, &[2]);
    let decision = world.decide();
    assert_eq!(decision.verdict.code, "PrimaryUnreachable");
    assert_eq!(decision.plan.steps, vec![], "one replica still hears it");

    world.vanish(0);
    deaf(&mut world, &[1]);
    let log = world.run(60);
    assert!(world.primary() != 0, "{log:#?}");
    let open = world.primary();
    assert!(world.server(open).writable, "{log:#?}");
}

#[test]
fn a_promise_that_is_not_needed_lets_the_same_primary_go_on() {
    let mut world = World::healthy(3);
    let gone = world.vanish(0);
    deaf(&mut world, &[1, 2]);
    let log = world.run(1);
    assert!(log[0].contains("promising 2"), "{log:#?}");
    *world.member(0) = gone; // it was only slow
    let log = world.run_until_healthy(60);
    assert_eq!((world.primary(), world.epoch()), (0, Epoch(2)), "{log:#?}");
    assert_eq!(world.register().basis.kind, BasisKind::Resumed);
}

#[test]
fn guesses_that_follow_each_other_are_held_up_and_facts_are_not() {
    let mut world = World::healthy(3);
    let gone = world.vanish(0);
    deaf(&mut world, &[1, 2]);
    world.run(60);
    let first = world.primary();
    *world.member(0) = gone;
    world.run_until_healthy(200);
    world.vanish(first);
    for id in [0, 1, 2].into_iter().filter(|id| *id != first) {
        world.report(id).hearing = None;
    }
    assert_eq!(world.run(60), Vec::<String>::new(), "held up");
    world.now += 11_000;
    world.run(60);
    assert_ne!(world.primary(), first);

    let mut world = World::healthy(3);
    for _ in 0..4 {
        let primary = world.primary();
        world.crash(primary);
        world.run_until_healthy(200);
        assert_ne!(world.primary(), primary);
    }
}

#[test]
fn a_stuck_primary_is_replaced_when_it_lasts_and_ended_afterwards() {
    let mut world = World::healthy(3);
    world.report(0).commits = Some(CommitProbe {
        waiting_ms: 1_600,
        error: None,
        ..CommitProbe::default()
    });
    assert_eq!(world.run(60), Vec::<String>::new(), "not yet");
    world.now += 1_100;
    let log = world.run_until_healthy(200);
    assert_ne!(world.primary(), 0, "{log:#?}");
    assert!(
        log.iter()
            .any(|line| line.contains("tell member 0 in epoch 2: put clients out"))
    );
}

#[test]
fn a_member_that_does_not_count_takes_over_when_only_it_holds_everything_in_order() {
    let mut world = World::healthy(5);
    let uuid = world.server(0).server_uuid;
    let history = world.server(0).executed.clone();
    let basis = &mut world.register().basis;
    (basis.writer, basis.must_hold) = (Some(uuid), history);
    world.write(0, 1);
    let written = world.server(0).executed.clone();
    world.crash(0);
    let stray: GtidSet = "99999999-0000-0000-0000-000000000000:1".parse().unwrap();
    world.server(1).executed = written.clone();
    world.server(2).executed = written.union(&stray);
    world.guard(1).incarnation = "another".into();
    let log = world.run(200);
    assert_eq!(world.primary(), 1, "{log:#?}");
    assert!(world.server(1).writable, "{log:#?}");
    let handover = world.register().handovers.last().unwrap().clone();
    assert!(!handover.promised.contains_key(&MemberId(1)), "{log:#?}");
}

#[test]
fn a_loss_that_no_replica_confirms_is_looked_at_again_at_once_and_not_for_ever() {
    let mut world = World::healthy(3);
    world.member(0).report = silent();
    assert_eq!(world.run(60), Vec::<String>::new());
    assert_eq!(world.decide().wake_at, world.now + 100);
    world.now += 2_000;
    assert_eq!(world.decide().wake_at, world.now + 500);
}

/// A cluster of five whose primary died with a write that only member 3 got, and that has another primary since: with
/// which member 3, here as it comes back, had nothing to do.
fn replaced_without_one(second_opens: bool) -> (World, Member, GtidSet) {
    let mut world = World::healthy(5);
    world.commit(2);
    world.write(0, 1);
    let unacknowledged = world.server(0).executed.clone();
    world.crash(0);
    world.server(3).executed = unacknowledged.clone();
    let away = world.vanish(3);
    world.run_until("another primary knows of it", |world| {
        world.primary() != 0
            && world.members()[&MemberId(world.primary())]
                .guard()
                .is_some_and(|guard| guard.role == Some(Role::Primary))
    });
    if second_opens {
        world.run(60);
        world.commit(2);
    }
    (world, away, unacknowledged)
}

#[test]
fn what_a_follower_has_of_a_primary_that_was_replaced_without_it_holds_up_no_failover() {
    let (mut world, away, unacknowledged) = replaced_without_one(true);
    let second = world.primary();
    assert!(second != 0 && world.server(second).writable);

    *world.member(3) = away;
    world.crash(second);
    let (expect, mut register) = loop {
        if let Some(Step::Record { expect, register }) = world.decide().plan.steps.first() {
            break (*expect, register.clone());
        }
        assert_eq!(world.run(1).len(), 1);
    };
    register.primary = MemberId(3);
    register.basis.writer = Some(world.server(3).server_uuid);
    let steps = vec![Step::Record { expect, register }];
    let refused = check(&Plan { steps }, &world.seen);
    assert_eq!(refused, Err(Refusal::OutOfOrder(MemberId(3), 1)));
    let log = world.run(200);
    let third = world.primary();
    assert!(third != second && third != 3, "{log:#?}");
    assert!(world.server(third).writable, "{log:#?}");
    let handover = world.register().handovers.last().unwrap().clone();
    assert!(handover.promised.contains_key(&MemberId(3)), "{log:#?}");
    assert!(
        handover
            .because
            .contains("member 3: it holds 1 transactions that were never acknowledged"),
        "{}",
        handover.because
    );
    assert!(!world.server(third).executed.contains(&unacknowledged));
}

#[test]
fn what_was_never_acknowledged_goes_on_where_the_history_ended() {
    let (mut world, away, unacknowledged) = replaced_without_one(false);
    let second = world.primary();
    *world.member(3) = away;
    world.crash(second);
    // The others lack what the second primary was chosen with.
    for lacking in [1, 2, 4].into_iter().filter(|id| *id != second) {
        let server = world.server(lacking);
        server.executed = "01110000-0000-0000-0000-000000000000:1".parse().unwrap();
        server.replication.as_mut().unwrap().received = GtidSet::new();
    }
    let log = world.run(200);
    assert_eq!(world.primary(), 3, "{log:#?}");
    assert!(world.server(3).writable, "{log:#?}");
    assert!(world.register().basis.must_hold.contains(&unacknowledged));
}

#[test]
fn a_primary_that_stands_still_is_replaced_at_once_and_clients_do_not_wait_for_its_end() {
    let mut world = World::healthy(3);
    world.stand_still(0);
    let log = world.run_until_healthy(200);
    assert_ne!(world.primary(), 0, "{log:#?}");
    let (opened, ended) = opened_and_ended(&log);
    assert!(opened < ended, "{log:#?}");
}

/// When the new primary was opened, and the first one ended.
fn opened_and_ended(log: &[String]) -> (usize, usize) {
    let at = |what: &str| log.iter().position(|line| line.contains(what)).unwrap();
    let ended = at("tell member 0 in epoch 2: put clients out");
    (at("open for writing"), ended)
}

#[test]
fn a_former_primary_that_somebody_may_still_acknowledge_is_ended_first() {
    let mut world = World::healthy(5);
    world.vanish(4);
    world.stand_still(0);
    let log = world.run(200);
    let (opened, ended) = opened_and_ended(&log);
    assert!(ended < opened, "{log:#?}");
}

#[test]
fn a_primary_that_waits_for_replicas_is_not_the_one_to_blame() {
    let mut world = World::healthy(3);
    world.crash(1);
    world.crash(2);
    world.report(0).commits = Some(CommitProbe {
        waiting_ms: 60_000,
        error: None,
        ..CommitProbe::default()
    });
    world.now += 10_000;
    let log = world.run(60);
    assert!(
        !log.iter().any(|line| line.contains("record epoch")),
        "{log:#?}"
    );
}

#[test]
fn without_enough_promises_the_primary_stays_and_the_missing_are_named() {
    let mut world = World::healthy(3);
    world.vanish(0);
    world.vanish(1);
    let log = world.run(60);
    assert_eq!(world.primary(), 0, "{log:#?}");
    let sentence = world.decide().verdict.sentence;
    assert!(
        sentence.contains("member 1 cannot be reached"),
        "{sentence}"
    );
    world.seen.wanted.force = Some(Epoch(1));
    world.run(60);
    let register = world.register().clone();
    assert_eq!(
        (register.primary, register.basis.kind),
        (MemberId(2), BasisKind::Forced)
    );
    assert!(
        register.handovers[0]
            .proof
            .contains("member 0 and member 1 held are lost")
    );
    assert!(world.server(2).writable);
    let mut new = register.clone();
    new.revision += 1;
    new.membership.version += 1;
    new.membership.members.remove(&MemberId(2));
    let plan = Plan {
        steps: vec![Step::Record {
            expect: Expect::of(&register),
            register: new,
        }],
    };
    assert_eq!(
        check(&plan, &world.seen),
        Err(Refusal::WrongMembership),
        "the demand has been met, and allows nothing more"
    );
}

#[test]
fn a_demand_of_another_epoch_forces_nothing() {
    let mut world = World::healthy(3);
    world.vanish(0);
    world.vanish(1);
    world.seen.wanted.force = Some(Epoch(7));
    world.run(60);
    assert_eq!(world.primary(), 0);
}

#[test]
fn a_former_primary_learns_the_history_only_from_a_complete_primary() {
    let mut world = World::healthy(3);
    world.write(0, 1);
    world.crash(0);
    let mut seen_start = false;
    for _ in 0..100 {
        let decision = world.decide();
        for step in &decision.plan.steps {
            if let Step::Send(order) = step
                && order.member == MemberId(0)
            {
                let primary = world.primary();
                assert!(primary != 0 && world.epoch() == Epoch(2));
                seen_start = true;
            }
        }
        if world.run(1).is_empty() {
            break;
        }
    }
    assert!(seen_start);
}
