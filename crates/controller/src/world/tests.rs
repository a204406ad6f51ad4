use moco_api::constants::labels;
use moco_planner::Memory;
use moco_planner::decide;

use super::*;
use crate::reconcile::{Notes, Outcome};
use crate::testing::{
    Server, cluster_json, context, head, observation, pod_json, register, silent,
};

const DB: &str = "/apis/moco.cybozu.com/v1beta2/namespaces/app/mysqlclusters/db";
const POD: &str = "/api/v1/namespaces/app/pods/moco-db-0";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/app/events";

async fn world_on(server: &Server, status: Value) -> KubeWorld {
    server.put(DB, cluster_json(json!({ "replicas": 3 }), &status));
    let context = context(server).await;
    server.show(&context.sights);
    let mut world = KubeWorld::new(context, head());
    world.reconciled(Reconciled {
        outcome: Outcome::Done,
        notes: Some(Notes::default()),
    });
    world.read().await.unwrap().unwrap();
    server.take_requests();
    world
}

async fn report(world: &mut KubeWorld, seen: &Observation) {
    let decision = decide(seen, &Memory::default(), 0);
    World::report(world, seen, &decision).await.unwrap();
}

#[tokio::test]
async fn the_register_is_written_when_it_is_what_was_expected() {
    let server = Server::default();
    let mut world = world_on(&server, json!({ "cloned": true })).await;
    world.record(Expect::Absent, &register(3)).await.unwrap();
    let status = server.get(DB).unwrap()["status"].clone();
    assert_eq!(status["register"], json!(register(3)));
    assert_eq!(status["cloned"], json!(true), "the rest stays");
    let mut next = register(3);
    next.epoch = next.epoch.next();
    let refused = world.record(Expect::Absent, &next).await.unwrap_err();
    assert!(matches!(refused, RecordError::Conflict));
    world.record(Expect::of(&register(3)), &next).await.unwrap();
    assert_eq!(world.facts().await.unwrap().register, Some(next));
}

#[tokio::test]
async fn a_write_that_comes_between_reading_and_writing_is_a_conflict() {
    let server = Server::default();
    let mut world = world_on(&server, json!({})).await;
    server.meanwhile(|method, path, store| {
        if *method == "PUT" && path.ends_with("/status") {
            let mut object = store.objects[DB].clone();
            object["status"]["register"] = json!(register(1));
            store.put(DB, object);
        }
    });
    let refused = world
        .record(Expect::Absent, &register(3))
        .await
        .unwrap_err();
    assert!(matches!(refused, RecordError::Conflict), "{refused:?}");
    assert_eq!(
        server.get(DB).unwrap()["status"]["register"],
        json!(register(1))
    );
}

#[tokio::test]
async fn a_register_that_does_not_come_back_freezes_the_cluster_and_is_told() {
    let server = Server::default();
    let mut world = world_on(&server, json!({})).await;
    server.drop_register();
    let refused = world
        .record(Expect::Absent, &register(3))
        .await
        .unwrap_err();
    assert!(matches!(refused, RecordError::NotKept), "{refused:?}");
    let facts = world.facts().await.unwrap();
    assert!(
        facts.platform[0]
            .sentence
            .contains("does not keep status.register")
    );
    assert_eq!(world.register_health(), RegisterHealth::NotKept);
}

#[tokio::test]
async fn a_register_that_cannot_be_read_is_not_overwritten() {
    let server = Server::default();
    let odd = json!({ "register": { "epoch": "of a newer version" } });
    let mut world = world_on(&server, odd.clone()).await;
    let refused = world
        .record(Expect::Absent, &register(3))
        .await
        .unwrap_err();
    assert!(matches!(refused, RecordError::Conflict));
    assert_eq!(server.get(DB).unwrap()["status"], odd);
}

#[tokio::test]
async fn a_cluster_made_again_under_its_name_is_not_written_to() {
    let server = Server::default();
    let mut world = world_on(&server, json!({})).await;
    let mut again = cluster_json(json!({}), &json!({}));
    again["metadata"]["uid"] = json!("another");
    server.put(DB, again);
    let refused = world
        .record(Expect::Absent, &register(3))
        .await
        .unwrap_err();
    assert!(matches!(refused, RecordError::Failed(WorldError::Gone)));
    assert!(world.read().await.unwrap().is_none());
    assert_eq!(server.take_writes(), []);
}

#[tokio::test]
async fn nothing_is_written_when_the_lease_is_over() {
    let server = Server::default();
    let mut world = world_on(&server, json!({ "register": register(3) })).await;
    world.context.tenure.prolong(tokio::time::Instant::now());
    let mut next = register(3);
    next.epoch = next.epoch.next();
    let refused = world
        .record(Expect::of(&register(3)), &next)
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        RecordError::Failed(WorldError::NotLeading)
    ));
    assert!(world.label(MemberId(0), Role::Primary).await.is_err());
    assert!(world.facts().await.is_err());
    assert_eq!(server.take_requests(), []);
}

