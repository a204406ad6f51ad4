//! The test cluster itself works: a story that fails here is not the operator's fault.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::e2e::client::{Client, Login, container_security, pod_security};
use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::Ledger;
use crate::images;
use crate::testbed::fault::{Fault, Treatment};
use crate::testbed::layout::Host;
use crate::testbed::network::Line;

/// A pod's start with a volume, on a busy machine.
const START: Duration = Duration::from_secs(120);

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    cluster.apply(&services())?;
    cluster.apply(&servers(cluster.testbed.config.nodes))?;
    wait_for_servers(cluster)?;
    cluster.step("a mysqld with a volume of its own runs on every node, as a restricted pod");
    let client = Client::start(cluster, "client")?;
    let said = cluster.refused(&careless_pod())?;
    ensure!(
        said.contains("violates PodSecurity"),
        "a careless pod was refused, but: {said}"
    );
    cluster.step("a careless pod is refused");
    names_and_services(&client)?;
    exec_and_logs(&client)?;
    crash(&client)?;
    cut_cable(cluster)?;
    cluster
        .kubectl(["delete", "statefulset", "db", "--wait=false"])
        .run()?;
    cluster.wait_for_end(["pod", "db-0"], START)?;
    cluster.step("what is deleted goes");
    Ok(())
}

fn wait_for_servers(cluster: &Cluster) -> Result<()> {
    let wanted = u64::from(cluster.testbed.config.nodes);
    cluster.wait("the servers to be ready", START, || {
        let seen = cluster.must_get(&["statefulset", "db"])?;
        let ready = seen
            .pointer("/status/readyReplicas")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        Ok((ready != wanted).then(|| format!("{ready} of {wanted} are")))
    })?;
    let pods = cluster.must_get(&["pods", "--selector=app=db"])?;
    let pods = pods
        .get("items")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut nodes: Vec<_> = pods
        .iter()
        .filter_map(|pod| pod.pointer("/spec/nodeName")?.as_str())
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    ensure!(nodes.len() == pods.len(), "pods share a node: {nodes:?}");
    Ok(())
}

fn names_and_services(client: &Client<'_>) -> Result<()> {
    let nodes = client.cluster.testbed.config.nodes;
    for node in 0..nodes {
        let host = format!("db-{node}.db-pods");
        let own = client.value(&root_at(&host), "SELECT @@hostname")?;
        ensure!(
            own == format!("db-{node}"),
            "the name {host} leads to {own}"
        );
    }
    let by_service = client.value(&root_at("db"), "SELECT @@hostname")?;
    ensure!(
        by_service.starts_with("db-"),
        "the Service leads to {by_service}"
    );
    let address = client.value(
        &root_at("db-0.db-pods"),
        "SELECT SUBSTRING_INDEX(USER(), '@', -1)",
    )?;
    let pod = client.cluster.must_get(&["pod", &client.pod])?;
    let own = pod
        .pointer("/status/podIP")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ensure!(
        address == own,
        "the server sees {address} as its client, not {own}"
    );
    client
        .cluster
        .step("every pod has a name, the Service has an address, servers see their clients");
    Ok(())
}

fn exec_and_logs(client: &Client<'_>) -> Result<()> {
    let cluster = client.cluster;
    let version = cluster.exec(
        "db-0",
        "mysqld",
        &["mysqld", "--no-defaults", "--version"],
        "",
    )?;
    ensure!(
        version.contains(crate::versions::MYSQL),
        "exec says: {version}"
    );
    let logs = cluster.logs("db-0", "mysqld")?;
    ensure!(
        logs.contains("ready for connections"),
        "the log lacks the server's readiness: {logs}"
    );
    cluster.step("exec and logs work");
    Ok(())
}

