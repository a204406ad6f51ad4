//! The problem table: how each problem is recognised.

use std::fmt::Write as _;

use moco_model::guard::DataState;
use moco_model::register::Cause;
use moco_model::report::FaultCode;
use moco_model::{MemberId, Role};
use serde::{Deserialize, Serialize};

use crate::members::{at_gate, detached, empty_replica, lacks_purged, mislabelled};
use crate::observation::{Clustering, Member, Observation, PlatformFaultKind, Seen};
use crate::problem::Problem;
use crate::remedies;

mod primary;
mod replicas;

/// A problem that holds, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub problem: Problem,
    /// One sentence with the evidence, for people.
    pub sentence: String,
}

/// Between two problems of one message.
const BETWEEN: &str = "; ";

impl Finding {
    /// All of them in one message, `CODE: sentence; CODE: sentence`: what the condition Healthy says.
    pub fn join(all: &[Self]) -> String {
        let said = all
            .iter()
            .map(|found| format!("{}: {}", found.problem, found.sentence));
        said.collect::<Vec<_>>().join(BETWEEN)
    }

    /// What [`Finding::join`] made a message of; nothing when it begins without a code. A sentence may hold `; `.
    pub fn split(message: &str) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for part in message.split(BETWEEN) {
            let named = part
                .split_once(": ")
                .and_then(|(code, sentence)| Some((Problem::of_code(code)?, sentence)));
            match (named, all.last_mut()) {
                (Some((problem, sentence)), _) => all.push(Self {
                    problem,
                    sentence: sentence.to_owned(),
                }),
                (None, Some(last)) => last.sentence.extend([BETWEEN, part]),
                (None, None) => return Vec::new(), // one sentence without a code
            }
        }
        all
    }
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
    (Problem::PrimaryEnded, |seen| {
        primary::lost(seen, Cause::Ended)
    }),
    (Problem::PrimaryUnreachable, |seen| {
        primary::lost(seen, Cause::Silent)
    }),
    (Problem::PrimaryStuck, |seen| {
        primary::lost(seen, Cause::Stuck)
    }),
    (Problem::SwitchoverUnderWay, primary::switchover_under_way),
    (Problem::PromisePending, primary::promise_pending),
    (Problem::PrimaryClosed, primary::closed),
    (Problem::TwoWritable, replicas::two_writable),
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
    (Problem::FormerPrimary, replicas::former_primary),
    (Problem::MembersAtGate, |seen| {
        phase(seen, at_gate, "waits for leave to start mysqld")
    }),
    (Problem::ErrantTransactions, replicas::errant_transactions),
    (Problem::HistoryPurged, |seen| {
        phase(
            seen,
            |seen, id, member| {
                crate::remedies::role_of(seen, id) == Role::Replica
                    && member.runs_with_data()
                    && lacks_purged(seen, member)
            },
            "lacks what the primary's binary logs do not hold any more",
        )
    }),
    (Problem::MembersEmpty, |seen| {
        phase(seen, empty_replica, "has no data yet")
    }),
    (Problem::ReplicaDetached, |seen| {
        phase(seen, detached, "does not follow the primary")
    }),
    (Problem::ReplicationBroken, replicas::replication_broken),
    (Problem::WrongAcks, primary::wrong_acks),
    (Problem::LabelsOutdated, |seen| {
        phase(seen, mislabelled, "has an outdated role label")
    }),
    (Problem::BookOutdated, primary::book_outdated),
    (Problem::SwitchoverAsked, primary::switchover_asked),
    (Problem::SemiSyncStarved, primary::semi_sync_starved),
    (Problem::MembersChanging, replicas::changing),
    (Problem::ReplicaUnreachable, replicas::unreachable),
    (Problem::SettingsDrifted, replicas::settings_drifted),
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
    let shown_elsewhere = matches!(
        code,
        FaultCode::ConfigurationRefused | FaultCode::CloseHeldUp
    );
    !volume_fault(code) && !image_fault(code) && !shown_elsewhere
}

fn foreign_volumes(seen: &Observation) -> Option<String> {
    if seen.register.is_some() {
        return None; // one member with a foreign volume does not stop the others
    }
    faults(seen, |code| code == FaultCode::ForeignVolume)
}

fn register_lost(seen: &Observation) -> Option<String> {
    let sentence = lost_sentence(seen)?;
    let again = match remedies::recovered(seen) {
        Ok(register) => format!("epoch {} is made again from the guards", register.epoch),
        Err(because) => because,
    };
    Some(format!("{sentence}: {again}"))
}

fn lost_sentence(seen: &Observation) -> Option<String> {
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
    // Both are recorded before anybody is told.
    let here = (register.epoch, register.membership.version);
    let told = |(id, member): (&MemberId, &Member)| {
        let guard = member.guard()?;
        let version = guard.membership.as_ref().map_or(0, |known| known.version);
        let told = (guard.epoch, version);
        (told > here).then_some((*id, told))
    };
    let (id, told) = seen.members.iter().find_map(told)?;
    let words = |(epoch, version)| format!("epoch {epoch} and membership version {version}");
    Some(format!(
        "the register is at {}, but member {id} was told {}",
        words(here),
        words(told)
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_split_at_the_codes_and_not_inside_of_sentences() {
        let finding = |problem, sentence: &str| Finding {
            problem,
            sentence: sentence.to_owned(),
        };
        let all = [
            finding(
                Problem::ReplicaUnreachable,
                "replica 1 starts mysqld; replica 2: it stops; Healthy: no",
            ),
            finding(Problem::BookOutdated, "1 of 3 members count for a failover"),
        ];
        for count in 0..=all.len() {
            let some = &all[..count];
            assert_eq!(Finding::split(&Finding::join(some)), some);
        }
        assert_eq!(Finding::split("primary 0 is closed; it waits"), []);
    }

    #[test]
    fn each_problem_is_found_by_its_code() {
        for problem in Problem::ALL {
            assert_eq!(Problem::of_code(problem.code()), Some(*problem));
        }
        assert_eq!(Problem::of_code("Healthy"), None);
    }
}
