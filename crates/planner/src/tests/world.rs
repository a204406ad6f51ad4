//! A world of well-behaved members: it carries out plans and is observed again. It knows nothing of
//! time, networks or faults other than crashes; those belong to the simulator.

use std::collections::BTreeMap;

use moco_model::command::{Acknowledge, OnEmptyVolume, Order};
use moco_model::guard::{DataState, Guard};
use moco_model::report::{CommitProbe, ReplicationReport, SemiSyncReport, ThreadState};
use moco_model::{
    ClusterId, ClusterUid, Command, Endpoint, Epoch, GtidSet, MemberId, MemberReport, Millis,
    Phase, Register, Role, ServerReport, ServerUuid,
};

use crate::observation::{Clustering, Member, Observation, Rebuild, Seen, Wanted};
use crate::{Decision, Memory, Step, decide};

pub(super) struct World {
    pub(super) seen: Observation,
    pub(super) memory: Memory,
    pub(super) now: Millis,
    /// What each member has on its disk, executed.
    disks: BTreeMap<u32, GtidSet>,
    /// Server UUIDs; a cut draws a new one.
    uuids: BTreeMap<u32, u32>,
    written: BTreeMap<u32, u64>,
    drawn: u32,
}

fn uuid(id: u32) -> ServerUuid {
    ServerUuid::from_u128(0x0111_0000_0000_0000_0000_0000_0000_0000 + u128::from(id))
}

fn endpoint(id: u32) -> Endpoint {
    Endpoint {
        member: MemberId(id),
        host: format!("host-{id}"),
        port: 3306,
    }
}

pub(super) fn silent() -> Seen<MemberReport> {
    Seen::Silent {
        since: 0,
        because: "timeout".into(),
    }
}

fn member(id: u32) -> Member {
    let report = MemberReport {
        cluster: ClusterUid("uid".into()),
        member: MemberId(id),
        agent_version: "0.1.0".into(),
        phase: Phase::AtGate,
        guard: None,
        server: None,
        fault: None,
        mysqld_pid: None,
        leaving: false,
        hearing: None,
        commits: None,
        evidence: vec![],
    };
    Member {
        endpoint: endpoint(id),
        report: Seen::Fresh(report),
        label: None,
        ask: None,
    }
}

impl World {
    pub(super) fn fresh(n: u32) -> Self {
        let seen = Observation {
            cluster: ClusterId::new("ns", "c").unwrap(),
            uid: ClusterUid("uid".into()),
            wanted: Wanted {
                replicas: n,
                clustering: Clustering::Active,
                rebuild: Rebuild::Allowed,
                force: None,
            },
            register: None,
            initialised_before: false,
            platform: vec![],
            members: (0..n).map(|id| (MemberId(id), member(id))).collect(),
            mark: None,
        };
        Self {
            seen,
            memory: Memory::default(),
            now: 1_000,
            disks: BTreeMap::new(),
            uuids: BTreeMap::new(),
            written: BTreeMap::new(),
            drawn: 100,
        }
    }

    pub(super) fn want(&mut self, n: u32) {
        self.seen.wanted.replicas = n;
        for id in 0..n {
            self.seen
                .members
                .entry(MemberId(id))
                .or_insert_with(|| member(id));
        }
    }

    pub(super) fn member(&mut self, id: u32) -> &mut Member {
        self.seen.members.get_mut(&MemberId(id)).unwrap()
    }

    pub(super) fn report(&mut self, id: u32) -> &mut MemberReport {
        match &mut self.member(id).report {
            Seen::Fresh(report) => report,
            Seen::Silent { .. } => panic!("silent"),
        }
    }

    pub(super) fn server(&mut self, id: u32) -> &mut ServerReport {
        self.report(id).server.as_mut().unwrap()
    }

    pub(super) fn guard(&mut self, id: u32) -> &mut Guard {
        self.report(id).guard.as_mut().unwrap()
    }

    pub(super) fn primary(&self) -> u32 {
        self.seen.register.as_ref().map_or(0, |r| r.primary.0)
    }

