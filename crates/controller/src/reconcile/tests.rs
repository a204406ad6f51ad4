use serde_json::{Value, json};

use super::*;
use crate::testing::{SYSTEM, Server, cluster_json, cluster_with, context, head, register};

const DB: &str = "/apis/moco.cybozu.com/v1beta2/namespaces/app/mysqlclusters/db";
const SET: &str = "/apis/apps/v1/namespaces/app/statefulsets/moco-db";
const MASTER: &str = "/api/v1/namespaces/moco-system/secrets/mysql-app.db";
const USER: &str = "/api/v1/namespaces/app/secrets/moco-db";
const LEAF: &str = "/api/v1/namespaces/app/secrets/moco-db-grpc";

struct World {
    server: Server,
    context: Context,
    reconciler: Reconciler,
}

impl World {
    async fn new() -> Self {
        let server = Server::default();
        let context = context(&server).await;
        let reconciler = Reconciler::new(context.clone(), head());
        server.take_requests();
        Self {
            server,
            context,
            reconciler,
        }
    }

    /// A pass over a cluster with this spec and status.
    async fn pass(&mut self, spec: Value, status: Value) -> Reconciled {
        self.pass_annotated(spec, status, json!({})).await
    }

    /// The same with annotations.
    async fn pass_annotated(
        &mut self,
        spec: Value,
        status: Value,
        annotations: Value,
    ) -> Reconciled {
        let mut json = cluster_json(spec, &status);
        json["metadata"]["annotations"] = annotations;
        if let Some(stored) = self.server.get(DB) {
            json["metadata"]["finalizers"] = stored["metadata"]["finalizers"].clone();
        }
        self.server.put(DB, json);
        let object = serde_json::from_value(self.server.get(DB).unwrap()).unwrap();
        let cluster = ClusterObject::new(head().id, object);
        self.server.show(&self.context.sights);
        let reconciled = self.reconciler.reconcile(&cluster, Cause::Event).await;
        self.server.show(&self.context.sights);
        reconciled
    }

    async fn settled(&mut self, status: Value) {
        for status in [json!({}), status.clone(), status] {
            let reconciled = self.pass(json!({ "replicas": 3 }), status).await;
            assert_eq!(reconciled.outcome, Outcome::Done);
        }
        self.server.take_requests();
    }
}

fn recorded() -> Value {
    json!({ "register": register(3) })
}

#[tokio::test]
async fn a_new_cluster_gets_its_objects_in_the_order_in_which_pods_need_them() {
    let mut world = World::new().await;
    let reconciled = world.pass(json!({ "replicas": 3 }), json!({})).await;
    assert_eq!(reconciled.outcome, Outcome::Done, "{reconciled:?}");
    let written: Vec<_> = world
        .server
        .take_writes()
        .into_iter()
        .map(|(_, path)| {
            let mut parts: Vec<_> = path.split('/').rev().take(2).collect();
            parts.reverse();
            parts.join("/")
        })
        .collect();
    let config_map = written
        .iter()
        .find(|path| path.starts_with("configmaps/"))
        .unwrap();
    let expected = [
        "mysqlclusters/db",
        "moco-system/secrets",
        "secrets/moco-db",
        "secrets/moco-my-cnf-db",
        "secrets/moco-db-grpc",
        config_map,
        "serviceaccounts/moco-db",
        "services/moco-db",
        "services/moco-db-primary",
        "services/moco-db-replica",
        "statefulsets/moco-db",
        "poddisruptionbudgets/moco-db",
    ];
    assert_eq!(written, expected);
    let stored = world.server.get(DB).unwrap();
    assert_eq!(
        stored["metadata"]["finalizers"],
        json!(["moco.cybozu.com/mysqlcluster"])
    );
    let secret = world.server.get(MASTER).unwrap();
    assert_eq!(
        secret["metadata"]["annotations"]["moco.cybozu.com/secret-version"],
        json!("1")
    );
    assert_eq!(secret["data"], world.server.get(USER).unwrap()["data"]);
}

#[tokio::test]
async fn a_cluster_at_rest_costs_no_write_and_a_new_leader_none_either() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    world.pass(json!({ "replicas": 3 }), recorded()).await;
    assert_eq!(world.server.take_requests(), [], "nothing is even asked");
    world.reconciler = Reconciler::new(world.context.clone(), head());
    let reconciled = world.pass(json!({ "replicas": 3 }), recorded()).await;
    assert_eq!(reconciled.outcome, Outcome::Done);
    assert_eq!(world.server.take_writes(), []);
}

