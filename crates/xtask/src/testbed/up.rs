//! Starting the cluster.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::layout::{DNS_SERVICE, Host, Layout};
use super::process::Daemon;
use super::{
    Config, Testbed, addons, cleanup, control_plane, kernel, kubectl, network, node, node_images,
    pki, probe,
};
use crate::images::{self, Archive};
use crate::needs;
use crate::say::{Watch, say, wait_until};
use crate::tools::Tools;

/// Each wait of the start; a healthy start takes a few seconds on two cores.
const LIMIT: Duration = Duration::from_secs(120);

/// What the API server listens on: 6443, as `/proc/net/tcp` writes it.
const API_PORT_HEX: &str = ":192B";

/// Where CoreDNS says that it is ready.
pub(crate) const NAME_SERVER_PORT: u16 = 8181;
/// Where kube-proxy says that its rules are in place.
const PROXY_PORT: u16 = 10256;

/// `cargo xtask k8s up`: starts the cluster called `name` unless exactly it runs.
pub(crate) fn up(name: &str, config: Config) -> Result<()> {
    let word = "cargo xtask k8s up";
    needs::ensure(word, needs::CLUSTER)?;
    let tools = Tools::ensure()?;
    let archive = images::testbed(word)?;
    let layout = Layout::of(name)?;
    let _lock = super::lock(&layout)?;
    if let Some(running) = Testbed::open(name)?
        && running.config == config
        && running.is_running()?
    {
        say(&format!("the test cluster `{name}` is up already"));
        return node_images::load_everywhere(&running, &archive).map(drop);
    }
    let watch = Watch::start();
    if !cleanup::left_over(&layout)?.is_empty() {
        cleanup::remove(&layout)?;
        watch.say("removed what an earlier run had left");
    }
    let testbed = Testbed {
        layout,
        config,
        tools,
    };
    start(&testbed, &archive, watch).with_context(|| {
        format!(
            "start the test cluster `{name}` (logs in {}; `cargo xtask k8s down` removes it)",
            testbed.layout.logs().display()
        )
    })?;
    watch.say(&format!(
        "up: {} nodes; next: cargo xtask kubectl get nodes",
        config.nodes
    ));
    Ok(())
}

fn start(testbed: &Testbed, archive: &Archive, watch: Watch) -> Result<()> {
    prepare(testbed)?;
    watch.say("network, certificates and configuration are ready");
    thread::scope(|scope| {
        let runtimes: Vec<_> = testbed
            .nodes()
            .map(|node| scope.spawn(move || start_runtime(testbed, node, archive)))
            .collect();
        start_control_plane(testbed, watch)?;
        start_nodes(testbed, watch)?;
        for runtime in runtimes {
            runtime.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        watch.say("images are loaded");
        wait_for_services(testbed)
    })
}

/// Everything that is there before the first process.
fn prepare(testbed: &Testbed) -> Result<()> {
    let (layout, nodes) = (&testbed.layout, testbed.config.nodes);
    for folder in [layout.logs(), layout.records()] {
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    }
    kernel::save()?;
    let config = serde_json::to_string(&testbed.config).context("write the configuration")?;
    let file = layout.config_file();
    fs::write(&file, config).with_context(|| format!("write {}", file.display()))?;
    thread::scope(|scope| {
        let network = scope.spawn(|| network::create(layout, nodes));
        pki::create(layout, nodes)?;
        network.join().map_err(|_| anyhow!("a thread panicked"))?
    })?;
    for node in testbed.nodes() {
        node::prepare(testbed, node)?;
    }
    control_plane::write_files(testbed)?;
    kubectl::write_script(layout, &testbed.tools)
}

/// containerd needs nothing of Kubernetes, so a node loads its images while the control plane starts.
fn start_runtime(testbed: &Testbed, node: u8, archive: &Archive) -> Result<()> {
    let daemon = node::containerd(testbed, node)?;
    daemon.start(&testbed.layout)?;
    wait_for_socket(testbed, node)?;
    node_images::load(testbed, node, archive).map(drop)
}

fn start_control_plane(testbed: &Testbed, watch: Watch) -> Result<()> {
    let layout = &testbed.layout;
    let first = [
        control_plane::etcd(testbed)?,
        control_plane::apiserver(testbed)?,
    ];
    for daemon in &first {
        daemon.start(layout)?;
    }
    wait_for_api(testbed, &first)?;
    watch.say("the API server is ready");
    let rest = [
        control_plane::controller_manager(testbed)?,
        control_plane::scheduler(testbed)?,
        control_plane::coredns(testbed)?,
        control_plane::local_path(testbed)?,
    ];
    rest.iter().try_for_each(|daemon| daemon.start(layout))
}

/// Waits until the API server serves everything it starts with.
pub(crate) fn wait_for_api(testbed: &Testbed, daemons: &[Daemon]) -> Result<()> {
    let layout = &testbed.layout;
    wait_until("the API server", LIMIT, || {
        for daemon in daemons {
            daemon.must_run(layout)?;
        }
        // Looking at the port is free; each kubectl costs a tenth of a second of the same processors.
        if !daemons
            .iter()
            .any(|daemon| daemon.pid(layout).is_some_and(serves_api))
        {
            return Ok(Some("its port is closed".to_owned()));
        }
        let ready = testbed
            .kubectl()
            .call(["get", "--raw=/readyz", "--request-timeout=5s"])
            .finish()?;
        Ok((!ready.status.success()).then(|| unready(&ready.stderr)))
    })
}

/// The checks that fail in an answer of `/readyz`.
fn unready(answer: &str) -> String {
    let failed: Vec<&str> = answer
        .split("\\n")
        .filter_map(|line| line.split_once("[-]"))
        .filter_map(|(_, check)| check.split_whitespace().next())
        .collect();
    if failed.is_empty() {
        first_line(answer)
    } else {
        failed.join(", ")
    }
}

fn serves_api(pid: i32) -> bool {
    ["tcp", "tcp6"].iter().any(|kind| {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{kind}")).unwrap_or_default();
        table.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            fields
                .next()
                .is_some_and(|local| local.ends_with(API_PORT_HEX))
                && fields.nth(1) == Some("0A")
        })
    })
}

