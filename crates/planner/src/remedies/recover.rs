//! The register is gone, or older than what members were told: it is made again from their guards. A
//! decision was told to its primary and to those who acknowledge for it, so enough guards hold the
//! last one. Nothing is ever initialised where a guard exists.

use std::collections::{BTreeMap, BTreeSet};

use moco_model::guard::DataState;
use moco_model::register::{Basis, BasisKind};
use moco_model::{Guard, MemberId, Membership, Millis, Register, Role, quorum};

use super::Treatment;
use crate::observation::Observation;
use crate::plan::{Expect, Step};

pub(super) fn treat(seen: &Observation, now: Millis) -> Treatment {
    let Ok(register) = recovered(seen, now) else {
        return Treatment::Nothing;
    };
    let expect = seen.register.as_ref().map_or(Expect::Absent, Expect::of);
    Treatment::Act(vec![Step::Record { expect, register }])
}

/// The register as the guards tell it, or what is missing.
pub(crate) fn recovered(seen: &Observation, now: Millis) -> Result<Register, String> {
    let guards: BTreeMap<MemberId, &Guard> = seen
        .members
        .iter()
        .filter_map(|(id, member)| Some((*id, member.guard()?)))
        .filter(|(_, guard)| guard.data == DataState::Holding)
        .collect();
    let newest = guards
        .values()
        .max_by_key(|guard| (guard.epoch, version(guard)));
    let Some((membership, epoch)) =
        newest.and_then(|guard| Some((guard.membership.clone()?, guard.epoch)))
    else {
        return Err("no member tells who belongs to the cluster".to_owned());
    };
    let heard: BTreeSet<_> = guards.keys().copied().collect();
    enough(&membership, &heard)?;
    let primary = primary(&membership, &guards, epoch)?;
    let revision = seen.register.as_ref().map_or(1, |old| old.revision + 1);
    Ok(Register {
        epoch,
        revision,
        primary,
        membership,
        initialised: true,
        basis: Basis {
            kind: BasisKind::Recovered,
            decided_at: now,
            because: format!("the guards of {} members tell it", heard.len()),
            must_hold: moco_model::GtidSet::new(),
            writer: None,
        },
        counted: BTreeMap::new(),
        switchover: None,
        handovers: seen
            .register
            .as_ref()
            .map(|old| old.handovers.clone())
            .unwrap_or_default(),
    })
}

fn version(guard: &Guard) -> u64 {
    guard
        .membership
        .as_ref()
        .map_or(0, |membership| membership.version)
}

/// As many as are certain to include one that was told the last decision, under both memberships.
fn enough(membership: &Membership, heard: &BTreeSet<MemberId>) -> Result<(), String> {
    let sets = std::iter::once(&membership.members).chain(membership.old.iter());
    for members in sets {
        let size = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let needed = quorum::promises(size);
        let count = u32::try_from(members.intersection(heard).count()).unwrap_or(0);
        if count < needed {
            return Err(format!(
                "{count} of {needed} members that are needed can be asked"
            ));
        }
    }
    Ok(())
}

/// The member that was told to be primary in `epoch`; if none of those heard was, the only one that
/// was not heard.
fn primary(
    membership: &Membership,
    guards: &BTreeMap<MemberId, &Guard>,
    epoch: moco_model::Epoch,
) -> Result<MemberId, String> {
    let told = guards
        .iter()
        .find(|(_, guard)| guard.epoch == epoch && guard.role == Some(Role::Primary));
    if let Some((id, _)) = told {
        return Ok(*id);
    }
    let everybody = membership.all();
    let mut unheard = everybody.iter().filter(|id| !guards.contains_key(id));
    match (unheard.next(), unheard.next()) {
        (Some(id), None) => Ok(*id),
        _ => Err(format!(
            "no member that can be asked was the primary of epoch {epoch}"
        )),
    }
}
