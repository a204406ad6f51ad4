//! Facts about what was seen, as the linter reads them.

use std::collections::BTreeSet;

use moco_model::guard::DataState;
use moco_model::report::ThreadState;
use moco_model::{Epoch, GtidSet, MemberId, Phase, Register, Role};

use super::Refusal;
use crate::observation::{Mark, Member, Observation};

/// Received or executed.
pub(super) fn held(member: &Member) -> Option<GtidSet> {
    let server = member.server()?;
    Some(match &server.replication {
        Some(channel) => server.executed.union(&channel.received),
        None => server.executed.clone(),
    })
}

/// Without what is neither in the history that the primary of `register` took over nor written by its server since.
pub(super) fn may_be_acknowledged(register: &Register, held: &GtidSet) -> GtidSet {
    let Some(writer) = register.basis.writer else {
        return held.clone();
    };
    let older = held.written_by_others(writer);
    let own = held.subtract(&older);
    own.union(&older.intersect(&register.basis.must_hold))
}

/// What the primary of `epoch` had in an earlier pass, if that pass saw `incarnation` of the member's data.
pub(super) fn earlier_set<'a>(
    seen: &'a Observation,
    epoch: Epoch,
    id: MemberId,
    incarnation: &str,
) -> Option<&'a GtidSet> {
    let mark = seen.mark.as_ref().filter(|mark| mark.epoch == epoch)?;
    let then = mark.incarnations.get(&id)?;
    (then == incarnation).then_some(&mark.executed)
}

/// It has promised `epoch`, and receives nothing any more.
pub(super) fn is_silenced(member: &Member, epoch: Epoch) -> bool {
    let promised = member.guard().is_some_and(|guard| guard.promised >= epoch);
    let receives = member.server().is_none_or(|server| {
        server
            .replication
            .as_ref()
            .is_some_and(|channel| channel.receiver != ThreadState::Off)
    });
    promised && !receives
}

/// Its data is what the register counts.
pub(super) fn is_counted(register: &Register, id: MemberId, member: &Member) -> bool {
    let running = member.phase() == Some(Phase::Running);
    let guard = member.guard();
    running
        && guard.is_some_and(|guard| {
            guard.data == DataState::Holding
                && register.counted.get(&id) == Some(&guard.incarnation)
        })
}

/// Whether `promised` meet every set of members that may have acknowledged a commit of `primary`.
pub(super) fn meets_every_ack_set(register: &Register, promised: &BTreeSet<MemberId>) -> bool {
    let sets = [
        Some(&register.membership.members),
        register.membership.old.as_ref(),
    ];
    sets.into_iter().flatten().all(|members| {
        let followers: BTreeSet<_> = members
            .iter()
            .copied()
            .filter(|id| *id != register.primary)
            .collect();
        let acks = members.len() / 2;
        let unpromised = followers.difference(promised).count();
        // An acknowledged commit is safe when those who did not promise are too few to have done it.
        acks > 0 && unpromised < acks
    })
}

/// The present primary as the source of truth: told the register's epoch and complete.
pub(super) fn present_primary<'a>(
    seen: &'a Observation,
    register: &Register,
) -> Option<&'a Member> {
    let member = seen.members.get(&register.primary)?;
    let guard = member.guard()?;
    let server = member.server()?;
    let present = guard.epoch == register.epoch
        && guard.role == Some(Role::Primary)
        && server.executed.contains(&register.basis.must_hold)
        && server.replication.is_none();
    present.then_some(member)
}

/// At least `needed` members of `among` hold what the primary had in an earlier pass, when it was already known to wait
/// for as many acknowledgements as both memberships demand.
pub(super) fn settled_barrier(
    seen: &Observation,
    register: &Register,
    among: &BTreeSet<MemberId>,
    needed: u32,
) -> Result<(), Refusal> {
    let refused = |ready| Err(Refusal::BeforeBarrier { ready, needed });
    let version = register.membership.version;
    let usable = |mark: &&Mark| {
        mark.settled
            && mark.epoch == register.epoch
            && mark.rule.version == version
            && mark.rule.acks == super::acks_demanded(register)
    };
    let Some(mark) = seen.mark.as_ref().filter(usable) else {
        return refused(0);
    };
    let holds = |(id, member): &(&MemberId, &Member)| {
        let incarnation = member.guard().map(|guard| &guard.incarnation);
        let same = incarnation.is_some() && mark.incarnations.get(id) == incarnation;
        let all = held(member).is_some_and(|held| held.contains(&mark.executed));
        **id != register.primary && among.contains(id) && receives(member) && same && all
    };
    let ready = u32::try_from(seen.members.iter().filter(holds).count()).unwrap_or(0);
    if ready >= needed {
        Ok(())
    } else {
        refused(ready)
    }
}

fn receives(member: &Member) -> bool {
    let channel = member
        .server()
        .and_then(|server| server.replication.as_ref());
    channel.is_some_and(|channel| channel.receiver == ThreadState::On)
}

/// At least `needed` members of `among` hold and receive what the primary has.
pub(super) fn barrier(
    seen: &Observation,
    register: &Register,
    among: &BTreeSet<MemberId>,
    needed: u32,
) -> Result<(), Refusal> {
    let primary = seen.members.get(&register.primary);
    let Some(wanted) = primary
        .and_then(Member::server)
        .map(|server| &server.executed)
    else {
        return Err(Refusal::BeforeBarrier { ready: 0, needed });
    };
    let ready = seen.members.iter().filter(|(id, member)| {
        **id != register.primary
            && among.contains(id)
            && receives(member)
            && held(member).is_some_and(|held| held.contains(wanted))
    });
    let ready = u32::try_from(ready.count()).unwrap_or(0);
    if ready >= needed {
        Ok(())
    } else {
        Err(Refusal::BeforeBarrier { ready, needed })
    }
}
