//! From the small world's values to the product's.

use std::collections::{BTreeMap, BTreeSet};

use moco_model::guard::DataState;
use moco_model::register::{Basis, BasisKind, Switchover};
use moco_model::report::{CommitProbe, Hearing, ReplicationReport, SemiSyncReport, ThreadState};
use moco_model::{
    ClusterId, ClusterUid, Endpoint, Epoch, GtidSet, Guard as RealGuard, MemberId, MemberReport,
    Membership as RealMembership, Phase, Register as RealRegister, Role, ServerReport, ServerUuid,
    ServerVersion,
};
use moco_planner::observation::{Ask as RealAsk, Clustering, Mark as RealMark, Rebuild, Rule};
use moco_planner::{Member as SeenMember, Observation, Seen as Fresh, Wanted};

use super::{NOW, Report, Seen, ServerSeen};
use crate::exhaustive::state::{
    Ask, Data, Gtid, Guard, Ids, MEMBERS, Mark, Membership, Receiver, Register, WRITES, Writes,
    bit, numbers,
};

fn endpoint(id: u8) -> Endpoint {
    Endpoint {
        member: MemberId(u32::from(id)),
        host: format!("m{id}"),
        port: 3306,
    }
}

pub(super) fn uuid(number: u8) -> ServerUuid {
    ServerUuid::from_u128(0xabcd_0000 + u128::from(number))
}

fn ids(set: Ids) -> BTreeSet<MemberId> {
    numbers(set).map(|id| MemberId(u32::from(id))).collect()
}

/// The GTID set of some writes.
fn gtid_set(gtids: [Gtid; WRITES], writes: Writes) -> GtidSet {
    let each = numbers(writes).filter_map(|write| {
        let gtid = gtids.get(usize::from(write))?;
        format!("{}:{}", uuid(gtid.uuid), gtid.number).parse().ok()
    });
    each.fold(GtidSet::new(), |all: GtidSet, one| all.union(&one))
}

/// The writes of a GTID set.
pub(super) fn writes(gtids: [Gtid; WRITES], set: &GtidSet) -> Writes {
    let made = (0..4).filter(|write| gtids[usize::from(*write)].number > 0);
    made.filter(|write| set.contains(&gtid_set(gtids, bit(*write))))
        .map(bit)
        .sum()
}

/// Everything that a pass saw.
pub(super) fn observation(seen: &Seen) -> Observation {
    let members = (0..seen.pods).map(|id| (MemberId(u32::from(id)), member(seen, id)));
    Observation {
        cluster: ClusterId {
            namespace: "sim".to_owned(),
            name: "world".to_owned(),
        },
        uid: ClusterUid("uid".to_owned()),
        wanted: Wanted {
            replicas: u32::from(seen.wanted),
            clustering: Clustering::Active,
            rebuild: Rebuild::Allowed,
            force: None,
        },
        register: seen
            .register
            .as_ref()
            .map(|register| real_register(seen, register)),
        initialised_before: false,
        platform: Vec::new(),
        members: members.collect(),
        mark: seen.mark.map(|mark| real_mark(seen, mark)),
    }
}

fn member(seen: &Seen, id: u8) -> SeenMember {
    let primary = seen.register.map(|register| register.primary);
    let role = if primary == Some(id) {
        Role::Primary
    } else {
        Role::Replica
    };
    let because = || "a person".to_owned();
    let ask = match seen.ask {
        Some(Ask::Lead(of)) if of == id => Some(RealAsk::Lead { because: because() }),
        Some(Ask::Leave(of)) if of == id => Some(RealAsk::Leave { because: because() }),
        _ => None,
    };
    let report = seen.reports.get(usize::from(id)).copied().flatten();
    let report = report.map_or_else(
        || Fresh::Silent {
            since: 0,
            because: "the link is cut".to_owned(),
        },
        |report| Fresh::Fresh(real_report(seen, id, &report)),
    );
    SeenMember {
        endpoint: endpoint(id),
        report,
        label: Some(role),
        ask,
    }
}

fn real_report(seen: &Seen, id: u8, report: &Report) -> MemberReport {
    let source = report.server.and_then(|server| server.source);
    let hearing = source.map(|source| Hearing {
        member: MemberId(u32::from(source)),
        silent_ms: if report.deaf { 5_000 } else { 0 },
        refused: false,
    });
    let open = report.server.is_some_and(|server| server.open);
    let waiting_ms = if report.stuck { 5_000 } else { 0 };
    MemberReport {
        cluster: ClusterUid("uid".to_owned()),
        member: MemberId(u32::from(id)),
        agent_version: String::new(),
        phase: if report.server.is_some() {
            Phase::Running
        } else {
            Phase::AtGate
        },
        guard: report.guard.as_ref().map(|guard| real_guard(id, guard)),
        server: report
            .server
            .as_ref()
            .map(|server| real_server(seen, server)),
        fault: None,
        mysqld_pid: report.server.map(|_| 1),
        leaving: false,
        hearing,
        commits: open.then_some(CommitProbe {
            waiting_ms,
            error: None,
            // Here a write is in the binary log and synced in one move.
            settled: true,
        }),
        evidence: Vec::new(),
    }
}