#[tokio::test]
async fn a_label_is_set_on_the_pod_that_was_seen_and_on_no_other() {
    let server = Server::default();
    server.put(POD, pod_json(0, &json!({ "podIP": "10.0.0.7" })));
    let mut world = world_on(&server, json!({ "register": register(3) })).await;
    world.label(MemberId(0), Role::Primary).await.unwrap();
    assert_eq!(
        server.get(POD).unwrap()["metadata"]["labels"][labels::ROLE],
        json!("primary")
    );
    let facts = world.facts().await.unwrap();
    assert_eq!(
        facts.members[&MemberId(0)].label,
        Some(Role::Primary),
        "seen at once"
    );
    let mut again = pod_json(0, &json!({}));
    again["metadata"]["uid"] = json!("another");
    server.put(POD, again);
    assert!(world.label(MemberId(0), Role::Replica).await.is_err());
    assert!(world.label(MemberId(9), Role::Replica).await.is_err());
}

#[tokio::test]
async fn a_second_report_of_the_same_writes_nothing_and_tells_nothing() {
    let server = Server::default();
    let mut world = world_on(&server, json!({ "register": register(3) })).await;
    report(&mut world, &observation(3)).await;
    let writes = server.take_writes();
    let paths: Vec<_> = writes.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(paths, [format!("{DB}/status").as_str(), EVENTS]);
    world.read().await.unwrap().unwrap();
    report(&mut world, &observation(3)).await;
    assert_eq!(server.take_writes(), []);
    // Not after a change of the leader either.
    let mut other = KubeWorld::new(world.context.clone(), head());
    other.reconciled(Reconciled {
        outcome: Outcome::Done,
        notes: Some(Notes::default()),
    });
    other.read().await.unwrap().unwrap();
    report(&mut other, &observation(3)).await;
    assert_eq!(server.take_writes(), []);
}

#[tokio::test]
async fn a_report_never_touches_the_register_nor_what_others_write() {
    let server = Server::default();
    let others = json!({
        "register": register(3), "cloned": true, "backup": { "elapsed": "1s" },
        "conditions": [{ "type": "Theirs", "status": "True", "reason": "X", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
    });
    let mut world = world_on(&server, others.clone()).await;
    report(&mut world, &observation(3)).await;
    let status = server.get(DB).unwrap()["status"].clone();
    for field in ["register", "cloned", "backup"] {
        assert_eq!(status[field], others[field], "{field}");
    }
    assert_eq!(status["conditions"][0], others["conditions"][0]);
    assert_eq!(status["verdict"]["code"], json!("Healthy"));
}

#[tokio::test]
async fn a_report_that_meets_another_writer_is_made_anew() {
    let server = Server::default();
    let mut world = world_on(&server, json!({ "register": register(3) })).await;
    let mut newer = server.get(DB).unwrap();
    newer["status"]["cloned"] = json!(true);
    newer["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("resourceVersion");
    server.put(DB, newer);
    report(&mut world, &observation(3)).await;
    let status = server.get(DB).unwrap()["status"].clone();
    assert_eq!(
        (&status["cloned"], &status["verdict"]["code"]),
        (&json!(true), &json!("Healthy"))
    );
}

#[tokio::test]
async fn initialised_stays_true_when_the_register_is_lost() {
    let server = Server::default();
    let mut world = world_on(&server, json!({ "register": register(3) })).await;
    report(&mut world, &observation(3)).await;
    let mut lost = observation(3);
    lost.register = None;
    for id in 0..3 {
        lost.members
            .insert(MemberId(id), silent(id, "its pod does not exist"));
    }
    world.read().await.unwrap().unwrap();
    report(&mut world, &lost).await;
    let status = server.get(DB).unwrap()["status"].clone();
    assert_eq!(status["verdict"]["code"], json!("RegisterLost"));
    let conditions = status["conditions"].as_array().unwrap();
    let initialised = conditions
        .iter()
        .find(|one| one["type"] == "Initialized")
        .unwrap();
    assert_eq!(initialised["status"], json!("True"));
    assert!(world.read().await.unwrap().unwrap().initialised_before());
}

#[tokio::test]
async fn an_event_is_told_once_for_a_new_verdict() {
    let server = Server::default();
    let mut world = world_on(&server, json!({ "register": register(3) })).await;
    report(&mut world, &observation(3)).await;
    server.take_requests();
    let mut worse = observation(3);
    worse
        .members
        .insert(MemberId(2), silent(2, "its pod does not exist"));
    for _ in 0..3 {
        world.read().await.unwrap().unwrap();
        report(&mut world, &worse).await;
    }
    let told = server
        .take_writes()
        .iter()
        .filter(|(_, path)| path == EVENTS)
        .count();
    assert_eq!(told, 1);
}
