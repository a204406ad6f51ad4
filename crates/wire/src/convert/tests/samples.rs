//! Values of every message: any, and one with everything in it.

use std::collections::BTreeSet;

use moco_model::command::{Acknowledge, Answer, OnEmptyVolume, Order};
use moco_model::guard::DataState;
use moco_model::report::{
    CommitFailure, CommitProbe, EVIDENCE_MAX, Evidence, Fault, FaultCode, Hearing,
    ReplicationReport, SemiSyncReport, ThreadState,
};
use moco_model::{
    ClusterId, ClusterUid, Command, Endpoint, Epoch, GtidSet, Guard, MemberId, MemberReport,
    Membership, Phase, Role, ServerReport, ServerUuid, ServerVersion,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::beat::{Beat, BeatAnswer};
use crate::notice::{Notice, NoticeAnswer};

fn uid() -> impl Strategy<Value = ClusterUid> {
    "\\PC{1,60}".prop_map(ClusterUid)
}

pub(super) fn member() -> impl Strategy<Value = MemberId> {
    any::<u32>().prop_map(MemberId)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<u64>().prop_map(Epoch)
}

fn role() -> impl Strategy<Value = Role> {
    select(vec![Role::Primary, Role::Replica])
}

fn members() -> impl Strategy<Value = BTreeSet<MemberId>> {
    prop::collection::btree_set(member(), 0..9)
}

fn membership() -> impl Strategy<Value = Membership> {
    (members(), option::of(members()), any::<u64>()).prop_map(|(members, old, version)| {
        Membership {
            members,
            old,
            version,
        }
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    (member(), "[a-zA-Z0-9.:_-]{1,60}", 1..=u16::MAX).prop_map(|(member, host, port)| Endpoint {
        member,
        host,
        port,
    })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (
            select(vec![OnEmptyVolume::Initialise, OnEmptyVolume::Refuse]),
            option::of(gtids()),
        )
            .prop_map(|(on_empty_volume, history)| Command::Start {
                on_empty_volume,
                history,
            }),
        endpoint().prop_map(|donor| Command::Clone { donor }),
        (endpoint(), select(vec![Acknowledge::Yes, Acknowledge::No])).prop_map(
            |(source, acknowledge)| Command::Follow {
                source,
                acknowledge
            }
        ),
        Just(Command::Fence),
        (any::<u32>(), gtids()).prop_map(|(acks, must_hold)| Command::Promote { acks, must_hold }),
        Just(Command::Retire),
        gtids().prop_map(|errant| Command::Discard { errant }),
        any::<u32>().prop_map(|acks| Command::Open { acks }),
        any::<u32>().prop_map(|acks| Command::SetAcks { acks }),
    ]
}

pub(super) fn order() -> impl Strategy<Value = Order> {
    let decision = any::<u64>().prop_flat_map(|epoch| (Just(Epoch(epoch)), epoch..));
    (uid(), member(), decision, role(), membership(), command()).prop_map(
        |(cluster, member, (epoch, promise), role, membership, command)| Order {
            cluster,
            member,
            epoch,
            promise: Epoch(promise),
            role,
            membership,
            command,
        },
    )
}

pub(super) fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Accepted),
        Just(Answer::NotMine),
        epoch().prop_map(|held| Answer::StaleEpoch { held }),
        "\\PC{0,99}".prop_map(|doing| Answer::Busy { doing }),
        "\\PC{0,99}".prop_map(|because| Answer::Refused { because }),
    ]
}

fn version() -> impl Strategy<Value = ServerVersion> {
    any::<(u16, u16, u16)>().prop_map(|(major, minor, patch)| ServerVersion {
        major,
        minor,
        patch,
    })
}

