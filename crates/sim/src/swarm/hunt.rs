//! Many runs: seed after seed, on several threads; what fails is made as short as it can be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::fault::Fault;
use super::network::{Node, Wire};
use super::rng::Rng;
use super::run::{MEMBERS_MAX, Outcome, Plan, run};
use super::scene::ApiMode;
use super::story;
use crate::mutation::Mutation;

/// What a hunt came to.
#[derive(Clone, Debug, Default)]
pub struct Hunted {
    /// Runs.
    pub runs: u64,
    /// Steps of all of them.
    pub steps: u64,
    /// Writes that were answered OK.
    pub acked: u64,
    /// Changes of the primary.
    pub handovers: u64,
    /// Runs after which only a person could help.
    pub beyond_help: u64,
    /// The seconds that passed in their worlds.
    pub seconds: u64,
    /// How often each kind of fault happened.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each kind of fault met each verdict.
    pub met: BTreeMap<(String, &'static str), u64>,
    /// The shortest plan that fails, and how.
    pub found: Option<(Plan, Outcome)>,
    /// The seed that failed first.
    pub seed: Option<u64>,
}

/// Runs seeds from `first` on until `time` is over, `runs` are done, or one fails.
pub fn hunt(
    first: u64,
    runs: u64,
    time: Duration,
    threads: usize,
    mutation: Option<Mutation>,
) -> Hunted {
    let begun = Instant::now();
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Hunted::default());
    let work = || {
        while !stop.load(Ordering::Relaxed) && begun.elapsed() < time {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first.saturating_add(runs) {
                break;
            }
            let plan = draw(seed, mutation);
            let outcome = run(&plan);
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            count(&mut total, &plan, &outcome);
            if outcome.violation.is_some() && total.seed.is_none_or(|found| seed < found) {
                total.seed = Some(seed);
                total.found = Some((plan, outcome));
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn count(total: &mut Hunted, plan: &Plan, outcome: &Outcome) {
    total.runs += 1;
    total.beyond_help += u64::from(outcome.beyond_help);
    total.steps += outcome.steps;
    total.acked += u64::try_from(outcome.acked).unwrap_or(u64::MAX);
    total.handovers += outcome.handovers;
    total.seconds += outcome.lasted.as_secs();
    for (meeting, times) in &outcome.met {
        *total.met.entry(meeting.clone()).or_default() += times;
    }
    for (_, fault) in &plan.faults {
        *total.faults.entry(story::kind(*fault)).or_default() += 1;
    }
}

/// The plan of a seed.
pub fn draw(seed: u64, mutation: Option<Mutation>) -> Plan {
    let mut rng = Rng::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let members = match rng.below(10) {
        0 => 1,
        1 => 2,
        2 => 4,
        3 => 5,
        _ => 3,
    };
    let lasts = 6_000 + rng.below(14_000);
    let count = rng.below(7);
    let mut volumes = 1;
    let mut sizes = 1;
    let mut faults = Vec::new();
    for _ in 0..count {
        // Every other one comes while the one before is being dealt with.
        let at = match faults.last() {
            Some((before, _)) if rng.once_in(2) => *before + rng.micros(500, 900_000),
            _ => Duration::from_millis(1_500 + rng.below(lasts - 1_500)),
        };
        let at = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
        let fault = draw_fault(&mut rng, members, &mut volumes, &mut sizes);
        faults.push((at, fault));
    }
    faults.sort();
    Plan {
        seed,
        members,
        faults_until: Duration::from_millis(lasts + 1_000),
        faults,
        mutation,
    }
}

fn draw_fault(rng: &mut Rng, members: u32, volumes: &mut u32, sizes: &mut u32) -> Fault {
    let member = |rng: &mut Rng| u32::try_from(rng.below(u64::from(members))).unwrap_or(0);
    let time = |rng: &mut Rng| Duration::from_millis(100 + rng.below(6_000));
    let id = member(rng);
    match rng.below(40) {
        0..=7 => Fault::KillMysqld(id),
        8..=10 => Fault::KillAgent(id),
        11..=12 => Fault::KillPod(id),
        13..=14 => Fault::PowerCut(id),
        15 if *volumes > 0 && members > 2 => {
            *volumes -= 1;
            Fault::LoseVolume(id)
        }
        16..=17 => Fault::FreezeMysqld(id, time(rng)),
        18 => Fault::FreezeAgent(id, time(rng)),
        19 => Fault::FreezeController(0, time(rng)),
        20 => Fault::KillController,
        21 => Fault::Overlap(time(rng)),
        22..=25 => draw_cut(rng, id, members),
        26..=27 => Fault::Isolate(id, time(rng)),
        28 => Fault::LoseCalls(2 + rng.below(8), time(rng)),
        29 => Fault::SlowCalls(20 + rng.below(800), time(rng)),
        30 => Fault::Api(ApiMode::FailsBefore, time(rng)),
        31 => Fault::Api(ApiMode::FailsAfter, time(rng)),
        32 => Fault::SlowApplier(id, time(rng)),
        33 => Fault::HungDisk(id, time(rng)),
        34 => Fault::FullDisk(id, time(rng)),
        35..=36 => Fault::Lead(id),
        37 => Fault::Evict(id),
        38 if *sizes > 0 => {
            *sizes -= 1;
            Fault::Want(1 + u32::try_from(rng.below(u64::from(MEMBERS_MAX))).unwrap_or(0))
        }
        _ => Fault::KillMysqld(0),
    }
}

fn draw_cut(rng: &mut Rng, id: u32, members: u32) -> Fault {
    let other = u32::try_from(rng.below(u64::from(members))).unwrap_or(0);
    let time = Duration::from_millis(100 + rng.below(8_000));
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

/// The shortest plan that still breaks the same property: faults are left out one by one.
pub fn shrink(plan: &Plan, outcome: &Outcome) -> (Plan, Outcome) {
    let property = outcome.violation.as_ref().map(|found| found.property);
    let (mut best, mut shown) = (plan.clone(), outcome.clone());
    let mut at = 0;
    while at < best.faults.len() {
        let mut shorter = best.clone();
        shorter.faults.remove(at);
        let tried = run(&shorter);
        if tried.violation.as_ref().map(|found| found.property) == property {
            (best, shown) = (shorter, tried);
        } else {
            at += 1;
        }
    }
    (best, shown)
}
