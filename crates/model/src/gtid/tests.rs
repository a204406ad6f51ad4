use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

fn set(text: &str) -> GtidSet {
    text.parse().unwrap()
}

#[test]
fn mysql_texts_are_read_and_printed_normalised() {
    assert_eq!(set("").to_string(), "");
    assert_eq!(set(&format!("{A}:3:1-2")).to_string(), format!("{A}:1-3"));
    assert_eq!(
        set(&format!("{B}:1,\n{A}:1-5:7")).to_string(),
        format!("{A}:1-5:7,{B}:1")
    );
    let tagged = format!("{A}:1-3:15-21:foo:1-5");
    assert_eq!(set(&tagged).to_string(), tagged);
    assert_eq!(set(&format!("{A}:Foo:1")).to_string(), format!("{A}:foo:1"));
}

#[test]
fn texts_that_are_no_sets_are_refused() {
    for bad in [
        "x",
        A,
        &format!("{A}:0"),
        &format!("{A}:5-3"),
        &format!("{A}:foo"),
    ] {
        assert!(bad.parse::<GtidSet>().is_err(), "{bad}");
    }
    assert!(
        format!("{A}:9223372036854775807")
            .parse::<GtidSet>()
            .is_err()
    );
    assert!(format!("{A}:a:b:1").parse::<GtidSet>().is_err());
}

#[test]
fn a_tag_is_another_origin() {
    assert!(!set(&format!("{A}:1-5")).contains(&set(&format!("{A}:t:1"))));
    assert!(set(&format!("{A}:1-5:t:1")).contains(&set(&format!("{A}:t:1"))));
}

#[test]
fn a_set_in_many_pieces_is_read_in_one_pass() {
    let numbers: Vec<_> = (1..=150_000_u64).map(|n| (2 * n).to_string()).collect();
    let pieces = format!(":{}", numbers.join(":"));
    let gtids = set(&format!("{A}{pieces}"));
    assert_eq!(gtids.count(), 150_000);
    assert_eq!(gtids.to_string().len(), A.len() + pieces.len());
}

/// A set and the same as plain numbers, of two origins.
fn model() -> impl Strategy<Value = (GtidSet, BTreeSet<(u8, u64)>)> {
    prop::collection::vec((0_u8..2, 1_u64..40, 0_u64..6), 0..12).prop_map(|parts| {
        let mut gtids = Reading::default();
        let mut plain = BTreeSet::new();
        for (origin, first, more) in parts {
            let uuid = if origin == 0 { A } else { B };
            gtids.add(uuid.parse().unwrap(), "", (first, first + more));
            plain.extend((first..=first + more).map(|n| (origin, n)));
        }
        (gtids.finish(), plain)
    })
}

fn plain_of(gtids: &GtidSet) -> BTreeSet<(u8, u64)> {
    let mut plain = BTreeSet::new();
    for n in 1..60 {
        for (origin, uuid) in [(0, A), (1, B)] {
            if gtids.contains(&set(&format!("{uuid}:{n}"))) {
                plain.insert((origin, n));
            }
        }
    }
    plain
}

proptest! {
    #[test]
    fn sets_behave_like_sets_of_numbers((x, px) in model(), (y, py) in model()) {
        prop_assert_eq!(plain_of(&x.union(&y)), &px | &py);
        prop_assert_eq!(plain_of(&x.subtract(&y)), &px - &py);
        prop_assert_eq!(plain_of(&x.intersect(&y)), &px & &py);
        prop_assert_eq!(x.contains(&y), px.is_superset(&py));
        prop_assert_eq!(x.count(), px.len() as u64);
    }

    #[test]
    fn what_is_printed_reads_back_equal((x, _) in model()) {
        prop_assert_eq!(set(&x.to_string()), x.clone());
        let json = serde_json::to_string(&x).unwrap();
        prop_assert_eq!(serde_json::from_str::<GtidSet>(&json).unwrap(), x);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,80}") {
        let _ = text.parse::<GtidSet>();
    }
}
