//! The main job, from the installation to the uninstallation.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::e2e::client::Client;
use crate::e2e::cluster::Cluster;
use crate::e2e::leaks::no_password_is_shown;
use crate::e2e::ledger::{Ledger, Manner};
use crate::e2e::operator::{
    SETTLE, install, login, manifest, uninstall, wait_healthy, wait_reachable,
};
use crate::testbed::fault::{Fault, Treatment};
use crate::testbed::show::MOCO_NAMESPACE;

/// The cluster's name.
const NAME: &str = "hello";
const REPLICA_POD: &str = "moco-hello-1";
const PRIMARY_POD: &str = "moco-hello-0";

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    install(cluster)?;
    cluster.apply(&manifest(NAME, 1))?;
    wait_healthy(cluster, NAME, 1)?;
    cluster.step("one member is healthy");
    let client = Client::start(cluster, "client")?;
    let writer = login(cluster, NAME, "primary", "writable")?;
    wait_reachable(&client, &writer)?;
    client.sql(&writer, "CREATE DATABASE app; CREATE TABLE app.t (a INT PRIMARY KEY); INSERT INTO app.t VALUES (1), (2), (3)")?;
    cluster.step("three rows are written through moco-hello-primary");

    cluster.apply(&manifest(NAME, 3))?;
    wait_healthy(cluster, NAME, 3)?;
    let reader = login(cluster, NAME, "replica", "readonly")?;
    wait_reachable(&client, &reader)?;
    wait_for_rows(&client, &reader, 3)?;
    cluster.step("three members are healthy; the rows are read through moco-hello-replica");
    clones(cluster, &client, 1)?;

    replica_pod_deleted(cluster, &client)?;
    agent_killed(cluster, &client)?;
    controller_deleted(cluster)?;
    no_password_is_shown(cluster, NAME)?;
    cluster_deleted(cluster)?;
    uninstall(cluster)
}

fn wait_for_rows(client: &Client<'_>, reader: &crate::e2e::client::Login, rows: u32) -> Result<()> {
    client
        .cluster
        .wait("the rows at a replica", Duration::from_secs(60), || {
            let answer = client.value(reader, "SELECT COUNT(*) FROM app.t");
            Ok(match answer {
                Ok(found) if found == rows.to_string() => None,
                Ok(found) => Some(format!("{found} rows")),
                Err(error) => Some(format!("{error:#}")),
            })
        })
}

/// The agent of the replica has counted so many clones since its start.
fn clones(cluster: &Cluster, client: &Client<'_>, wanted: u32) -> Result<()> {
    let pod = cluster.must_get(&["pod", REPLICA_POD])?;
    let address = pod
        .pointer("/status/podIP")
        .and_then(Value::as_str)
        .context("no address")?;
    let page = client.shell("wget -q -O - \"http://$1:8080/metrics\"", &[address], "")?;
    let line = page
        .lines()
        .find(|line| line.starts_with("moco_instance_clone_total{"))
        .context("the metrics do not count clones")?;
    ensure!(
        line.ends_with(&format!(" {wanted}")),
        "not {wanted} clones: {line}"
    );
    Ok(())
}

fn replica_pod_deleted(cluster: &Cluster, client: &Client<'_>) -> Result<()> {
    let before = uid(cluster, REPLICA_POD)?;
    cluster
        .kubectl(["delete", "pod", REPLICA_POD, "--wait=false"])
        .run()?;
    cluster.wait("the replica's new pod to be ready", SETTLE, || {
        let Some(pod) = cluster.get(&["pod", REPLICA_POD])? else {
            return Ok(Some("it does not exist".to_owned()));
        };
        let new = pod.pointer("/metadata/uid").and_then(Value::as_str) != Some(&before);
        let ready = crate::e2e::operator::condition(&pod, "Ready").0 == "True";
        Ok((!(new && ready)).then(|| format!("new: {new}, ready: {ready}")))
    })?;
    wait_healthy(cluster, NAME, 3)?;
    clones(cluster, client, 0)?;
    cluster.step("a replica's pod was deleted and is back without a clone");
    Ok(())
}

fn uid(cluster: &Cluster, pod: &str) -> Result<String> {
    let pod = cluster.must_get(&["pod", pod])?;
    let uid = pod.pointer("/metadata/uid").and_then(Value::as_str);
    Ok(uid.context("a pod without uid")?.to_owned())
}

