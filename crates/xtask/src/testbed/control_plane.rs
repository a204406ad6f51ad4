//! The processes beside the nodes: etcd, the control plane, and what would be pods elsewhere but must survive the loss
//! of any node here: the name server and the provisioner of volumes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::layout::{Host, Layout, SERVICE_CIDR, text};
use super::pki;
use super::process::Daemon;
use super::up::NAME_SERVER_PORT;
use super::{Fsync, Testbed};
use crate::images;

/// Where the API server finds etcd; visible only inside the control plane's namespace.
const ETCD: &str = "http://127.0.0.1:2379";
const ETCD_PEER: &str = "http://127.0.0.1:2380";

/// The key-value store.
pub(crate) fn etcd(testbed: &Testbed) -> Result<Daemon> {
    let data = testbed.layout.root.join("etcd");
    let mut args = vec![
        format!("--data-dir={}", text(&data)?),
        format!("--listen-client-urls={ETCD}"),
        format!("--advertise-client-urls={ETCD}"),
        format!("--listen-peer-urls={ETCD_PEER}"),
        format!("--initial-advertise-peer-urls={ETCD_PEER}"),
        format!("--initial-cluster=default={ETCD_PEER}"),
    ];
    if testbed.config.fsync == Fsync::Skipped {
        args.push("--unsafe-no-fsync".to_owned());
    }
    Ok(daemon(testbed, "etcd", args))
}

/// The API server.
pub(crate) fn apiserver(testbed: &Testbed) -> Result<Daemon> {
    let pki = testbed.layout.pki();
    let pki = text(&pki)?;
    let address = Host::Api.address();
    let args = vec![
        format!("--etcd-servers={ETCD}"),
        format!("--service-cluster-ip-range={SERVICE_CIDR}"),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={pki}/sa.pub"),
        format!("--service-account-signing-key-file={pki}/sa.key"),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--allow-privileged".to_owned(),
        format!("--client-ca-file={pki}/ca.crt"),
        format!("--tls-cert-file={pki}/apiserver.crt"),
        format!("--tls-private-key-file={pki}/apiserver.key"),
        format!("--kubelet-certificate-authority={pki}/ca.crt"),
        format!("--kubelet-client-certificate={pki}/apiserver-kubelet.crt"),
        format!("--kubelet-client-key={pki}/apiserver-kubelet.key"),
        // Nobody here resolves the nodes' names.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--bind-address=0.0.0.0".to_owned(),
        format!("--advertise-address={address}"),
    ];
    Ok(daemon(testbed, "kube-apiserver", args))
}

/// The controllers. A silent node is NotReady after ten seconds.
pub(crate) fn controller_manager(testbed: &Testbed) -> Result<Daemon> {
    let pki = testbed.layout.pki();
    let pki = text(&pki)?;
    let kubeconfig = testbed.layout.kubeconfig(pki::CONTROLLER_MANAGER);
    let args = vec![
        format!("--kubeconfig={}", text(&kubeconfig)?),
        format!("--service-account-private-key-file={pki}/sa.key"),
        format!("--root-ca-file={pki}/ca.crt"),
        format!("--cluster-signing-cert-file={pki}/ca.crt"),
        format!("--cluster-signing-key-file={pki}/ca.key"),
        "--use-service-account-credentials".to_owned(),
        // The usual limit of 20 requests a second alone would delay the first controller by four seconds.
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
        "--leader-elect=false".to_owned(),
        "--node-monitor-period=1s".to_owned(),
        "--node-monitor-grace-period=10s".to_owned(),
    ];
    Ok(daemon(testbed, "kube-controller-manager", args))
}

/// The scheduler.
pub(crate) fn scheduler(testbed: &Testbed) -> Result<Daemon> {
    let kubeconfig = testbed.layout.kubeconfig(pki::SCHEDULER);
    let args = vec![
        format!("--kubeconfig={}", text(&kubeconfig)?),
        "--leader-elect=false".to_owned(),
    ];
    Ok(daemon(testbed, "kube-scheduler", args))
}

/// The name server.
pub(crate) fn coredns(testbed: &Testbed) -> Result<Daemon> {
    let file = corefile(&testbed.layout);
    Ok(Daemon {
        name: "coredns".to_owned(),
        host: Host::Api,
        program: testbed.tools.coredns.join("coredns"),
        args: vec!["-conf".to_owned(), text(&file)?.to_owned()],
    })
}

/// The provisioner of volumes.
pub(crate) fn local_path(testbed: &Testbed) -> Result<Daemon> {
    let layout = &testbed.layout;
    let (kubeconfig, config, helper) = (
        layout.kubeconfig(pki::ADMIN),
        provisioner_config(layout),
        helper_pod(layout),
    );
    let args = [
        "start",
        "--config",
        text(&config)?,
        "--kubeconfig",
        text(&kubeconfig)?,
        "--helper-image",
        images::BUSYBOX,
        "--helper-pod-file",
        text(&helper)?,
    ];
    Ok(Daemon {
        name: "local-path-provisioner".to_owned(),
        host: Host::Api,
        program: testbed.tools.local_path.join("local-path-provisioner"),
        args: args.map(str::to_owned).to_vec(),
    })
}

fn daemon(testbed: &Testbed, name: &str, args: Vec<String>) -> Daemon {
    Daemon {
        name: name.to_owned(),
        host: Host::Api,
        program: testbed.tools.kubernetes.join(name),
        args,
    }
}

fn corefile(layout: &Layout) -> std::path::PathBuf {
    layout.root.join("Corefile")
}

fn provisioner_config(layout: &Layout) -> std::path::PathBuf {
    layout.root.join("local-path.json")
}

fn helper_pod(layout: &Layout) -> std::path::PathBuf {
    layout.root.join("helper-pod.json")
}

/// Writes the files that the name server and the provisioner read.
pub(crate) fn write_files(testbed: &Testbed) -> Result<()> {
    let layout = &testbed.layout;
    let kubeconfig = layout.kubeconfig(pki::ADMIN);
    // `bind`: only on the address the Service points to, so that kubectl's own resolver is left alone.
    let corefile_text = format!(
        ".:53 {{\n  bind {address}\n  errors\n  ready 127.0.0.1:{NAME_SERVER_PORT}\n  \
         kubernetes cluster.local in-addr.arpa {{\n    kubeconfig {kubeconfig}\n    \
         pods insecure\n    ttl 5\n  }}\n  cache 5\n}}\n",
        address = Host::Api.address(),
        kubeconfig = text(&kubeconfig)?,
    );
    write(&corefile(layout), &corefile_text)?;
    let mut paths = Vec::new();
    for node in testbed.nodes() {
        let volumes = layout.node(node).join("volumes");
        fs::create_dir_all(&volumes).with_context(|| format!("create {}", volumes.display()))?;
        paths.push(json!({"node": Host::Node(node).to_string(), "paths": [text(&volumes)?]}));
    }
    let config = json!({"nodePathMap": paths, "setupCommand": "", "teardownCommand": ""});
    write(&provisioner_config(layout), &config.to_string())?;
    let helper = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "helper-pod"},
        "spec": {"containers": [{
            "name": "helper-pod", "image": images::BUSYBOX, "imagePullPolicy": "Never",
        }]},
    });
    write(&helper_pod(layout), &helper.to_string())
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).with_context(|| format!("write {}", path.display()))
}
