//! What the tests share: small worlds, and an API server in memory.

use std::time::Duration;

use kube::core::DynamicObject;
use kube::runtime::events::{Recorder, Reporter};
use moco_model::guard::DataState;
use moco_model::register::{Basis, BasisKind};
use moco_model::report::{ReplicationReport, SemiSyncReport, ThreadState};
use moco_model::{
    ClusterId, ClusterUid, Endpoint, Epoch, GtidSet, Guard, MemberId, MemberReport, Membership,
    Phase, Register, Role, ServerReport, ServerUuid,
};
use moco_pki::Namespace;
use moco_planner::observation::{Clustering, Rebuild};
use moco_planner::{Member, Observation, Seen, Wanted};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::authority::Certificates;
use crate::cluster::ClusterObject;
use crate::context::Context;
use crate::lease::Tenure;
use crate::metrics::Metrics;
use crate::wake::Bells;
use crate::watch::{ClusterHead, PodView, Sights};

mod server;

pub(crate) use server::Server;

/// Namespace of the controllers.
pub(crate) const SYSTEM: &str = "moco-system";

/// The cluster `app/db` with the uid `u`.
pub(crate) fn head() -> ClusterHead {
    let id = ClusterId::new("app", "db").unwrap();
    ClusterHead {
        id,
        uid: ClusterUid("u".to_owned()),
    }
}

/// A register of `n` members with primary 0, initialised.
pub(crate) fn register(n: u32) -> Register {
    Register {
        epoch: Epoch(1),
        revision: 3,
        primary: MemberId(0),
        membership: Membership::first(n),
        initialised: true,
        basis: Basis {
            kind: BasisKind::Bootstrap,
            decided_at: 0,
            because: "new".to_owned(),
            must_hold: GtidSet::new(),
            writer: None,
        },
        counted: (0..n).map(|id| (MemberId(id), "i".to_owned())).collect(),
        switchover: None,
        handovers: Vec::new(),
    }
}

/// `app/db` as JSON. What the spec leaves out and must have is put in.
pub(crate) fn cluster_json(spec: Value, status: &Value) -> Value {
    let mut whole = json!({
        "podTemplate": { "spec": { "containers": [{ "name": "mysqld", "image": "mysql:9.7.4" }] } },
        "volumeClaimTemplates": [{
            "metadata": { "name": "mysql-data" },
            "spec": { "resources": { "requests": { "storage": "1Gi" } } },
        }],
    });
    if let (Some(whole), Value::Object(spec)) = (whole.as_object_mut(), spec) {
        whole.extend(spec);
    }
    json!({
        "apiVersion": "moco.cybozu.com/v1beta2", "kind": "MySQLCluster",
        "metadata": { "namespace": "app", "name": "db", "uid": "u", "generation": 1 },
        "spec": whole,
        "status": status,
    })
}

/// `app/db` as it is read.
#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better where it is called"
)]
pub(crate) fn cluster_with(spec: Value, status: Value) -> ClusterObject {
    let object: DynamicObject = serde_json::from_value(cluster_json(spec, &status)).unwrap();
    ClusterObject::new(head().id, object)
}

/// A pod of `app/db`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better where it is called"
)]
pub(crate) fn pod(ordinal: u32, status: Value) -> PodView {
    serde_json::from_value(pod_json(ordinal, &status)).unwrap()
}

/// A pod of `app/db` as JSON.
pub(crate) fn pod_json(ordinal: u32, status: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("moco-db-{ordinal}"), "namespace": "app", "uid": format!("pod {ordinal}"),
            "labels": {
                "app.kubernetes.io/instance": "db",
                "app.kubernetes.io/created-by": "moco",
                "app.kubernetes.io/name": "mysql",
            },
        },
        "status": status,
    })
}

fn member(id: u32, report: Seen<MemberReport>) -> Member {
    let host = head().id.pod_host(MemberId(id));
    let role = if id == 0 {
        Role::Primary
    } else {
        Role::Replica
    };
    Member {
        endpoint: Endpoint {
            member: MemberId(id),
            host,
            port: 3306,
        },
        report,
        label: Some(role),
        ask: None,
    }
}

