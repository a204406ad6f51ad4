//! How many acknowledgements a commit needs, and how many promises a failover needs.
//!
//! A commit that waited for W receivers survives when the one who promotes has silenced R of the
//! other N − 1 members and W + R > N − 1: then at least one silenced member holds it.

use std::collections::BTreeSet;

use crate::ids::MemberId;
use crate::register::Membership;

/// W = ⌊N/2⌋: acknowledgements that a commit waits for in a cluster of `n` members.
pub const fn acks(n: u32) -> u32 {
    n / 2
}

/// R = N − W: promises of followers that a failover needs in a cluster of `n` members.
pub const fn promises(n: u32) -> u32 {
    n - acks(n)
}

/// Acknowledgements that a commit waits for under `membership`: while the number of members
/// changes, the larger of the two rules.
pub fn acks_under(membership: &Membership) -> u32 {
    let size = |members: &BTreeSet<MemberId>| u32::try_from(members.len()).unwrap_or(u32::MAX);
    let new = acks(size(&membership.members));
    membership
        .old
        .as_ref()
        .map_or(new, |old| new.max(acks(size(old))))
}

/// Whether the promises of `promised` suffice for a failover away from `primary`: R of the
/// followers, and while the number of members changes R of the followers under each of the two
/// memberships, since a commit may have been acknowledged under either.
pub fn suffices(membership: &Membership, primary: MemberId, promised: &BTreeSet<MemberId>) -> bool {
    let under = |members: &BTreeSet<MemberId>| {
        // A primary that is about to be removed is none of the new members: all of them follow it.
        let followers: BTreeSet<_> = members.iter().filter(|id| **id != primary).collect();
        let silent = followers.iter().filter(|id| !promised.contains(id)).count();
        // Those who promised nothing are too few to have acknowledged a commit by themselves.
        silent < members.len() / 2
    };
    under(&membership.members) && membership.old.as_ref().is_none_or(under)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_members_change_promises_are_needed_under_both_memberships() {
        let ids = |n| (0..n).map(MemberId).collect::<BTreeSet<_>>();
        let set = |list: &[u32]| list.iter().copied().map(MemberId).collect::<BTreeSet<_>>();
        let three = Membership::first(3);
        assert!(suffices(&three, MemberId(0), &set(&[1, 2])));
        assert!(
            !suffices(&three, MemberId(0), &set(&[0, 1])),
            "the primary's own does not count"
        );
        assert!(!suffices(&Membership::first(1), MemberId(0), &set(&[])));
        let growing = Membership {
            members: ids(5),
            old: Some(ids(3)),
            version: 2,
        };
        // One acknowledgement of member 1 under the old rule, promises of 2, 3 and 4: they do not meet.
        assert!(!suffices(&growing, MemberId(0), &set(&[2, 3, 4])));
        assert!(suffices(&growing, MemberId(0), &set(&[1, 2, 3])));
    }

    #[test]
    fn any_w_acks_and_r_promises_meet() {
        for n in 1..=99 {
            assert!(acks(n) + promises(n) > n - 1, "{n}");
        }
        assert_eq!(
            (acks(1), acks(2), acks(3), acks(4), acks(5)),
            (0, 1, 1, 2, 2)
        );
    }

    #[test]
    fn a_cluster_that_grows_waits_for_the_larger_number() {
        let ids = |n| (0..n).map(MemberId).collect();
        let growing = Membership {
            members: ids(3),
            old: Some(ids(1)),
            version: 2,
        };
        assert_eq!(acks_under(&growing), 1);
        let shrinking = Membership {
            members: ids(1),
            old: Some(ids(5)),
            version: 2,
        };
        assert_eq!(acks_under(&shrinking), 2);
    }
}
