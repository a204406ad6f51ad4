//! `kubectl moco` on the test cluster, as users have it: a program beside kubectl on the PATH.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::cluster::Cluster;
use crate::cargo::{Profile, TARGET, static_cargo};
use crate::cmd::{Cmd, Finished};
use crate::paths;

/// Longer than any verb waits by itself.
const LIMIT: Duration = Duration::from_secs(150);

/// The plugin, built and installed.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    path: OsString,
}

impl Plugin {
    /// Builds the plugin and puts it beside the test cluster's kubectl.
    pub(crate) fn install(cluster: &Cluster) -> Result<Self> {
        static_cargo("build", Profile::Quick)?
            .args(["--package", "moco-plugin"])
            .run_shown()
            .context("build kubectl-moco")?;
        let built = paths::cargo_target()?
            .join(TARGET)
            .join(Profile::Quick.name())
            .join("kubectl-moco");
        let layout = &cluster.testbed.layout;
        let folder = layout.root.join("bin");
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let place = folder.join("kubectl-moco");
        // A copy: others build into the same target folder.
        fs::copy(&built, &place).with_context(|| format!("copy {}", built.display()))?;
        let kubectl = folder.join("kubectl");
        if !kubectl.exists() {
            symlink(layout.kubectl(), &kubectl)
                .with_context(|| format!("link {}", kubectl.display()))?;
        }
        let old = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder).chain(env::split_paths(&old));
        let path = env::join_paths(folders.collect::<Vec<PathBuf>>()).context("make a PATH")?;
        Ok(Self { path })
    }

    /// `kubectl moco WORDS…` in the story's namespace.
    pub(crate) fn call(&self, cluster: &Cluster, words: &[&str]) -> Cmd {
        Cmd::new(cluster.testbed.layout.kubectl())
            .args(["moco", "--namespace", &cluster.namespace])
            .args(words)
            .env("PATH", &self.path)
            .within(LIMIT)
    }

    /// What it says when it must answer yes.
    pub(crate) fn yes(&self, cluster: &Cluster, words: &[&str]) -> Result<String> {
        self.call(cluster, words).output()
    }

    /// What it says when it must answer no, with exit code 1.
    pub(crate) fn no(&self, cluster: &Cluster, words: &[&str]) -> Result<String> {
        let done = self.call(cluster, words).finish()?;
        let Finished { status, .. } = &done;
        ensure!(
            status.code() == Some(1),
            "`kubectl moco {}` did not answer no: {status}{}",
            words.join(" "),
            done.tail()
        );
        Ok(done.stdout + &done.stderr)
    }

    /// What it says as JSON.
    pub(crate) fn json(&self, cluster: &Cluster, words: &[&str]) -> Result<Value> {
        let said = self.yes(cluster, &[words, &["--output=json"]].concat())?;
        serde_json::from_str(&said)
            .with_context(|| format!("read what `kubectl moco {}` said", words.join(" ")))
    }
}
