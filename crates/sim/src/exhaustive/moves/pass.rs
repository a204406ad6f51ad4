//! What a controller does: it gathers, decides, and carries out its plan.

use super::Rules;
use crate::exhaustive::lens::Lens;
use crate::exhaustive::member::{HowFar, take};
use crate::exhaustive::server;
use crate::exhaustive::state::{Register, State, Step, bit};
use crate::exhaustive::view::Seen;
use crate::mutation::Mutation;
use crate::property::{Property, Violation};

pub(super) fn gather(
    state: &mut State,
    rules: Rules,
    controller: u8,
    lens: &mut Lens,
) -> Result<(), Violation> {
    let own = &mut state.controllers[usize::from(controller)];
    let Some(mut seen) = own.gathered.take() else {
        let mark = own.mark;
        let seen = Seen::begin(state, mark);
        let own = &mut state.controllers[usize::from(controller)];
        own.gathered = Some(Box::new(seen));
        own.behind = false;
        return Ok(());
    };
    let primary = seen.register.map_or(0, |register| bit(register.primary));
    let asked = seen.reports.iter().any(Option::is_some);
    if !asked && primary != 0 {
        seen.gather(state, !primary, false);
        if seen.reports.iter().any(Option::is_some) {
            state.controllers[usize::from(controller)].gathered = Some(seen);
            return Ok(());
        }
    }
    let rest = if primary == 0 { u8::MAX } else { primary };
    seen.gather(state, rest, false);
    decide(state, rules, controller, *seen, lens)
}

pub(super) fn decide(
    state: &mut State,
    rules: Rules,
    controller: u8,
    seen: Seen,
    lens: &mut Lens,
) -> Result<(), Violation> {
    let decided = lens.decide(seen, rules.mutation);
    if decided.code == moco_planner::verdict::UNSAFE_PLAN && rules.mutation.is_none() {
        return Err(Violation::of(
            Property::NoPlanRefused,
            decided.sentence.clone(),
        ));
    }
    let own = &mut state.controllers[usize::from(controller)];
    let outdated = own.behind && rules.mutation != Some(Mutation::OverwriteRegister);
    own.behind = false;
    own.gathered = None;
    own.mark = decided.mark.filter(|_| rules.remembers);
    own.plan.clone_from(&decided.steps);
    if outdated && matches!(own.plan.first(), Some(Step::Record(_))) {
        own.plan.clear();
    }
    Ok(())
}

pub(super) fn act(
    state: &mut State,
    rules: Rules,
    controller: u8,
    step: u8,
    how_far: HowFar,
) -> Result<(), Violation> {
    let own = &mut state.controllers[usize::from(controller)];
    if usize::from(step) >= own.plan.len() {
        return Ok(());
    }
    match own.plan.remove(usize::from(step)) {
        Step::Record(register) => record(state, rules, controller, register),
        Step::Send(order) => {
            if how_far != HowFar::Whole {
                state.budget.kills -= 1;
                state.budget.crashes &= !bit(order.member);
            }
            let taken = take(state, &order, how_far, rules.mutation);
            server::disconnect(state);
            taken
        }
        Step::Settle => {
            state.ask = None;
            Ok(())
        }
    }
}

/// The register is written. Whoever read it before cannot write it any more.
fn record(
    state: &mut State,
    rules: Rules,
    controller: u8,
    register: Register,
) -> Result<(), Violation> {
    let before = state.register.replace(register);
    for (at, other) in state.controllers.iter_mut().enumerate() {
        if at == usize::from(controller) {
            continue;
        }
        if rules.mutation == Some(Mutation::OverwriteRegister) {
            continue;
        }
        other.behind = other.gathered.is_some();
        if matches!(other.plan.first(), Some(Step::Record(_))) {
            other.plan.clear();
        }
    }
    let Some(before) = before else { return Ok(()) };
    // A volume that is lost between the look and the decision is a fault that nobody can see.
    let lost_meanwhile = state.member(register.primary).guard.is_none();
    if register.epoch < before.epoch {
        let because = format!(
            "the register went from epoch {} to {}",
            before.epoch, register.epoch
        );
        return Err(Violation::of(Property::EpochsRise, because));
    }
    if register.primary == before.primary || lost_meanwhile {
        return Ok(());
    }
    let executed = state.member(register.primary).disk.executed;
    let lost = state.acked & !executed;
    if lost != 0 {
        let because = format!(
            "member {} becomes primary of epoch {} and lacks the acknowledged writes {lost:#b}",
            register.primary, register.epoch
        );
        return Err(Violation::of(Property::NothingLost, because));
    }
    Ok(())
}