    fn uuid_of(&self, id: u32) -> ServerUuid {
        uuid(self.uuids.get(&id).copied().unwrap_or(id))
    }

    /// The open primary commits `n` transactions, and its followers get them. Nothing while closed.
    pub(super) fn commit(&mut self, n: u64) {
        let primary = self.primary();
        if !self
            .report(primary)
            .server
            .as_ref()
            .is_some_and(|server| server.writable)
        {
            return;
        }
        self.write(primary, n);
        self.replicate();
    }

    /// `n` transactions at one member, which nobody gets.
    pub(super) fn write(&mut self, id: u32, n: u64) {
        let key = self.uuids.get(&id).copied().unwrap_or(id);
        let written = self.written.entry(key).or_default();
        *written += n;
        let set: GtidSet = format!("{}:1-{written}", uuid(key)).parse().unwrap();
        let server = self.server(id);
        server.executed = server.executed.union(&set);
        let executed = server.executed.clone();
        self.disks.insert(id, executed);
    }

    pub(super) fn crash(&mut self, id: u32) {
        let report = self.report(id);
        report.phase = Phase::AtGate;
        report.server = None;
        report.commits = None;
        self.replicate();
    }

    /// The member's mysqld stands still: its agent and the others' receivers, which stay connected, hear nothing of it.
    pub(super) fn stand_still(&mut self, id: u32) {
        self.report(id).server = None;
        let place = endpoint(id);
        let others: Vec<_> = self.seen.members.keys().map(|id| id.0).collect();
        for other in others {
            let Seen::Fresh(report) = &mut self.member(other).report else {
                continue;
            };
            let channel = report
                .server
                .as_mut()
                .and_then(|server| server.replication.as_mut());
            if let Some(channel) = channel.filter(|channel| channel.source_host == place.host) {
                channel.silent_ms = 5_000;
            }
        }
    }

    pub(super) fn lose_volume(&mut self, id: u32) {
        self.crash(id);
        self.report(id).guard = None;
        self.disks.remove(&id);
    }

    /// The member cannot be reached, and the others' receivers do not hear it.
    pub(super) fn vanish(&mut self, id: u32) -> Member {
        let gone = self.member(id).clone();
        self.member(id).report = silent();
        self.replicate();
        gone
    }

    pub(super) fn decide(&self) -> Decision {
        decide(&self.seen, &self.memory, self.now)
    }

    /// Runs passes until nothing changes or `steps` steps were taken; returns them as text.
    /// A healthy cluster with some history.
    pub(super) fn healthy(n: u32) -> Self {
        let mut world = Self::fresh(n);
        world.run_until_healthy(100);
        world.commit(7);
        world
    }

    /// Takes steps until something is so.
    pub(super) fn run_until(&mut self, what: &str, so: impl Fn(&mut Self) -> bool) {
        for _ in 0..100 {
            if so(self) {
                return;
            }
            let log = self.run(1);
            assert_eq!(log.len(), 1, "nothing is done any more, and not so: {what}");
        }
        panic!("never so: {what}");
    }

    pub(super) fn run(&mut self, steps: usize) -> Vec<String> {
        let mut log = Vec::new();
        while log.len() < steps {
            let decision = self.decide();
            assert_ne!(
                decision.verdict.code,
                crate::verdict::UNSAFE_PLAN,
                "{:?}\n{log:#?}",
                decision.verdict
            );
            self.memory = decision.memory;
            let Some(step) = decision.plan.steps.first() else {
                break;
            };
            log.push(step.to_string());
            self.take(&step.clone());
            self.replicate();
            self.now += 10;
        }
        log
    }

