//! Bringing our own image into a running cluster.

use anyhow::{Context as _, Result};

use super::node_images::Loaded;
use super::show::MOCO_NAMESPACE;
use super::{Testbed, lock, node_images};
use crate::cargo::Profile;
use crate::images::{self, Archive};
use crate::say::Watch;

/// The Deployment that runs the operator.
pub(crate) const CONTROLLER: &str = "moco-controller";

/// `cargo xtask k8s load`: builds the operator, loads it on every node, restarts the controllers if they run.
pub(crate) fn load(name: &str, profile: Profile) -> Result<()> {
    let testbed = Testbed::must_open(name)?;
    let archive = images::moco(profile)?;
    load_archive(&testbed, &archive)
}

/// Loads an archive on every node and restarts the controllers if they run and a node had another one.
pub(crate) fn load_archive(testbed: &Testbed, archive: &Archive) -> Result<()> {
    let _lock = lock(&testbed.layout)?;
    let watch = Watch::start();
    let loaded = node_images::load_everywhere(testbed, archive)?;
    watch.say(&format!(
        "{} is on {} nodes",
        images::MOCO,
        testbed.config.nodes
    ));
    if loaded == Loaded::Before {
        return Ok(());
    }
    let kubectl = testbed.kubectl();
    let namespace = format!("--namespace={MOCO_NAMESPACE}");
    if kubectl
        .get(&["deployment", CONTROLLER, &namespace])?
        .is_none()
    {
        return Ok(());
    }
    let deployment = format!("deployment/{CONTROLLER}");
    kubectl
        .call(["rollout", "restart", &deployment, &namespace])
        .run()
        .context("restart the controllers")?;
    watch.say("the controllers restart");
    Ok(())
}
