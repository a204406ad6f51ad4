//! The operator on the test cluster: installed from the one YAML that users apply, and removed again.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::client::{Client, Login};
use super::cluster::Cluster;
use crate::cargo::Profile;
use crate::images;
use crate::paths;
use crate::testbed::Testbed;
use crate::testbed::layout::Host;
use crate::testbed::load;
use crate::testbed::show::MOCO_NAMESPACE;

/// The image that the YAML names for users; the test cluster has its own.
const RELEASED_IMAGE: &str = concat!("moco:", env!("CARGO_PKG_VERSION"));
/// The controllers' start, images included.
const START: Duration = Duration::from_secs(90);
/// How long Kubernetes may take to lead clients of a Service to a ready pod.
const SERVICE: Duration = Duration::from_secs(30);
/// How long a cluster may take to be as wanted, on a busy machine of two cores.
pub(crate) const SETTLE: Duration = Duration::from_secs(240);

/// Builds the image, loads it on every node and applies `config/install.yaml`.
pub(crate) fn install(cluster: &Cluster) -> Result<()> {
    let archive = images::moco(Profile::Quick)?;
    load::load_archive(&cluster.testbed, &archive)?;
    let kubectl = cluster.testbed.kubectl();
    kubectl
        .call(["apply", "--server-side", "--filename=-"])
        .input(yaml()?)
        .run()?;
    cluster.wait("both controllers to be ready", START, || {
        let namespace = format!("--namespace={MOCO_NAMESPACE}");
        let seen = kubectl.get(&["deployment", load::CONTROLLER, &namespace])?;
        let ready = seen.and_then(|seen| seen.pointer("/status/readyReplicas")?.as_u64());
        Ok((ready != Some(2)).then(|| format!("{} of 2 are", ready.unwrap_or(0))))
    })?;
    cluster.step("the operator is installed from config/install.yaml; two controllers are ready");
    Ok(())
}

/// `config/install.yaml` with the test cluster's image.
fn yaml() -> Result<String> {
    let file = paths::checkout()?.join("config/install.yaml");
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    ensure!(
        text.contains(RELEASED_IMAGE),
        "{} does not name {RELEASED_IMAGE}",
        file.display()
    );
    Ok(text.replace(RELEASED_IMAGE, images::MOCO))
}

/// The pod of the controller that leads, and its node.
pub(crate) fn leader(cluster: &Cluster) -> Result<(String, Host)> {
    let kubectl = cluster.testbed.kubectl();
    let namespace = format!("--namespace={MOCO_NAMESPACE}");
    let lease = kubectl.get(&["lease", "moco-controller", &namespace])?;
    let holder =
        lease.and_then(|lease| Some(lease.pointer("/spec/holderIdentity")?.as_str()?.to_owned()));
    let holder = holder.context("nobody holds the controllers' lease")?;
    let pod = kubectl.get(&["pod", &holder, &namespace])?;
    let node = pod.and_then(|pod| pod.pointer("/spec/nodeName")?.as_str()?.parse().ok());
    let node = node.with_context(|| format!("the leader {holder} is on no node"))?;
    Ok((holder, node))
}

/// Sees to it that the leading controller is on another node than this one.
pub(crate) fn controllers_elsewhere(cluster: &Cluster, node: Host) -> Result<()> {
    let moved = |leader: &(String, Host)| leader.1 != node;
    let first = leader(cluster)?;
    if moved(&first) {
        return Ok(());
    }
    let namespace = format!("--namespace={MOCO_NAMESPACE}");
    let kubectl = cluster.testbed.kubectl();
    kubectl
        .call(["delete", "pod", &first.0, &namespace, "--wait=false"])
        .run()?;
    cluster.wait("the other controller to lead", START, || {
        // Between two leaders the lease names nobody, or a pod that is gone.
        let now = leader(cluster).ok().filter(|now| now.0 != first.0);
        Ok((!now.as_ref().is_some_and(moved)).then(|| format!("the leader is {now:?}")))
    })?;
    cluster.step(&format!("the leading controller has left {node}"));
    Ok(())
}

/// Whether the operator is installed.
pub(crate) fn is_installed(testbed: &Testbed) -> Result<bool> {
    let namespace = testbed.kubectl().get(&["namespace", MOCO_NAMESPACE])?;
    Ok(namespace.is_some())
}