#[tokio::test]
async fn an_edited_or_deleted_object_is_mended() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    let good = world.server.get(USER).unwrap()["data"].clone();
    let mut edited = world.server.get(USER).unwrap();
    edited["data"]["WRITABLE_PASSWORD"] = json!("eA==");
    world.server.put(USER, edited);
    world.server.remove(LEAF);
    world.pass(json!({ "replicas": 3 }), recorded()).await;
    assert_eq!(world.server.get(USER).unwrap()["data"], good);
    assert!(world.server.get(LEAF).is_some());
    let writes = world.server.take_writes();
    assert_eq!(writes.len(), 2, "{writes:?}");
}

#[tokio::test]
async fn a_lost_master_copy_is_restored_and_never_made_anew() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    let good = world.server.get(MASTER).unwrap()["data"].clone();
    world.server.remove(MASTER);
    world.reconciler = Reconciler::new(world.context.clone(), head());
    let reconciled = world.pass(json!({ "replicas": 3 }), recorded()).await;
    assert_eq!(reconciled.outcome, Outcome::Done);
    assert_eq!(world.server.get(MASTER).unwrap()["data"], good);
    // Both gone: nothing is made up for servers that exist.
    world.server.remove(MASTER);
    world.server.remove(USER);
    world.reconciler = Reconciler::new(world.context.clone(), head());
    let reconciled = world.pass(json!({ "replicas": 3 }), recorded()).await;
    let Outcome::Refused(sentence) = &reconciled.outcome else {
        panic!("{reconciled:?}")
    };
    assert!(
        sentence.contains("the passwords of the cluster are lost"),
        "{sentence}"
    );
    assert_eq!(world.server.get(MASTER), None);
}

#[tokio::test]
async fn a_new_operator_changes_no_pod_until_something_else_does() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    world.context.images.moco = "moco:2".to_owned();
    world.reconciler = Reconciler::new(world.context.clone(), head());
    let image = |world: &World| {
        world.server.get(SET).unwrap()["spec"]["template"]["spec"]["initContainers"][0]["image"]
            .clone()
    };
    world.pass(json!({ "replicas": 3 }), recorded()).await;
    assert_eq!(world.server.take_writes(), []);
    world.pass(json!({ "replicas": 5 }), recorded()).await;
    assert_eq!(
        image(&world),
        json!("moco:1"),
        "more pods are no other pods"
    );
    assert_eq!(world.server.get(SET).unwrap()["spec"]["replicas"], json!(5));
    let container = json!({ "name": "mysqld", "image": "mysql:9.7.5" });
    let spec = json!({ "replicas": 5, "podTemplate": { "spec": { "containers": [container] } } });
    world.pass(spec, recorded()).await;
    assert_eq!(image(&world), json!("moco:2"));
    let partition =
        world.server.get(SET).unwrap()["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
            .clone();
    assert_eq!(partition, json!(5), "no pod is replaced by itself");
}

#[tokio::test]
async fn pods_of_a_cluster_that_never_worked_are_replaced_freely() {
    let mut world = World::new().await;
    world.settled(json!({})).await;
    let partition = |world: &World| {
        world.server.get(SET).unwrap()["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
            .clone()
    };
    assert_eq!(partition(&world), json!(0));
    world.pass(json!({ "replicas": 3 }), recorded()).await;
    assert_eq!(partition(&world), json!(3));
}

#[tokio::test]
async fn a_change_is_left_to_kubernetes_when_a_person_says_so() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    let container = json!({ "name": "mysqld", "image": "mysql:9.7.5" });
    let spec = json!({ "replicas": 3, "podTemplate": { "spec": { "containers": [container] } } });
    let partition = |world: &World| {
        let set = world.server.get(SET).unwrap();
        set["spec"]["updateStrategy"]["rollingUpdate"]["partition"].clone()
    };
    world.pass(spec.clone(), recorded()).await;
    assert_eq!(partition(&world), json!(3));
    let force = json!({ "moco.cybozu.com/force-rolling-update": "true" });
    world.pass_annotated(spec.clone(), recorded(), force).await;
    assert_eq!(partition(&world), json!(0));
    let no_force = json!({ "moco.cybozu.com/force-rolling-update": "false" });
    world.pass_annotated(spec, recorded(), no_force).await;
    assert_eq!(partition(&world), json!(3));
}

