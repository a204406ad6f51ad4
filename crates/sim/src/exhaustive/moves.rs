//! Everything that may happen next in a state.

use moco_model::Role;
use pass::{act, decide, gather};

use super::lens::Lens;
use super::member::HowFar;
use super::server;
use super::state::{
    Ask, Command, Controller, Cut, Member, Receiver, State, Step, bit, holds, numbers,
};
use super::view::Seen;
use crate::mutation::Mutation;
use crate::property::Violation;

mod pass;
mod words;

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A controller looks at everything at once, and decides.
    Look {
        /// Which controller.
        controller: u8,
        /// The primary's own commits seem stuck.
        stuck: bool,
        /// The deadline of the switchover has passed.
        late: bool,
    },
    /// A controller reads the register; then it asks the replicas, then the primary, and decides.
    Gather(u8),
    /// A controller takes a step of its plan, the first or one of the orders that go out together.
    Act {
        /// Which controller.
        controller: u8,
        /// Which step of what is left.
        step: u8,
        /// How far the order gets.
        how_far: HowFar,
    },
    /// A controller dies, or its orders are lost.
    Forget(u8),
    /// A client writes at a member.
    Write(u8),
    /// A receiver reaches its source.
    Connect(u8),
    /// A receiver gets the next write.
    Receive(u8),
    /// Acknowledgements arrive at a source.
    Acknowledge(u8),
    /// An applier executes what was received.
    Execute(u8),
    /// mysqld of a member is killed, or its whole pod.
    Kill {
        /// Which member.
        member: u8,
        /// With its pod.
        pod: bool,
    },
    /// The volume of a member is lost.
    Lose(u8),
    /// Links are cut.
    Cut(Cut),
    /// Links are mended.
    Heal,
    /// Somebody asks for another primary.
    Ask(Ask),
    /// A primary that hears nobody puts its clients out.
    CloseAlone(u8),
    /// Pods that are no members any more go away.
    Scale,
    /// A waiting commit waits no longer: a seeded bug.
    Expire(u8),
}

/// How the world may move; fixed for a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent freedom of the world"
)]
pub struct Rules {
    /// Controllers that act.
    pub controllers: u8,
    /// A look is three reads, and things happen between them.
    pub torn: bool,
    /// Controllers remember what the primary had when they looked before.
    pub remembers: bool,
    /// Acknowledgements travel for a while.
    pub late_acks: bool,
    /// Kills may take the pod along.
    pub pods: bool,
    /// Orders may be cut after their promise.
    pub half_orders: bool,
    /// The seeded bug.
    pub mutation: Option<Mutation>,
}

/// Everything that may happen in `state`.
pub fn moves(state: &State, rules: Rules) -> Vec<Move> {
    let mut all = Vec::with_capacity(32);
    for controller in 0..rules.controllers {
        of_controller(state, rules, controller, &mut all);
    }
    for id in state.ids() {
        of_member(state, rules, id, &mut all);
    }
    faults(state, rules, &mut all);
    all
}

fn of_controller(state: &State, rules: Rules, controller: u8, all: &mut Vec<Move>) {
    let own = &state.controllers[usize::from(controller)];
    if own.plan.is_empty() && rules.torn {
        all.push(Move::Gather(controller));
        return;
    }
    if own.plan.is_empty() {
        let look = |stuck, late| Move::Look {
            controller,
            stuck,
            late,
        };
        all.push(look(false, false));
        let waits = |id| {
            state
                .member(id)
                .server
                .is_some_and(|s| s.open && s.waiting != 0)
        };
        if state.budget.doubts > 0 && state.ids().any(waits) {
            all.push(look(true, false));
        }
        if state.budget.doubts > 0 && state.register.is_some_and(|r| r.switchover.is_some()) {
            all.push(look(false, true));
        }
        return;
    }
    let first_is_order = matches!(own.plan.first(), Some(Step::Send(_)));
    for (at, step) in own.plan.iter().enumerate() {
        let step_number = u8::try_from(at).unwrap_or(u8::MAX);
        let act = |how_far| Move::Act {
            controller,
            step: step_number,
            how_far,
        };
        match step {
            Step::Send(order) if first_is_order => {
                if state.reached(order.member) {
                    all.push(act(HowFar::Whole));
                    let killable =
                        state.budget.kills > 0 && holds(state.budget.crashes, bit(order.member));
                    if rules.half_orders && killable {
                        let fences = order.command == Command::Fence;
                        // A primary that is closed promises last.
                        if fences && order.role == Role::Replica {
                            all.push(act(HowFar::AgentDies));
                        } else if !fences {
                            all.push(act(HowFar::PromiseOnly));
                        }
                    }
                }
            }
            _ if at == 0 => all.push(act(HowFar::Whole)),
            _ => break,
        }
    }
    all.push(Move::Forget(controller));
}

fn of_member(state: &State, rules: Rules, id: u8, all: &mut Vec<Move>) {
    let member = state.member(id);
    let Some(server) = member.server else { return };
    if server.open && !server.offline && state.budget.writes > 0 {
        all.push(Move::Write(id));
    }
    let alone = state.cut == Some(Cut::Member(id)) && server.open && !server.offline;
    if alone && server.wait_for > 0 {
        all.push(Move::CloseAlone(id));
    }
    let source = member
        .disk
        .source
        .filter(|source| state.linked(id, *source) && state.member(*source).server.is_some());
    if server.receiver == Receiver::Trying && source.is_some() {
        all.push(Move::Connect(id));
    }
    if server::next_write(state, id).is_some() {
        all.push(Move::Receive(id));
    }
    if rules.mutation == Some(Mutation::FiniteTimeout) && server.waiting != 0 {
        all.push(Move::Expire(id));
    }
    if rules.late_acks && server.coming.iter().any(|coming| *coming != 0) {
        all.push(Move::Acknowledge(id));
    }
    if server.applier && !holds(member.disk.executed, member.disk.received) {
        all.push(Move::Execute(id));
    }
}