fn guard() -> impl Strategy<Value = Guard> {
    let data = select(vec![
        DataState::Initialising,
        DataState::Empty,
        DataState::Cloning,
        DataState::Holding,
    ]);
    let names = ("\\PC{0,40}", "\\PC{0,40}", "\\PC{0,40}", "\\PC{0,40}");
    let epochs = (epoch(), epoch(), option::of(epoch()));
    let told = (epochs, option::of(role()), option::of(membership()));
    let held = (data, gtids());
    (uid(), member(), told, held, names, option::of(version())).prop_map(
        |(cluster, member, told, (data, watermark), names, server_version)| {
            let ((epoch, promised, opened), role, membership) = told;
            Guard {
                cluster,
                member,
                epoch,
                promised,
                opened,
                role,
                membership,
                incarnation: names.0,
                data,
                boot_id: names.1,
                pod_uid: names.2,
                volume_id: names.3,
                watermark,
                server_version,
            }
        },
    )
}

fn gtids() -> impl Strategy<Value = GtidSet> {
    let one = (
        any::<u128>(),
        "[a-z_][a-z0-9_]{0,8}",
        1_u64..1000,
        0_u64..1000,
    );
    prop::collection::vec(one, 0..4).prop_map(|parts| {
        let texts: Vec<_> = parts
            .into_iter()
            .map(|(uuid, tag, first, more)| {
                let uuid = ServerUuid::from_u128(uuid);
                format!("{uuid}:{first}:{tag}:{first}-{}", first + more)
            })
            .collect();
        texts.join(",").parse().unwrap()
    })
}

fn thread() -> impl Strategy<Value = ThreadState> {
    select(vec![
        ThreadState::On,
        ThreadState::Connecting,
        ThreadState::Off,
    ])
}

fn replication() -> impl Strategy<Value = ReplicationReport> {
    let source = ("\\PC{0,40}", any::<u16>());
    let state = (thread(), thread(), option::of("\\PC{0,99}"));
    (source, state, gtids(), any::<(u64, u64)>()).prop_map(
        |(source, state, received, (lag_ms, silent_ms))| {
            let (source_host, source_port) = source;
            let (receiver, applier, last_error) = state;
            ReplicationReport {
                source_host,
                source_port,
                receiver,
                applier,
                last_error,
                received,
                lag_ms,
                silent_ms,
            }
        },
    )
}

fn semi_sync() -> impl Strategy<Value = SemiSyncReport> {
    let flags = any::<(bool, bool, bool, bool)>();
    (flags, any::<(u32, u32, u32)>(), any::<(u64, u64)>()).prop_map(
        |(flags, counts, (unacknowledged, switched_off))| SemiSyncReport {
            source_enabled: flags.0,
            source_active: flags.1,
            wait_for: counts.0,
            clients: counts.1,
            waiting: counts.2,
            unacknowledged,
            switched_off,
            replica_enabled: flags.2,
            replica_active: flags.3,
        },
    )
}

fn server() -> impl Strategy<Value = ServerReport> {
    let sets = (gtids(), gtids());
    let drift = prop::collection::vec("\\PC{0,40}", 0..4);
    let state = (
        any::<(bool, bool)>(),
        option::of(replication()),
        semi_sync(),
    );
    (any::<u128>(), version(), sets, state, drift).prop_map(
        |(uuid, version, (executed, purged), (flags, replication, semi_sync), drift)| {
            ServerReport {
                server_uuid: ServerUuid::from_u128(uuid),
                version,
                executed,
                purged,
                writable: flags.0,
                offline: flags.1,
                replication,
                semi_sync,
                drift,
            }
        },
    )
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        Just(Phase::AtGate),
        Just(Phase::Initialising),
        Just(Phase::Starting),
        (0_u8..=100).prop_map(Phase::Cloning),
        Just(Phase::Running),
        Just(Phase::Stopping),
    ]
}

