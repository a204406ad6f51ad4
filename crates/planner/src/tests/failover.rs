//! The primary is lost, or asked to go.

use std::collections::BTreeMap;

use moco_model::guard::DataState;
use moco_model::register::BasisKind;
use moco_model::report::{CommitProbe, Fault, FaultCode, Hearing, ThreadState};
use moco_model::{Command, Epoch, GtidSet, MemberId, Phase, Role};

use super::world::{World, silent};
use crate::check::{Refusal, check};
use crate::observation::{Ask, Mark, Member, Rule};
use crate::plan::Expect;
use crate::{Plan, Step};

fn healthy(n: u32) -> World {
    let mut world = World::fresh(n);
    world.run_until_healthy(100);
    world.commit(7);
    world
}

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
        let mut world = healthy(n);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
fn a_mark_is_kept_until_every_follower_has_reached_it() {
    let mut world = healthy(3);
    world.write(0, 1); // the replicas are behind from now on
    let first = Mark::after(&world.seen);
    world.seen.mark = first.clone();
    world.write(0, 1);
    assert_eq!(Mark::after(&world.seen), first, "nobody has reached it");
    world.replicate();
    world.write(0, 1);
    let second = Mark::after(&world.seen);
    assert_ne!(second, first, "everybody has");
    world.seen.mark = second.clone();
    world.guard(1).incarnation = "another".into();
    let third = Mark::after(&world.seen);
    assert_ne!(third, second, "it says nothing about the new data");
    world.server(0).writable = false;
    assert_eq!(Mark::after(&world.seen), None);
}

#[test]
fn new_members_are_final_only_when_a_commit_has_gone_through_since_it_has_to_wait_for_them() {
    let mut world = healthy(1);
    world.want(3);
    let changing = |world: &World| {
        world
            .seen
            .register
            .as_ref()
            .unwrap()
            .membership
            .old
            .is_some()
    };
    while !(changing(&world) && world.server(0).semi_sync.wait_for == 1) {
        assert_eq!(world.run(1).len(), 1);
    }
    let settled = world.report(0).commits.take();
    world.run(50);
    assert!(changing(&world));
    let before = world.seen.clone();
    world.report(0).commits = settled;
    let plan = world.decide().plan;
    assert!(
        matches!(plan.steps.as_slice(), [Step::Record { .. }]),
        "{plan:?}"
    );
    assert_eq!(check(&plan, &before), Err(Refusal::Unsettled));
    world.run_until_healthy(50);
    assert!(!changing(&world));
}

#[test]
fn a_busy_cluster_grows_although_its_primary_is_always_ahead() {
    let mut world = healthy(3);
    world.want(5);
    let begins = |world: &World, version: &str| {
        let plan = world.decide().plan;
        plan.steps
            .first()
            .is_some_and(|step| step.to_string().contains(version))
    };
    let until = |world: &mut World, version: &str| {
        while !begins(world, version) {
            assert_eq!(world.run(1).len(), 1, "{:?}", world.decide());
        }
    };
    until(&mut world, "membership version 2");
    let earlier = Mark::of(&world.seen);
    world.write(0, 1); // after the replicas were read
    assert!(!begins(&world, "membership version 2"));
    world.seen.mark = earlier;
    assert!(begins(&world, "membership version 2"));

    world.replicate();
    world.seen.mark = None;
    until(&mut world, "membership version 3");
    let earlier = Mark::of(&world.seen).unwrap();
    assert!(!earlier.settled, "nothing was known of the rule before");
    world.write(0, 1);
    world.seen.mark = Some(earlier.clone());
    assert!(!begins(&world, "membership version 3"));
    let settled = Mark {
        settled: true,
        ..earlier
    };
    let other = Rule {
        acks: 1,
        ..settled.rule
    };
    world.seen.mark = Some(Mark {
        rule: other,
        ..settled.clone()
    });
    assert!(!begins(&world, "membership version 3"));
    world.seen.mark = Some(settled);
    assert!(begins(&world, "membership version 3"));
}

