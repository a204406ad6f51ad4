//! Running the exhaustive search, and saying what it came to.

use std::fmt::Write as _;
use std::time::Duration;

use super::lens::Lens;
use super::moves::{Move, Rules, list, perform};
use super::scenario::{Scenario, scenarios};
use super::search::{Bounds, Found, Outcome, search};
use super::state::{State, Step};
use crate::mutation::Mutation;

/// States to visit at most in one world: what 16 GiB of memory hold.
const STATES: usize = 30_000_000;
/// Decisions about the primary that are followed.
const EPOCHS: u8 = 9;

/// Searches every world whose name holds `name` for at most `time` altogether, and tells `say` how it
/// goes. True when every property held.
pub fn run(name: &str, time: Duration, threads: usize, mut say: impl FnMut(&str)) -> bool {
    let mut all_held = true;
    let mut states = 0;
    let mut worlds = scenarios();
    worlds.retain(|world| world.name.contains(name));
    let mut shares: u32 = worlds.iter().map(|world| world.share).sum();
    let mut left = time;
    for world in worlds {
        let bounds = bounds(left * world.share / shares.max(1), threads);
        shares -= world.share;
        let outcome = search(&world.start, world.rules, &bounds);
        left = left.saturating_sub(outcome.took);
        states += outcome.states;
        say(&line(&world, &outcome));
        if let Some(found) = &outcome.found {
            say(&told(&world, world.rules, found));
            all_held = false;
        }
    }
    say(&format!("{states} states"));
    all_held
}

/// The time for one seeded bug in one world: first a glance at each, then a longer look.
const HUNT: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(12)];

/// Searches for a seeded bug until one world shows it: what was found and after how much, or that
/// nothing was.
pub fn hunt(mutation: Mutation, threads: usize) -> Result<String, String> {
    let mut states = 0;
    let looks = HUNT
        .iter()
        .flat_map(|time| scenarios().into_iter().map(|world| (*time, world)));
    for (time, world) in looks {
        let rules = Rules {
            mutation: Some(mutation),
            ..world.rules
        };
        let outcome = search(&world.start, rules, &bounds(time, threads));
        states += outcome.states;
        if let Some(found) = outcome.found {
            return Ok(format!(
                "{} after {states} states, {} moves ({})",
                found.violation.property,
                found.path.len(),
                world.name
            ));
        }
    }
    Err(format!("nothing in {states} states"))
}

fn bounds(time: Duration, threads: usize) -> Bounds {
    Bounds {
        states: STATES,
        time,
        threads,
        settle_one_of: 16,
        epochs: EPOCHS,
        tolerated: |_| false,
    }
}

fn line(world: &Scenario, outcome: &Outcome) -> String {
    let end = match (&outcome.found, outcome.complete) {
        (Some(_), _) => "VIOLATED",
        (None, true) => "complete",
        (None, false) => "cut short",
    };
    format!(
        "{}: {end}; {} states, {} moves, depth {}, {} decisions, {} followed to a healthy end, {} beyond help, {} pruned, {} tolerated, {:.1} s",
        world.name,
        outcome.states,
        outcome.moves,
        outcome.depth,
        outcome.decisions,
        outcome.settled,
        outcome.beyond_help,
        outcome.pruned,
        outcome.tolerated,
        outcome.took.as_secs_f64(),
    )
}

/// The way to a violation, a line a move, with what each step of a plan says.
pub fn told(world: &Scenario, rules: Rules, found: &Found) -> String {
    let mut text = format!("{}\n", found.violation);
    let mut state = world.start.clone();
    let mut lens = Lens::default();
    let generous = super::state::Budget {
        doubts: 99,
        ..state.budget
    };
    state.budget = generous;
    for step in &found.path {
        let _ = writeln!(text, "  {}", in_words(&state, *step));
        match perform(&state, rules, *step, &mut lens) {
            Ok(next) => state = next,
            Err(_) => break,
        }
    }
    let _ = writeln!(text, "  then: {}", summary(&state));
    text
}

fn in_words(state: &State, step: Move) -> String {
    let Move::Act {
        controller,
        step: at,
        ..
    } = step
    else {
        return step.to_string();
    };
    let plan = &state.controllers[usize::from(controller)].plan;
    match plan.get(usize::from(at)) {
        Some(Step::Record(register)) => format!(
            "{step}: record epoch {}, primary {}, members {}{}, must hold {:#b}",
            register.epoch,
            register.primary,
            list(register.membership.members),
            register
                .membership
                .old
                .map_or(String::new(), |old| format!(" (old {})", list(old))),
            register.must_hold,
        ),
        Some(Step::Send(order)) => format!(
            "{step}: tell {} in epoch {}/{}: {:?}",
            order.member, order.epoch, order.promise, order.command
        ),
        Some(Step::Settle) => format!("{step}: settle"),
        None => step.to_string(),
    }
}

fn summary(state: &State) -> String {
    let mut text = format!("{:?}", state.register);
    for id in state.ids() {
        let _ = write!(text, "\n    {id}: {:?}", state.member(id));
    }
    text
}