    pub(super) fn run_until_healthy(&mut self, steps: usize) -> Vec<String> {
        let log = self.run(steps);
        let decision = self.decide();
        assert!(
            decision.verdict.standing.healthy,
            "{:?}\n{log:#?}",
            decision.problems
        );
        log
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Record { expect, register } => {
                assert!(expect.fits(self.seen.register.as_ref()));
                self.seen.register = Some(register.clone());
            }
            Step::Label { member, role } => {
                self.seen.members.get_mut(member).unwrap().label = Some(*role);
            }
            Step::Settle { member } => self.member(member.0).ask = None,
            Step::Send(order) => self.carry(order),
        }
    }

    fn carry(&mut self, order: &Order) {
        let id = order.member.0;
        if matches!(self.member(id).report, Seen::Silent { .. }) {
            return;
        }
        let found = self.report(id).guard.clone();
        if let Some(guard) = &found {
            assert!(
                order.promise >= guard.promised,
                "stale: {order:?} {guard:?}"
            );
            assert!(order.epoch >= guard.epoch, "stale: {order:?} {guard:?}");
        }
        let data = found.as_ref().map(|guard| guard.data);
        let new_data = match (&order.command, data) {
            (
                Command::Start {
                    on_empty_volume: OnEmptyVolume::Refuse,
                    ..
                },
                None | Some(DataState::Initialising),
            ) => return,
            (Command::Start { .. }, None | Some(DataState::Initialising)) => DataState::Empty,
            (Command::Open { .. } | Command::Follow { .. } | Command::Clone { .. }, _) => {
                DataState::Holding
            }
            (Command::Discard { .. }, _) => DataState::Initialising,
            (_, data) => data.unwrap(),
        };
        let fresh = data != Some(new_data) && new_data != DataState::Holding;
        let cut = matches!(
            order.command,
            Command::Start {
                history: Some(_),
                ..
            } | Command::Clone { .. }
        );
        if fresh || cut {
            self.drawn += 1;
        }
        let incarnation = match &found {
            Some(guard) if !fresh && !cut => guard.incarnation.clone(),
            _ => format!("i{}", self.drawn),
        };
        let opened = match order.command {
            Command::Open { .. } => Some(order.epoch),
            Command::Follow { .. } | Command::Discard { .. } => None,
            _ => found.as_ref().and_then(|guard| guard.opened),
        };
        self.report(id).guard = Some(Guard {
            cluster: order.cluster.clone(),
            member: order.member,
            epoch: order.epoch,
            promised: order.promise,
            opened,
            role: Some(order.role),
            membership: Some(order.membership.clone()),
            incarnation,
            data: new_data,
            boot_id: "b".into(),
            pod_uid: "p".into(),
            volume_id: "v".into(),
            watermark: GtidSet::new(),
            server_version: None,
        });
        self.apply(id, order);
    }

    fn apply(&mut self, id: u32, order: &Order) {
        match &order.command {
            Command::Start { history, .. } => self.start(id, history.as_ref()),
            Command::Clone { donor } => {
                let copy = self.server(donor.member.0).executed.clone();
                let own = self.server(id);
                own.executed = copy.clone();
                own.purged = copy.clone();
                self.disks.insert(id, copy);
            }
            Command::Follow {
                source,
                acknowledge,
            } => {
                let own = self.server(id);
                assert!(!own.writable, "an open server cannot follow");
                own.offline = false;
                own.semi_sync.source_enabled = false;
                own.semi_sync.source_active = false;
                own.replication = Some(ReplicationReport {
                    source_host: source.host.clone(),
                    source_port: source.port,
                    receiver: ThreadState::On,
                    applier: ThreadState::On,
                    last_error: None,
                    received: GtidSet::new(),
                    lag_ms: 0,
                    silent_ms: 0,
                });
                own.semi_sync.replica_enabled = *acknowledge == Acknowledge::Yes;
            }
            Command::Fence => {
                let Some(own) = self.report(id).server.as_mut() else {
                    return;
                };
                match order.role {
                    Role::Primary => (own.writable, own.offline) = (false, true),
                    Role::Replica => {
                        if let Some(channel) = &mut own.replication {
                            channel.receiver = ThreadState::Off;
                        }
                    }
                }
            }
            Command::Promote { acks, must_hold } => {
                let own = self.server(id);
                assert!(own.executed.contains(must_hold));
                own.replication = None;
                own.semi_sync.wait_for = *acks;
                own.semi_sync.source_enabled = *acks > 0;
                own.semi_sync.source_active = *acks > 0;
                own.semi_sync.replica_enabled = false;
            }
            Command::Open { acks } | Command::SetAcks { acks } => {
                let own = self.server(id);
                own.writable = true;
                own.offline = false;
                own.semi_sync.wait_for = *acks;
                own.semi_sync.source_enabled = *acks > 0;
                own.semi_sync.source_active = *acks > 0;
                self.report(id).commits = Some(CommitProbe {
                    settled: true,
                    ..CommitProbe::default()
                });
            }
            Command::Retire => self.crash(id),
            Command::Discard { .. } => {
                self.crash(id);
                self.disks.remove(&id);
            }
        }
    }

    fn start(&mut self, id: u32, history: Option<&GtidSet>) {
        let mut executed = self.disks.get(&id).cloned().unwrap_or_default();
        if let Some(history) = history {
            let cut = executed.subtract(history);
            if !cut.is_empty() {
                executed = executed.subtract(&cut);
                self.drawn += 1;
                self.uuids.insert(id, self.drawn);
            }
            self.disks.insert(id, executed.clone());
        }
        let server = server(self.uuid_of(id), executed);
        let report = self.report(id);
        report.phase = Phase::Running;
        report.server = Some(server);
    }

    /// Followers of a running source receive and execute everything.
    pub(super) fn replicate(&mut self) {
        let ids: Vec<_> = self.seen.members.keys().map(|id| id.0).collect();
        for source in &ids {
            self.replicate_from(*source);
        }
        for other in ids {
            if let Some(server) = self.seen.members[&MemberId(other)].server() {
                self.disks.insert(other, server.executed.clone());
            }
        }
    }

    fn replicate_from(&mut self, source: u32) {
        let place = endpoint(source);
        let set = self.seen.members[&MemberId(source)]
            .server()
            .map(|server| server.executed.clone());
        let mut clients = 0;
        let ids: Vec<_> = self.seen.members.keys().map(|id| id.0).collect();
        for other in ids.into_iter().filter(|other| *other != source) {
            let Seen::Fresh(report) = &mut self.member(other).report else {
                continue;
            };
            let Some(server) = report.server.as_mut() else {
                continue;
            };
            let Some(channel) = server.replication.as_mut() else {
                continue;
            };
            if channel.source_host != place.host || channel.receiver == ThreadState::Off {
                server.semi_sync.replica_active &= channel.source_host != place.host;
                continue;
            }
            channel.receiver = if set.is_some() {
                ThreadState::On
            } else {
                ThreadState::Connecting
            };
            channel.silent_ms = if set.is_some() { 0 } else { 5_000 };
            server.semi_sync.replica_active = set.is_some() && server.semi_sync.replica_enabled;
            clients += u32::from(server.semi_sync.replica_active);
            if let Some(set) = &set {
                server.executed = server.executed.union(set);
                channel.received = channel.received.union(set);
            }
        }
        if let Seen::Fresh(report) = &mut self.member(source).report
            && let Some(server) = report.server.as_mut()
        {
            server.semi_sync.clients = clients;
        }
    }

    pub(super) fn register(&mut self) -> &mut Register {
        self.seen.register.as_mut().unwrap()
    }

    pub(super) fn members(&self) -> &BTreeMap<MemberId, Member> {
        &self.seen.members
    }

    pub(super) fn order(&self, id: u32, command: Command) -> Order {
        let register = self.seen.register.as_ref().unwrap();
        let role = if register.primary.0 == id {
            Role::Primary
        } else {
            Role::Replica
        };
        Order {
            cluster: self.seen.uid.clone(),
            member: MemberId(id),
            epoch: register.epoch,
            promise: register.epoch,
            role,
            membership: register.membership.clone(),
            command,
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.seen.register.as_ref().unwrap().epoch
    }
}

fn server(uuid: ServerUuid, executed: GtidSet) -> ServerReport {
    ServerReport {
        server_uuid: uuid,
        version: "9.7.4".parse().unwrap(),
        executed,
        purged: GtidSet::new(),
        writable: false,
        offline: false,
        replication: None,
        semi_sync: SemiSyncReport::default(),
        drift: vec![],
    }
}
