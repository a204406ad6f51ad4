//! At most one primary can acknowledge: judged from what clients were told, and from the order of
//! primaries in the register.
//!
//! Each acknowledged write was committed at some moment between its beginning and its end. Reigns do
//! not overlap if moments can be chosen so that all of one reign lie before all of the next. They
//! cannot when a write at the old primary was begun after one at the new primary had been
//! acknowledged.

use std::collections::BTreeMap;

use moco_model::MemberId;
use serde::Serialize;

use crate::clock::{Micros, millis};

/// A member is primary, by the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reign {
    /// The member.
    pub(crate) member: MemberId,
    /// When the register was seen to say so.
    pub(crate) since: Micros,
}

/// An acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// The member that acknowledged it.
    pub(crate) member: MemberId,
    /// When it was sent.
    pub(crate) begun: Micros,
    /// When it was acknowledged.
    pub(crate) ended: Micros,
}

/// An acknowledgement that the rule forbids.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overlap {
    /// Who acknowledged.
    pub(crate) member: MemberId,
    /// When the write was begun, milliseconds of the run.
    pub(crate) begun_ms: f64,
    /// When a later primary had acknowledged a write; none if the member never was primary.
    pub(crate) later_ms: Option<f64>,
}

/// Every acknowledgement that overlaps with a later reign, or is of a member that never reigned.
pub(crate) fn overlaps(reigns: &[Reign], acks: &[Ack]) -> Vec<Overlap> {
    let mut found = Vec::new();
    let mut by_reign: BTreeMap<usize, Vec<&Ack>> = BTreeMap::new();
    for ack in acks {
        match reign_of(reigns, ack) {
            Some(reign) => by_reign.entry(reign).or_default().push(ack),
            None => found.push(overlap(ack, None)),
        }
    }
    // From the last reign to the first: the earliest acknowledgement of any later one.
    let mut later: Option<Micros> = None;
    for acks in by_reign.values().rev() {
        let broken = acks
            .iter()
            .filter(|ack| later.is_some_and(|later| ack.begun > later));
        found.extend(broken.map(|ack| overlap(ack, later)));
        let earliest = acks.iter().map(|ack| ack.ended).min();
        later = later.into_iter().chain(earliest).min();
    }
    found
}

fn overlap(ack: &Ack, later: Option<Micros>) -> Overlap {
    Overlap {
        member: ack.member,
        begun_ms: millis(ack.begun),
        later_ms: later.map(millis),
    }
}

/// The reign that an acknowledgement belongs to. A member that reigned twice has the whole reign of
/// another between, and half of it is far more than the register is looked at late.
fn reign_of(reigns: &[Reign], ack: &Ack) -> Option<usize> {
    let mut own = reigns
        .iter()
        .enumerate()
        .filter(|(_, reign)| reign.member == ack.member);
    let (mut current, _) = own.next()?;
    for (at, reign) in own {
        let between = reigns
            .get(current + 1)
            .map_or(reign.since, |next| next.since);
        if ack.begun >= between.midpoint(reign.since) {
            current = at;
        }
    }
    Some(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reigns(list: &[(u32, u64)]) -> Vec<Reign> {
        list.iter()
            .map(|(member, since)| Reign {
                member: MemberId(*member),
                since: *since,
            })
            .collect()
    }

    fn ack(member: u32, begun: u64, ended: u64) -> Ack {
        Ack {
            member: MemberId(member),
            begun,
            ended,
        }
    }

    #[test]
    fn a_write_that_was_under_way_during_the_change_breaks_nothing() {
        let reigns = reigns(&[(0, 0), (1, 100)]);
        let acks = [ack(0, 10, 20), ack(0, 90, 150), ack(1, 105, 120)];
        assert_eq!(overlaps(&reigns, &acks), []);
    }

    #[test]
    fn the_old_primary_may_acknowledge_nothing_that_was_begun_after_the_new_one_acknowledged() {
        let reigns = reigns(&[(0, 0), (1, 100)]);
        let acks = [ack(1, 105, 120), ack(0, 121, 130)];
        let found = overlaps(&reigns, &acks);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].member, MemberId(0));
        assert_eq!(found[0].later_ms, Some(0.1));
    }

    #[test]
    fn a_primary_that_returns_is_judged_by_its_own_reigns() {
        let reigns = reigns(&[(0, 0), (1, 100), (0, 300)]);
        let fine = [
            ack(0, 10, 20),
            ack(1, 110, 120),
            ack(1, 250, 260),
            ack(0, 305, 310),
        ];
        assert_eq!(overlaps(&reigns, &fine), []);
        // The register was looked at a little late: the write is of the second reign all the same.
        let early = [ack(1, 110, 120), ack(1, 250, 260), ack(0, 290, 310)];
        assert_eq!(overlaps(&reigns, &early), []);
        let broken = [
            ack(0, 10, 20),
            ack(1, 110, 120),
            ack(0, 150, 160),
            ack(0, 305, 310),
        ];
        assert_eq!(overlaps(&reigns, &broken).len(), 1);
        let old = [ack(0, 305, 310), ack(1, 320, 330)];
        assert_eq!(overlaps(&reigns, &old).len(), 1, "the one between");
    }

    #[test]
    fn a_member_that_never_reigned_may_acknowledge_nothing() {
        let found = overlaps(&reigns(&[(0, 0)]), &[ack(2, 5, 6)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].later_ms, None);
    }
}
