//! From the small world to what a pass sees, and from the planner's plan back.

use moco_model::Millis;
use moco_planner::observation::Mark as RealMark;
use moco_planner::{Memory, Problem};

use back::{compact, compact_mark};
use forth::observation;

use super::state::{
    Ask, Gtid, Guard, Ids, MEMBERS, Mark, Receiver, Register, State, Step, WRITES, Writes, numbers,
};

mod back;
mod forth;

/// What a pass saw, as plain numbers. Equal ones are decided once only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The register.
    pub register: Option<Register>,
    /// Pods that exist.
    pub pods: u8,
    /// Members that are wanted.
    pub wanted: u8,
    /// What was asked.
    pub ask: Option<Ask>,
    /// What the agents say; none for those that cannot be reached or were not asked yet.
    pub reports: [Option<Report>; MEMBERS],
    /// The GTID of each write.
    pub gtids: [Gtid; WRITES],
    /// The deadline of a switchover has passed.
    pub late: bool,
    /// What is remembered of the look before.
    pub mark: Option<Mark>,
}

/// What an agent says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// The guard file.
    pub guard: Option<Guard>,
    /// What mysqld says, while it runs.
    pub server: Option<ServerSeen>,
    /// The agent of the member that is followed is not heard.
    pub deaf: bool,
    /// Its own commits do not come to an end.
    pub stuck: bool,
}

/// What mysqld says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the switches of a mysqld are independent of each other"
)]
pub struct ServerSeen {
    /// Executed, without what waits.
    pub executed: Writes,
    /// Executed and not in the binary logs.
    pub purged: Writes,
    /// Received.
    pub received: Writes,
    /// Whom the channel names.
    pub source: Option<u8>,
    /// The receiver.
    pub receiver: Receiver,
    /// The receiver hears nothing.
    pub unheard: bool,
    /// The applier runs.
    pub applier: bool,
    /// Takes writes.
    pub open: bool,
    /// Clients are out.
    pub offline: bool,
    /// Acknowledgements that commits wait for.
    pub wait_for: u8,
    /// Replicas that acknowledge.
    pub clients: u8,
    /// Commits that wait.
    pub waiting: u8,
    /// Asks to acknowledge.
    pub acknowledges: bool,
    /// Acknowledges.
    pub active: bool,
    /// `@@server_uuid`.
    pub uuid: u8,
}

impl Seen {
    /// What is known before any agent is asked.
    pub fn begin(state: &State, mark: Option<Mark>) -> Self {
        Self {
            register: state.register,
            pods: state.pods,
            wanted: state.wanted,
            ask: state.ask,
            reports: [None; MEMBERS],
            gtids: state.gtids,
            late: false,
            mark,
        }
    }

    /// Asks the agents of `which`.
    pub fn gather(&mut self, state: &State, which: Ids, stuck: bool) {
        self.gtids = state.gtids;
        for id in numbers(which).filter(|id| state.reached(*id) && *id < state.pods) {
            self.reports[usize::from(id)] = Some(report(state, id, stuck));
        }
    }
}

fn report(state: &State, id: u8, stuck: bool) -> Report {
    let member = state.member(id);
    let server = member.server.map(|server| {
        let source = member.disk.source;
        let hears = source.is_some_and(|source| {
            state.linked(id, source) && state.member(source).server.is_some()
        });
        let clients = state.ids().filter(|other| {
            let other = state.member(*other);
            other.disk.source == Some(id) && other.server.is_some_and(|server| server.active)
        });
        ServerSeen {
            executed: member.visible(),
            purged: member.disk.purged,
            received: member.disk.received,
            source,
            receiver: server.receiver,
            unheard: !hears,
            applier: server.applier,
            open: server.open,
            offline: server.offline,
            wait_for: server.wait_for,
            clients: u8::try_from(clients.count()).unwrap_or(u8::MAX),
            waiting: u8::try_from(server.waiting.count_ones()).unwrap_or(u8::MAX),
            acknowledges: server.acknowledges,
            active: server.active,
            uuid: member.disk.uuid,
        }
    });
    let source = member.disk.source.filter(|_| server.is_some());
    Report {
        guard: member.guard,
        server,
        deaf: source.is_some_and(|source| !state.linked(id, source)),
        stuck: stuck
            && member
                .server
                .is_some_and(|server| server.open && server.waiting != 0),
    }
}

/// What the planner made of it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The plan.
    pub steps: Vec<Step>,
    /// The verdict's code.
    pub code: String,
    /// The verdict's sentence.
    pub sentence: String,
    /// Nothing is wrong.
    pub healthy: bool,
    /// What the next look is given to remember.
    pub mark: Option<Mark>,
}

/// The time of every pass. What was written down before, was written at 0.
const NOW: Millis = 10_000_000;
/// The time of a pass after every deadline.
const LATE: Millis = NOW + 40_000;

/// Decides, by the product's own planner.
pub fn decide(seen: &Seen) -> Decided {
    let observation = observation(seen);
    let since = Problem::ALL.iter().map(|problem| (*problem, 0)).collect();
    let now = if seen.late { LATE } else { NOW };
    let decision = moco_planner::decide(&observation, &Memory { since }, now);
    let steps = decision
        .plan
        .steps
        .iter()
        .filter_map(|step| compact(seen, step))
        .collect();
    Decided {
        steps,
        healthy: decision.verdict.standing.healthy,
        code: decision.verdict.code,
        sentence: decision.verdict.sentence,
        mark: RealMark::after(&observation).map(|mark| compact_mark(seen, &mark)),
    }
}
