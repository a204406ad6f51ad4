//! The problem table: how each problem is recognised.

use std::fmt::Write as _;

use moco_model::guard::DataState;
use moco_model::report::FaultCode;
use moco_model::{MemberId, Phase, quorum};
use serde::{Deserialize, Serialize};

use crate::members::{at_gate, detached, empty_replica, errant_set, mislabelled, ready_followers};
use crate::observation::{Clustering, Member, Observation, PlatformFaultKind, Seen};
use crate::problem::Problem;

/// A problem that holds, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub problem: Problem,
    /// One sentence with the evidence, for people.
    pub sentence: String,
}

type Recognise = fn(&Observation) -> Option<String>;

/// One row a problem; the order is that of [`Problem::ALL`].
pub const TABLE: &[(Problem, Recognise)] = &[
    (Problem::ForeignCluster, |seen| {
        platform(seen, PlatformFaultKind::ForeignCluster)
    }),
    (Problem::ForeignVolumes, foreign_volumes),
    (Problem::RegisterLost, register_lost),
    (Problem::Offline, |seen| {
        clustering(
            seen,
            Clustering::Offline,
            "the cluster is taken down by spec.offline",
        )
    }),
    (Problem::ClusteringStopped, |seen| {
        clustering(
            seen,
            Clustering::Stopped,
            "clustering is stopped by annotation; no member is touched",
        )
    }),
    (Problem::TwoWritable, two_writable),
    (Problem::PrimaryUnreachable, primary_unreachable),
    (Problem::InvalidSpec, |seen| {
        platform(seen, PlatformFaultKind::InvalidSpec)
    }),
    (Problem::VolumeUnusable, |seen| faults(seen, volume_fault)),
    (Problem::ImageUnusable, |seen| faults(seen, image_fault)),
    (Problem::ConfigurationRefused, |seen| {
        faults(seen, |code| code == FaultCode::ConfigurationRefused)
    }),
    (Problem::MemberFault, |seen| faults(seen, other_fault)),
    (Problem::PodCannotRun, |seen| {
        platform(seen, PlatformFaultKind::PodCannotRun)
    }),
    (Problem::ObjectRefused, |seen| {
        platform(seen, PlatformFaultKind::ObjectRefused)
    }),
    (Problem::WaitingForMembers, waiting_for_members),
    (Problem::NotInitialised, not_initialised),
    (Problem::PrimaryRestarted, primary_restarted),
    (Problem::MembersAtGate, |seen| {
        phase(seen, at_gate, "waits for leave to start mysqld")
    }),
    (Problem::ErrantTransactions, errant_transactions),
    (Problem::MembersEmpty, |seen| {
        phase(seen, empty_replica, "has no data yet")
    }),
    (Problem::ReplicaDetached, |seen| {
        phase(seen, detached, "does not follow the primary")
    }),
    (Problem::ReplicationBroken, replication_broken),
    (Problem::PrimaryClosed, primary_closed),
    (Problem::WrongAcks, wrong_acks),
    (Problem::SemiSyncStarved, semi_sync_starved),
    (Problem::Growing, growing),
    (Problem::ShrinkRequested, shrink_requested),
    (Problem::ReplicaUnreachable, replica_unreachable),
    (Problem::SettingsDrifted, settings_drifted),
    (Problem::LabelsOutdated, |seen| {
        phase(seen, mislabelled, "has an outdated role label")
    }),
];

/// Every problem that holds, in order of priority.
pub fn diagnose(seen: &Observation) -> Vec<Finding> {
    let recognise = |(problem, row): &(Problem, Recognise)| {
        row(seen).map(|sentence| Finding {
            problem: *problem,
            sentence,
        })
    };
    TABLE.iter().filter_map(recognise).collect()
}

fn platform(seen: &Observation, kind: PlatformFaultKind) -> Option<String> {
    let faults: Vec<_> = seen
        .platform
        .iter()
        .filter(|fault| fault.kind == kind)
        .map(|f| f.sentence.as_str())
        .collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}

fn clustering(seen: &Observation, state: Clustering, sentence: &str) -> Option<String> {
    (seen.wanted.clustering == state).then(|| sentence.to_owned())
}

