use proptest::prelude::*;

use super::*;
use crate::authority::AUTHORITY_LIFETIME;
use crate::certificate::Facts;
use crate::testing::{authority, cluster_request, days, leaf_of, now};

fn facts(leaf: &Leaf) -> Facts {
    Facts::read(&certificate::read_pem(&leaf.cert_pem).unwrap()[0]).unwrap()
}

#[test]
fn a_leaf_says_what_was_asked_for() {
    let request = cluster_request();
    let leaf = leaf_of(&authority(3), now());
    let facts = facts(&leaf);
    assert_eq!(facts.identity().unwrap(), request.identity);
    assert_eq!(facts.dns_names, request.dns_names);
    assert_eq!(facts.ip_addresses, request.ip_addresses);
    assert_eq!(facts.validity, leaf.validity);
    assert_eq!(facts.common_name.as_deref(), Some("moco cluster db"));
    assert!(!facts.is_authority);
    assert_eq!(leaf.issued_by, 3);
}

#[test]
fn a_leaf_is_good_for_ninety_days_and_an_hour_ago() {
    let leaf = leaf_of(&authority(1), now());
    assert_eq!(leaf.validity.not_after, now() + days(90));
    assert!(
        leaf.validity
            .contains(now() - SignedDuration::from_mins(59))
    );
}

#[test]
fn each_leaf_has_a_key_of_its_own_in_pkcs8() {
    let made = authority(1);
    let (one, two) = (leaf_of(&made, now()), leaf_of(&made, now()));
    assert_ne!(one.key_pem, two.key_pem);
    assert_ne!(facts(&one).public_key, facts(&two).public_key);
    assert!(
        one.key_pem
            .expose()
            .starts_with("-----BEGIN PRIVATE KEY-----\n")
    );
}

#[test]
fn the_key_is_in_no_debug_output() {
    let leaf = leaf_of(&authority(1), now());
    let secret = leaf.key_pem.expose().lines().nth(1).unwrap();
    let shown = format!("{leaf:?}");
    assert!(
        !shown.contains(secret) && !shown.contains("PRIVATE"),
        "{shown}"
    );
}

#[test]
fn nothing_is_issued_from_an_authority_that_is_not_published() {
    let (old, new) = (authority(1), authority(2));
    let bundle = Bundle::from(old.certificate().clone());
    let refused = issue(&new, &bundle, &cluster_request(), now()).unwrap_err();
    assert!(
        matches!(refused, IssueError::Verify(VerifyError::AsClient(_))),
        "{refused:?}"
    );
    let empty = issue(&new, &Bundle::default(), &cluster_request(), now()).unwrap_err();
    assert!(
        matches!(empty, IssueError::Verify(VerifyError::Anchors(_))),
        "{empty:?}"
    );
}

#[test]
fn a_leaf_never_outlives_its_authority() {
    let made = authority(1);
    let end = made.validity().not_after;
    let leaf = leaf_of(&made, end - days(10));
    assert_eq!(leaf.validity.not_after, end);
    let bundle = Bundle::from(made.certificate().clone());
    for at in [
        end + SignedDuration::from_secs(1),
        now() - AUTHORITY_LIFETIME,
    ] {
        let refused = issue(&made, &bundle, &cluster_request(), at).unwrap_err();
        assert!(matches!(
            refused,
            IssueError::AuthorityNotGood { generation: 1, .. }
        ));
    }
}

#[test]
fn names_that_are_none_are_refused() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    for name in [
        "",
        "*",
        "*.",
        "*.svc",
        "a.*.svc",
        "Upper.svc",
        "a b",
        "127.0.0.1",
        "a..b",
        "ü.svc",
    ] {
        let mut request = cluster_request();
        request.dns_names.insert(name.to_owned());
        let refused = issue(&made, &bundle, &request, now());
        assert!(
            matches!(refused, Err(IssueError::DnsName { .. })),
            "{name:?}: {refused:?}"
        );
    }
}

#[test]
fn a_leaf_for_no_name_or_for_a_flood_of_names_is_refused() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let mut request = cluster_request();
    request.dns_names = (0..NAMES_MAX).map(|i| format!("h{i}.svc")).collect();
    let flood = issue(&made, &bundle, &request, now());
    assert!(matches!(flood, Err(IssueError::NameCount { found: 102 })));
    request.dns_names.clear();
    request.ip_addresses.clear();
    let none = issue(&made, &bundle, &request, now());
    assert!(matches!(none, Err(IssueError::NameCount { found: 0 })));
}

#[test]
fn the_controller_is_issued_its_own_identity() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let request = LeafRequest::controller(&Namespace::new("moco-system").unwrap());
    let leaf = issue(&made, &bundle, &request, now()).unwrap();
    assert_eq!(facts(&leaf).identity().unwrap(), Identity::Controller);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_allowed_cluster_gets_a_leaf(
        namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        name in "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?",
        hour in 0_i64..24 * 365 * 9,
    ) {
        let made = Authority::create(1, now()).unwrap();
        let request = LeafRequest::cluster(
            Namespace::new(namespace).unwrap(),
            ClusterName::new(name).unwrap(),
        );
        let bundle = Bundle::from(made.certificate().clone());
        let at = now() + SignedDuration::from_hours(hour);
        let leaf = issue(&made, &bundle, &request, at).unwrap();
        prop_assert!(facts(&leaf).common_name.unwrap().len() <= 64);
    }
}
