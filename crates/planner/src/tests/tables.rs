//! One world a problem, and one plan a safety rule.

use moco_model::command::{Acknowledge, OnEmptyVolume};
use moco_model::report::{Fault, FaultCode};
use moco_model::{Command, Endpoint, Epoch, GtidSet, MemberId, Role, ServerUuid};

use super::world::{World, silent};
use crate::check::{Refusal, check};
use crate::diagnosis::TABLE;
use crate::observation::{Clustering, PlatformFault, PlatformFaultKind, Rebuild, Seen};
use crate::plan::Expect;
use crate::{Plan, Problem, Step};

fn code(world: &World) -> String {
    world.decide().verdict.code
}

#[test]
fn the_table_has_every_problem_once_in_order_of_priority() {
    let rows: Vec<_> = TABLE.iter().map(|(problem, _)| *problem).collect();
    assert_eq!(rows, Problem::ALL);
}

#[test]
fn a_fault_of_one_replica_is_shown_and_does_not_stop_the_others() {
    let mut world = World::fresh(3);
    world.report(2).fault = Some(Fault {
        code: FaultCode::NoMysqld,
        sentence: "the image has no mysqld".into(),
    });
    let decision = world.decide();
    assert_eq!(decision.verdict.code, "ImageUnusable");
    assert_eq!(
        decision.verdict.sentence,
        "member 2: the image has no mysqld (and 1 more)"
    );
    assert!(
        matches!(decision.plan.steps[0], Step::Record { .. }),
        "{:?}",
        decision.plan
    );
}

#[test]
fn foreign_volumes_stop_a_new_cluster_and_only_one_member_of_a_recorded_one() {
    let fault = || {
        Some(Fault {
            code: FaultCode::ForeignVolume,
            sentence: "foreign".into(),
        })
    };
    let mut new = World::fresh(3);
    new.report(1).fault = fault();
    let decision = new.decide();
    assert_eq!(
        (decision.verdict.code.as_str(), decision.plan.steps.len()),
        ("ForeignVolumes", 0)
    );

    let mut old = World::healthy(3);
    old.report(1).fault = fault();
    assert_eq!(code(&old), "VolumeUnusable");
    assert!(old.decide().verdict.standing.available);
}

#[test]
fn a_lost_register_initialises_nothing() {
    let mut world = World::healthy(3);
    world.seen.register = None;
    for id in [1, 2] {
        world.member(id).report = silent();
    }
    let decision = world.decide();
    assert_eq!(
        (decision.verdict.code.as_str(), decision.plan.steps.len()),
        ("RegisterLost", 0)
    );
    assert!(
        decision.verdict.sentence.contains("1 of 2 members"),
        "{:?}",
        decision.verdict
    );

    let mut wiped = World::fresh(3);
    wiped.seen.initialised_before = true;
    assert_eq!(code(&wiped), "RegisterLost");

    let mut older = World::healthy(3);
    older.guard(1).epoch = Epoch(9);
    assert_eq!(code(&older), "RegisterLost");
}

#[test]
fn a_register_that_is_lost_or_old_is_made_again_from_enough_guards() {
    for restored in [false, true] {
        let mut world = World::healthy(3);
        let old = world.register().clone();
        world.crash(0);
        world.run_until_healthy(200);
        let before = world.register().clone();
        world.seen.register = restored.then_some(old);
        world.run_until_healthy(200);
        let after = world.register().clone();
        assert_eq!(after.primary, before.primary);
        assert!(after.epoch >= before.epoch, "{after:?}");
        assert_eq!(after.membership, before.membership);
        assert_eq!(after.counted.len(), 3);
    }
}

#[test]
fn a_register_from_before_a_change_of_members_is_made_again_too() {
    let mut world = World::healthy(3);
    let old = world.register().clone();
    world.want(5);
    world.run_until_healthy(200);
    let before = world.register().clone();
    assert_eq!(before.epoch, old.epoch);
    world.seen.register = Some(old);
    assert_eq!(code(&world), "RegisterLost");
    world.run_until_healthy(200);
    let after = world.register().clone();
    assert_eq!(after.membership.members, before.membership.members);
    assert_eq!((after.primary, after.counted.len()), (before.primary, 5));
}

#[test]
fn a_new_cluster_waits_for_every_member() {
    let mut world = World::fresh(3);
    let silent = Seen::Silent {
        since: 0,
        because: "no pod".into(),
    };
    world.seen.members.get_mut(&MemberId(2)).unwrap().report = silent;
    let decision = world.decide();
    assert_eq!(
        decision.verdict.sentence,
        "not heard of yet: member 2 (no pod)"
    );
    assert_eq!(decision.plan.steps, vec![]);
}