#[test]
fn a_member_that_came_back_counts_although_the_busy_primary_is_always_ahead_of_it() {
    let mut world = healthy(3);
    world.guard(1).incarnation = "another".into();
    let register = world.register().clone();
    let mark = Mark::of(&world.seen).unwrap();
    world.write(0, 1); // after the replicas were read
    let decision = world.decide();
    assert_eq!(decision.verdict.code, "BookOutdated");
    assert!(!decision.verdict.standing.healthy, "nobody could take over");
    assert_eq!(decision.plan.steps, vec![], "it lacks a transaction");

    let of_other_data = Mark {
        incarnations: BTreeMap::from([(MemberId(1), "lost".to_owned())]),
        ..mark.clone()
    };
    let of_another_epoch = Mark {
        epoch: Epoch(0),
        ..mark.clone()
    };
    for wrong in [of_other_data, of_another_epoch] {
        world.seen.mark = Some(wrong);
        assert_eq!(world.decide().plan.steps, vec![], "{:?}", world.seen.mark);
    }
    world.seen.mark = Some(mark);
    let plan = world.decide().plan;
    let [Step::Record { register: new, .. }] = plan.steps.as_slice() else {
        panic!("{plan:?}");
    };
    assert_ne!(new.counted, register.counted);
    assert_eq!(new.counted[&MemberId(1)], "another");
    world.seen.mark = None;
    assert_eq!(
        check(&plan, &world.seen),
        Err(Refusal::CountsTooEarly(MemberId(1)))
    );
}

#[test]
fn silence_is_acted_upon_only_when_enough_replicas_share_it() {
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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

    let mut world = healthy(3);
    for _ in 0..4 {
        let primary = world.primary();
        world.crash(primary);
        world.run_until_healthy(200);
        assert_ne!(world.primary(), primary);
    }
}

#[test]
fn a_stuck_primary_is_replaced_when_it_lasts_and_ended_afterwards() {
    let mut world = healthy(3);
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
    let mut world = healthy(5);
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
    let mut world = healthy(3);
    world.member(0).report = silent();
    assert_eq!(world.run(60), Vec::<String>::new());
    assert_eq!(world.decide().wake_at, world.now + 100);
    world.now += 2_000;
    assert_eq!(world.decide().wake_at, world.now + 500);
}

/// A cluster of five whose primary died with a write that only member 3 got, and that has another primary since: with
/// which member 3, here as it comes back, had nothing to do.
fn replaced_without_one(second_opens: bool) -> (World, Member, GtidSet) {
    let mut world = healthy(5);
    world.commit(2);
    world.write(0, 1);
    let unacknowledged = world.server(0).executed.clone();
    world.crash(0);
    world.server(3).executed = unacknowledged.clone();
    let away = world.vanish(3);
    let promoted = |world: &World| {
        world.primary() != 0
            && world.members()[&MemberId(world.primary())]
                .guard()
                .is_some_and(|guard| guard.role == Some(Role::Primary))
    };
    while !promoted(&world) {
        assert_eq!(world.run(1).len(), 1);
    }
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
    let mut world = healthy(3);
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
    let mut world = healthy(5);
    world.vanish(4);
    world.stand_still(0);
    let log = world.run(200);
    let (opened, ended) = opened_and_ended(&log);
    assert!(ended < opened, "{log:#?}");
}

#[test]
fn a_primary_that_waits_for_replicas_is_not_the_one_to_blame() {
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
    world.vanish(0);
    world.vanish(1);
    world.seen.wanted.force = Some(Epoch(7));
    world.run(60);
    assert_eq!(world.primary(), 0);
}

fn asked(because: &str) -> Ask {
    let because = because.to_owned();
    Ask::Leave { because }
}

