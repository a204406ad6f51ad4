//! The planner, through a glass: what was decided once is remembered, and a seeded bug may bend what is
//! shown to it or what it planned.

use std::collections::HashMap;
use std::sync::Arc;

use super::digest::ByMixer;
use super::state::{Command, Data, Receiver, Register, Step, bit, holds, numbers};
use super::view::{Decided, Report, Seen, decide};
use crate::mutation::Mutation;

/// Decisions that are remembered at most; then all are forgotten.
const REMEMBERED: usize = 400_000;

/// The planner, with what it decided before.
#[derive(Debug, Default)]
pub struct Lens {
    known: HashMap<Seen, Arc<Decided>, ByMixer>,
    /// How often it was asked.
    pub asked: u64,
    /// How often it had to think.
    pub thought: u64,
}

impl Lens {
    /// The decision.
    pub fn decide(&mut self, mut seen: Seen, mutation: Option<Mutation>) -> Arc<Decided> {
        self.asked += 1;
        if let Some(mutation) = mutation {
            bend_view(&mut seen, mutation);
        }
        if let Some(decided) = self.known.get(&seen) {
            return Arc::clone(decided);
        }
        self.thought += 1;
        let mut decided = decide(&seen);
        if let Some(mutation) = mutation {
            bend_plan(&seen, &mut decided.steps, mutation);
        }
        let decided = Arc::new(decided);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(seen, Arc::clone(&decided));
        decided
    }
}

fn bend_view(seen: &mut Seen, mutation: Mutation) {
    let Some(register) = &mut seen.register else {
        return;
    };
    let primary = usize::from(register.primary);
    match mutation {
        Mutation::ConnectingCountsAsStopped => replicas(seen, |_, report| {
            if let (Some(server), Some(_)) = (&mut report.server, report.guard)
                && server.receiver == Receiver::Trying
            {
                server.receiver = Receiver::Off;
            }
        }),
        Mutation::BarrierSkipped => {
            let all = seen.reports[primary].and_then(|report| report.server);
            let all = all.map_or(0, |server| server.executed);
            replicas(seen, |_, report| {
                if let Some(server) = &mut report.server {
                    server.received |= all;
                }
            });
        }
        Mutation::ResetBeforeDrain => replicas(seen, |_, report| {
            if let Some(server) = &mut report.server {
                server.executed |= server.received;
            }
        }),
        Mutation::ErrantNotSeen => {
            let all = seen.reports[primary].and_then(|report| report.server);
            let all = all.map_or(0, |server| server.executed);
            replicas(seen, |_, report| {
                if let Some(server) = &mut report.server {
                    server.executed &= all;
                    server.received &= all;
                }
            });
        }
        Mutation::NewcomerCountsAtOnce => {
            let mut counted = register.counted;
            replicas(seen, |id, report| {
                if let Some(guard) = report.guard.filter(|guard| guard.data == Data::Holding) {
                    counted[id] = guard.incarnation;
                }
            });
            if let Some(register) = &mut seen.register {
                register.counted = counted;
            }
        }
        Mutation::MarkTooEarly => {
            if let Some(mark) = &mut seen.mark {
                mark.settled = true;
                mark.executed = 0;
            }
        }
        Mutation::SwitchoverWithoutClosing => {
            let (intends, epoch) = (register.switchover.is_some(), register.epoch);
            if let Some(Some(report)) = seen.reports.get_mut(primary).filter(|_| intends)
                && let (Some(server), Some(guard)) = (&mut report.server, &mut report.guard)
            {
                server.open = false;
                server.waiting = 0;
                guard.promised = guard.promised.max(epoch + 1);
            }
        }
        _ => {}
    }
}

fn replicas(seen: &mut Seen, mut change: impl FnMut(usize, &mut Report)) {
    let primary = seen.register.map(|register| usize::from(register.primary));
    for (id, report) in seen.reports.iter_mut().enumerate() {
        if let Some(report) = report.as_mut().filter(|_| Some(id) != primary) {
            change(id, report);
        }
    }
}

fn bend_plan(seen: &Seen, steps: &mut Vec<Step>, mutation: Mutation) {
    match mutation {
        Mutation::MembershipFinalAtOnce => {
            if let Some(Step::Record(register)) = steps.first_mut() {
                register.membership.old = None;
            }
        }
        Mutation::WrongWinner => {
            let Some(Step::Record(new)) = steps.first_mut() else {
                return;
            };
            let Some(old) = seen.register.filter(|old| old.primary != new.primary) else {
                return;
            };
            let others = numbers(new.membership.members)
                .filter(|id| *id != new.primary && *id != old.primary)
                .filter(|id| seen.reports[usize::from(*id)].is_some_and(|r| r.server.is_some()));
            if let Some(other) = others.last() {
                new.primary = other;
                new.must_hold = 0;
                new.writer = 0;
                steps.truncate(1);
            }
        }
        Mutation::OnePromiseTooFew => one_promise_too_few(seen, steps),
        Mutation::RepointWithWaiters => {
            let source = seen.register.map_or(0, |register| register.primary);
            for step in steps {
                if let Step::Send(order) = step
                    && order.command == Command::Retire
                {
                    order.command = Command::Follow {
                        source,
                        acknowledge: true,
                    };
                }
            }
        }
        Mutation::OneAckTooFew => {
            for step in steps {
                if let Step::Send(order) = step
                    && let Command::Open { acks } | Command::Promote { acks, .. } =
                        &mut order.command
                {
                    *acks = acks.saturating_sub(1);
                }
            }
        }
        _ => {}
    }
}

/// When promises are asked for and one was given, its giver is made primary.
fn one_promise_too_few(seen: &Seen, steps: &mut Vec<Step>) {
    let Some(old) = seen.register.filter(|old| old.switchover.is_none()) else {
        return;
    };
    let next = steps.iter().find_map(|step| match step {
        Step::Send(order) if order.command == Command::Fence && order.promise > order.epoch => {
            Some(order.promise)
        }
        _ => None,
    });
    let Some(next) = next else { return };
    let given = numbers(old.membership.members).find_map(|id| {
        let report = seen.reports[usize::from(id)]?;
        let (guard, server) = (report.guard?, report.server?);
        let silenced = guard.promised >= next && server.receiver == Receiver::Off;
        let drained = holds(server.executed, server.received);
        (id != old.primary && silenced && drained).then_some((id, server.executed))
    });
    if let Some((primary, must_hold)) = given {
        *steps = vec![Step::Record(Register {
            epoch: next,
            primary,
            must_hold,
            writer: 0,
            ..old
        })];
    }
}

/// The members of a set that are not in another, for tests.
pub fn without(set: u8, id: u8) -> u8 {
    set & !bit(id)
}
