//! Questions about single members that both the problem table and the remedies ask, so that what is
//! recognised and what is treated are the same members.

use std::collections::BTreeSet;

use moco_model::guard::DataState;
use moco_model::report::ThreadState;
use moco_model::{Epoch, GtidSet, MemberId, Phase, Role, quorum};

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
/// What was received and not executed yet is the same: it stays received when the source is changed.
pub(crate) fn errant_set(seen: &Observation, member: &Member) -> GtidSet {
    let primary = seen.primary().and_then(|(_, primary)| primary.server());
    let (Some(primary), Some(held)) = (primary, member.held()) else {
        return GtidSet::new();
    };
    held.subtract(&primary.executed)
        .written_by_others(primary.server_uuid)
}

/// The primary's history has overtaken the member's data: it holds what the primary does not, or
/// lacks what nobody can send it any more.
pub(crate) fn overtaken(seen: &Observation, member: &Member) -> bool {
    member.runs_with_data() && (!errant_set(seen, member).is_empty() || lacks_purged(seen, member))
}

/// The primary's binary logs do not reach back to what the member lacks.
pub(crate) fn lacks_purged(seen: &Observation, member: &Member) -> bool {
    let primary = seen.primary().and_then(|(_, primary)| primary.server());
    let (Some(primary), Some(held)) = (primary, member.held()) else {
        return false;
    };
    !held.contains(&primary.purged)
}

/// Was the primary of an older epoch and still runs as one, or takes writes by anybody's hand: commits
/// may wait there that nobody acknowledged.
pub(crate) fn must_retire(member: &Member) -> bool {
    if member.phase() != Some(Phase::Running) {
        return false;
    }
    let was_primary = member.guard().is_some_and(|guard| guard.opened.is_some());
    match member.server() {
        Some(server) => server.writable || (was_primary && server.semi_sync.waiting > 0),
        None => was_primary,
    }
}

/// Whether a member that must be retired might still be acknowledged: by a third one that is not seen to have left it
/// for the primary of this epoch. When everybody has, it waits for ever and clients of the primary need not wait for
/// its end.
pub(crate) fn served_elsewhere(seen: &Observation) -> bool {
    let Some(register) = &seen.register else {
        return false;
    };
    let mut known = register.membership.all();
    known.extend(seen.members.keys());
    let left = |id: &MemberId| {
        let member = seen.members.get(id);
        member.is_some_and(|member| has_left_others(seen, register.epoch, member))
    };
    let retired = seen.replicas().filter(|(_, member)| must_retire(member));
    let mut thirds = retired.flat_map(|(retired, _)| {
        let third = move |id: &&MemberId| **id != retired && **id != register.primary;
        known.iter().filter(third)
    });
    !thirds.all(left)
}

/// Does not run, or has taken this epoch's decision and receives from nobody but its primary.
fn has_left_others(seen: &Observation, epoch: Epoch, member: &Member) -> bool {
    match member.phase() {
        None => return false,
        Some(Phase::Running) => {}
        Some(_) => return true,
    }
    let promised = member.guard().is_some_and(|guard| guard.promised >= epoch);
    let receives_elsewhere = member.server().is_none_or(|server| {
        let channel = server.replication.as_ref();
        channel.is_some_and(|channel| channel.receiver != ThreadState::Off)
            && !seen.follows_primary(member)
    });
    promised && !receives_elsewhere
}

/// Follows the primary and was just seen to hold everything that the primary has, or had when it was last read; or is
/// the primary.
pub(crate) fn holds_everything(seen: &Observation, id: MemberId, member: &Member) -> bool {
    if is_primary(seen, id) {
        return member.runs_with_data();
    }
    member.runs_with_data()
        && !overtaken(seen, member)
        && seen.follows_primary(member)
        && (seen.holds_primary_set(member) || seen.holds_mark(id, member))
}

/// Follows the primary, and does not count for a failover yet.
pub(crate) fn uncounted(seen: &Observation, id: MemberId, member: &Member) -> bool {
    let recorded = seen
        .register
        .as_ref()
        .is_some_and(|register| register.membership.all().contains(&id));
    recorded
        && !is_primary(seen, id)
        && member.runs_with_data()
        && !overtaken(seen, member)
        && seen.follows_primary(member)
        && !seen.counts(id)
}

/// Runs without data, and is to be filled. Who is removed needs none any more, and a clone would hold
/// the removal up.
pub(crate) fn empty_replica(seen: &Observation, id: MemberId, member: &Member) -> bool {
    let stays = seen.register.as_ref().is_some_and(|register| {
        let recorded = register.membership.all().contains(&id);
        let joins = !recorded && id.0 < seen.wanted.replicas;
        joins || register.membership.members.contains(&id)
    });
    stays
        && !is_primary(seen, id)
        && member.data() == Some(DataState::Empty)
        && member.phase() == Some(Phase::Running)
}