fn real_guard(id: u8, guard: &Guard) -> RealGuard {
    RealGuard {
        cluster: ClusterUid("uid".to_owned()),
        member: MemberId(u32::from(id)),
        epoch: Epoch(u64::from(guard.epoch)),
        promised: Epoch(u64::from(guard.promised)),
        opened: guard.opened.map(|epoch| Epoch(u64::from(epoch))),
        role: guard.role,
        membership: guard.membership.map(real_membership),
        incarnation: guard.incarnation.to_string(),
        data: match guard.data {
            Data::Initialising => DataState::Initialising,
            Data::Empty => DataState::Empty,
            Data::Cloning => DataState::Cloning,
            Data::Holding => DataState::Holding,
        },
        boot_id: String::new(),
        pod_uid: String::new(),
        volume_id: String::new(),
        watermark: GtidSet::new(),
        server_version: None,
    }
}

fn real_server(seen: &Seen, server: &ServerSeen) -> ServerReport {
    let failed = server.receiver == Receiver::Failed;
    let replication = server.source.map(|source| ReplicationReport {
        source_host: endpoint(source).host,
        source_port: 3306,
        receiver: match server.receiver {
            Receiver::Off | Receiver::Failed => ThreadState::Off,
            Receiver::Trying => ThreadState::Connecting,
            Receiver::On => ThreadState::On,
        },
        applier: if server.applier {
            ThreadState::On
        } else {
            ThreadState::Off
        },
        last_error: failed.then(|| "1236: the source cannot send what is missing".to_owned()),
        received: gtid_set(seen.gtids, server.received),
        lag_ms: 0,
        silent_ms: if server.unheard { 5_000 } else { 0 },
    });
    ServerReport {
        server_uuid: uuid(server.uuid),
        version: ServerVersion {
            major: 9,
            minor: 7,
            patch: 4,
        },
        executed: gtid_set(seen.gtids, server.executed),
        purged: gtid_set(seen.gtids, server.purged),
        writable: server.open,
        offline: server.offline,
        replication,
        semi_sync: SemiSyncReport {
            source_enabled: server.wait_for > 0,
            source_active: server.wait_for > 0,
            wait_for: u32::from(server.wait_for),
            clients: u32::from(server.clients),
            waiting: u32::from(server.waiting),
            unacknowledged: 0,
            switched_off: 0,
            replica_enabled: server.acknowledges,
            replica_active: server.active,
        },
        drift: Vec::new(),
    }
}

fn real_mark(seen: &Seen, mark: Mark) -> RealMark {
    RealMark {
        epoch: Epoch(u64::from(mark.epoch)),
        executed: gtid_set(seen.gtids, mark.executed),
        incarnations: lives(mark.lives),
        rule: Rule {
            version: u64::from(mark.version),
            acks: u32::from(mark.acks),
        },
        settled: mark.settled,
    }
}

/// Incarnations by member; 0 stands for none.
fn lives(small: [u8; MEMBERS]) -> BTreeMap<MemberId, String> {
    let known = small.iter().enumerate().filter(|(_, life)| **life > 0);
    known
        .filter_map(|(id, life)| Some((MemberId(u32::try_from(id).ok()?), life.to_string())))
        .collect()
}

fn real_membership(membership: Membership) -> RealMembership {
    RealMembership {
        members: ids(membership.members),
        old: membership.old.map(ids),
        version: u64::from(membership.version),
    }
}

/// Every register is of revision 1 here: that two controllers do not write over each other is modelled
/// apart from it.
fn real_register(seen: &Seen, register: &Register) -> RealRegister {
    RealRegister {
        epoch: Epoch(u64::from(register.epoch)),
        revision: 1,
        primary: MemberId(u32::from(register.primary)),
        membership: real_membership(register.membership),
        initialised: register.initialised,
        basis: Basis {
            kind: BasisKind::Bootstrap,
            decided_at: 0,
            because: String::new(),
            must_hold: gtid_set(seen.gtids, register.must_hold),
            writer: (register.writer > 0).then(|| uuid(register.writer)),
        },
        counted: lives(register.counted),
        switchover: register.switchover.map(|to| Switchover {
            to: MemberId(u32::from(to)),
            because: "a person".to_owned(),
            begun_at: 0,
            deadline: NOW + 30_000,
        }),
        handovers: Vec::new(),
    }
}