const CODES: [FaultCode; 16] = [
    FaultCode::ForeignVolume,
    FaultCode::UnknownData,
    FaultCode::DataMissing,
    FaultCode::GuardUnreadable,
    FaultCode::VolumeNotWritable,
    FaultCode::NoMysqld,
    FaultCode::VersionRefused,
    FaultCode::PluginMissing,
    FaultCode::ConfigurationRefused,
    FaultCode::InitialiseFailed,
    FaultCode::MysqldExited,
    FaultCode::StartTimeout,
    FaultCode::LoginFailed,
    FaultCode::CloneFailed,
    FaultCode::CloseHeldUp,
    FaultCode::CommandFailed,
];

fn fault() -> impl Strategy<Value = Fault> {
    (select(CODES.to_vec()), "\\PC{0,99}").prop_map(|(code, sentence)| Fault { code, sentence })
}

fn hearing() -> impl Strategy<Value = Hearing> {
    (member(), any::<u64>(), any::<bool>()).prop_map(|(member, silent_ms, refused)| Hearing {
        member,
        silent_ms,
        refused,
    })
}

fn commits() -> impl Strategy<Value = CommitProbe> {
    let error = select(vec![
        None,
        Some(CommitFailure::DiskFull),
        Some(CommitFailure::Other),
    ]);
    (any::<u64>(), error, any::<bool>()).prop_map(|(waiting_ms, error, settled)| CommitProbe {
        waiting_ms,
        error,
        settled,
    })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let file = option::of("\\PC{1,40}");
    (any::<i64>(), epoch(), gtids(), file).prop_map(|(at, epoch, transactions, file)| Evidence {
        at,
        epoch,
        transactions,
        file,
    })
}

pub(super) fn report() -> impl Strategy<Value = MemberReport> {
    let known = (
        option::of(guard()),
        option::of(server()),
        option::of(fault()),
    );
    let process = (option::of(any::<u32>()), any::<bool>());
    let seen = (
        option::of(hearing()),
        option::of(commits()),
        prop::collection::vec(evidence(), 0..=EVIDENCE_MAX),
    );
    (uid(), member(), "\\PC{0,40}", phase(), known, process, seen).prop_map(
        |(cluster, member, agent_version, phase, known, process, seen)| {
            let (guard, server, fault) = known;
            let (mysqld_pid, leaving) = process;
            let (hearing, commits, evidence) = seen;
            MemberReport {
                cluster,
                member,
                agent_version,
                phase,
                guard,
                server,
                fault,
                mysqld_pid,
                leaving,
                hearing,
                commits,
                evidence,
            }
        },
    )
}

pub(super) fn notice() -> impl Strategy<Value = Notice> {
    let label = "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?";
    (label, label, any::<u64>(), report()).prop_map(|(namespace, name, sequence, report)| Notice {
        cluster: ClusterId::new(&namespace, &name).unwrap(),
        sequence,
        report,
    })
}

pub(super) fn notice_answer() -> impl Strategy<Value = NoticeAnswer> {
    prop_oneof![
        Just(NoticeAnswer::Taken),
        Just(NoticeAnswer::NoLeader),
        "[a-z.0-9]{1,60}:[1-9][0-9]{0,3}".prop_map(NoticeAnswer::Leader),
    ]
}

pub(super) fn beat() -> impl Strategy<Value = Beat> {
    (epoch(), any::<bool>()).prop_map(|(epoch, follows)| Beat { epoch, follows })
}

pub(super) fn beat_answer() -> impl Strategy<Value = BeatAnswer> {
    let role = option::of(role());
    (member(), epoch(), role, any::<(bool, bool)>()).prop_map(
        |(member, epoch, role, (mysqld_runs, open))| BeatAnswer {
            member,
            epoch,
            role,
            mysqld_runs,
            open,
        },
    )
}

pub(super) fn full_beat() -> Beat {
    Beat {
        epoch: Epoch(0),
        follows: false,
    }
}

