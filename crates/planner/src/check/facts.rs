//! Facts about what was seen, as the linter reads them.

use std::collections::BTreeSet;

use moco_model::guard::DataState;
use moco_model::report::ThreadState;
use moco_model::{Epoch, GtidSet, MemberId, Phase, Register, Role};

use super::Refusal;
use crate::observation::{Member, Observation};

/// Received or executed.
pub(super) fn held(member: &Member) -> Option<GtidSet> {
    let server = member.server()?;
    Some(match &server.replication {
        Some(channel) => server.executed.union(&channel.received),
        None => server.executed.clone(),
    })
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
        let receives = member.server().is_some_and(|server| {
            server
                .replication
                .as_ref()
                .is_some_and(|channel| channel.receiver == ThreadState::On)
        });
        **id != register.primary
            && among.contains(id)
            && receives
            && held(member).is_some_and(|held| held.contains(wanted))
    });
    let ready = u32::try_from(ready.count()).unwrap_or(0);
    if ready >= needed {
        Ok(())
    } else {
        Err(Refusal::BeforeBarrier { ready, needed })
    }
}
