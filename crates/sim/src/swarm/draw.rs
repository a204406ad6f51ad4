//! What is drawn for a seed. Every other run is drawn freely; the others bring a procedure about and aim
//! a fault at one of its steps, each step and each kind of fault as often as any other.

use std::time::Duration;

use super::fault::Fault;
use super::kind::Kind;
use super::moment::{Aimed, Moment};
use super::network::{Node, Wire};
use super::rng::Rng;
use super::run::{MEMBERS_MAX, Plan};
use super::scene::ApiMode;
use crate::mutation::Mutation;

/// The plan of a seed.
pub fn draw(seed: u64, mutation: Option<Mutation>) -> Plan {
    let mut rng = Rng::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let plan = if rng.once_in(2) {
        freely(&mut rng)
    } else {
        aimed(&mut rng)
    };
    Plan {
        seed,
        mutation,
        ..plan
    }
}

/// How often each kind is drawn, of their sum.
const WEIGHTS: &[(Kind, u64)] = &[
    (Kind::KillMysqld, 9),
    (Kind::KillAgent, 3),
    (Kind::KillPod, 2),
    (Kind::PowerCut, 2),
    (Kind::LoseVolume, 1),
    (Kind::FreezeMysqld, 2),
    (Kind::FreezeAgent, 1),
    (Kind::FreezeController, 1),
    (Kind::KillController, 1),
    (Kind::Overlap, 1),
    (Kind::Cut, 4),
    (Kind::Isolate, 2),
    (Kind::LoseCalls, 1),
    (Kind::SlowCalls, 1),
    (Kind::Api, 2),
    (Kind::SlowApplier, 1),
    (Kind::HungDisk, 1),
    (Kind::FullDisk, 1),
    (Kind::Lead, 2),
    (Kind::Evict, 1),
    (Kind::Want, 1),
];

fn drawn_kind(rng: &mut Rng) -> Kind {
    let all = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.below(all);
    for (kind, weight) in WEIGHTS {
        if left < *weight {
            return *kind;
        }
        left -= weight;
    }
    Kind::KillMysqld
}

fn freely(rng: &mut Rng) -> Plan {
    let members = match rng.below(10) {
        0 => 1,
        1 => 2,
        2 => 4,
        3 => 5,
        _ => 3,
    };
    let lasts = 3_000 + rng.below(7_000);
    let mut faults: Vec<(Duration, Fault)> = Vec::new();
    for _ in 0..rng.below(7) {
        // Every other one comes while the one before is being dealt with.
        let at = match faults.last() {
            Some((before, _)) if rng.once_in(2) => *before + rng.millis(0, 900),
            _ => rng.millis(1_000, lasts),
        };
        let kind = drawn_kind(rng);
        let had = |kind| faults.iter().any(|(_, fault)| Kind::from(*fault) == kind);
        // One volume and one change of the size a run: more may be more than is promised.
        let again = matches!(kind, Kind::LoseVolume | Kind::Want) && had(kind);
        if again || (kind == Kind::LoseVolume && members < 3) {
            continue;
        }
        let id = rng.id(members);
        faults.push((at, of_kind(rng, kind, id, members)));
    }
    faults.sort();
    Plan {
        seed: 0,
        members,
        faults_until: Duration::from_millis(lasts + 500),
        faults,
        aimed: Vec::new(),
        mutation: None,
    }
}

fn aimed(rng: &mut Rng) -> Plan {
    let at = Moment::ALL.get(rng.place(Moment::ALL.len()));
    let kind = Kind::ALL.get(rng.place(Kind::ALL.len()));
    let (at, kind) = at
        .copied()
        .zip(kind.copied())
        .unwrap_or((Moment::FailoverFence, Kind::KillMysqld));
    let procedure = at.word().split('/').next().unwrap_or_default();
    let members = match (procedure, rng.below(6)) {
        ("grow", 0) => 1,
        ("grow", 1) | (_, 0) => 2,
        ("grow", _) => 3,
        (_, 1) => 5,
        ("shrink", 2) => 4,
        _ => 3,
    };
    let mut faults = opening(rng, procedure, at, members);
    let begun = faults.first().map_or(Duration::ZERO, |(at, _)| *at);
    let id = match faults.first() {
        // A second volume may be more than is promised; the same one again is not.
        Some((_, Fault::LoseVolume(id))) if kind == Kind::LoseVolume => *id,
        _ => rng.id(members),
    };
    let mut aims = Vec::new();
    if kind != Kind::LoseVolume || members > 2 {
        let most = if rng.once_in(4) { 200 } else { 12 };
        aims.push(Aimed {
            at,
            after: rng.millis(0, most),
            fault: of_kind(rng, kind, id, members),
        });
    }
    if rng.once_in(3) {
        let kind = drawn_kind(rng);
        if !matches!(kind, Kind::LoseVolume | Kind::Want) {
            let id = rng.id(members);
            let when = begun + rng.millis(0, 2_500);
            faults.push((when, of_kind(rng, kind, id, members)));
        }
    }
    faults.sort();
    Plan {
        seed: 0,
        members,
        faults_until: begun + rng.millis(2_000, 6_000),
        faults,
        aimed: aims,
        mutation: None,
    }
}

