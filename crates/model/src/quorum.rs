//! How many acknowledgements a commit needs, and how many promises a failover needs.
//!
//! A commit that waited for W receivers survives when the one who promotes has silenced R of the
//! other N − 1 members and W + R > N − 1: then at least one silenced member holds it.

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
    let size = |members: &std::collections::BTreeSet<MemberId>| {
        u32::try_from(members.len()).unwrap_or(u32::MAX)
    };
    let new = acks(size(&membership.members));
    membership
        .old
        .as_ref()
        .map_or(new, |old| new.max(acks(size(old))))
}

#[cfg(test)]
mod tests {
    use super::*;

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
