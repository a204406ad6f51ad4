//! Members without data: clone a replica's that holds everything, or the primary's, one member at a
//! time, because a donor serves one clone only. While the primary itself has executed nothing there is
//! nothing to copy, and they just follow.
//!
//! A clone cannot end while a commit of its donor waits (`docs/mysql-facts.md`). When the primary is the
//! only donor and nobody acknowledges its commits, clone and commit would wait for each other for ever:
//! then the primary is ended first, started again closed, and opened behind the barrier as ever.

use moco_model::guard::DataState;
use moco_model::{Command, Endpoint, MemberId, Phase, Register, quorum};

use super::{follow, order};
use crate::members::{empty_replica, errant_set, ready_followers};
use crate::observation::{Member, Observation};
use crate::plan::Step;

/// How long commits of a primary have to wait before it is ended for a clone although another replica
/// holds data and might come back, milliseconds: coming back is quicker than a clone.
pub const STARVED_MS: u64 = 10_000;

pub(super) fn steps(seen: &Observation) -> Vec<Step> {
    let Some((register, primary)) = seen.primary() else {
        return Vec::new();
    };
    let Some(server) = primary.server() else {
        return Vec::new();
    };
    let mut empty = seen
        .members
        .iter()
        .filter(|(id, member)| empty_replica(seen, **id, member));
    if server.executed.is_empty() {
        return empty
            .filter_map(|(id, _)| follow::follow(seen, *id, primary))
            .collect();
    }
    if somebody_clones(seen) {
        return Vec::new();
    }
    let first = empty
        .find(|(_, member)| !member.faulty())
        .or_else(|| empty.next());
    let clone = |(id, _): (&MemberId, &Member)| match donor(seen, register, primary) {
        Donor::Member(donor) => order(seen, *id, Command::Clone { donor }),
        Donor::EndPrimary => order(seen, register.primary, Command::Retire),
        Donor::None => None,
    };
    // A clone that cannot be made, and is tried for ever, keeps nobody else from following.
    first
        .and_then(clone)
        .into_iter()
        .chain(follow::steps(seen))
        .collect()
}

/// Writes began to wait for acknowledgements while a member is being cloned: the primary is ended when
/// it may be the donor and nobody else can acknowledge.
pub(super) fn starved(seen: &Observation) -> Vec<Step> {
    let Some((register, primary)) = seen.primary() else {
        return Vec::new();
    };
    if !somebody_clones(seen) {
        return Vec::new();
    }
    match donor(seen, register, primary) {
        Donor::EndPrimary => order(seen, register.primary, Command::Retire)
            .into_iter()
            .collect(),
        Donor::Member(_) | Donor::None => Vec::new(),
    }
}

fn somebody_clones(seen: &Observation) -> bool {
    let cloning = |member: &Member| matches!(member.phase(), Some(Phase::Cloning(_)));
    seen.members.values().any(cloning)
}

/// Whose data is copied.
enum Donor {
    Member(Endpoint),
    /// The primary's, once it is closed and no commit waits there.
    EndPrimary,
    /// Nobody's yet: a replica may come back and release the commits that wait.
    None,
}

/// What it has executed, and a clone would copy, is the cluster's history and not only its beginning.
fn gives_history(seen: &Observation, register: &Register, member: &Member) -> bool {
    let executed = member.server().map(|server| &server.executed);
    executed.is_some_and(|executed| {
        !executed.is_empty() && executed.contains(&register.basis.must_hold)
    }) && errant_set(seen, member).is_empty()
        && !member.faulty()
}

fn donor(seen: &Observation, register: &Register, primary: &Member) -> Donor {
    let ready = ready_followers(seen);
    let whole = ready
        .iter()
        .filter(|id| seen.counts(**id))
        .filter_map(|id| seen.members.get(id))
        .find(|member| gives_history(seen, register, member));
    if let Some(replica) = whole {
        return Donor::Member(replica.endpoint.clone());
    }
    let acks = quorum::acks_under(&register.membership);
    // The server's own count: of a busy primary no replica ever seems to hold everything.
    let starved = primary
        .server()
        .is_some_and(|server| server.writable && server.semi_sync.clients < acks);
    if !starved {
        return Donor::Member(primary.endpoint.clone());
    }
    let waits = primary
        .report
        .fresh()
        .and_then(|report| report.commits)
        .map_or(0, |commits| commits.waiting_ms);
    let recorded = register.membership.all();
    let may_come_back = seen.replicas().any(|(id, member)| {
        let known_empty =
            member.report.fresh().is_some() && member.data() != Some(DataState::Holding);
        recorded.contains(&id) && !known_empty
    });
    if may_come_back && waits < STARVED_MS {
        Donor::None
    } else {
        Donor::EndPrimary
    }
}