/// What brings a procedure about.
fn opening(rng: &mut Rng, procedure: &str, aim: Moment, members: u32) -> Vec<(Duration, Fault)> {
    let at = rng.millis(1_200, 2_000);
    let replica = 1 + rng.id(members.saturating_sub(1).max(1));
    match procedure {
        "failover" => {
            let silently = aim == Moment::FailoverRetire;
            let time = rng.millis(2_500, 5_000);
            vec![(
                at,
                match rng.below(4) {
                    0 | 1 if !silently => Fault::KillMysqld(0),
                    0 | 2 => Fault::Isolate(0, time),
                    _ => Fault::FreezeMysqld(0, time),
                },
            )]
        }
        "switchover" => switchover(rng, at, aim, replica),
        "rejoin" if aim == Moment::RejoinCut => {
            vec![(at, Fault::Isolate(0, rng.millis(2_000, 4_000)))]
        }
        "rejoin" => vec![(at, Fault::KillMysqld(replica))],
        "clone" if aim == Moment::CloneDiscard => errant(rng, at, members),
        "clone" => vec![(at, Fault::LoseVolume(replica))],
        "grow" => {
            let more = 1 + rng.id(2);
            vec![(at, Fault::Want((members + more).min(MEMBERS_MAX)))]
        }
        "shrink" => vec![(
            at,
            Fault::Want(1 + rng.id(members.saturating_sub(1).max(1))),
        )],
        _ => {
            let power = rng.once_in(2);
            let all = (0..members).map(|id| {
                let fault = if power {
                    Fault::PowerCut(id)
                } else {
                    Fault::KillMysqld(id)
                };
                (at + Duration::from_millis(u64::from(id)), fault)
            });
            all.collect()
        }
    }
}

fn switchover(rng: &mut Rng, at: Duration, aim: Moment, replica: u32) -> Vec<(Duration, Fault)> {
    let mut all = vec![(at, Fault::Lead(replica))];
    if matches!(aim, Moment::SwitchoverGiveUp | Moment::SwitchoverResume) {
        // The target cannot do it in the end.
        let later = at + rng.millis(2, 120);
        let time = rng.millis(1_000, 4_000);
        all.push((
            later,
            match rng.below(3) {
                0 => Fault::KillMysqld(replica),
                1 => Fault::FreezeMysqld(replica, time),
                _ => Fault::Isolate(replica, time),
            },
        ));
    }
    all
}

/// The primary commits at its start what nobody acknowledged, and another one takes over before it is
/// open again.
fn errant(rng: &mut Rng, at: Duration, members: u32) -> Vec<(Duration, Fault)> {
    let ms = Duration::from_millis;
    let mut all = vec![(at, Fault::Isolate(0, ms(650)))];
    all.extend((0..members).map(|id| (at + ms(500), Fault::KillMysqld(id))));
    let again = at + rng.millis(800, 2_500);
    all.push((again, Fault::Isolate(0, ms(4_000))));
    all
}

fn of_kind(rng: &mut Rng, kind: Kind, id: u32, members: u32) -> Fault {
    let time = rng.millis(100, 5_000);
    match kind {
        Kind::KillMysqld => Fault::KillMysqld(id),
        Kind::KillAgent => Fault::KillAgent(id),
        Kind::KillPod => Fault::KillPod(id),
        Kind::PowerCut => Fault::PowerCut(id),
        Kind::LoseVolume => Fault::LoseVolume(id),
        Kind::FreezeMysqld => Fault::FreezeMysqld(id, time),
        Kind::FreezeAgent => Fault::FreezeAgent(id, time),
        Kind::FreezeController => Fault::FreezeController(0, time),
        Kind::KillController => Fault::KillController,
        Kind::Overlap => Fault::Overlap(time),
        Kind::Cut => cut(rng, id, members, time),
        Kind::Isolate => Fault::Isolate(id, time),
        Kind::LoseCalls => Fault::LoseCalls(2 + rng.below(8), time),
        Kind::SlowCalls => Fault::SlowCalls(20 + rng.below(800), time),
        Kind::Api if rng.once_in(2) => Fault::Api(ApiMode::FailsBefore, time),
        Kind::Api => Fault::Api(ApiMode::FailsAfter, time),
        Kind::SlowApplier => Fault::SlowApplier(id, time),
        Kind::HungDisk => Fault::HungDisk(id, time),
        Kind::FullDisk => Fault::FullDisk(id, time),
        Kind::Lead => Fault::Lead(id),
        Kind::Evict => Fault::Evict(id),
        Kind::Want => Fault::Want(1 + rng.id(MEMBERS_MAX)),
    }
}

fn cut(rng: &mut Rng, id: u32, members: u32, time: Duration) -> Fault {
    let other = rng.id(members);
    let wire = match rng.below(3) {
        0 => Wire::All,
        1 => Wire::Sql,
        _ => Wire::Calls,
    };
    match rng.below(4) {
        0 => Fault::Cut(Node::Controller(0), Node::Member(id), Wire::Calls, time),
        1 => Fault::Cut(Node::Member(id), Node::Controller(0), Wire::Calls, time),
        _ => Fault::Cut(Node::Member(id), Node::Member(other), wire, time),
    }
}