fn agent_killed(cluster: &Cluster, client: &Client<'_>) -> Result<()> {
    let writer = login(cluster, NAME, "primary", "writable")?;
    let mysqld = cluster.processes(PRIMARY_POD, "mysqld")?;
    let agent = cluster.processes(PRIMARY_POD, "agent")?;
    // It waits for its answers: what an eager writer gives up after a second, while the disk is busy, is not refused.
    let mut ledger = Ledger::prepare(client, &writer, "ledger")?;
    ledger.add(client, &writer, Manner::Patient)?;
    let pod = format!("{}/{PRIMARY_POD}", cluster.namespace);
    let kill = Fault::Process {
        pod,
        treatment: Treatment::Kill,
        name: "agent".to_owned(),
    };
    cluster.fault(&kill)?;
    cluster.wait("a new agent", Duration::from_secs(30), || {
        let now = cluster.processes(PRIMARY_POD, "agent").unwrap_or_default();
        Ok((now.is_empty() || now == agent).then(|| format!("agent {now:?}")))
    })?;
    ledger.goes_on(20, Duration::from_secs(30))?;
    let notes = ledger.stop()?;
    ledger.verify(&notes, client, &writer)?;
    let refused = notes.refused();
    ensure!(refused.is_empty(), "writes were refused: {refused:?}");
    let after = cluster.processes(PRIMARY_POD, "mysqld")?;
    ensure!(mysqld == after, "mysqld was {mysqld:?} and is {after:?}");
    cluster.step(&format!(
        "the primary's agent was killed: mysqld keeps pid {after:?}, {} writes acknowledged, none refused, none lost, longest gap {:.2} s",
        notes.acknowledged(),
        notes.longest_gap().as_secs_f64()
    ));
    Ok(())
}

/// The leader goes; what the other one does shows that it has taken over.
fn controller_deleted(cluster: &Cluster) -> Result<()> {
    let namespace = format!("--namespace={MOCO_NAMESPACE}");
    let kubectl = cluster.testbed.kubectl();
    let holder = || -> Result<String> {
        let lease = kubectl
            .get(&["lease", "moco-controller", &namespace])?
            .context("no lease")?;
        let holder = lease
            .pointer("/spec/holderIdentity")
            .and_then(Value::as_str);
        Ok(holder.unwrap_or_default().to_owned())
    };
    let leader = holder()?;
    kubectl
        .call(["delete", "pod", &leader, &namespace, "--wait=false"])
        .run()?;
    cluster.wait(
        "another controller to lead",
        Duration::from_secs(30),
        || {
            let now = holder()?;
            Ok((now == leader || now.is_empty()).then(|| format!("the leader is `{now}`")))
        },
    )?;
    cluster
        .kubectl(["delete", "service", "moco-hello-replica"])
        .run()?;
    cluster.wait(
        "the new leader to make the Service again",
        Duration::from_secs(30),
        || {
            let found = cluster.get(&["service", "moco-hello-replica"])?;
            Ok(found.is_none().then(|| "it does not exist".to_owned()))
        },
    )?;
    wait_healthy(cluster, NAME, 3)?;
    cluster
        .step("the leading controller was deleted; the other took over and makes what is missing");
    Ok(())
}

fn cluster_deleted(cluster: &Cluster) -> Result<()> {
    cluster
        .kubectl(["delete", "mysqlcluster", NAME, "--timeout=120s"])
        .within(SETTLE)
        .run()?;
    let kinds = "statefulsets,pods,services,configmaps,secrets,serviceaccounts,\
                 poddisruptionbudgets,persistentvolumeclaims";
    cluster.wait("every object of the cluster to be gone", SETTLE, || {
        let all = cluster
            .get(&[kinds])?
            .unwrap_or_else(|| json!({"items": []}));
        let items = all
            .pointer("/items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let ours: Vec<_> = items.iter().filter_map(our_object).collect();
        Ok((!ours.is_empty()).then(|| format!("left: {}", ours.join(", "))))
    })?;
    let namespace = format!("--namespace={MOCO_NAMESPACE}");
    let master = format!("mysql-{}.{NAME}", cluster.namespace);
    let left = cluster
        .testbed
        .kubectl()
        .get(&["secret", &master, &namespace])?;
    ensure!(
        left.is_none(),
        "the Secret {master} is left in {MOCO_NAMESPACE}"
    );
    cluster.step("the cluster was deleted; every object is gone");
    Ok(())
}

fn our_object(item: &Value) -> Option<String> {
    let name = item.pointer("/metadata/name")?.as_str()?;
    let kind = item.get("kind")?.as_str()?;
    name.contains("moco-").then(|| format!("{kind} {name}"))
}
