//! Questions about single members that both the problem table and the remedies ask, so that what is
//! recognised and what is treated are the same members.

use std::collections::BTreeSet;

use moco_model::guard::DataState;
use moco_model::report::ThreadState;
use moco_model::{GtidSet, MemberId, Phase};

use crate::observation::{Member, Observation};

/// Waits for leave to start mysqld.
pub(crate) fn at_gate(seen: &Observation, _: MemberId, member: &Member) -> bool {
    seen.register.is_some() && member.phase() == Some(Phase::AtGate)
}

/// The register names it as the primary.
fn is_primary(seen: &Observation, id: MemberId) -> bool {
    seen.register
        .as_ref()
        .is_some_and(|register| register.primary == id)
}

/// Transactions of a replica that the primary does not have and cannot be about to have: with
/// semi-sync a replica may hold what the primary itself wrote a moment before the primary commits it.
pub(crate) fn errant_set(seen: &Observation, member: &Member) -> GtidSet {
    let primary = seen.primary().and_then(|(_, primary)| primary.server());
    let (Some(primary), Some(server)) = (primary, member.server()) else {
        return GtidSet::new();
    };
    server
        .executed
        .subtract(&primary.executed)
        .written_by_others(primary.server_uuid)
}

/// Runs without data, and is to be filled.
pub(crate) fn empty_replica(seen: &Observation, id: MemberId, member: &Member) -> bool {
    seen.register.is_some()
        && !is_primary(seen, id)
        && member.data() == Some(DataState::Empty)
        && member.phase() == Some(Phase::Running)
}

/// Whether the replica is recorded, and so acknowledges commits.
pub(crate) fn should_acknowledge(seen: &Observation, id: MemberId) -> bool {
    seen.register
        .as_ref()
        .is_some_and(|register| register.membership.all().contains(&id))
}

/// Holds data and does not follow the primary as it should, for no reason that MySQL would name.
pub(crate) fn detached(seen: &Observation, id: MemberId, member: &Member) -> bool {
    let Some(server) = member.server() else {
        return false;
    };
    let right_ack = server.semi_sync.replica_enabled == should_acknowledge(seen, id);
    seen.register.is_some()
        && !is_primary(seen, id)
        && member.runs_with_data()
        && errant_set(seen, member).is_empty()
        && server
            .replication
            .as_ref()
            .is_none_or(|channel| channel.last_error.is_none())
        && !(seen.follows_primary(member) && right_ack)
}

/// Recorded replicas that acknowledge and hold everything the primary had executed when it was read.
pub(crate) fn ready_followers(seen: &Observation) -> BTreeSet<MemberId> {
    let ready = |(id, member): (MemberId, &Member)| {
        let server = member.server()?;
        let channel = server.replication.as_ref()?;
        let acknowledges = server.semi_sync.replica_active && channel.receiver == ThreadState::On;
        let counted = should_acknowledge(seen, id) && seen.follows_primary(member);
        (counted && acknowledges && seen.holds_primary_set(member)).then_some(id)
    };
    seen.replicas().filter_map(ready).collect()
}

/// Clients are told another role than the register's.
pub(crate) fn mislabelled(seen: &Observation, id: MemberId, member: &Member) -> bool {
    seen.register.is_some()
        && member.report.fresh().is_some()
        && member.label != Some(crate::remedies::role_of(seen, id))
}