/// Whether the replica is one of the members, and so acknowledges commits. Those that are about to be
/// removed do not; those that are about to join do once the primary waits for as many as both
/// memberships demand: before, one of them alone could be the whole quorum of a commit. A cluster of one
/// has waited for nobody, and nobody can take over from it before the change is final.
pub(crate) fn should_acknowledge(seen: &Observation, id: MemberId) -> bool {
    let Some((register, primary)) = seen.primary() else {
        return false;
    };
    let membership = &register.membership;
    let joins = membership
        .old
        .as_ref()
        .is_some_and(|old| old.len() > 1 && !old.contains(&id));
    let acks = quorum::acks_under(membership);
    let waits = primary
        .server()
        .is_some_and(|server| server.semi_sync.source_enabled && server.semi_sync.wait_for >= acks);
    membership.members.contains(&id) && (!joins || waits)
}

/// Holds data and does not follow the primary as it should, for no reason that MySQL would name.
pub(crate) fn detached(seen: &Observation, id: MemberId, member: &Member) -> bool {
    let Some(server) = member.server() else {
        return false;
    };
    let right_ack = server.semi_sync.replica_enabled == should_acknowledge(seen, id);
    let told = seen.register.as_ref().map(|register| register.epoch)
        == member.guard().map(|guard| guard.epoch);
    seen.register.is_some()
        && !is_primary(seen, id)
        && member.runs_with_data()
        && !overtaken(seen, member)
        && !must_retire(member)
        && server
            .replication
            .as_ref()
            .is_none_or(|channel| channel.last_error.is_none())
        && !(told && seen.follows_primary(member) && right_ack && !server.offline)
}

/// Recorded replicas that acknowledge and hold everything the primary had executed when it was read.
pub(crate) fn ready_followers(seen: &Observation) -> BTreeSet<MemberId> {
    let all = |(_, member): &(MemberId, &Member)| seen.holds_primary_set(member);
    let ready = acknowledging(seen).filter(all);
    ready.map(|(id, _)| id).collect()
}

/// Recorded replicas that acknowledge and hold whatever was acknowledged before the rule of now held: of a busy primary
/// nobody ever seems to hold everything.
pub(crate) fn settled_followers(seen: &Observation) -> BTreeSet<MemberId> {
    let all = |(id, member): &(MemberId, &Member)| {
        seen.holds_primary_set(member) || seen.holds_settled_mark(*id, member)
    };
    let ready = acknowledging(seen).filter(all);
    ready.map(|(id, _)| id).collect()
}

/// How many recorded replicas are connected to the primary and acknowledge.
pub(crate) fn followers_at_work(seen: &Observation) -> usize {
    acknowledging(seen).count()
}

fn acknowledging(seen: &Observation) -> impl Iterator<Item = (MemberId, &Member)> {
    seen.replicas().filter(|(id, member)| {
        let acknowledges = member.server().is_some_and(|server| {
            let channel = server.replication.as_ref();
            let receives = channel.is_some_and(|channel| channel.receiver == ThreadState::On);
            server.semi_sync.replica_active && receives
        });
        acknowledges && should_acknowledge(seen, *id) && seen.follows_primary(member)
    })
}

/// Members that are about to be removed, follow the primary and hold everything it has. They acknowledge
/// nothing more, but as long as they are recorded their promise is needed for a failover: what they hold
/// keeps a primary that starts again from being closed for ever when those who stay are fewer than have
/// to hold everything.
pub(crate) fn ready_leavers(seen: &Observation) -> usize {
    let Some(register) = &seen.register else {
        return 0;
    };
    let membership = &register.membership;
    let everybody = membership.all();
    let leavers = everybody.difference(&membership.members);
    let ready = leavers.filter(|id| {
        seen.members.get(id).is_some_and(|member| {
            let channel = member
                .server()
                .and_then(|server| server.replication.as_ref());
            channel.is_some_and(|channel| channel.receiver == ThreadState::On)
                && seen.follows_primary(member)
                && seen.holds_primary_set(member)
        })
    });
    ready.count()
}

/// Clients are told another role than the register's. That somebody is the primary is told once it
/// takes writes; that somebody is not, also of a member that nobody can reach.
pub(crate) fn mislabelled(seen: &Observation, id: MemberId, member: &Member) -> bool {
    let Some(register) = &seen.register else {
        return false;
    };
    let role = crate::remedies::role_of(seen, id);
    let reached = member.report.fresh().is_some();
    let due = match role {
        Role::Replica => reached || member.label == Some(Role::Primary),
        Role::Primary => !register.initialised || member.server().is_some_and(|s| s.writable),
    };
    due && member.label != Some(role)
}