/// Removes the operator as `docs/install.md` says.
pub(crate) fn remove(testbed: &Testbed) -> Result<()> {
    let words = [
        "delete",
        "--ignore-not-found",
        "--wait=true",
        "--filename=-",
    ];
    testbed
        .kubectl()
        .call(words)
        .input(yaml()?)
        .within(Duration::from_secs(120))
        .run()
        .context("remove the operator")
}

/// Removes the operator and checks that nothing of it is left.
pub(crate) fn uninstall(cluster: &Cluster) -> Result<()> {
    remove(&cluster.testbed)?;
    let kubectl = cluster.testbed.kubectl();
    ensure!(
        kubectl.get(&["namespace", MOCO_NAMESPACE])?.is_none(),
        "the namespace {MOCO_NAMESPACE} is left"
    );
    for kind in [
        "customresourcedefinition",
        "clusterrole",
        "clusterrolebinding",
        "validatingadmissionpolicy",
        "validatingadmissionpolicybinding",
    ] {
        let left = kubectl.get(&[kind])?.unwrap_or_default();
        let names = left
            .pointer("/items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let ours = names
            .iter()
            .filter_map(|item| item.pointer("/metadata/name")?.as_str());
        let ours: Vec<_> = ours
            .filter(|name| name.starts_with("moco") || name.ends_with(".moco.cybozu.com"))
            .collect();
        ensure!(ours.is_empty(), "left of kind {kind}: {ours:?}");
    }
    cluster.step("the operator is uninstalled, nothing of it is left");
    Ok(())
}

/// A cluster's manifest.
pub(crate) fn manifest(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "moco.cybozu.com/v1beta2", "kind": "MySQLCluster",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "podTemplate": {"spec": {
                "terminationGracePeriodSeconds": 30,
                "containers": [{
                    "name": "mysqld", "image": images::mysql(), "imagePullPolicy": "Never",
                }],
            }},
            "volumeClaimTemplates": [{
                "metadata": {"name": "mysql-data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }],
        },
    })
}

/// Waits until the cluster is healthy with this number of recorded members.
pub(crate) fn wait_healthy(cluster: &Cluster, name: &str, members: usize) -> Result<()> {
    cluster.wait(
        &format!("{name} to be healthy with {members} members"),
        SETTLE,
        || {
            let seen = cluster.must_get(&["mysqlcluster", name])?;
            let recorded = seen
                .pointer("/status/register/membership/members")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            let changing = seen.pointer("/status/register/membership/old").is_some();
            let healthy = condition(&seen, "Healthy");
            let done = healthy.0 == "True" && recorded == members && !changing;
            Ok((!done).then(|| format!("{recorded} recorded; {}", sentence(&seen))))
        },
    )
}

/// Status and message of a condition, empty when it is not there.
pub(crate) fn condition(object: &Value, kind: &str) -> (String, String) {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let found = conditions
        .into_iter()
        .flatten()
        .find(|one| one.get("type").is_some_and(|t| t == kind));
    let text = |name: &str| {
        let value = found.and_then(|one| one.get(name)).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    (text("status"), text("message"))
}

/// The verdict: code and sentence.
pub(crate) fn sentence(object: &Value) -> String {
    let text = |name| {
        object
            .pointer(name)
            .and_then(Value::as_str)
            .unwrap_or("none yet")
    };
    format!(
        "{}: {}",
        text("/status/verdict/code"),
        text("/status/verdict/sentence")
    )
}

/// The login of one of MOCO's accounts at one of the cluster's Services (`primary`, `replica`).
pub(crate) fn login(cluster: &Cluster, name: &str, service: &str, account: &str) -> Result<Login> {
    let script = ["get", "secret", &format!("moco-{name}")].map(str::to_owned);
    let key = format!("{}_PASSWORD", account.to_uppercase());
    let template = format!("--output=go-template={{{{index .data \"{key}\" | base64decode}}}}");
    let password = cluster
        .kubectl(script.iter().map(String::as_str))
        .arg(template)
        .output()
        .with_context(|| format!("read {key} of the Secret moco-{name}"))?;
    Ok(Login {
        host: format!("moco-{name}-{service}.{}.svc", cluster.namespace),
        user: format!("moco-{account}"),
        password: password.trim().to_owned(),
    })
}

/// Waits until a Service leads a client to a server: Kubernetes tells its nodes of a ready pod a moment
/// after the pod is ready.
pub(crate) fn wait_reachable(client: &Client<'_>, login: &Login) -> Result<()> {
    client
        .cluster
        .wait(&format!("{} to answer", login.host), SERVICE, || {
            let answer = client.value(login, "SELECT 1");
            Ok(answer.err().map(|error| format!("{error:#}")))
        })
}
