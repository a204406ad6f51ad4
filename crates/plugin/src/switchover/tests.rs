use std::time::Duration;

use serde_json::{Value, json};

use super::wait::{End, Wait};
use super::*;
use crate::testing::{cluster, handover, healthy};

/// Where `healthy` is.
fn start() -> Start {
    Start {
        primary: MemberId(0),
        epoch: Epoch(7),
        because: "asked".to_owned(),
    }
}

fn with(change: impl FnOnce(&mut Value)) -> Cluster {
    let mut object = healthy();
    change(&mut object);
    cluster(object)
}

fn under_way(to: u32) -> Value {
    json!({ "to": to, "because": "asked by annotation", "begunAt": 1, "deadline": 2 })
}

/// The cluster after member 1 became primary in epoch 8.
fn switched(opened: bool) -> Cluster {
    with(|object| {
        let register = &mut object["status"]["register"];
        register["epoch"] = json!(8);
        register["primary"] = json!(1);
        register["basis"]["because"] = json!("asked by annotation");
        register["handovers"] = json!([handover(8, "switchover", opened)]);
    })
}

#[test]
fn a_named_member_is_asked_for_at_its_own_pod_and_any_at_the_primary_s() {
    let cluster = cluster(healthy());
    let wish = |member, key| {
        Ok(Plan::Ask(Wish {
            member: MemberId(member),
            key,
            start: start(),
        }))
    };
    assert_eq!(
        plan(&cluster, Some(MemberId(2))),
        wish(2, "moco.cybozu.com/promote")
    );
    assert_eq!(plan(&cluster, None), wish(0, "moco.cybozu.com/demote"));
    let already = Plan::Already {
        member: MemberId(0),
    };
    assert_eq!(plan(&cluster, Some(MemberId(0))), Ok(already));
}

#[test]
fn a_switchover_under_way_is_joined_when_it_fits() {
    let cluster = with(|one| one["status"]["register"]["switchover"] = under_way(2));
    let join = Plan::Join {
        to: MemberId(2),
        start: start(),
    };
    assert_eq!(plan(&cluster, None), Ok(join.clone()));
    assert_eq!(plan(&cluster, Some(MemberId(2))), Ok(join));
    let refusal = plan(&cluster, Some(MemberId(1))).unwrap_err();
    assert!(
        matches!(
            refusal,
            Refusal::UnderWay {
                to: MemberId(2),
                ..
            }
        ),
        "{refusal}"
    );
}

#[test]
fn what_cannot_come_true_is_not_asked_for() {
    let any = |change: &dyn Fn(&mut Value)| plan(&with(change), None).unwrap_err();
    assert_eq!(
        any(&|one| one["spec"]["offline"] = json!(true)),
        Refusal::Offline
    );
    let stopped = json!({ CLUSTERING_STOPPED: "true" });
    assert_eq!(
        any(&|one| one["metadata"]["annotations"] = stopped.clone()),
        Refusal::ClusteringStopped
    );
    assert_eq!(
        any(&|one| one["spec"]["replicas"] = json!(1)),
        Refusal::SingleMember
    );
    assert_eq!(
        any(&|one| one["status"]["register"]["membership"]["members"] = json!([0])),
        Refusal::SingleMember
    );
    assert_eq!(
        any(&|one| one["status"]["register"] = json!(null)),
        Refusal::NoRegister(NoRegister::Undecided)
    );
    let refusal = plan(&cluster(healthy()), Some(MemberId(3))).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "member 3 is no member of the cluster; its members are 0, 1, 2"
    );
}

#[test]
fn a_verdict_is_said_when_it_changes_and_only_then() {
    let mut wait = Wait::asked(start(), None);
    let first = wait.look(Some(&cluster(healthy())));
    assert_eq!(
        first.said,
        ["Healthy: primary 0 takes writes and 2 replicas follow it"]
    );
    assert_eq!(
        wait.look(Some(&cluster(healthy()))).said,
        Vec::<String>::new()
    );
    let other = with(|one| one["status"]["verdict"]["sentence"] = json!("member 2 lags"));
    assert_eq!(wait.look(Some(&other)).said, ["Healthy: member 2 lags"]);
}