fn guard(id: u32) -> Guard {
    Guard {
        cluster: head().uid,
        member: MemberId(id),
        epoch: Epoch(1),
        promised: Epoch(1),
        opened: (id == 0).then_some(Epoch(1)),
        role: None,
        membership: None,
        incarnation: "i".to_owned(),
        data: DataState::Holding,
        boot_id: "b".to_owned(),
        pod_uid: "p".to_owned(),
        volume_id: "v".to_owned(),
        watermark: GtidSet::new(),
        server_version: None,
    }
}

/// A member of `app/db` that does its work; 0 is the primary.
pub(crate) fn holding(id: u32) -> Member {
    let source = head().id.pod_host(MemberId(0));
    let replication = (id > 0).then(|| ReplicationReport {
        source_host: source,
        source_port: 3306,
        receiver: ThreadState::On,
        applier: ThreadState::On,
        last_error: None,
        received: "".parse().unwrap(),
        lag_ms: 0,
        silent_ms: 0,
    });
    let server = ServerReport {
        server_uuid: ServerUuid::from_u128(
            0x3e11_fa47_71ca_11e1_9e33_c80a_a942_9500 + u128::from(id),
        ),
        version: "9.7.4".parse().unwrap(),
        executed: "3e11fa47-71ca-11e1-9e33-c80aa9429500:1-10".parse().unwrap(),
        purged: "".parse().unwrap(),
        writable: id == 0,
        offline: false,
        replication,
        semi_sync: SemiSyncReport {
            source_enabled: id == 0,
            source_active: id == 0,
            wait_for: u32::from(id == 0),
            clients: if id == 0 { 2 } else { 0 },
            replica_enabled: id > 0,
            replica_active: id > 0,
            ..SemiSyncReport::default()
        },
        drift: Vec::new(),
    };
    let report = MemberReport {
        cluster: head().uid,
        member: MemberId(id),
        agent_version: "0.1.0".to_owned(),
        phase: Phase::Running,
        guard: Some(guard(id)),
        server: Some(server),
        fault: None,
        mysqld_pid: Some(7),
        leaving: false,
        hearing: None,
        commits: None,
        evidence: Vec::new(),
    };
    member(id, Seen::Fresh(report))
}

/// A member that is not heard.
pub(crate) fn silent(id: u32, because: &str) -> Member {
    member(
        id,
        Seen::Silent {
            since: 0,
            because: because.to_owned(),
        },
    )
}

/// The member with another set of executed transactions.
pub(crate) fn with_executed(mut member: Member, executed: &str) -> Member {
    if let Seen::Fresh(MemberReport {
        server: Some(server),
        ..
    }) = &mut member.report
    {
        server.executed = executed.parse().unwrap();
    }
    member
}

/// A healthy `app/db` of `n` members.
pub(crate) fn observation(n: u32) -> Observation {
    Observation {
        cluster: head().id,
        uid: head().uid,
        wanted: Wanted {
            replicas: n,
            clustering: Clustering::Active,
            rebuild: Rebuild::Allowed,
            force: None,
        },
        register: Some(register(n)),
        initialised_before: true,
        platform: Vec::new(),
        members: (0..n).map(|id| (MemberId(id), holding(id))).collect(),
        mark: None,
    }
}

/// What the tasks share, on an API server in memory.
pub(crate) async fn context(server: &Server) -> Context {
    // Another test of this process may have installed it before.
    let client = server.client();
    let certificates = Certificates::new(client.clone(), &Namespace::new(SYSTEM).unwrap());
    let (credentials, _files) = certificates.credentials().await;
    let reporter = Reporter {
        controller: "moco-controller".to_owned(),
        instance: None,
    };
    Context {
        recorder: Recorder::new(client.clone(), reporter),
        client,
        namespace: SYSTEM.to_owned(),
        images: moco_resources::Images {
            moco: "moco:1".to_owned(),
            fluent_bit: None,
            exporter: None,
        },
        sights: Sights::default(),
        bells: Bells::default(),
        metrics: Metrics::new(),
        certificates,
        credentials,
        tenure: Tenure::new(Instant::now() + Duration::from_secs(3600)),
    }
}
