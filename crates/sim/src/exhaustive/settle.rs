//! After the last fault: one controller acts, everything is mended, and the cluster must become
//! healthy, with every member holding the same.

use super::lens::Lens;
use super::moves::{Move, Rules, moves, perform};
use super::state::{Budget, Data, State, holds, numbers};
use super::view::{Decided, Seen};
use crate::exhaustive::member::HowFar;
use crate::property::{Property, Violation};

/// Passes within which a cluster becomes healthy.
const PASSES: usize = 80;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Healthy, and quiet.
    Healthy,
    /// Only a person can help, and nothing was done that made it worse.
    BeyondHelp,
}

type Failed = (Violation, Vec<Move>);

/// Follows `state` to its end.
pub fn settle(state: &State, rules: Rules, lens: &mut Lens) -> Result<Settled, Failed> {
    let mut path = Vec::new();
    let mut state = state.clone();
    state.budget = Budget::default();
    for controller in 0..rules.controllers {
        go(&mut state, rules, Move::Forget(controller), lens, &mut path)?;
    }
    if state.cut.is_some() {
        go(&mut state, rules, Move::Heal, lens, &mut path)?;
    }
    let rules = Rules {
        controllers: 1,
        torn: false,
        remembers: false,
        half_orders: false,
        ..rules
    };
    for _ in 0..PASSES {
        let before = state.clone();
        flow(&mut state, rules, lens, &mut path)?;
        if pass(&mut state, rules, lens, &mut path, false)? {
            flow(&mut state, rules, lens, &mut path)?;
            return quiet(&state)
                .map(|()| Settled::Healthy)
                .map_err(|found| (found, path));
        }
        if state != before {
            continue;
        }
        let healthy = pass(&mut state, rules, lens, &mut path, true)?;
        if !healthy && state == before {
            return stuck(&state, lens, rules, path);
        }
    }
    stuck(&state, lens, rules, path)
}

fn go(
    state: &mut State,
    rules: Rules,
    step: Move,
    lens: &mut Lens,
    path: &mut Vec<Move>,
) -> Result<(), Failed> {
    path.push(step);
    match perform(state, rules, step, lens) {
        Ok(next) => {
            *state = next;
            Ok(())
        }
        Err(violation) => Err((violation, path.clone())),
    }
}

/// mysqld does what it does by itself, to the end.
fn flow(
    state: &mut State,
    rules: Rules,
    lens: &mut Lens,
    path: &mut Vec<Move>,
) -> Result<(), Failed> {
    for _ in 0..200 {
        let by_itself = |step: &Move| {
            matches!(
                step,
                Move::Connect(_)
                    | Move::Receive(_)
                    | Move::Acknowledge(_)
                    | Move::Execute(_)
                    | Move::Scale
            )
        };
        let Some(step) = moves(state, rules).into_iter().find(by_itself) else {
            return Ok(());
        };
        go(state, rules, step, lens, path)?;
    }
    Ok(())
}

/// One pass and its whole plan. True when everything is well and nothing was to be done.
fn pass(
    state: &mut State,
    rules: Rules,
    lens: &mut Lens,
    path: &mut Vec<Move>,
    late: bool,
) -> Result<bool, Failed> {
    let decided = look(state, lens, rules, late);
    path.push(Move::Look {
        controller: 0,
        stuck: false,
        late,
    });
    if decided.code == moco_planner::verdict::UNSAFE_PLAN && rules.mutation.is_none() {
        let found = Violation::of(Property::NoPlanRefused, decided.sentence.clone());
        return Err((found, path.clone()));
    }
    state.controllers[0].plan.clone_from(&decided.steps);
    for _ in 0..decided.steps.len() {
        let step = Move::Act {
            controller: 0,
            step: 0,
            how_far: HowFar::Whole,
        };
        go(state, rules, step, lens, path)?;
    }
    Ok(decided.healthy && decided.steps.is_empty())
}

fn look(state: &State, lens: &mut Lens, rules: Rules, late: bool) -> std::sync::Arc<Decided> {
    let mut seen = Seen::begin(state, None);
    seen.gather(state, u8::MAX, false);
    seen.late = late;
    lens.decide(seen, rules.mutation)
}

fn quiet(state: &State) -> Result<(), Violation> {
    let Some(register) = state.register else {
        return Ok(());
    };
    let all = state.member(register.primary).disk.executed;
    let lost = state.acked & !all;
    if lost != 0 {
        let because = format!("healthy, and the primary lacks the acknowledged writes {lost:#b}");
        return Err(Violation::of(Property::NothingLost, because));
    }
    for id in numbers(register.membership.members) {
        let held = state.member(id).disk.executed;
        if held != all {
            let because =
                format!("healthy, and member {id} executed {held:#b}, the primary {all:#b}");
            return Err(Violation::of(Property::StaysQuiet, because));
        }
    }
    Ok(())
}

/// Whether it is a person's turn: the primary's data is gone, and so few others count that what it had
/// acknowledged cannot be proven to be there.
fn stuck(state: &State, lens: &mut Lens, rules: Rules, path: Vec<Move>) -> Result<Settled, Failed> {
    let gone = state.register.is_some_and(|register| {
        let primary = state.member(register.primary);
        let data = primary.guard.map(|guard| guard.data);
        register.initialised && data != Some(Data::Holding)
    });
    let kept = state
        .ids()
        .fold(0, |all, id| all | state.member(id).disk.held());
    if gone && holds(kept, state.acked) {
        return Ok(Settled::BeyondHelp);
    }
    let decided = look(state, lens, rules, false);
    let because = format!("{}: {}", decided.code, decided.sentence);
    Err((Violation::of(Property::BecomesHealthy, because), path))
}