#[tokio::test]
async fn a_cluster_of_another_operator_is_not_written_to() {
    let mut world = World::new().await;
    let theirs = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {
            "name": "moco-db", "namespace": "app",
            "ownerReferences": [{ "uid": "u", "controller": true, "apiVersion": "x", "kind": "y", "name": "db" }],
        },
        "spec": { "template": { "spec": { "volumes": [{ "name": "mysql-conf" }] } } },
    });
    world.server.put(SET, theirs);
    let reconciled = world.pass(json!({ "replicas": 3 }), json!({})).await;
    assert!(
        matches!(reconciled.outcome, Outcome::Foreign(_)),
        "{reconciled:?}"
    );
    assert_eq!(world.server.take_writes(), []);
}

#[tokio::test]
async fn an_object_of_somebody_else_is_left_alone_and_named() {
    let mut world = World::new().await;
    let theirs = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "moco-db-primary", "namespace": "app", "labels": { "app": "theirs" } },
        "spec": {},
    });
    let path = "/api/v1/namespaces/app/services/moco-db-primary";
    world.server.put(path, theirs);
    let before = world.server.get(path);
    let reconciled = world.pass(json!({}), json!({})).await;
    let Outcome::Refused(sentence) = &reconciled.outcome else {
        panic!("{reconciled:?}")
    };
    assert!(
        sentence.starts_with("Service app/moco-db-primary exists"),
        "{sentence}"
    );
    assert_eq!(world.server.get(path), before);
}

#[tokio::test]
async fn a_container_whose_image_is_not_known_is_told_and_one_whose_image_is_known_is_made() {
    let mut world = World::new().await;
    let spec = json!({ "replicas": 3, "collectors": ["info_schema.tables"] });
    let reconciled = world.pass(spec.clone(), json!({})).await;
    let notes = reconciled.notes.unwrap();
    assert_eq!(notes.fields.len(), 1);
    assert!(notes.fields[0].starts_with("spec.collectors has no effect"));
    let images = &mut world.context.images;
    images.exporter = Some("exporter:1".to_owned());
    images.fluent_bit = Some("fluent-bit:1".to_owned());
    world.reconciler = Reconciler::new(world.context.clone(), head());
    let reconciled = world.pass(spec, json!({})).await;
    assert_eq!(reconciled.notes.unwrap().fields, Vec::<String>::new());
    let set = world.server.get(SET).unwrap();
    let containers = set["spec"]["template"]["spec"]["containers"].as_array();
    let named: Vec<_> = containers
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(named, ["mysqld", "slow-log", "mysqld-exporter"]);
    let writes = world.server.take_writes();
    assert!(
        writes
            .iter()
            .any(|(_, path)| path.contains("configmaps/moco-slow-log-agent-config-db."))
    );
}

