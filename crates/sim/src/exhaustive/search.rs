//! Breadth first, over all states that can be reached: the first violation found has the fewest moves.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::digest::digest;
use super::lens::Lens;
use super::moves::{Move, Rules, moves, perform};
use super::settle::{self, Settled};
use super::state::State;
use crate::property::Violation;

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// States to visit at most.
    pub states: usize,
    /// How long at most.
    pub time: Duration,
    /// Threads.
    pub threads: usize,
    /// Of so many states one is followed to its healthy end.
    pub settle_one_of: u64,
    /// Decisions about the primary that are followed.
    pub epochs: u8,
    /// Violations that are counted and not followed.
    pub tolerated: fn(&Violation) -> bool,
}

/// A violation, and how it comes about.
#[derive(Clone, Debug)]
pub struct Found {
    /// What does not hold.
    pub violation: Violation,
    /// The moves to it from the first state.
    pub path: Vec<Move>,
}

/// What a search came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Different states visited.
    pub states: usize,
    /// Moves tried.
    pub moves: u64,
    /// Moves on the longest of the shortest ways.
    pub depth: usize,
    /// Followed to a healthy end.
    pub settled: u64,
    /// Could not become healthy without a person: data was lost beyond what is promised.
    pub beyond_help: u64,
    /// Every state within the budgets was visited.
    pub complete: bool,
    /// States that were left alone because their epoch is too high.
    pub pruned: u64,
    /// Violations that were tolerated.
    pub tolerated: u64,
    /// Decisions that were thought about.
    pub decisions: u64,
    /// How long it took.
    pub took: Duration,
    /// The violation, if one was found.
    pub found: Option<Found>,
}

/// Where a state came from.
#[derive(Clone, Copy, Debug)]
struct Parent {
    state: u64,
    number: u16,
}

#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type Shard = HashMap<u64, Parent, BuildHasherDefault<Identity>>;
const SHARDS: usize = 64;

struct Known(Vec<Mutex<Shard>>);

impl Known {
    fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    fn shard(&self, digest: u64) -> &Mutex<Shard> {
        &self.0[usize::try_from((digest >> 32) & 0xff).unwrap_or(0) % SHARDS]
    }

    /// True the first time.
    fn insert(&self, digest: u64, parent: Parent) -> bool {
        let mut shard = self
            .shard(digest)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match shard.entry(digest) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(parent);
                true
            }
        }
    }

    fn parent(&self, digest: u64) -> Option<Parent> {
        let shard = self
            .shard(digest)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        shard.get(&digest).copied()
    }

    fn len(&self) -> usize {
        let len = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.0.iter().map(len).sum()
    }
}

/// What one thread made of its part of a level.
#[derive(Default)]
struct Part {
    next: Vec<State>,
    moves: u64,
    settled: u64,
    beyond_help: u64,
    pruned: u64,
    tolerated: u64,
    found: Option<(u64, Option<u16>, Violation, Vec<Move>)>,
}

/// Visits everything that can be reached from `start`.
pub fn search(start: &State, rules: Rules, bounds: &Bounds) -> Outcome {
    let begun = Instant::now();
    let known = Known::new();
    let root = digest(start);
    known.insert(
        root,
        Parent {
            state: root,
            number: u16::MAX,
        },
    );
    let mut outcome = Outcome {
        complete: true,
        ..Outcome::default()
    };
    let mut level = vec![start.clone()];
    let mut lenses: Vec<_> = (0..bounds.threads).map(|_| Lens::default()).collect();
    while !level.is_empty() && outcome.found.is_none() {
        if known.len() > bounds.states || begun.elapsed() > bounds.time {
            outcome.complete = false;
            break;
        }
        let parts = one_level(&level, rules, bounds, &known, &mut lenses, begun);
        level = Vec::new();
        for part in parts {
            outcome.moves += part.moves;
            outcome.settled += part.settled;
            outcome.beyond_help += part.beyond_help;
            outcome.pruned += part.pruned;
            outcome.tolerated += part.tolerated;
            level.extend(part.next);
            if let Some((at, number, violation, more)) = part.found {
                let mut path = path_to(&known, start, (at, number), rules, &mut lenses[0]);
                path.extend(more);
                outcome.found = Some(Found { violation, path });
            }
        }
        outcome.depth += 1;
    }
    outcome.complete &= outcome.found.is_none();
    outcome.states = known.len();
    outcome.decisions = lenses.iter().map(|lens| lens.thought).sum();
    outcome.took = begun.elapsed();
    outcome
}

fn one_level(
    level: &[State],
    rules: Rules,
    bounds: &Bounds,
    known: &Known,
    lenses: &mut [Lens],
    begun: Instant,
) -> Vec<Part> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let work = |lens: &mut Lens| {
        let mut part = Part::default();
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            let late = begun.elapsed() > bounds.time * 2;
            let Some(chunk) = level.get(from..level.len().min(from + CHUNK)) else {
                break;
            };
            if chunk.is_empty() || stop.load(Ordering::Relaxed) || late {
                break;
            }
            for state in chunk {
                expand(state, rules, bounds, known, lens, &mut part);
            }
            if part.found.is_some() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        part
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = lenses
            .iter_mut()
            .map(|lens| scope.spawn(|| work(lens)))
            .collect();
        let joined = running.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.collect()
    })
}

const CHUNK: usize = 256;

fn expand(
    state: &State,
    rules: Rules,
    bounds: &Bounds,
    known: &Known,
    lens: &mut Lens,
    part: &mut Part,
) {
    let own = digest(state);
    if own.is_multiple_of(bounds.settle_one_of.max(1)) {
        match settle::settle(state, rules, lens) {
            Ok(Settled::Healthy) => part.settled += 1,
            Ok(Settled::BeyondHelp) => part.beyond_help += 1,
            Err((violation, _)) if (bounds.tolerated)(&violation) => part.tolerated += 1,
            Err((violation, path)) => {
                part.found.get_or_insert((own, None, violation, path));
            }
        }
    }
    for (number, step) in moves(state, rules).into_iter().enumerate() {
        part.moves += 1;
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        match perform(state, rules, step, lens) {
            Ok(next) if next.register.is_some_and(|r| r.epoch > bounds.epochs) => part.pruned += 1,
            Ok(next) => {
                let digest = digest(&next);
                if known.insert(digest, Parent { state: own, number }) {
                    part.next.push(next);
                }
            }
            Err(violation) if (bounds.tolerated)(&violation) => part.tolerated += 1,
            Err(violation) => {
                part.found
                    .get_or_insert((own, Some(number), violation, Vec::new()));
                return;
            }
        }
    }
}

/// The moves from the first state to `at`, and the one after it.
fn path_to(
    known: &Known,
    start: &State,
    (at, last): (u64, Option<u16>),
    rules: Rules,
    lens: &mut Lens,
) -> Vec<Move> {
    let mut reversed: Vec<u16> = last.into_iter().collect();
    let (mut here, root) = (at, digest(start));
    while here != root {
        let Some(parent) = known.parent(here) else {
            break;
        };
        reversed.push(parent.number);
        here = parent.state;
    }
    let mut state = start.clone();
    let mut path = Vec::new();
    for number in reversed.into_iter().rev() {
        let Some(step) = moves(&state, rules).get(usize::from(number)).copied() else {
            break;
        };
        path.push(step);
        match perform(&state, rules, step, lens) {
            Ok(next) => state = next,
            Err(_) => break,
        }
    }
    path
}
