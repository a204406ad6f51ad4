//! Members come, count, are filled with data, and leave.

use std::collections::BTreeMap;

use moco_model::guard::DataState;
use moco_model::register::BasisKind;
use moco_model::report::CommitProbe;
use moco_model::{Command, Epoch, MemberId, Phase};

use super::world::World;
use crate::check::{Refusal, check};
use crate::observation::{Ask, Mark, Rule};
use crate::{Plan, Step};

#[test]
fn a_mark_is_kept_until_every_follower_has_reached_it() {
    let mut world = World::healthy(3);
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
    let mut world = World::healthy(1);
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
    let mut world = World::healthy(3);
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
    let mut world = World::healthy(3);
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
fn a_primary_without_its_volume_is_replaced_and_cloned() {
    let mut world = World::healthy(3);
    world.lose_volume(0);
    let log = world.run_until_healthy(200);
    assert_ne!(world.primary(), 0, "{log:#?}");
    assert_eq!(world.guard(0).data, DataState::Holding);
}

#[test]
fn members_are_removed_in_order_and_the_primary_hands_over_first() {
    for (from, to) in [(5, 3), (3, 1), (3, 2), (4, 3), (2, 1)] {
        let mut world = World::healthy(from);
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
    let mut world = World::healthy(5);
    world.want(3);
    world.vanish(4);
    world.run(200);
    assert!(world.register().membership.old.is_some());
}

/// The step that ends the primary is the only one that names a clone's hindrance.
fn ends_primary(log: &[String]) -> bool {
    log.iter().any(|line| line.contains("end mysqld"))
}

#[test]
fn a_primary_whose_replicas_all_lost_their_volumes_is_closed_before_it_is_cloned() {
    for members in [2, 3, 5] {
        let mut world = World::healthy(members);
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
    let mut world = World::healthy(3);
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
    let mut world = World::healthy(3);
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
    let mut world = World::healthy(3);
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
        let mut world = World::healthy(n);
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
    let mut world = World::healthy(4);
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
        let mut world = World::healthy(n);
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
        let mut world = World::healthy(n);
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
