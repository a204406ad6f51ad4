use jiff::SignedDuration;
use moco_pki::Namespace;

use super::*;

fn request() -> LeafRequest {
    LeafRequest::controller(&Namespace::new("moco-system").unwrap())
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// Takes every step about authorities that is due.
fn settle(hierarchy: &mut Hierarchy, texts: Option<&BTreeMap<String, String>>, at: Timestamp) {
    for _ in 0..5 {
        let found = hierarchy.leaf_state(texts);
        for step in hierarchy.due(
            LeafView {
                wanted: request(),
                found,
            },
            at,
        ) {
            hierarchy.carry_out(&step, at).unwrap();
        }
    }
}

fn made() -> Hierarchy {
    let mut hierarchy = Hierarchy::default();
    settle(&mut hierarchy, None, now());
    hierarchy
}

#[test]
fn a_new_operator_makes_one_authority_that_issues_and_survives_storing() {
    let hierarchy = made();
    let stored = hierarchy.write();
    let read = Hierarchy::read(&stored).unwrap();
    assert_eq!(read.write(), stored);
    let leaf = read.renew(&request(), None, now()).unwrap().unwrap();
    assert_eq!(leaf[BUNDLE_KEY], read.bundle());
    assert!(
        read.renew(&request(), Some(&leaf), now())
            .unwrap()
            .is_none()
    );
    assert!(!format!("{read:?}").contains("PRIVATE"));
}

#[test]
fn a_leaf_is_renewed_in_its_last_third_and_gets_a_new_bundle_at_once() {
    let mut hierarchy = made();
    let leaf = hierarchy.renew(&request(), None, now()).unwrap().unwrap();
    let soon = hierarchy
        .renew(&request(), Some(&leaf), now() + days(59))
        .unwrap();
    assert!(soon.is_none());
    let later = hierarchy
        .renew(&request(), Some(&leaf), now() + days(61))
        .unwrap()
        .unwrap();
    assert_ne!(later[CERTIFICATE_KEY], leaf[CERTIFICATE_KEY]);
    let successor = Authority::create(2, now()).unwrap();
    hierarchy
        .published
        .add(successor.certificate().clone())
        .unwrap();
    let told = hierarchy
        .renew(&request(), Some(&leaf), now())
        .unwrap()
        .unwrap();
    assert_eq!(told[CERTIFICATE_KEY], leaf[CERTIFICATE_KEY]);
    assert_eq!(told[BUNDLE_KEY], hierarchy.bundle());
}

#[test]
fn an_authority_is_replaced_long_before_it_ends() {
    let mut hierarchy = made();
    settle(&mut hierarchy, None, now() + days(3650 - 364));
    assert_eq!(hierarchy.published.generations().len(), 2);
    assert_eq!(
        hierarchy.issuing,
        Some(1),
        "the old one issues until its last month"
    );
    settle(&mut hierarchy, None, now() + days(3650 - 29));
    assert_eq!(hierarchy.issuing, Some(2));
    settle(&mut hierarchy, None, now() + days(3651));
    assert_eq!(hierarchy.published.generations(), [2].into());
}

#[test]
fn a_lost_secret_costs_neither_trust_nor_a_number() {
    let old = made();
    let leaf = old.renew(&request(), None, now()).unwrap().unwrap();
    let mut anew = Hierarchy::trusting(leaf.get(BUNDLE_KEY).map(String::as_str));
    settle(&mut anew, Some(&leaf), now());
    assert_eq!(anew.published.generations(), [1, 2].into());
    // The leaf that is there is good for a while: it is replaced when it nears its end.
    settle(&mut anew, Some(&leaf), now() + days(61));
    assert_eq!(anew.issuing, Some(2));
}

#[test]
fn a_damaged_secret_is_named_by_its_key() {
    let mut texts = made().write();
    texts.insert("authority-1.crt".to_owned(), "x".to_owned());
    let error = Hierarchy::read(&texts).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot read the authority under the key authority-1.crt"
    );
    texts.remove("authority-1.key");
    let error = Hierarchy::read(&texts).unwrap_err().to_string();
    assert_eq!(error, "the key authority-1.key is missing");
}