pub(super) fn full_beat_answer() -> BeatAnswer {
    BeatAnswer {
        member: MemberId(0),
        epoch: Epoch(0),
        role: Some(Role::Replica),
        mysqld_runs: false,
        open: false,
    }
}

pub(super) fn full_endpoint() -> Endpoint {
    Endpoint {
        member: MemberId(1),
        host: "moco-a-1.moco-a.ns.svc".to_owned(),
        port: 3306,
    }
}

pub(super) fn full_order() -> Order {
    Order {
        cluster: ClusterUid("uid".to_owned()),
        member: MemberId(0),
        epoch: Epoch(0),
        promise: Epoch(0),
        role: Role::Replica,
        membership: Membership::first(3),
        command: Command::Clone {
            donor: full_endpoint(),
        },
    }
}

const VERSION: ServerVersion = ServerVersion {
    major: 9,
    minor: 7,
    patch: 0,
};

fn full_guard() -> Guard {
    let mut membership = Membership::first(3);
    membership.old = Some(BTreeSet::from([MemberId(0)]));
    Guard {
        cluster: ClusterUid("uid".to_owned()),
        member: MemberId(0),
        epoch: Epoch(0),
        promised: Epoch(0),
        opened: Some(Epoch(0)),
        role: Some(Role::Replica),
        membership: Some(membership),
        incarnation: "i".to_owned(),
        data: DataState::Cloning,
        boot_id: String::new(),
        pod_uid: String::new(),
        volume_id: String::new(),
        watermark: GtidSet::new(),
        server_version: Some(VERSION),
    }
}

/// With every field that can be left out, and with zeros, which must not look left out.
pub(super) fn full_report() -> MemberReport {
    let gtids: GtidSet = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:t:7"
        .parse()
        .unwrap();
    MemberReport {
        cluster: ClusterUid("uid".to_owned()),
        member: MemberId(0),
        agent_version: "0.1.0".to_owned(),
        phase: Phase::Cloning(0),
        guard: Some(full_guard()),
        server: Some(ServerReport {
            server_uuid: ServerUuid::from_u128(1),
            version: VERSION,
            executed: gtids.clone(),
            purged: GtidSet::new(),
            writable: false,
            offline: false,
            replication: Some(ReplicationReport {
                source_host: "moco-a-1".to_owned(),
                source_port: 0,
                receiver: ThreadState::On,
                applier: ThreadState::Off,
                last_error: Some("1062: duplicate".to_owned()),
                received: gtids.clone(),
                lag_ms: 0,
                silent_ms: 0,
            }),
            semi_sync: SemiSyncReport::default(),
            drift: vec!["sync_binlog=0".to_owned()],
        }),
        fault: Some(Fault {
            code: FaultCode::CloneFailed,
            sentence: "the clone from member 1 failed".to_owned(),
        }),
        mysqld_pid: Some(0),
        leaving: false,
        hearing: Some(Hearing {
            member: MemberId(0),
            silent_ms: 0,
            refused: false,
        }),
        commits: Some(CommitProbe {
            waiting_ms: 0,
            error: Some(CommitFailure::DiskFull),
            settled: true,
        }),
        evidence: vec![Evidence {
            at: 0,
            epoch: Epoch(0),
            transactions: gtids,
            file: Some("evidence/1".to_owned()),
        }],
    }
}

/// A piece of evidence that the set was given up.
pub(super) fn evidence_of(transactions: GtidSet) -> Evidence {
    Evidence {
        at: 0,
        epoch: Epoch(1),
        transactions,
        file: None,
    }
}

/// A set of as many origins as it takes, with a text of at most that many bytes and hardly fewer.
pub(super) fn gtid_set_of_text_length(bytes: usize) -> GtidSet {
    let one = |n: u128| format!("{}:1", ServerUuid::from_u128(n));
    let count = (bytes + 1) / (one(0).len() + 1);
    let all: Vec<_> = (0..count as u128).map(one).collect();
    all.join(",").parse().unwrap()
}
