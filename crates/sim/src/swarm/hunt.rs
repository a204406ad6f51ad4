//! Many runs: seed after seed, on several threads; what fails is made as short as it can be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::draw::draw;
use super::kind::Kind;
use super::moment::Moment;
use super::run::{Outcome, Plan, run};
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
    /// How often each kind of fault came in the midst of each step, or when nothing was done.
    pub met: BTreeMap<(Option<Moment>, Kind), u64>,
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
            count(&mut total, &outcome);
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

fn count(total: &mut Hunted, outcome: &Outcome) {
    total.runs += 1;
    total.beyond_help += u64::from(outcome.beyond_help);
    total.steps += outcome.steps;
    total.acked += u64::try_from(outcome.acked).unwrap_or(u64::MAX);
    total.handovers += outcome.handovers;
    total.seconds += outcome.lasted.as_secs();
    for (meeting, times) in &outcome.met {
        *total.met.entry(*meeting).or_default() += times;
    }
}

/// The shortest plan that still breaks the same property: faults are left out one by one.
pub fn shrink(plan: &Plan, outcome: &Outcome) -> (Plan, Outcome) {
    let property = outcome.violation.as_ref().map(|found| found.property);
    let (mut best, mut shown) = (plan.clone(), outcome.clone());
    let mut at = 0;
    while at < best.faults.len() + best.aimed.len() {
        let mut shorter = best.clone();
        if at < best.faults.len() {
            shorter.faults.remove(at);
        } else {
            shorter.aimed.remove(at - best.faults.len());
        }
        let tried = run(&shorter);
        if tried.violation.as_ref().map(|found| found.property) == property {
            (best, shown) = (shorter, tried);
        } else {
            at += 1;
        }
    }
    (best, shown)
}
