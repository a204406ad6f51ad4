//! The test cluster: a real Kubernetes on one machine, without a container engine, without a route to anywhere.
//!
//! A node is a network namespace with its own containerd, kubelet and kube-proxy; the control plane is one more; a
//! bridge in a further namespace joins them. Start reading at [`up`].

pub(crate) mod addons;
pub(crate) mod cgroup;
pub(crate) mod cleanup;
pub(crate) mod control_plane;
pub(crate) mod fault;
pub(crate) mod kernel;
pub(crate) mod kubectl;
pub(crate) mod layout;
pub(crate) mod load;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod node_images;
pub(crate) mod pki;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod show;
pub(crate) mod up;

use std::fs;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::cache::Lock;
use crate::needs;
use crate::say::Watch;
use crate::tools::Tools;
use kubectl::Kubectl;
use layout::Layout;
use process::Daemon;

/// Whether etcd waits for its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fsync {
    /// As in production.
    Kept,
    /// Quicker on slow disks; a power cut loses the cluster.
    Skipped,
}

/// What a cluster was started with; kept in its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) nodes: u8,
    pub(crate) fsync: Fsync,
}

/// A cluster and the programs it runs.
#[derive(Clone, Debug)]
pub(crate) struct Testbed {
    pub(crate) layout: Layout,
    pub(crate) config: Config,
    pub(crate) tools: Tools,
}

impl Testbed {
    /// The cluster called `name` if it was started; it need not be healthy.
    pub(crate) fn open(name: &str) -> Result<Option<Self>> {
        let layout = Layout::of(name)?;
        let file = layout.config_file();
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let config =
            serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
        Ok(Some(Self {
            layout,
            config,
            tools: Tools::places()?,
        }))
    }

    /// The cluster called `name`, to do something with; an error that says what to do if it was not started.
    pub(crate) fn must_open(name: &str) -> Result<Self> {
        needs::ensure("cargo xtask k8s", needs::RUNNING_CLUSTER)?;
        Self::open(name)?.with_context(|| {
            format!("the test cluster `{name}` is not up; `cargo xtask k8s up` starts it")
        })
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.config.nodes
    }

    pub(crate) fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.layout)
    }

    /// Everything that should run.
    pub(crate) fn daemons(&self) -> Result<Vec<Daemon>> {
        let mut daemons = vec![
            control_plane::etcd(self)?,
            control_plane::apiserver(self)?,
            control_plane::controller_manager(self)?,
            control_plane::scheduler(self)?,
            control_plane::coredns(self)?,
            control_plane::local_path(self)?,
        ];
        for node in self.nodes() {
            daemons.extend([
                node::containerd(self, node)?,
                node::kubelet(self, node)?,
                node::proxy(self, node)?,
            ]);
        }
        Ok(daemons)
    }

    /// True if every process runs.
    pub(crate) fn is_running(&self) -> Result<bool> {
        Ok(self
            .daemons()?
            .iter()
            .all(|daemon| daemon.pid(&self.layout).is_some()))
    }
}

/// Waits until nobody else changes the cluster.
pub(crate) fn lock(layout: &Layout) -> Result<Lock> {
    let waiting = format!(
        "waiting for another run that changes the test cluster `{}`",
        layout.name
    );
    Lock::acquire(&layout.lock_file()?, &waiting)
}

/// `cargo xtask k8s down`.
pub(crate) fn down(name: &str) -> Result<()> {
    needs::ensure("cargo xtask k8s down", needs::RUNNING_CLUSTER)?;
    let layout = Layout::of(name)?;
    let _lock = lock(&layout)?;
    let watch = Watch::start();
    cleanup::remove(&layout)?;
    watch.say(&format!(
        "the test cluster `{name}` is down; nothing of it is left"
    ));
    Ok(())
}
