use serde_json::json;

use super::*;
use crate::testing::{cluster, healthy, member, silent, two_lost};

#[test]
fn what_will_be_lost_is_named_before_anything_is_done() {
    let loss = loss(&cluster(two_lost())).unwrap();
    insta::assert_snapshot!(format!("{}\n{}", loss.text(), loss.how()));
}

#[test]
fn a_member_that_is_heard_but_was_never_seen_to_hold_everything_proves_nothing() {
    let mut object = two_lost();
    object["status"]["members"][2] = member(2, "replica", "holds no data yet");
    object["status"]["register"]["counted"] = json!({ "1": "a" });
    let text = loss(&cluster(object)).unwrap().text();
    assert!(
        text.contains("What only members 0 and 2 hold will be lost"),
        "{text}"
    );
}

#[test]
fn a_member_whose_data_is_another_than_the_counted_one_proves_nothing() {
    let mut object = two_lost();
    object["status"]["members"][2] = member(2, "replica", "follows closely");
    object["status"]["members"][2]["counted"] = json!(false);
    let text = loss(&cluster(object)).unwrap().text();
    assert!(text.contains("NOT PROVEN"), "{text}");
}

#[test]
fn enough_promises_are_said_to_make_force_needless() {
    let mut object = two_lost();
    object["status"]["members"][2] = member(2, "replica", "follows closely");
    let text = loss(&cluster(object)).unwrap().text();
    assert!(!text.contains("NOT PROVEN"), "{text}");
    assert!(text.contains("MOCO fails over by itself"), "{text}");
}

#[test]
fn while_the_number_of_members_changes_both_rules_are_shown() {
    let mut object = two_lost();
    let status = &mut object["status"];
    status["register"]["membership"] =
        json!({ "members": [0, 1, 2, 3, 4], "old": [0, 1, 2], "version": 2 });
    status["members"][2] = member(2, "replica", "follows closely");
    let members = status["members"].as_array_mut().unwrap();
    members.extend([silent(3, "replica"), silent(4, "replica")]);
    insta::assert_snapshot!(loss(&cluster(object)).unwrap().text());
}

#[test]
fn the_quorum_is_the_one_that_the_planner_counts_with() {
    for heard in [[false, false], [true, false], [false, true], [true, true]] {
        let mut object = two_lost();
        let mut promised = BTreeSet::new();
        for (id, heard) in [1_u32, 2].into_iter().zip(heard) {
            object["status"]["members"][id as usize] = if heard {
                promised.insert(MemberId(id));
                member(id, "replica", "follows closely")
            } else {
                silent(id, "replica")
            };
        }
        let cluster = cluster(object);
        let register = cluster.register().unwrap();
        let suffices = quorum::suffices(&register.membership, register.primary, &promised);
        match loss(&cluster) {
            Ok(loss) => assert_eq!(loss.rules.iter().all(Rule::is_met), suffices, "{heard:?}"),
            Err(refusal) => assert_eq!((refusal, suffices), (Refusal::NobodyHeard, false)),
        }
    }
}

#[test]
fn the_epoch_must_be_the_one_that_was_shown() {
    let loss = loss(&cluster(two_lost())).unwrap();
    assert_eq!(loss.wrong_epoch(7), None);
    let wrong = loss.wrong_epoch(6).unwrap();
    assert!(wrong.starts_with("the epoch is 7, not 6"), "{wrong}");
}

#[test]
fn nothing_is_forced_where_it_makes_no_sense() {
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut object = two_lost();
        change(&mut object);
        loss(&cluster(object)).unwrap_err()
    };
    assert_eq!(loss(&cluster(healthy())), Err(Refusal::Available));
    assert_eq!(
        refused(&|one| one["spec"]["offline"] = json!(true)),
        Refusal::Offline
    );
    let stopped = json!({ "moco.cybozu.com/clustering-stopped": "true" });
    assert_eq!(
        refused(&|one| one["metadata"]["annotations"] = stopped.clone()),
        Refusal::ClusteringStopped
    );
    assert_eq!(
        refused(&|one| one["status"]["register"] = json!(null)),
        Refusal::NoRegister(NoRegister::Undecided)
    );
    assert_eq!(
        refused(&|one| one["status"]["register"]["membership"]["members"] = json!([0])),
        Refusal::SingleMember
    );
    assert_eq!(
        refused(&|one| one["status"]["members"][1] = silent(1, "replica")),
        Refusal::NobodyHeard
    );
}