#[test]
fn stopped_and_offline_clusters_are_left_alone() {
    for (state, code) in [
        (Clustering::Stopped, "ClusteringStopped"),
        (Clustering::Offline, "Offline"),
    ] {
        let mut world = World::healthy(3);
        world.crash(1);
        world.seen.wanted.clustering = state;
        let decision = world.decide();
        assert_eq!(
            (decision.verdict.code.as_str(), decision.plan.steps.len()),
            (code, 0)
        );
    }
}

#[test]
fn a_second_writable_member_is_ended_at_once() {
    let mut world = World::healthy(3);
    world.server(2).writable = true;
    let decision = world.decide();
    assert_eq!(decision.verdict.code, "TwoWritable");
    let step = decision.plan.steps[0].to_string();
    assert_eq!(
        step,
        "tell member 2 in epoch 1: put clients out and end mysqld"
    );
}

#[test]
fn errant_transactions_that_were_only_received_are_executed_before_the_data_is_given_up() {
    let mut world = World::healthy(3);
    let errant: GtidSet = format!("{}:1-2", ServerUuid::from_u128(77))
        .parse()
        .unwrap();
    let channel = world.server(1).replication.as_mut().unwrap();
    channel.received = channel.received.union(&errant);
    let log = world.run(20);
    assert!(!log.iter().any(|line| line.contains("give up")), "{log:#?}");
    assert!(
        log.iter()
            .any(|line| line.contains("tell member 1") && line.contains("stop")),
        "{log:#?}"
    );
    assert_eq!(code(&world), "ErrantTransactions");

    let server = world.server(1);
    server.executed = server.executed.union(&errant);
    let log = world.run_until_healthy(40);
    assert!(log[0].ends_with("give up its data"), "{log:#?}");
}

#[test]
fn errant_transactions_keep_a_detached_replica_detached() {
    let mut world = World::healthy(3);
    let stranger = ServerUuid::from_u128(77);
    let errant: GtidSet = format!("{stranger}:1-2").parse().unwrap();
    let server = world.server(1);
    server.replication = None;
    server.executed = server.executed.union(&errant);
    world.seen.wanted.rebuild = Rebuild::Forbidden;
    let log = world.run(20);
    assert!(
        !world.register().counted.contains_key(&MemberId(1)),
        "{log:#?}"
    );
    let decision = world.decide();
    assert_eq!(decision.verdict.code, "ErrantTransactions");
    assert_eq!(decision.plan.steps, vec![]);
    assert!(decision.verdict.standing.available && !decision.verdict.standing.healthy);

    world.seen.wanted.rebuild = Rebuild::Allowed;
    let log = world.run_until_healthy(40);
    assert!(log[0].ends_with("give up its data"), "{log:#?}");
    assert!(!world.server(1).executed.contains(&errant));
}

#[test]
fn a_replica_may_be_ahead_in_what_the_primary_itself_wrote() {
    let mut world = World::healthy(3);
    let ahead = format!("{}:1-8", world.server(0).server_uuid)
        .parse()
        .unwrap();
    world.server(1).executed = ahead;
    assert_eq!(code(&world), "Healthy");
}

#[test]
fn too_few_acknowledging_replicas_are_told() {
    let mut world = World::healthy(3);
    world.server(0).semi_sync.clients = 0;
    let verdict = world.decide().verdict;
    assert_eq!(
        verdict.sentence,
        "writes wait: 0 of 1 needed replicas acknowledge"
    );
    assert!(!verdict.standing.available);
}

#[test]
fn other_problems_are_recognised_by_code() {
    let mut world = World::healthy(3);
    world.want(2);
    assert_eq!(code(&world), "MembersChanging");

    let mut world = World::healthy(3);
    world.server(1).drift.push("sync_binlog=0".into());
    assert_eq!(code(&world), "SettingsDrifted");

    let mut world = World::healthy(3);
    world.seen.platform.push(PlatformFault {
        kind: PlatformFaultKind::PodCannotRun,
        member: Some(MemberId(1)),
        sentence: "no node".into(),
    });
    assert_eq!(code(&world), "PodCannotRun");

    let mut world = World::healthy(3);
    let silent = Seen::Silent {
        since: 0,
        because: "timeout".into(),
    };
    world.seen.members.get_mut(&MemberId(0)).unwrap().report = silent;
    assert_eq!(code(&world), "PrimaryUnreachable");

    let mut world = World::healthy(3);
    world.server(0).semi_sync.wait_for = 2;
    assert_eq!(code(&world), "WrongAcks");

    let mut world = World::healthy(3);
    world.server(1).replication.as_mut().unwrap().last_error = Some("1236: purged".into());
    assert_eq!(code(&world), "ReplicationBroken");
}

fn refused(world: &World, steps: Vec<Step>) -> Refusal {
    check(&Plan { steps }, &world.seen).unwrap_err()
}

fn endpoint_of(world: &World, id: u32) -> Endpoint {
    world.members()[&MemberId(id)].endpoint.clone()
}

