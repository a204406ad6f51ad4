//! How problems of the primary, and of changing it, are recognised.

use moco_model::register::Cause;
use moco_model::{MemberId, Phase, quorum};

use crate::asked::{answered, demand, target};
use crate::members::{ready_followers, ready_leavers, uncounted};
use crate::observation::{Member, Observation, Seen};
use crate::remedies::{book, switchover};
use crate::round::Round;
use crate::suspicion::suspicion;

/// The primary is lost in this way; the sentence says who is missing when nobody can take over.
pub(super) fn lost(seen: &Observation, cause: Cause) -> Option<String> {
    let suspicion = suspicion(seen).filter(|suspicion| suspicion.cause == cause)?;
    let round = Round::of(seen)?;
    if round.suffices(&round.able()) {
        return Some(suspicion.sentence);
    }
    let missing = missing(seen, &round);
    Some(format!(
        "{}; nobody can take over: {}",
        suspicion.sentence,
        missing.join(", ")
    ))
}

/// Why followers cannot promise, one sentence each.
fn missing(seen: &Observation, round: &Round<'_>) -> Vec<String> {
    let register = round.register;
    let able = round.able();
    let others = register.membership.all();
    let others = others
        .into_iter()
        .filter(|id| *id != register.primary && !able.contains(id));
    let missing: Vec<_> = others.map(|id| why_not(seen, id)).collect();
    if missing.is_empty() {
        vec!["there is no other member".to_owned()]
    } else {
        missing
    }
}

fn why_not(seen: &Observation, id: MemberId) -> String {
    let Some(member) = seen.members.get(&id) else {
        return format!("member {id} is gone");
    };
    match &member.report {
        Seen::Silent { because, .. } => format!("member {id} cannot be reached ({because})"),
        Seen::Fresh(report) if report.phase != Phase::Running => {
            format!("member {id} {}", report.phase)
        }
        Seen::Fresh(report) if report.server.is_none() => {
            format!("mysqld of member {id} does not answer")
        }
        Seen::Fresh(_) if member.runs_with_data() => {
            format!("member {id} was not seen to hold everything")
        }
        Seen::Fresh(_) => format!("member {id} has no data"),
    }
}

pub(super) fn switchover_under_way(seen: &Observation) -> Option<String> {
    let (register, primary) = seen.primary()?;
    let intent = register.switchover.as_ref()?;
    let open = primary.server().is_some_and(|server| server.writable);
    let doing = if open {
        switchover::waits_for(seen, primary, intent)
    } else {
        format!("member {} applies the rest", intent.to)
    };
    Some(format!(
        "member {} becomes primary ({}): {doing}",
        intent.to, intent.because
    ))
}

pub(super) fn switchover_asked(seen: &Observation) -> Option<String> {
    let (register, _) = seen.primary()?;
    if register.switchover.is_some() {
        return None;
    }
    if let Some(id) = answered(seen) {
        return Some(format!("member {id} is primary, as was asked"));
    }
    let demand = demand(seen)?;
    Some(match target(seen, demand.to) {
        Ok(to) => format!("{}: member {to} takes over", demand.because),
        Err(because) => format!("{}; it waits: {because}", demand.because),
    })
}

/// Somebody has promised a later epoch than the one that is recorded, and no switchover explains it.
pub(super) fn promise_pending(seen: &Observation) -> Option<String> {
    let (register, primary) = seen.primary()?;
    primary.report.fresh()?;
    if register.switchover.is_some() {
        return None;
    }
    let ahead = |member: &Member| {
        member
            .guard()
            .is_some_and(|guard| guard.promised > register.epoch)
    };
    let (id, _) = seen.members.iter().find(|(_, member)| ahead(member))?;
    Some(format!(
        "member {id} has promised an epoch after {}, and primary {} is not lost",
        register.epoch, register.primary
    ))
}

pub(super) fn closed(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let server = member.server()?;
    if member.phase() != Some(Phase::Running) || (server.writable && !server.offline) {
        return None;
    }
    let needed = quorum::acks_under(&register.membership);
    let ready = ready_followers(seen).len() + ready_leavers(seen);
    Some(format!(
        "primary {} is closed; {ready} of {needed} needed replicas hold everything it has",
        register.primary
    ))
}

pub(super) fn wrong_acks(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let server = member.server().filter(|server| server.writable)?;
    let needed = quorum::acks_under(&register.membership);
    let set = if server.semi_sync.source_enabled {
        server.semi_sync.wait_for
    } else {
        0
    };
    if set != needed {
        return Some(format!(
            "commits wait for {set} acknowledgements instead of {needed}"
        ));
    }
    let told = member
        .guard()
        .is_some_and(|guard| guard.epoch == register.epoch);
    (!told).then(|| {
        format!(
            "primary {} was not told epoch {} yet",
            register.primary, register.epoch
        )
    })
}

pub(super) fn semi_sync_starved(seen: &Observation) -> Option<String> {
    let (register, member) = seen.primary()?;
    let server = member.server().filter(|server| server.writable)?;
    let needed = quorum::acks_under(&register.membership);
    let clients = server.semi_sync.clients;
    (needed > 0 && clients < needed)
        .then(|| format!("writes wait: {clients} of {needed} needed replicas acknowledge"))
}

pub(super) fn book_outdated(seen: &Observation) -> Option<String> {
    let register = seen.register.as_ref()?;
    if let Some(new) = book::updated(seen, register, 0) {
        return Some(format!(
            "{} of {} members count for a failover",
            new.counted.len(),
            register.membership.members.len()
        ));
    }
    let open = seen.primary()?.1.server()?.writable;
    let members = seen.members.iter();
    let waiting: Vec<_> = members
        .filter(|(id, member)| open && uncounted(seen, **id, member))
        .map(|(id, _)| format!("member {id} follows and was not yet seen to hold everything"))
        .collect();
    (!waiting.is_empty()).then(|| waiting.join("; "))
}