/// A server that is killed comes back with everything it acknowledged.
fn crash(client: &Client<'_>) -> Result<()> {
    let (cluster, login) = (client.cluster, root_at("db-0.db-pods"));
    let ledger = Ledger::start(client, &login, "story")?;
    ledger.goes_on(20, START)?;
    let before = cluster.processes("db-0", "mysqld")?;
    cluster.fault(&Fault::Process {
        pod: format!("{}/db-0", cluster.namespace),
        treatment: Treatment::Kill,
        name: "mysqld".to_owned(),
    })?;
    ledger.goes_on(20, START)?;
    let after = cluster.processes("db-0", "mysqld")?;
    ensure!(
        before != after,
        "mysqld was killed and its process {before:?} is still there"
    );
    let notes = ledger.stop()?;
    ledger.verify(&notes, client, &login)?;
    cluster.step(&format!(
        "a killed mysqld came back with all {} acknowledged writes; {} were refused, the gap was {:.1} s",
        notes.acknowledged(),
        notes.refused().len(),
        notes.longest_gap().as_secs_f64(),
    ));
    Ok(())
}

/// A node without its cable is NotReady, and Ready after healing.
fn cut_cable(cluster: &Cluster) -> Result<()> {
    let last = cluster
        .testbed
        .config
        .nodes
        .checked_sub(1)
        .context("a cluster without nodes")?;
    let host = Host::Node(last);
    let name = host.to_string();
    cluster.fault(&Fault::Cable {
        host,
        line: Line::Cut,
    })?;
    cluster.wait_for_condition(["node", &name], "Ready", "Unknown", START)?;
    cluster.fault(&Fault::Cable {
        host,
        line: Line::Heal,
    })?;
    cluster.wait_for_condition(["node", &name], "Ready", "True", START)?;
    cluster.step("a cut cable makes its node NotReady, healing makes it Ready");
    Ok(())
}

fn root_at(host: &str) -> Login {
    Login {
        host: host.to_owned(),
        user: "root".to_owned(),
        password: String::new(),
    }
}

/// Access for clients at `db` and a name for every pod below `db-pods`.
fn services() -> Value {
    let ports = json!([{"port": 3306}]);
    let selector = json!({"app": "db"});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
            "spec": {"selector": selector, "ports": ports},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db-pods"},
            "spec": {
                "selector": selector, "ports": ports,
                "clusterIP": "None", "publishNotReadyAddresses": true,
            },
        },
    ]})
}

/// One server a node, each with a volume. The account may come from anywhere, as nothing here is secret.
fn servers(count: u8) -> Value {
    let init = [
        "--no-defaults",
        "--initialize-insecure",
        "--datadir=/data/mysql",
        "--init-file=/init/init.sql",
    ];
    let serve = [
        "--no-defaults",
        "--datadir=/data/mysql",
        "--socket=/tmp/mysql.sock",
        "--pid-file=/tmp/mysql.pid",
        "--mysqlx=OFF",
    ];
    let mut server = container("mysqld", &serve);
    if let Some(server) = server.as_object_mut() {
        let probe = json!({"tcpSocket": {"port": 3306}, "periodSeconds": 1});
        server.insert("readinessProbe".to_owned(), probe);
    }
    let labels = json!({"app": "db"});
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let spread = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{
        "topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels},
    }]}});
    let pod = json!({
        "securityContext": pod_security(), "affinity": spread,
        "initContainers": [container("init", &init)], "containers": [server],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "init", "configMap": {"name": "init"}},
        ],
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "init"},
            "data": {"init.sql": "CREATE USER root@'%'; GRANT ALL ON *.* TO root@'%';\n"},
        },
        {
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
            "spec": {
                "serviceName": "db-pods", "replicas": count, "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": labels}, "volumeClaimTemplates": [claim],
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]})
}

fn container(name: &str, args: &[&str]) -> Value {
    json!({
        "name": name, "image": images::mysql(), "imagePullPolicy": "Never", "args": args,
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "init", "mountPath": "/init"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    })
}

/// What the namespace's pod security standard forbids.
fn careless_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "careless"},
        "spec": {"containers": [{"name": "shell", "image": images::BUSYBOX}]},
    })
}