fn faults(state: &State, rules: Rules, all: &mut Vec<Move>) {
    for id in state.ids() {
        let killable = state.budget.kills > 0 && holds(state.budget.crashes, bit(id));
        if killable && state.member(id).server.is_some() {
            all.push(Move::Kill {
                member: id,
                pod: false,
            });
            if rules.pods {
                all.push(Move::Kill {
                    member: id,
                    pod: true,
                });
            }
        }
        if state.budget.losses > 0 && holds(state.budget.volumes, bit(id)) {
            all.push(Move::Lose(id));
        }
        if state.budget.cuts > 0 && state.cut.is_none() {
            all.push(Move::Cut(Cut::Member(id)));
            all.push(Move::Cut(Cut::Controllers(id)));
            for other in state.ids().filter(|other| *other > id) {
                all.push(Move::Cut(Cut::Pair(id, other)));
            }
        }
    }
    if state.cut.is_some() {
        all.push(Move::Heal);
    }
    if let Some(register) = state.register {
        if state.budget.switchovers > 0 && state.ask.is_none() {
            all.push(Move::Ask(Ask::Leave(register.primary)));
            for id in state.ids().filter(|id| *id != register.primary) {
                all.push(Move::Ask(Ask::Lead(id)));
            }
        }
        let wanted = bit(state.wanted) - 1;
        if state.pods > state.wanted && holds(wanted, register.membership.all()) {
            all.push(Move::Scale);
        }
    }
}

/// What `state` becomes. The lens decides, and remembers what it decided.
pub fn perform(
    state: &State,
    rules: Rules,
    step: Move,
    lens: &mut Lens,
) -> Result<State, Violation> {
    let mut next = state.clone();
    match step {
        Move::Look {
            controller,
            stuck,
            late,
        } => {
            let mark = next.controllers[usize::from(controller)].mark;
            let mut seen = Seen::begin(&next, mark);
            seen.gather(&next, u8::MAX, stuck);
            seen.late = late;
            if stuck || late {
                next.budget.doubts -= 1;
            }
            decide(&mut next, rules, controller, seen, lens)?;
        }
        Move::Gather(controller) => gather(&mut next, rules, controller, lens)?,
        Move::Act {
            controller,
            step,
            how_far,
        } => {
            act(&mut next, rules, controller, step, how_far)?;
        }
        Move::Forget(controller) => {
            next.controllers[usize::from(controller)] = Controller::default();
        }
        Move::Write(id) => {
            next.budget.writes -= 1;
            server::write(&mut next, id, rules.mutation)?;
        }
        Move::Connect(id) => server::connect(&mut next, id),
        Move::Receive(id) => server::receive(&mut next, id, rules.late_acks)?,
        Move::Acknowledge(id) => server::acknowledge(&mut next, id, rules.mutation)?,
        Move::Execute(id) => server::execute(&mut next, id),
        Move::Kill { member, pod } => kill(&mut next, rules, member, pod),
        Move::Lose(id) => {
            next.budget.losses -= 1;
            next.budget.volumes &= !bit(id);
            server::lose_volume(&mut next, id);
        }
        Move::Cut(cut) => {
            next.budget.cuts -= 1;
            next.cut = Some(cut);
            server::disconnect(&mut next);
        }
        Move::Heal => next.cut = None,
        Move::Ask(ask) => {
            next.budget.switchovers -= 1;
            next.ask = Some(ask);
        }
        Move::CloseAlone(id) => {
            if let Some(server) = &mut next.member_mut(id).server {
                server.offline = true;
            }
        }
        Move::Scale => scale(&mut next),
        Move::Expire(id) => {
            let waiting = next.member(id).server.map_or(0, |server| server.waiting);
            for write in numbers(waiting) {
                server::answer(&mut next, id, write)?;
            }
        }
    }
    in_order(&mut next, rules);
    Ok(next)
}

/// Two controllers are the same but for their plans.
fn in_order(state: &mut State, rules: Rules) {
    let key = |state: &State, at: usize| {
        let one = &state.controllers[at];
        (
            one.plan.is_empty() && one.gathered.is_none(),
            super::digest::digest(one),
        )
    };
    if rules.controllers == 2 && key(state, 0) > key(state, 1) {
        state.controllers.swap(0, 1);
    }
}

fn kill(state: &mut State, rules: Rules, id: u8, pod: bool) {
    state.budget.kills -= 1;
    state.budget.crashes &= !bit(id);
    server::kill(state, id);
    if let Some(guard) = &mut state.member_mut(id).guard {
        guard.moved |= pod;
        if rules.mutation == Some(Mutation::PromiseNotDurable) {
            guard.promised = guard.epoch;
        }
    }
}

fn scale(state: &mut State) {
    for id in state.wanted..state.pods {
        server::kill(state, id);
        *state.member_mut(id) = Member::default();
    }
    state.pods = state.wanted;
}

/// The members in a set, for people.
pub fn list(set: u8) -> String {
    numbers(set)
        .map(|id| id.to_string())
        .collect::<Vec<_>>()
        .join(",")
}