#[tokio::test]
async fn a_manifest_that_cannot_work_changes_nothing() {
    let mut world = World::new().await;
    for spec in [
        json!({ "replicas": 0 }),
        json!({ "mysqlConfigMapName": "missing" }),
        json!({ "replicationSourceSecretName": "source" }),
    ] {
        let reconciled = world.pass(spec, json!({})).await;
        let Outcome::Invalid(sentence) = &reconciled.outcome else {
            panic!("{reconciled:?}")
        };
        assert!(sentence.starts_with("spec."), "{sentence}");
    }
    let writes = world.server.take_writes();
    assert!(
        writes.iter().all(|(_, path)| path == DB),
        "the finalizer only: {writes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_not_repeated_at_once() {
    let mut world = World::new().await;
    let spec = json!({ "mysqlConfigMapName": "missing" });
    let cluster = cluster_with(spec.clone(), json!({}));
    world.server.put(DB, cluster_json(spec, &json!({})));
    let first = world.reconciler.reconcile(&cluster, Cause::Time).await;
    world.server.take_requests();
    for cause in [Cause::Time, Cause::Event] {
        assert_eq!(world.reconciler.reconcile(&cluster, cause).await, first);
        assert_eq!(world.server.take_requests(), []);
    }
    for _ in 0..3 {
        tokio::time::advance(FIRST_PAUSE).await;
        world.reconciler.reconcile(&cluster, Cause::Event).await;
        assert!(
            !world.server.take_requests().is_empty(),
            "something has happened"
        );
    }
    tokio::time::advance(FIRST_PAUSE).await;
    world.reconciler.reconcile(&cluster, Cause::Time).await;
    assert_eq!(world.server.take_requests(), [], "the pauses grow");
}

#[tokio::test]
async fn nothing_changes_while_reconciliation_is_stopped() {
    let mut world = World::new().await;
    let mut json = cluster_json(json!({}), &json!({}));
    json["metadata"]["annotations"] = json!({ "moco.cybozu.com/reconciliation-stopped": "true" });
    let object = serde_json::from_value(json).unwrap();
    let cluster = ClusterObject::new(head().id, object);
    let reconciled = world.reconciler.reconcile(&cluster, Cause::Event).await;
    assert_eq!(reconciled.outcome, Outcome::Stopped);
    assert_eq!(world.server.take_requests(), []);
}

#[tokio::test]
async fn an_old_configuration_stays_as_long_as_a_pod_of_an_old_template_may_be_made_again() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    let path = |n: i64| format!("/api/v1/namespaces/app/configmaps/moco-db.old{n}");
    for n in 0..12 {
        let labels = json!({
            "app.kubernetes.io/instance": "db", "app.kubernetes.io/created-by": "moco",
        });
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": format!("moco-db.old{n}"), "namespace": "app", "labels": labels,
                "creationTimestamp": format!("2026-01-01T00:00:{:02}Z", n + 1),
            },
        });
        world.server.put(&path(n), map);
    }
    for (current, left) in [("old", true), ("new", false)] {
        let mut set = world.server.get(SET).unwrap();
        set["status"] = json!({
            "observedGeneration": set["metadata"]["generation"],
            "currentRevision": current, "updateRevision": "new",
        });
        world.server.put(SET, set);
        world.pass(json!({ "replicas": 3 }), recorded()).await;
        assert_eq!(world.server.get(&path(0)).is_some(), left, "{current}");
    }
    assert!(world.server.get(&path(11)).is_some(), "the newest stay");
}

#[tokio::test]
async fn a_deleted_cluster_takes_the_master_copy_along() {
    let mut world = World::new().await;
    world.settled(json!({})).await;
    let mut leaving = world.server.get(DB).unwrap();
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    world.server.put(DB, leaving);
    let object = serde_json::from_value(world.server.get(DB).unwrap()).unwrap();
    let cluster = ClusterObject::new(head().id, object);
    crate::finalizer::finish(&world.context, &head(), &cluster)
        .await
        .unwrap();
    assert_eq!(world.server.get(MASTER), None);
    assert_eq!(world.server.get(DB), None, "nothing holds it any more");
    crate::finalizer::finish(&world.context, &head(), &cluster)
        .await
        .unwrap();
    assert!(MASTER.contains(SYSTEM));
}

#[tokio::test]
async fn another_spelling_of_the_same_template_is_no_change_of_the_pods() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    // Owned by nobody: our own comparison cannot tell, the API server can.
    let mut unowned = world.server.get(SET).unwrap();
    unowned["metadata"]["managedFields"] = json!([]);
    world.server.put(SET, unowned);
    world.context.images.moco = "moco:2".to_owned();
    world.reconciler = Reconciler::new(world.context.clone(), head());
    world.pass(json!({ "replicas": 3 }), recorded()).await;
    let set = world.server.get(SET).unwrap();
    assert_eq!(
        set["spec"]["template"]["spec"]["initContainers"][0]["image"],
        json!("moco:1")
    );
    assert_eq!(
        set["metadata"]["generation"],
        json!(2),
        "raised by the first record only"
    );
}

#[tokio::test]
async fn an_offline_cluster_has_no_pods_until_it_is_taken_up_again() {
    let mut world = World::new().await;
    world.settled(recorded()).await;
    let replicas = |world: &World| world.server.get(SET).unwrap()["spec"]["replicas"].clone();
    let offline = json!({ "replicas": 3, "offline": true });
    world.pass(offline, recorded()).await;
    assert_eq!(replicas(&world), json!(0));
    world.pass(json!({ "replicas": 3 }), recorded()).await;
    assert_eq!(replicas(&world), json!(3));
}
