//! What was asked about the primary, and who could take over.

use moco_model::{MemberId, Phase};

use crate::members::errant_set;
use crate::observation::{Ask, Member, Observation};

/// Replication lag of the target above which a switchover waits, milliseconds: what it has to apply
/// is time in which nobody can write.
pub const LAG_MS: u64 = 1_000;

/// A demand for another primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Who shall become primary; anybody if none.
    pub(crate) to: Option<MemberId>,
    pub(crate) because: String,
}

/// The demand for another primary, if there is one. A member that is asked to lead counts more than
/// a primary that is asked to leave.
pub(crate) fn demand(seen: &Observation) -> Option<Demand> {
    let (register, primary) = seen.primary()?;
    let lead = seen.replicas().find_map(|(id, member)| match &member.ask {
        Some(Ask::Lead { because }) if register.membership.members.contains(&id) => Some(Demand {
            to: Some(id),
            because: because.clone(),
        }),
        _ => None,
    });
    let leave = || {
        let because = if let Some(Ask::Leave { because }) = &primary.ask {
            because.clone()
        } else if primary.report.fresh().is_some_and(|report| report.leaving) {
            format!(
                "the container of primary {} is asked to end",
                register.primary
            )
        } else if register.primary.0 >= seen.wanted.replicas {
            format!("primary {} is to be removed", register.primary)
        } else {
            return None;
        };
        Some(Demand { to: None, because })
    };
    lead.or_else(leave)
}

/// The primary, if it is still asked to lead: whoever decided that could not say that it was answered. Left
/// alone, the wish would bring this member back after its next failover.
pub(crate) fn answered(seen: &Observation) -> Option<MemberId> {
    let (register, primary) = seen.primary()?;
    matches!(primary.ask, Some(Ask::Lead { .. })).then_some(register.primary)
}

/// Who would become primary, or why nobody can at this moment.
pub(crate) fn target(seen: &Observation, to: Option<MemberId>) -> Result<MemberId, String> {
    let mut hindrances = Vec::new();
    let mut able = Vec::new();
    let members = seen
        .replicas()
        .filter(|(id, _)| to.is_none_or(|to| to == *id));
    for (id, member) in members {
        match hindrance(seen, id, member) {
            Some(because) => hindrances.push(format!("member {id} {because}")),
            None => able.push((lag_ms(member), id)),
        }
    }
    able.sort_unstable();
    match able.first() {
        Some((_, id)) => Ok(*id),
        None if hindrances.is_empty() => Err("there is no other member".to_owned()),
        None => Err(hindrances.join(", ")),
    }
}

fn lag_ms(member: &Member) -> u64 {
    let channel = member
        .server()
        .and_then(|server| server.replication.as_ref());
    channel.map_or(u64::MAX, |channel| channel.lag_ms)
}

/// Why a member cannot take over at this moment.
pub(crate) fn hindrance(seen: &Observation, id: MemberId, member: &Member) -> Option<String> {
    if member.report.fresh().is_none() {
        return Some("cannot be reached".to_owned());
    }
    if member.phase() != Some(Phase::Running) || member.server().is_none() {
        return Some("does not run".to_owned());
    }
    if !seen.counts(id) {
        return Some("was not yet seen to hold everything".to_owned());
    }
    let leaves = matches!(member.ask, Some(Ask::Leave { .. }))
        || member.report.fresh().is_some_and(|report| report.leaving)
        || id.0 >= seen.wanted.replicas;
    if leaves {
        return Some("is about to leave".to_owned());
    }
    if !errant_set(seen, member).is_empty() {
        return Some("holds transactions of its own".to_owned());
    }
    if !seen.follows_primary(member) {
        return Some("does not follow the primary".to_owned());
    }
    let lag = lag_ms(member);
    (lag > LAG_MS).then(|| format!("lags {lag} ms behind"))
}