fn start_nodes(testbed: &Testbed, watch: Watch) -> Result<()> {
    for node in testbed.nodes() {
        // The kubelet gives up without a runtime.
        wait_for_socket(testbed, node)?;
        node::kubelet(testbed, node)?.start(&testbed.layout)?;
        node::proxy(testbed, node)?.start(&testbed.layout)?;
    }
    testbed
        .kubectl()
        .call(["create", "--validate=false", "--filename=-"])
        .input(addons::objects().to_string())
        .run()
        .context("create the cluster's first objects")?;
    wait_until("all nodes to be Ready", LIMIT, || {
        for daemon in testbed.daemons()? {
            daemon.must_run(&testbed.layout)?;
        }
        let seen = testbed.kubectl().get(&["nodes"])?.unwrap_or_default();
        Ok(missing_nodes(&seen, testbed.config.nodes))
    })?;
    watch.say("all nodes are Ready");
    Ok(())
}

pub(crate) fn wait_for_socket(testbed: &Testbed, node: u8) -> Result<()> {
    let (daemon, socket) = (
        node::containerd(testbed, node)?,
        testbed.layout.containerd_socket(node),
    );
    wait_until(&format!("containerd of n{node}"), LIMIT, || {
        if socket.exists() {
            return Ok(None);
        }
        // Another thread may be about to start it.
        Ok(Some(match daemon.pid(&testbed.layout) {
            Some(_) => "it has no socket yet".to_owned(),
            None => "it does not run".to_owned(),
        }))
    })
}

/// Which nodes are missing or not Ready.
pub(crate) fn missing_nodes(seen: &Value, wanted: u8) -> Option<String> {
    let ready = ready_nodes(seen);
    let missing: Vec<String> = (0..wanted)
        .map(|node| Host::Node(node).to_string())
        .filter(|name| !ready.contains(name))
        .collect();
    (!missing.is_empty()).then(|| format!("{} not Ready", missing.join(", ")))
}

fn ready_nodes(seen: &Value) -> Vec<String> {
    let items = seen
        .get("items")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let is_ready = |node: &Value| {
        node.pointer("/status/conditions")
            .and_then(Value::as_array)
            .is_some_and(|conditions| {
                conditions.iter().any(|one| {
                    one.get("type").is_some_and(|kind| kind == "Ready")
                        && one.get("status").is_some_and(|status| status == "True")
                })
            })
    };
    let name = |node: &Value| Some(node.pointer("/metadata/name")?.as_str()?.to_owned());
    items
        .iter()
        .filter(|node| is_ready(node))
        .filter_map(name)
        .collect()
}

/// What pods need besides nodes: an account to run as, and names.
fn wait_for_services(testbed: &Testbed) -> Result<()> {
    wait_until("the default service account", LIMIT, || {
        let account =
            testbed
                .kubectl()
                .get(&["serviceaccount", "default", "--namespace=default"])?;
        Ok(account
            .is_none()
            .then(|| "it does not exist yet".to_owned()))
    })?;
    let layout = &testbed.layout;
    wait_for("the name server", || {
        probe::page(&layout.netns(Host::Api), NAME_SERVER_PORT, "/ready")
    })?;
    for node in testbed.nodes() {
        let netns = layout.netns(Host::Node(node));
        wait_for(&format!("kube-proxy of n{node}"), || {
            probe::page(&netns, PROXY_PORT, "/healthz")
        })?;
        // By way of the Service: kube-proxy's rules and the name server are both there.
        wait_for(&format!("names to resolve on n{node}"), || {
            probe::name(&netns, DNS_SERVICE, "kubernetes.default.svc.cluster.local")
        })?;
    }
    Ok(())
}

fn wait_for(what: &str, probe: impl Fn() -> Result<()>) -> Result<()> {
    wait_until(what, LIMIT, || {
        Ok(probe().err().map(|error| format!("{error:#}")))
    })
}

fn first_line(text: &str) -> String {
    text.lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no answer")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_failing_checks_of_the_api_server_are_named() {
        let answer =
            r#"Error: an error on the server ("[+]ping ok\n[-]rbac failed: x\n[+]log ok") has"#;
        assert_eq!(unready(answer), "rbac");
        assert_eq!(unready("connection refused"), "connection refused");
    }

    #[test]
    fn a_node_counts_only_when_it_is_ready() {
        let node = |name: &str, status: &str| {
            json!({"metadata": {"name": name},
                   "status": {"conditions": [{"type": "Ready", "status": status}]}})
        };
        let seen = json!({"items": [node("n0", "True"), node("n1", "Unknown")]});
        assert_eq!(missing_nodes(&seen, 2).as_deref(), Some("n1 not Ready"));
        assert_eq!(missing_nodes(&seen, 1), None);
        assert_eq!(
            missing_nodes(&json!({}), 1).as_deref(),
            Some("n0 not Ready")
        );
    }
}
