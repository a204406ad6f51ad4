//! How problems of replicas are recognised.

use moco_model::{MemberId, Phase};

use crate::members::{errant_set, must_retire, overtaken};
use crate::observation::{Member, Observation, Seen};

pub(super) fn two_writable(seen: &Observation) -> Option<String> {
    seen.register.as_ref()?;
    let writable = |member: &Member| member.server().is_some_and(|server| server.writable);
    let (id, _) = seen.replicas().find(|(_, member)| writable(member))?;
    Some(format!("member {id} is not the primary and takes writes"))
}

/// A member that was the primary of an older epoch and has not been ended yet.
pub(super) fn former_primary(seen: &Observation) -> Option<String> {
    seen.register.as_ref()?;
    let (id, _) = seen.replicas().find(|(_, member)| must_retire(member))?;
    Some(format!("member {id} was primary before and still runs"))
}

pub(super) fn errant_transactions(seen: &Observation) -> Option<String> {
    let mut sentences = Vec::new();
    for (id, member) in seen.replicas() {
        let errant = errant_set(seen, member);
        if overtaken(seen, member) && !errant.is_empty() {
            let count = errant.count();
            sentences.push(format!(
                "member {id} has {count} transactions that the primary lacks: {errant}"
            ));
        }
    }
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

pub(super) fn replication_broken(seen: &Observation) -> Option<String> {
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

pub(super) fn changing(seen: &Observation) -> Option<String> {
    let register = seen.register.as_ref()?;
    let now = register.membership.members.len();
    let wanted = usize::try_from(seen.wanted.replicas).unwrap_or(usize::MAX);
    match &register.membership.old {
        Some(old) => Some(format!(
            "the cluster goes from {} to {now} members",
            old.len()
        )),
        None if wanted != now => Some(format!("{wanted} members are wanted, {now} are recorded")),
        None => None,
    }
}

pub(super) fn unreachable(seen: &Observation) -> Option<String> {
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

pub(super) fn settings_drifted(seen: &Observation) -> Option<String> {
    let drifted = |(id, member): (&MemberId, &Member)| {
        let drift = &member.server()?.drift;
        (!drift.is_empty()).then(|| format!("member {id}: {}", drift.join(", ")))
    };
    let sentences: Vec<_> = seen.members.iter().filter_map(drifted).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}
