//! The programs of the test cluster, built from Go modules into the cache.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::cache::folder_once;
use crate::cmd::Cmd;
use crate::needs;
use crate::paths;
use crate::versions;

/// The names under which the one Kubernetes binary is called.
const KUBERNETES_PROGRAMS: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
];

/// A first build on two slow cores with a cold module cache stays well below.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// The folders that hold the programs.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// etcd, the control plane, kubelet, kube-proxy, kubectl.
    pub(crate) kubernetes: PathBuf,
    /// containerd, its shim, ctr.
    pub(crate) containerd: PathBuf,
    pub(crate) coredns: PathBuf,
    pub(crate) local_path: PathBuf,
}

impl Tools {
    /// Where the programs are, built or not.
    pub(crate) fn places() -> Result<Self> {
        let tools = paths::cache()?.join("tools");
        let sources = paths::checkout()?.join("testbed/hyperkube");
        Ok(Self {
            kubernetes: tools.join(format!(
                "kubernetes-{}-{}",
                versions::KUBERNETES,
                fingerprint(&sources)?
            )),
            containerd: tools.join(format!("containerd-{}", versions::CONTAINERD)),
            coredns: tools.join(format!("coredns-{}", versions::COREDNS)),
            local_path: tools.join(format!("local-path-provisioner-{}", versions::LOCAL_PATH)),
        })
    }

    /// Builds what is missing.
    pub(crate) fn ensure() -> Result<Self> {
        let tools = Self::places()?;
        let folders = [
            &tools.kubernetes,
            &tools.containerd,
            &tools.coredns,
            &tools.local_path,
        ];
        if folders.iter().all(|folder| folder.exists()) {
            return Ok(tools);
        }
        needs::ensure("cargo xtask k8s", needs::GO_TOOLS)?;
        kubernetes(&tools.kubernetes)?;
        module(
            &tools.containerd,
            "containerd, its shim and ctr (first time, about 2 minutes)",
            &["containerd", "containerd-shim-runc-v2", "ctr"].map(|program| {
                format!(
                    "github.com/containerd/containerd/v2/cmd/{program}@v{}",
                    versions::CONTAINERD
                )
            }),
        )?;
        module(
            &tools.coredns,
            "CoreDNS (first time, about 2 minutes)",
            &[format!("github.com/coredns/coredns@v{}", versions::COREDNS)],
        )?;
        module(
            &tools.local_path,
            "local-path-provisioner (first time, about 1 minute)",
            &[format!(
                "github.com/rancher/local-path-provisioner@v{}",
                versions::LOCAL_PATH
            )],
        )?;
        Ok(tools)
    }

    pub(crate) fn kubectl(&self) -> PathBuf {
        self.kubernetes.join("kubectl")
    }

    pub(crate) fn ctr(&self) -> PathBuf {
        self.containerd.join("ctr")
    }
}

fn kubernetes(folder: &Path) -> Result<()> {
    let sources = paths::checkout()?.join("testbed/hyperkube");
    let version = versions::KUBERNETES;
    let announce = format!("building Kubernetes {version} (first time, about 5 minutes)");
    folder_once(folder, &announce, |partial| {
        go()?
            .args(["build", "-trimpath", "-ldflags", &version_flags(version)])
            .arg("-o")
            .arg(partial.join("hyperkube"))
            .arg(".")
            .dir(&sources)
            .run()
            .context("build Kubernetes")?;
        for name in KUBERNETES_PROGRAMS {
            symlink("hyperkube", partial.join(name)).with_context(|| format!("link {name}"))?;
        }
        Ok(())
    })
}

fn module(folder: &Path, title: &str, packages: &[String]) -> Result<()> {
    folder_once(folder, &format!("building {title}"), |partial| {
        go()?
            .args(["install", "-trimpath", "-ldflags", "-s -w"])
            .args(packages)
            .env("GOBIN", partial)
            .dir(partial)
            .run()
            .with_context(|| format!("build {}", packages.join(", ")))
    })
}

fn go() -> Result<Cmd> {
    let program = needs::find_program("go").context("Go is not on PATH")?;
    Ok(Cmd::new(program)
        .env("CGO_ENABLED", "0")
        .within(BUILD_LIMIT))
}

/// Without these the API server and kubectl call themselves v0.0.0, and clients judge features by the version.
fn version_flags(version: &str) -> String {
    let mut parts = version.split('.');
    let (major, minor) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let packages = [
        "k8s.io/component-base/version",
        "k8s.io/client-go/pkg/version",
    ];
    let flags = packages.map(|package| {
        format!(
            " -X {package}.gitVersion=v{version} -X {package}.gitMajor={major} \
             -X {package}.gitMinor={minor}"
        )
    });
    format!("-s -w{}", flags.concat())
}

/// Eight digits over the sources, so that a changed dependency is a new folder.
fn fingerprint(sources: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    for name in ["main.go", "go.mod", "go.sum"] {
        let file = sources.join(name);
        digest.update(fs::read(&file).with_context(|| format!("read {}", file.display()))?);
    }
    Ok(hex(&digest.finalize()).chars().take(8).collect())
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_file_names_the_same_kubernetes_as_the_cache_folder() {
        let module = paths::checkout().unwrap().join("testbed/hyperkube/go.mod");
        let text = fs::read_to_string(module).unwrap();
        let wanted = format!("k8s.io/kubernetes v{}", versions::KUBERNETES);
        assert!(
            text.lines().any(|line| line.trim() == wanted),
            "no line `{wanted}` in go.mod"
        );
    }

    #[test]
    fn bytes_become_two_digits_each() {
        assert_eq!(hex(&[0x00, 0x0f, 0xa5]), "000fa5");
    }

    #[test]
    fn the_version_flags_name_both_packages() {
        let flags = version_flags("1.36.3");
        assert!(flags.starts_with("-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 "));
        assert!(
            flags.contains(" -X k8s.io/client-go/pkg/version.gitMinor=36"),
            "{flags}"
        );
    }
}