/// "member 1 WHAT" or "members 1, 2 …" for every member that `which` picks.
fn phase(
    seen: &Observation,
    which: fn(&Observation, MemberId, &Member) -> bool,
    what: &str,
) -> Option<String> {
    let ids: Vec<_> = seen
        .members
        .iter()
        .filter(|(id, member)| which(seen, **id, member))
        .map(|(id, _)| *id)
        .collect();
    let sentences = ids
        .iter()
        .map(|id| format!("member {id} {what}"))
        .collect::<Vec<_>>();
    (!ids.is_empty()).then(|| sentences.join("; "))
}

fn faults(seen: &Observation, which: fn(FaultCode) -> bool) -> Option<String> {
    let mut sentence = String::new();
    for (id, member) in &seen.members {
        let fault = member
            .report
            .fresh()
            .and_then(|report| report.fault.as_ref());
        if let Some(fault) = fault.filter(|fault| which(fault.code)) {
            let separator = if sentence.is_empty() { "" } else { "; " };
            let _ = write!(sentence, "{separator}member {id}: {}", fault.sentence);
        }
    }
    (!sentence.is_empty()).then_some(sentence)
}

const fn volume_fault(code: FaultCode) -> bool {
    use FaultCode::{DataMissing, ForeignVolume, GuardUnreadable, UnknownData, VolumeNotWritable};
    matches!(
        code,
        ForeignVolume | UnknownData | DataMissing | GuardUnreadable | VolumeNotWritable
    )
}

const fn image_fault(code: FaultCode) -> bool {
    matches!(
        code,
        FaultCode::NoMysqld | FaultCode::VersionRefused | FaultCode::PluginMissing
    )
}

fn other_fault(code: FaultCode) -> bool {
    !volume_fault(code) && !image_fault(code) && code != FaultCode::ConfigurationRefused
}

fn foreign_volumes(seen: &Observation) -> Option<String> {
    if seen.register.is_some() {
        return None; // one member with a foreign volume does not stop the others
    }
    faults(seen, |code| code == FaultCode::ForeignVolume)
}

fn register_lost(seen: &Observation) -> Option<String> {
    let Some(register) = &seen.register else {
        let holding = seen
            .members
            .iter()
            .find(|(_, m)| m.data() == Some(DataState::Holding));
        return match holding {
            Some((id, _)) => Some(format!(
                "no register is recorded, but member {id} holds data"
            )),
            None if seen.initialised_before => {
                Some("the cluster was initialised before, but its register is gone".to_owned())
            }
            None => None,
        };
    };
    let ahead = |member: &Member| {
        member
            .guard()
            .is_some_and(|guard| guard.epoch > register.epoch)
    };
    let (id, member) = seen.members.iter().find(|(_, member)| ahead(member))?;
    let promised = member.guard().map_or(register.epoch, |guard| guard.epoch);
    Some(format!(
        "the register is at epoch {}, but member {id} has promised epoch {promised}",
        register.epoch
    ))
}

fn two_writable(seen: &Observation) -> Option<String> {
    seen.register.as_ref()?;
    let writable = |member: &Member| member.server().is_some_and(|server| server.writable);
    let (id, _) = seen.replicas().find(|(_, member)| writable(member))?;
    Some(format!("member {id} is not the primary and takes writes"))
}

fn primary_unreachable(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let id = register.primary;
    match &member.report {
        Seen::Silent { because, .. } => Some(format!("primary {id} cannot be reached: {because}")),
        Seen::Fresh(report) if report.phase == Phase::Running && report.server.is_none() => {
            Some(format!("mysqld of primary {id} runs and does not answer"))
        }
        Seen::Fresh(_) => None,
    }
}

fn waiting_for_members(seen: &Observation) -> Option<String> {
    if seen.register.is_some() {
        return None;
    }
    let unheard = |(id, member): (&MemberId, &Member)| match &member.report {
        Seen::Silent { because, .. } => Some(format!("member {id} ({because})")),
        Seen::Fresh(_) => None,
    };
    let missing: Vec<_> = seen.members.iter().filter_map(unheard).collect();
    (!missing.is_empty()).then(|| format!("not heard of yet: {}", missing.join(", ")))
}

