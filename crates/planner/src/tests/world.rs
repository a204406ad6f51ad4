//! A world of well-behaved members: it carries out plans and is observed again. It knows nothing of
//! time, networks or faults other than crashes; those belong to the simulator.

use std::collections::BTreeMap;

use moco_model::command::{Acknowledge, OnEmptyVolume, Order};
use moco_model::guard::{DataState, Guard};
use moco_model::report::{ReplicationReport, SemiSyncReport, ThreadState};
use moco_model::{
    ClusterId, ClusterUid, Command, Endpoint, GtidSet, MemberId, MemberReport, Phase, Register,
    Role, ServerReport, ServerUuid,
};

use crate::observation::{Clustering, Member, Observation, Seen, Wanted};
use crate::{Decision, Memory, Step, decide};

pub(super) struct World {
    pub(super) seen: Observation,
    written: u64,
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
    };
    Member {
        endpoint: endpoint(id),
        report: Seen::Fresh(report),
        label: None,
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
            },
            register: None,
            initialised_before: false,
            platform: vec![],
            members: (0..n).map(|id| (MemberId(id), member(id))).collect(),
        };
        Self { seen, written: 0 }
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

    pub(super) fn report(&mut self, id: u32) -> &mut MemberReport {
        match &mut self.seen.members.get_mut(&MemberId(id)).unwrap().report {
            Seen::Fresh(report) => report,
            Seen::Silent { .. } => panic!("silent"),
        }
    }

    pub(super) fn server(&mut self, id: u32) -> &mut ServerReport {
        self.report(id).server.as_mut().unwrap()
    }

    /// The open primary commits `n` transactions, and its followers get them. Nothing while closed.
    pub(super) fn commit(&mut self, n: u64) {
        let primary = self.seen.register.as_ref().map_or(0, |r| r.primary.0);
        if !self
            .report(primary)
            .server
            .as_ref()
            .is_some_and(|server| server.writable)
        {
            return;
        }
        self.written += n;
        self.server(primary).executed = format!("{}:1-{}", uuid(primary), self.written)
            .parse()
            .unwrap();
        self.replicate();
    }

    pub(super) fn crash(&mut self, id: u32) {
        let report = self.report(id);
        report.phase = Phase::AtGate;
        report.server = None;
        self.replicate();
    }

    pub(super) fn lose_volume(&mut self, id: u32) {
        self.crash(id);
        self.report(id).guard = None;
    }

    pub(super) fn decide(&self) -> Decision {
        decide(&self.seen, &Memory::default(), 1_000)
    }

    /// Runs passes until nothing changes or `steps` steps were taken; returns them as text.
    pub(super) fn run(&mut self, steps: usize) -> Vec<String> {
        let mut log = Vec::new();
        while log.len() < steps {
            let decision = self.decide();
            assert_ne!(
                decision.verdict.code,
                crate::verdict::UNSAFE_PLAN,
                "{:?}",
                decision.verdict
            );
            let Some(step) = decision.plan.steps.first() else {
                break;
            };
            log.push(step.to_string());
            self.take(&step.clone());
            self.replicate();
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
            Step::Send(order) => self.carry(order),
        }
    }

    fn carry(&mut self, order: &Order) {
        let id = order.member.0;
        let report = self.report(id);
        let data = report.guard.as_ref().map(|guard| guard.data);
        let new_data = match &order.command {
            Command::Start { on_empty_volume } => match (data, on_empty_volume) {
                (None, OnEmptyVolume::Refuse) => return,
                (None, OnEmptyVolume::Initialise) => DataState::Empty,
                (Some(data), _) => data,
            },
            Command::Open { .. } | Command::Follow { .. } | Command::Clone { .. } => {
                DataState::Holding
            }
            Command::SetAcks { .. } => data.unwrap(),
        };
        report.guard = Some(Guard {
            cluster: order.cluster.clone(),
            member: order.member,
            epoch: order.epoch,
            role: Some(order.role),
            membership: Some(order.membership.clone()),
            incarnation: "i".into(),
            data: new_data,
            boot_id: "b".into(),
            pod_uid: "p".into(),
            server_version: None,
        });
        self.apply(id, &order.command);
    }

    fn apply(&mut self, id: u32, command: &Command) {
        match command {
            Command::Start { .. } => {
                let executed = self.executed_of(id);
                let report = self.report(id);
                report.phase = Phase::Running;
                report.server = Some(server(id, executed));
            }
            Command::Clone { donor } => {
                let copy = self.server(donor.member.0).executed.clone();
                let own = self.server(id);
                own.executed = copy.clone();
                own.purged = copy;
            }
            Command::Follow {
                source,
                acknowledge,
            } => {
                let own = self.server(id);
                own.replication = Some(ReplicationReport {
                    source_host: source.host.clone(),
                    source_port: source.port,
                    receiver: ThreadState::On,
                    applier: ThreadState::On,
                    last_error: None,
                    received: GtidSet::new(),
                    lag_ms: 0,
                });
                own.semi_sync.replica_enabled = *acknowledge == Acknowledge::Yes;
            }
            Command::Open { acks } | Command::SetAcks { acks } => {
                let own = self.server(id);
                own.writable = true;
                own.semi_sync.wait_for = *acks;
                own.semi_sync.source_enabled = *acks > 0;
            }
        }
    }

    /// What is on the member's disk: everything that was ever written, once it follows or is primary.
    fn executed_of(&mut self, id: u32) -> GtidSet {
        let holding = self
            .report(id)
            .guard
            .as_ref()
            .is_some_and(|g| g.data == DataState::Holding);
        if !holding || self.written == 0 {
            return GtidSet::new();
        }
        format!("{}:1-{}", uuid(0), self.written).parse().unwrap()
    }

    /// Followers of a running primary receive and execute everything.
    fn replicate(&mut self) {
        let Some(register) = self.seen.register.clone() else {
            return;
        };
        let id = register.primary.0;
        let source = self
            .report(id)
            .server
            .as_ref()
            .map(|server| server.executed.clone());
        let mut clients = 0;
        let ids: Vec<_> = self.seen.members.keys().map(|id| id.0).collect();
        for other in ids.into_iter().filter(|other| *other != id) {
            let Some(server) = self.report(other).server.as_mut() else {
                continue;
            };
            let Some(channel) = server.replication.as_mut() else {
                continue;
            };
            channel.receiver = if source.is_some() {
                ThreadState::On
            } else {
                ThreadState::Connecting
            };
            server.semi_sync.replica_active = source.is_some() && server.semi_sync.replica_enabled;
            clients += u32::from(server.semi_sync.replica_active);
            if let Some(source) = &source {
                server.executed = server.executed.union(source);
            }
        }
        if let Some(server) = self.report(id).server.as_mut() {
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
            role,
            membership: register.membership.clone(),
            command,
        }
    }
}

fn server(id: u32, executed: GtidSet) -> ServerReport {
    ServerReport {
        server_uuid: uuid(id),
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