#[test]
fn the_linter_refuses_orders_that_break_a_rule() {
    let world = World::healthy(3);
    let send = |world: &World, id, command| vec![Step::Send(world.order(id, command))];
    let open = Command::Open { acks: 1 };
    let initialise = Command::Start {
        on_empty_volume: OnEmptyVolume::Initialise,
        history: None,
    };

    let mut stale = world.order(0, open.clone());
    stale.epoch = Epoch(0);
    assert_eq!(
        refused(&world, vec![Step::Send(stale)]),
        Refusal::WrongEpoch(MemberId(0))
    );
    let few = refused(&world, send(&world, 0, Command::Open { acks: 0 }));
    assert_eq!(
        few,
        Refusal::TooFewAcks {
            given: 0,
            needed: 1
        }
    );
    let few = refused(&world, send(&world, 0, Command::SetAcks { acks: 0 }));
    assert_eq!(
        few,
        Refusal::TooFewAcks {
            given: 0,
            needed: 1
        }
    );
    let another = refused(&world, send(&world, 1, open.clone()));
    assert_eq!(another, Refusal::OpensAnother(MemberId(1)));
    for id in [0, 1] {
        let over = refused(&world, send(&world, id, initialise.clone()));
        assert_eq!(over, Refusal::OverwritesData(MemberId(id)));
    }
    let clone = Command::Clone {
        donor: endpoint_of(&world, 0),
    };
    assert_eq!(
        refused(&world, send(&world, 1, clone)),
        Refusal::OverwritesData(MemberId(1))
    );
    let source = endpoint_of(&world, 1);
    let chain = Command::Follow {
        source,
        acknowledge: Acknowledge::Yes,
    };
    assert_eq!(
        refused(&world, send(&world, 2, chain)),
        Refusal::WrongSource(MemberId(2))
    );
}

#[test]
fn the_linter_refuses_a_second_writer_an_early_opening_and_strangers() {
    let mut world = World::healthy(3);
    let send = |world: &World, id, command| vec![Step::Send(world.order(id, command))];
    let open = Command::Open { acks: 1 };

    world.server(1).writable = true;
    let source = endpoint_of(&world, 1);
    world.server(2).replication.as_mut().unwrap().source_host = source.host;
    let second = refused(&world, send(&world, 0, open.clone()));
    assert_eq!(second, Refusal::SecondWriter(MemberId(0), MemberId(1)));
    world.server(1).writable = false;
    for id in [1, 2] {
        let server = world.server(id);
        server.executed = GtidSet::new();
        server.replication.as_mut().unwrap().received = GtidSet::new();
    }
    let early = refused(&world, send(&world, 0, open));
    assert_eq!(
        early,
        Refusal::BeforeBarrier {
            ready: 0,
            needed: 1
        }
    );
    world.want(4);
    let source = endpoint_of(&world, 0);
    let stranger = Command::Follow {
        source,
        acknowledge: Acknowledge::Yes,
    };
    assert_eq!(
        refused(&world, send(&world, 3, stranger)),
        Refusal::StrangerAcknowledges(MemberId(3))
    );
}

#[test]
fn the_linter_refuses_registers_that_break_a_rule() {
    let mut world = World::healthy(3);
    let expect = Expect::of(world.register());
    let base = world.register().clone();
    let record = |register, expect| vec![Step::Record { expect, register }];

    let mut base = base;
    base.revision += 1;
    let mut other = base.clone();
    other.primary = MemberId(1);
    other.epoch = other.epoch.next();
    let changed = refused(&world, record(other, expect));
    assert_eq!(changed, Refusal::PrimaryChanged(MemberId(0), MemberId(1)));

    let mut back = base.clone();
    back.epoch = Epoch(0);
    assert_eq!(refused(&world, record(back, expect)), Refusal::NotForward);
    let mut silent = base.clone();
    silent.membership.members.insert(MemberId(3));
    assert_eq!(refused(&world, record(silent, expect)), Refusal::NotForward);
    let mut forgets = base.clone();
    forgets.initialised = false;
    forgets.epoch = forgets.epoch.next();
    assert_eq!(
        refused(&world, record(forgets, expect)),
        Refusal::NotForward
    );
    assert_eq!(
        refused(&world, record(base.clone(), Expect::Absent)),
        Refusal::WrongExpectation
    );

    let mut foreign = base.clone();
    foreign.basis.writer = Some(ServerUuid::from_u128(9));
    assert_eq!(
        refused(&world, record(foreign, expect)),
        Refusal::WrongWriter(MemberId(0))
    );

    let mut both = record(base.clone(), expect);
    both.push(Step::Label {
        member: MemberId(0),
        role: Role::Primary,
    });
    both.reverse();
    assert_eq!(refused(&world, both), Refusal::RecordNotFirst);

    world.seen.register = None;
    let second = refused(&world, record(base, Expect::Absent));
    assert_eq!(second, Refusal::SecondBootstrap);
}
