use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use proptest::prelude::*;

use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn claim(holder: &str, renewed: i64) -> Claim {
    Claim {
        holder: holder.to_owned(),
        renewed: Some(at(renewed)),
        duration: DURATION,
        address: Some("10.0.0.1:9443".to_owned()),
    }
}

#[test]
fn the_judgement_follows_the_table() {
    let seen = |claim: Option<Claim>, since| Sighting {
        claim,
        since: secs(since),
    };
    let held = |left| Judgement::Held {
        left: secs(left),
        address: Some("10.0.0.1:9443".to_owned()),
    };
    for (what, sighting, now, expected) in [
        ("no lease", seen(None, 0), 0, Judgement::Free),
        (
            "a released lease",
            seen(Some(claim("", 1)), 9),
            9,
            Judgement::Free,
        ),
        (
            "our own of an earlier life",
            seen(Some(claim("me", 1)), 9),
            9,
            Judgement::Ours,
        ),
        (
            "just seen, however old its own time",
            seen(Some(claim("you", -999)), 9),
            9,
            held(5),
        ),
        (
            "just seen, from the future",
            seen(Some(claim("you", 999_999)), 9),
            9,
            held(5),
        ),
        (
            "seen for a while",
            seen(Some(claim("you", 1)), 9),
            12,
            held(2),
        ),
        (
            "seen for its whole duration",
            seen(Some(claim("you", 1)), 9),
            14,
            Judgement::Free,
        ),
        (
            "seen long ago",
            seen(Some(claim("you", 1)), 9),
            999,
            Judgement::Free,
        ),
    ] {
        assert_eq!(judge(&sighting, "me", secs(now)), expected, "{what}");
    }
}

#[test]
fn only_a_new_renewal_makes_a_sighting_younger() {
    let first = Sighting::default().then(Some(claim("you", 1)), secs(3));
    assert_eq!(first.since, secs(3));
    let mut edited = claim("you", 1);
    edited.address = None;
    let again = first.then(Some(edited), secs(4));
    assert_eq!(again.since, secs(3), "somebody's edit is no renewal");
    let renewed = again.then(Some(claim("you", 2)), secs(5));
    assert_eq!(renewed.since, secs(5));
    assert_eq!(renewed.then(None, secs(6)).since, secs(6));
}

#[test]
fn a_lease_is_read_leniently() {
    let lease = |seconds| Lease {
        spec: Some(LeaseSpec {
            holder_identity: Some("you".to_owned()),
            lease_duration_seconds: seconds,
            renew_time: Some(MicroTime(at(7))),
            ..LeaseSpec::default()
        }),
        ..Lease::default()
    };
    assert_eq!(Claim::of(&lease(Some(9))).duration, secs(9));
    for odd in [None, Some(0), Some(-1), Some(1_000_000)] {
        assert_eq!(Claim::of(&lease(odd)).duration, DURATION, "{odd:?}");
    }
    assert_eq!(Claim::of(&Lease::default()).holder, "");
}

proptest! {
    /// The leader sends renewals and each arrives after some time; the other looks now and then.
    /// Whenever the other judges the lease free, the leader has stopped acting on what it sent.
    #[test]
    fn nobody_takes_over_while_the_leader_may_act(
        sends in prop::collection::vec((0_u64..4000, 0_u64..3000), 1..12),
        looks in prop::collection::vec(1_u64..2500, 1..40),
    ) {
        let (mut sent, mut stored) = (0, Vec::new());
        for (pause, delay) in &sends {
            sent += pause;
            stored.push((sent + delay, sent));
        }
        stored.sort_unstable();
        let mut sighting = Sighting::default();
        let mut now = 0;
        for pause in looks {
            now += pause;
            let newest = stored.iter().filter(|(arrived, _)| *arrived <= now).max();
            let Some((_, sent)) = newest.copied() else { continue };
            let number = i64::try_from(sent).unwrap();
            let clock = Duration::from_millis(now);
            sighting = sighting.then(Some(claim("you", number)), clock);
            if judge(&sighting, "me", clock) == Judgement::Free {
                prop_assert!(clock > Duration::from_millis(sent) + ACT_FOR);
            }
        }
    }
}