#[test]
fn a_primary_that_is_asked_to_leave_hands_over_without_a_restart() {
    for n in [2, 3, 4, 5] {
        let mut world = healthy(n);
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
    let mut world = healthy(3);
    let because = "somebody asks".to_owned();
    world.member(2).ask = Some(Ask::Lead { because });
    world.run(200);
    assert_eq!(world.primary(), 2);
}

#[test]
fn a_follower_that_was_chained_and_lost_its_source_is_not_joined_by_another_one() {
    let mut world = healthy(4);
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
    let mut world = healthy(3);
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

    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
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
    let mut world = healthy(3);
    world.member(0).ask = Some(asked("somebody asks"));
    while world.server(0).writable {
        world.run(1);
    }
    let to = world.register().switchover.as_ref().unwrap().to;
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
    let mut world = healthy(3);
    world.member(0).ask = Some(asked("somebody asks"));
    while world.server(0).writable {
        world.run(1);
    }
    let to = world.register().switchover.as_ref().unwrap().to;
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
    let mut world = healthy(3);
    world.member(0).ask = Some(asked("somebody asks"));
    while world.server(0).writable {
        world.run(1);
    }
    world.crash(0);
    world.member(0).ask = None;
    let log = world.run_until_healthy(200);
    assert_eq!(world.register().basis.kind, BasisKind::Failover, "{log:#?}");
}

#[test]
fn a_primary_without_its_volume_is_replaced_and_cloned() {
    let mut world = healthy(3);
    world.lose_volume(0);
    let log = world.run_until_healthy(200);
    assert_ne!(world.primary(), 0, "{log:#?}");
    assert_eq!(world.guard(0).data, DataState::Holding);
}

#[test]
fn members_are_removed_in_order_and_the_primary_hands_over_first() {
    for (from, to) in [(5, 3), (3, 1), (3, 2), (4, 3), (2, 1)] {
        let mut world = healthy(from);
        if from == 5 {
            let because = "x".to_owned();
            world.member(4).ask = Some(Ask::Lead { because });
            world.run(200);
            world.member(4).ask = None;
            world.run_until_healthy(100);
            assert_eq!(world.primary(), 4);
        }
        world.want(to);
        let log = world.run(300);
        let register = world.register().clone();
        assert_eq!(register.membership.members.len(), to as usize, "{log:#?}");
        assert!(register.membership.old.is_none());
        let primary = world.primary();
        assert!(primary < to);
        assert_eq!(world.server(primary).semi_sync.wait_for, to / 2);
    }
}

#[test]
fn a_leaver_that_cannot_be_asked_is_not_removed() {
    let mut world = healthy(5);
    world.want(3);
    world.vanish(4);
    world.run(200);
    assert!(world.register().membership.old.is_some());
}

#[test]
fn a_former_primary_learns_the_history_only_from_a_complete_primary() {
    let mut world = healthy(3);
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

/// The step that ends the primary is the only one that names a clone's hindrance.
fn ends_primary(log: &[String]) -> bool {
    log.iter().any(|line| line.contains("end mysqld"))
}

#[test]
fn a_primary_whose_replicas_all_lost_their_volumes_is_closed_before_it_is_cloned() {
    for members in [2, 3, 5] {
        let mut world = healthy(members);
        world.commit(10);
        for id in 1..members {
            world.lose_volume(id);
        }
        let log = world.run_until_healthy(300);
        assert_eq!(world.primary(), 0, "{log:#?}");
        let at = |text: &str| log.iter().position(|line| line.contains(text)).unwrap();
        assert!(at("end mysqld") < at("clone from member 0"), "{log:#?}");
        assert_eq!(world.register().basis.kind, BasisKind::RestartInPlace);
    }
}

#[test]
fn a_replica_that_may_come_back_is_waited_for_before_the_primary_is_ended() {
    let mut world = healthy(3);
    world.commit(10);
    let away = world.vanish(2);
    world.lose_volume(1);
    assert!(!ends_primary(&world.run(100)));
    world.report(0).commits = Some(CommitProbe {
        waiting_ms: crate::remedies::STARVED_MS - 1,
        error: None,
        ..CommitProbe::default()
    });
    assert!(!ends_primary(&world.run(100)));
    *world.member(2) = away;
    world.report(0).commits = None;
    world.replicate();
    let log = world.run_until_healthy(200);
    assert!(!ends_primary(&log));
    assert!(
        log.iter().any(|line| line.contains("clone from member 2")),
        "{log:#?}"
    );
}

#[test]
fn a_primary_whose_commits_have_waited_for_long_is_ended_for_a_clone() {
    let mut world = healthy(3);
    world.commit(10);
    world.vanish(2);
    world.lose_volume(1);
    world.run(100);
    world.report(0).commits = Some(CommitProbe {
        waiting_ms: crate::remedies::STARVED_MS,
        error: None,
        ..CommitProbe::default()
    });
    let log = world.run(300);
    assert!(ends_primary(&log), "{log:#?}");
    assert!(
        world.server(0).writable,
        "open again behind one replica: {log:#?}"
    );
}

#[test]
fn the_linter_lets_nobody_end_a_primary_that_is_acknowledged_or_clone_from_a_stranger() {
    let mut world = healthy(3);
    world.commit(10);
    let refused =
        |world: &World, step: Step| check(&Plan { steps: vec![step] }, &world.seen).unwrap_err();
    let retire = Step::Send(world.order(0, Command::Retire));
    assert_eq!(refused(&world, retire), Refusal::HarmsPrimary(MemberId(0)));
    world.lose_volume(1);
    world.run(2);
    world.write(2, 1);
    let donor = world.member(2).endpoint.clone();
    let clone = Step::Send(world.order(1, Command::Clone { donor }));
    assert_eq!(refused(&world, clone), Refusal::OverwritesData(MemberId(1)));
}

#[test]
fn a_write_that_arrives_during_the_clone_ends_the_primary_too_unless_another_member_may_come_back()
{
    for (n, ended) in [(2, true), (3, false)] {
        let mut world = healthy(n);
        world.lose_volume(1);
        if n == 3 {
            world.vanish(2);
        }
        world.report(1).phase = Phase::Cloning(90);
        world.server(0).semi_sync.waiting = 1;
        world.server(0).semi_sync.clients = 0;
        let plan = world.decide().plan;
        let retires =
            |step: &Step| matches!(step, Step::Send(order) if order.command == Command::Retire);
        assert_eq!(plan.steps.iter().any(retires), ended, "{n}: {plan:?}");
    }
}

#[test]
fn a_member_that_cannot_be_filled_keeps_no_other_from_following() {
    let mut world = healthy(4);
    world.lose_volume(2);
    world.run(1); // it starts empty
    world.server(1).replication = None;
    let plan = world.decide().plan;
    let told = |id: u32| {
        let of_it =
            |step: &&Step| matches!(step, Step::Send(order) if order.member == MemberId(id));
        plan.steps.iter().find(of_it).map(ToString::to_string)
    };
    assert!(
        told(2).is_some_and(|step| step.contains("clone")),
        "{plan:?}"
    );
    assert!(
        told(1).is_some_and(|step| step.contains("follow")),
        "{plan:?}"
    );
}

#[test]
fn a_primary_that_starts_again_while_most_others_leave_opens_and_the_leaving_ends() {
    for (n, wanted) in [(2, 1), (3, 1), (4, 2)] {
        let mut world = healthy(n);
        world.want(wanted);
        world.run(1); // both memberships are recorded
        assert!(world.register().membership.old.is_some());
        world.crash(0);
        let log = world.run_until_healthy(200);
        let members = world.register().membership.members.len();
        assert_eq!(u32::try_from(members), Ok(wanted), "{log:#?}");
    }
}

#[test]
fn a_leaver_that_lost_its_volume_is_removed_without_being_filled_first() {
    for (n, wanted) in [(2, 1), (3, 1), (5, 3)] {
        let mut world = healthy(n);
        world.want(wanted);
        world.run(1); // both memberships are recorded
        assert!(world.register().membership.old.is_some());
        world.lose_volume(n - 1);
        let log = world.run_until_healthy(200);
        let clones = log.iter().filter(|line| line.contains("clone")).count();
        assert_eq!(clones, 0, "{log:#?}");
        let members = world.register().membership.members.len();
        assert_eq!(u32::try_from(members), Ok(wanted), "{log:#?}");
    }
}
