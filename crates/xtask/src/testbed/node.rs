//! A node: containerd, kubelet and kube-proxy in a network namespace of their own.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::layout::{DNS_SERVICE, Host, Layout, text};
use super::process::Daemon;
use super::{Testbed, cgroup, pki};
use crate::images;

/// Where Debian's package puts the plugins.
const CNI_PLUGINS: &str = "/usr/lib/cni";

/// Makes a node's folders, cgroups and configuration files.
pub(crate) fn prepare(testbed: &Testbed, node: u8) -> Result<()> {
    let layout = &testbed.layout;
    let folder = layout.node(node);
    for below in ["cni", "kubelet", "containerd"] {
        let below = folder.join(below);
        fs::create_dir_all(&below).with_context(|| format!("create {}", below.display()))?;
    }
    cgroup::create(&layout.machine_wide(Host::Node(node)))?;
    let files = [
        ("cni/10-bridge.conflist", cni_config(layout, node)?),
        ("containerd.toml", containerd_config(layout, node)?),
        ("kubelet.json", kubelet_config(layout, node)?),
        ("kube-proxy.json", proxy_config(layout, node)?),
        // The cluster's name server has nobody to ask.
        ("resolv.conf", "nameserver 127.0.0.1\n".to_owned()),
    ];
    for (name, content) in files {
        let file = folder.join(name);
        fs::write(&file, content).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// The container runtime.
pub(crate) fn containerd(testbed: &Testbed, node: u8) -> Result<Daemon> {
    let config = testbed.layout.node(node).join("containerd.toml");
    Ok(Daemon {
        name: format!("containerd-n{node}"),
        host: Host::Node(node),
        program: testbed.tools.containerd.join("containerd"),
        args: vec!["--config".to_owned(), text(&config)?.to_owned()],
    })
}

/// The kubelet.
pub(crate) fn kubelet(testbed: &Testbed, node: u8) -> Result<Daemon> {
    let host = Host::Node(node);
    let folder = testbed.layout.node(node);
    let folder = text(&folder)?;
    let kubeconfig = testbed.layout.kubeconfig(&host.to_string());
    Ok(Daemon {
        name: format!("kubelet-n{node}"),
        host,
        program: testbed.tools.kubernetes.join("kubelet"),
        args: vec![
            format!("--config={folder}/kubelet.json"),
            format!("--kubeconfig={}", text(&kubeconfig)?),
            format!("--root-dir={folder}/kubelet"),
            format!("--cert-dir={folder}/certificates"),
            format!("--hostname-override={host}"),
            format!("--node-ip={}", host.address()),
        ],
    })
}

/// What makes Services reachable on the node.
pub(crate) fn proxy(testbed: &Testbed, node: u8) -> Result<Daemon> {
    let config = testbed.layout.node(node).join("kube-proxy.json");
    Ok(Daemon {
        name: format!("kube-proxy-n{node}"),
        host: Host::Node(node),
        program: testbed.tools.kubernetes.join("kube-proxy"),
        args: vec![format!("--config={}", text(&config)?)],
    })
}

fn cni_config(layout: &Layout, node: u8) -> Result<String> {
    let addresses = layout.node(node).join("addresses");
    let config = json!({
        "cniVersion": "1.0.0",
        "name": layout.name,
        "plugins": [{
            "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": text(&addresses)?,
                "ranges": [[{"subnet": Host::Node(node).pod_cidr()}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    });
    Ok(config.to_string())
}

fn containerd_config(layout: &Layout, node: u8) -> Result<String> {
    let (folder, run) = (layout.node(node), layout.run(node));
    let (folder, run) = (text(&folder)?, text(&run)?);
    // `restrict_oom_score_adj`: without CAP_SYS_RESOURCE runc may not lower the score, and every pod would fail.
    // `netns_mounts_under_state_dir`, `Root`: nothing of a node outside its own folders.
    Ok(format!(
        "version = 3
root = \"{folder}/containerd\"
state = \"{run}\"
disabled_plugins = [
  \"io.containerd.snapshotter.v1.btrfs\", \"io.containerd.snapshotter.v1.zfs\",
  \"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.snapshotter.v1.blockfile\",
  \"io.containerd.snapshotter.v1.erofs\", \"io.containerd.nri.v1.nri\",
]
[grpc]
address = \"{run}/containerd.sock\"
[ttrpc]
address = \"{run}/containerd.sock.ttrpc\"
[plugins.'io.containerd.cri.v1.images']
snapshotter = \"overlayfs\"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = \"{pause}\"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = [\"{CNI_PLUGINS}\"]
conf_dir = \"{folder}/cni\"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = \"io.containerd.runc.v2\"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
Root = \"{run}/runc\"
",
        pause = images::PAUSE,
    ))
}

fn kubelet_config(layout: &Layout, node: u8) -> Result<String> {
    let host = Host::Node(node);
    let (folder, pki, socket) = (
        layout.node(node),
        layout.pki(),
        layout.containerd_socket(node),
    );
    let (folder, pki) = (text(&folder)?, text(&pki)?);
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": host.address(),
        "authentication": {
            "anonymous": {"enabled": false},
            "x509": {"clientCAFile": format!("{pki}/ca.crt")},
            "webhook": {"enabled": true},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": format!("{pki}/{host}.crt"),
        "tlsPrivateKeyFile": format!("{pki}/{host}.key"),
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": format!("unix://{}", text(&socket)?),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", layout.machine_wide(host)),
        "failCgroupV1": false,
        "failSwapOn": false,
        "resolvConf": format!("{folder}/resolv.conf"),
        "healthzBindAddress": "127.0.0.1",
        "podLogsDir": format!("{folder}/pod-logs"),
        "volumePluginDir": format!("{folder}/volume-plugins"),
        // The disk is the machine's, and its other users must not evict our pods.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%",
            "nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%",
        },
        // Without it there are no statistics of volumes.
        "localStorageCapacityIsolation": true,
        "nodeLeaseDurationSeconds": 8,
        "nodeStatusUpdateFrequency": "2s",
    });
    Ok(config.to_string())
}

fn proxy_config(layout: &Layout, node: u8) -> Result<String> {
    let kubeconfig = layout.kubeconfig(pki::PROXY);
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": text(&kubeconfig)?},
        "hostnameOverride": Host::Node(node).to_string(),
        "mode": "iptables",
        // The limits of connection tracking belong to the machine, not to a namespace.
        "conntrack": {"maxPerCore": 0, "min": 0},
        // Or a server would see the node's address instead of its client's.
        "detectLocalMode": "BridgeInterface",
        "detectLocal": {"bridgeInterface": "cni0"},
        "nodePortAddresses": ["127.0.0.0/8"],
        "iptables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
    });
    Ok(config.to_string())
}