fn not_initialised(seen: &Observation) -> Option<String> {
    (seen.register.is_none() && waiting_for_members(seen).is_none())
        .then(|| "the cluster is new and has no primary yet".to_owned())
}

fn primary_restarted(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let guard = member.guard()?;
    let opened = guard.data == DataState::Holding && guard.epoch == register.epoch;
    (member.phase() == Some(Phase::AtGate) && opened).then(|| {
        format!(
            "mysqld of primary {} ended and is to be started again in place",
            register.primary
        )
    })
}

fn errant_transactions(seen: &Observation) -> Option<String> {
    let mut sentences = Vec::new();
    for (id, member) in seen.replicas() {
        let errant = errant_set(seen, member);
        if !errant.is_empty() {
            let count = errant.count();
            sentences.push(format!(
                "member {id} has {count} transactions that the primary lacks: {errant}"
            ));
        }
    }
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

fn replication_broken(seen: &Observation) -> Option<String> {
    let mut sentences = Vec::new();
    for (id, member) in seen.replicas() {
        let channel = member
            .server()
            .and_then(|server| server.replication.as_ref());
        if let Some(error) = channel.and_then(|channel| channel.last_error.as_ref()) {
            sentences.push(format!("member {id}: {error}"));
        }
    }
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

fn primary_closed(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let server = member.server()?;
    if server.writable || member.phase() != Some(Phase::Running) {
        return None;
    }
    let needed = quorum::acks_under(&register.membership);
    let ready = ready_followers(seen).len();
    Some(format!(
        "primary {} is closed; {ready} of {needed} needed replicas hold everything it has",
        register.primary
    ))
}

fn wrong_acks(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let server = member.server().filter(|server| server.writable)?;
    let needed = quorum::acks_under(&register.membership);
    let set = if server.semi_sync.source_enabled {
        server.semi_sync.wait_for
    } else {
        0
    };
    (set != needed).then(|| format!("commits wait for {set} acknowledgements instead of {needed}"))
}

fn semi_sync_starved(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let server = member.server().filter(|server| server.writable)?;
    let needed = quorum::acks_under(&register.membership);
    let clients = server.semi_sync.clients;
    (needed > 0 && clients < needed)
        .then(|| format!("writes wait: {clients} of {needed} needed replicas acknowledge"))
}

fn growing(seen: &Observation) -> Option<String> {
    let register = seen.register.as_ref()?;
    let now = register.membership.members.len();
    let wanted = usize::try_from(seen.wanted.replicas).unwrap_or(usize::MAX);
    match &register.membership.old {
        Some(old) => Some(format!(
            "the cluster grows from {} to {now} members",
            old.len()
        )),
        None if wanted > now => Some(format!("{wanted} members are wanted, {now} are recorded")),
        None => None,
    }
}

fn shrink_requested(seen: &Observation) -> Option<String> {
    let register = seen.register.as_ref()?;
    let now = register.membership.members.len();
    let wanted = usize::try_from(seen.wanted.replicas).unwrap_or(usize::MAX);
    (wanted < now).then(|| {
        format!("{wanted} members are wanted, {now} are recorded; MOCO cannot remove members yet")
    })
}

fn replica_unreachable(seen: &Observation) -> Option<String> {
    seen.register.as_ref()?;
    let silent = |(id, member): (MemberId, &Member)| match &member.report {
        Seen::Silent { because, .. } => Some(format!("replica {id} cannot be reached: {because}")),
        Seen::Fresh(report) if report.phase != Phase::Running => {
            Some(format!("replica {id} {}", report.phase))
        }
        Seen::Fresh(report) if report.server.is_none() => {
            Some(format!("mysqld of replica {id} does not answer"))
        }
        Seen::Fresh(_) => None,
    };
    let sentences: Vec<_> = seen.replicas().filter_map(silent).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

fn settings_drifted(seen: &Observation) -> Option<String> {
    let drifted = |(id, member): (&MemberId, &Member)| {
        let drift = &member.server()?.drift;
        (!drift.is_empty()).then(|| format!("member {id}: {}", drift.join(", ")))
    };
    let sentences: Vec<_> = seen.members.iter().filter_map(drifted).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}
