//! kubectl inside the cluster's network.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::layout::{Host, Layout, text};
use super::pki;
use crate::cmd::Cmd;
use crate::needs;
use crate::tools::Tools;

/// Writes the script that runs kubectl in the control plane's namespace, for people, tests and scripts alike.
pub(crate) fn write_script(layout: &Layout, tools: &Tools) -> Result<()> {
    let (netns, kubeconfig, program) = (
        layout.netns(Host::Api),
        layout.kubeconfig(pki::ADMIN),
        tools.kubectl(),
    );
    // A proxy of the caller's network must not get the requests.
    let script = format!(
        "#!/bin/sh\n\
         unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy\n\
         export KUBECONFIG={}\n\
         exec nsenter --net={} {} \"$@\"\n",
        text(&kubeconfig)?,
        text(&netns)?,
        text(&program)?,
    );
    let file = layout.kubectl();
    fs::write(&file, script).with_context(|| format!("write {}", file.display()))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} executable", file.display()))
}

/// kubectl with the rights of the administrator.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    layout: Layout,
}

impl Kubectl {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
        }
    }

    /// A call that may take a minute.
    pub(crate) fn call<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Cmd {
        Cmd::new(self.layout.kubectl())
            .args(args)
            .within(Duration::from_secs(60))
    }

    /// `kubectl get … -o json`; `None` if the object, or its kind, does not exist.
    pub(crate) fn get(&self, args: &[&str]) -> Result<Option<Value>> {
        let done = self
            .call(["get", "--output=json", "--ignore-not-found"])
            .args(args)
            .finish()
            .with_context(|| format!("get {}", args.join(" ")))?;
        if !done.status.success() {
            if done
                .stderr
                .contains("the server doesn't have a resource type")
            {
                return Ok(None);
            }
            bail!("get {}:{}", args.join(" "), done.tail());
        }
        if done.stdout.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&done.stdout)
            .map(Some)
            .with_context(|| format!("read the answer to get {}", args.join(" ")))
    }
}

/// `cargo xtask kubectl …`: becomes kubectl, so that its exit code is ours.
pub(crate) fn pass_through(name: &str, args: &[OsString]) -> Result<()> {
    let layout = Layout::of(name)?;
    if !needs::is_root() {
        bail!("`cargo xtask kubectl` enters the cluster's network and needs root");
    }
    if !layout.kubectl().exists() {
        bail!("the test cluster `{name}` is not up; `cargo xtask k8s up` starts it");
    }
    Err(Cmd::new(layout.kubectl()).args(args).replace_self())
}