#[test]
fn it_is_done_when_the_new_primary_was_seen_to_take_writes() {
    let mut wait = Wait::asked(start(), Some(MemberId(1)));
    let begun = wait.look(Some(&with(|one| {
        one["status"]["register"]["switchover"] = under_way(1);
    })));
    assert_eq!(begun.said[0], "The switchover to member 1 has begun.");
    let closed = wait.look(Some(&switched(false)));
    assert_eq!(closed.end, None);
    assert_eq!(
        closed.said,
        ["Member 1 is primary since epoch 8 and takes no writes yet."]
    );
    assert_eq!(wait.look(Some(&switched(false))).said, Vec::<String>::new());
    let done = wait.look(Some(&switched(true)));
    assert_eq!(
        done.end,
        Some(End::Done(
            "Member 1 is primary since epoch 8, member 0 no more; it took writes 641 ms after the beginning."
                .to_owned()
        ))
    );
}

fn failure(end: Option<End>) -> String {
    match end {
        Some(End::Failed(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_member_than_the_one_that_was_asked_for_is_no_success() {
    let mut wait = Wait::asked(start(), Some(MemberId(2)));
    assert_eq!(
        failure(wait.look(Some(&switched(true))).end),
        "member 1 became primary, not member 2: asked by annotation"
    );
}

#[test]
fn a_switchover_that_was_given_up_is_not_waited_for() {
    let resumed = with(|one| {
        let register = &mut one["status"]["register"];
        register["epoch"] = json!(8);
        register["basis"] =
            json!({ "kind": "resumed", "decidedAt": 1, "because": "member 1 did not catch up" });
    });
    assert_eq!(
        failure(Wait::asked(start(), None).look(Some(&resumed)).end),
        "member 0 is still primary: member 1 did not catch up"
    );
    let given_up = with(|one| {
        one["status"]["register"]["basis"]["because"] =
            json!("the switchover was given up: a long transaction");
    });
    for mut wait in [
        Wait::asked(start(), None),
        Wait::joined(start(), MemberId(1)),
    ] {
        assert_eq!(
            failure(wait.look(Some(&given_up)).end),
            "member 0 is still primary: the switchover was given up: a long transaction"
        );
    }
    let mut without_reason = Wait::joined(start(), MemberId(1));
    assert_eq!(
        failure(without_reason.look(Some(&cluster(healthy()))).end),
        "member 0 is still primary: the switchover was given up: Healthy: primary 0 takes writes and 2 replicas follow it"
    );
}

#[test]
fn a_primary_that_was_restarted_meanwhile_is_waited_for_on() {
    let restarted = with(|one| {
        one["status"]["register"]["epoch"] = json!(8);
        one["status"]["register"]["basis"] =
            json!({ "kind": "restartInPlace", "decidedAt": 1, "because": "its mysqld ended" });
    });
    assert_eq!(Wait::asked(start(), None).look(Some(&restarted)).end, None);
}

#[test]
fn when_the_time_is_over_the_last_sentence_is_the_reason() {
    let mut wait = Wait::asked(start(), None);
    wait.look(Some(&with(|one| {
        one["status"]["verdict"]["sentence"] = json!("member 1 lags 40 s");
    })));
    assert_eq!(
        failure(Some(wait.timed_out(Duration::from_secs(120)))),
        "after 120s member 0 is still primary: Healthy: member 1 lags 40 s"
    );
    wait.look(Some(&switched(false)));
    let late = failure(Some(wait.timed_out(Duration::from_secs(120))));
    assert!(
        late.contains("member 1 is primary since epoch 8 and takes no writes yet"),
        "{late}"
    );
}

#[test]
fn whoever_stops_waiting_is_told_what_may_still_happen() {
    let failed = failure(Some(Wait::asked(start(), None).interrupted()));
    assert_eq!(failed, "not waiting any more: member 0 is still primary");
    let failed = failure(Some(Wait::joined(start(), MemberId(1)).interrupted()));
    assert!(
        failed.ends_with("the switchover that was begun may still succeed"),
        "{failed}"
    );
}

#[test]
fn a_cluster_that_was_deleted_ends_the_waiting() {
    assert_eq!(
        failure(Wait::asked(start(), None).look(None).end),
        "the cluster was deleted"
    );
}
