//! Breaking the cluster on purpose, and mending it.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Subcommand, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::layout::Host;
use super::network::{self, Line};
use super::process::{self, Daemon};
use super::{Testbed, cgroup, control_plane, lock, node, up};
use crate::say::say;

/// What can be broken.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Fault {
    /// The cable of a node (or of `api`): nothing passes in either direction.
    Cable { host: Host, line: Line },
    /// The way of packets from one host to another; the other direction stays.
    Oneway { from: Host, to: Host, line: Line },
    /// A node's kubelet; its pods live on.
    Kubelet { host: Host, switch: Switch },
    /// A node's container runtime; its pods live on.
    Containerd { host: Host, switch: Switch },
    /// The API server.
    Apiserver { switch: Switch },
    /// A process of a pod.
    Process {
        /// The pod: NAMESPACE/NAME.
        pod: String,
        treatment: Treatment,
        /// The program's name or its first argument: `mysqld`, `agent`, `supervise`.
        name: String,
    },
    /// What a pod may use of one processor, in percent; 0 takes the limit away.
    Cpu {
        /// The pod: NAMESPACE/NAME.
        pod: String,
        percent: u32,
    },
    /// Heals every cable and every one-way cut and starts what is stopped. Frozen processes stay frozen, limits stay.
    HealAll,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cable { host, line } => write!(f, "{line} the cable of {host}"),
            Self::Oneway { from, to, line } => write!(f, "{line} the way from {from} to {to}"),
            Self::Kubelet { host, switch } => write!(f, "{switch} the kubelet of {host}"),
            Self::Containerd { host, switch } => write!(f, "{switch} containerd of {host}"),
            Self::Apiserver { switch } => write!(f, "{switch} the API server"),
            Self::Process {
                pod,
                treatment,
                name,
            } => write!(f, "{treatment} {name} of {pod}"),
            Self::Cpu { pod, percent: 0 } => write!(f, "let {pod} use all processors"),
            Self::Cpu { pod, percent } => write!(f, "let {pod} use {percent} % of a processor"),
            Self::HealAll => write!(f, "heal everything"),
        }
    }
}

/// Whether a process of the cluster runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    Stop,
    Start,
}

/// What is done to a process of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Treatment {
    /// SIGKILL.
    Kill,
    /// SIGSTOP: it lives, holds its connections, and does nothing.
    Freeze,
    /// SIGCONT.
    Thaw,
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Start => "start",
        })
    }
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
        })
    }
}

/// `cargo xtask k8s fault …`.
pub(crate) fn run(name: &str, fault: &Fault) -> Result<()> {
    let testbed = Testbed::must_open(name)?;
    inject(&testbed, fault)
}

/// Breaks or mends something of a running cluster. Doing it twice is the same as once.
pub(crate) fn inject(testbed: &Testbed, fault: &Fault) -> Result<()> {
    let layout = &testbed.layout;
    let _lock = lock(layout)?;
    match fault {
        Fault::Cable { host, line } => network::set_cable(layout, known(testbed, *host)?, *line),
        Fault::Oneway { from, to, line } if from != to => {
            network::set_oneway(layout, known(testbed, *from)?, known(testbed, *to)?, *line)
        }
        Fault::Oneway { from, .. } => bail!("a one-way cut is between two hosts, not {from} alone"),
        Fault::Kubelet { host, switch } => turn(
            testbed,
            &node::kubelet(testbed, node_of(testbed, *host)?)?,
            *switch,
        ),
        Fault::Containerd { host, switch } => {
            turn_containerd(testbed, node_of(testbed, *host)?, *switch)
        }
        Fault::Apiserver { switch } => turn_apiserver(testbed, *switch),
        Fault::Process {
            pod,
            treatment,
            name,
        } => treat(testbed, pod, *treatment, name),
        Fault::Cpu { pod, percent } => limit_cpu(testbed, pod, *percent),
        Fault::HealAll => heal_all(testbed),
    }
}

fn known(testbed: &Testbed, host: Host) -> Result<Host> {
    if network::hosts(testbed.config.nodes).any(|known| known == host) {
        return Ok(host);
    }
    bail!(
        "the cluster has no {host}: it has {} nodes, counted from n0",
        testbed.config.nodes
    )
}

fn node_of(testbed: &Testbed, host: Host) -> Result<u8> {
    match known(testbed, host)? {
        Host::Node(node) => Ok(node),
        Host::Api => bail!("`api` is the control plane and runs no containers"),
    }
}

fn turn(testbed: &Testbed, daemon: &Daemon, switch: Switch) -> Result<()> {
    match switch {
        Switch::Stop => daemon.stop(&testbed.layout),
        Switch::Start => daemon.start(&testbed.layout),
    }
}

fn turn_containerd(testbed: &Testbed, node: u8, switch: Switch) -> Result<()> {
    let daemon = node::containerd(testbed, node)?;
    turn(testbed, &daemon, switch)?;
    let socket = testbed.layout.containerd_socket(node);
    match switch {
        Switch::Start => up::wait_for_socket(testbed, node),
        // A socket file without a listener would look like a running runtime.
        Switch::Stop if socket.exists() => {
            fs::remove_file(&socket).with_context(|| format!("remove {}", socket.display()))
        }
        Switch::Stop => Ok(()),
    }
}

fn turn_apiserver(testbed: &Testbed, switch: Switch) -> Result<()> {
    let daemon = control_plane::apiserver(testbed)?;
    turn(testbed, &daemon, switch)?;
    match switch {
        Switch::Start => up::wait_for_api(testbed, &[daemon]),
        Switch::Stop => Ok(()),
    }
}

fn heal_all(testbed: &Testbed) -> Result<()> {
    network::heal_all(&testbed.layout, testbed.config.nodes)?;
    for daemon in testbed.daemons()? {
        daemon.start(&testbed.layout)?;
    }
    up::wait_for_api(testbed, &[control_plane::apiserver(testbed)?])
}

fn treat(testbed: &Testbed, pod: &str, treatment: Treatment, name: &str) -> Result<()> {
    let pids = find(testbed, pod, name)?;
    signal(&pids, treatment)?;
    say(&format!(
        "{treatment} {name} of {pod}: done to {pids:?} of this machine"
    ));
    Ok(())
}

/// The same for processes that were found before: it does not ask the API server.
pub(crate) fn signal(pids: &[i32], treatment: Treatment) -> Result<()> {
    let signal = match treatment {
        Treatment::Kill => Signal::KILL,
        Treatment::Freeze => Signal::STOP,
        Treatment::Thaw => Signal::CONT,
    };
    for pid in pids {
        let target = Pid::from_raw(*pid).with_context(|| format!("{pid} is no process id"))?;
        kill_process(target, signal).with_context(|| format!("{treatment} process {pid}"))?;
    }
    Ok(())
}

/// As a limit in the pod's manifest would, but at once.
fn limit_cpu(testbed: &Testbed, pod: &str, percent: u32) -> Result<()> {
    let groups = cgroups_of_pod(testbed, pod)?;
    let Some(limited) = cgroup::limit_cpu(&groups, percent)? else {
        bail!("no control group of {pod} limits processors");
    };
    say(&format!("{} is limited", limited.display()));
    Ok(())
}

/// The processes of a pod, NAMESPACE/NAME, that are called `name`; an error if there is none.
pub(crate) fn find(testbed: &Testbed, pod: &str, name: &str) -> Result<Vec<i32>> {
    let groups = cgroups_of_pod(testbed, pod)?;
    let mut pids: Vec<i32> = groups
        .iter()
        .flat_map(|group| cgroup::processes(group))
        .collect();
    pids.sort_unstable();
    pids.dedup();
    let found: Vec<i32> = pids
        .iter()
        .copied()
        .filter(|pid| is_called(&process::argv(*pid), name))
        .collect();
    if found.is_empty() {
        let seen: Vec<String> = pids
            .iter()
            .map(|pid| process::argv(*pid).join(" "))
            .collect();
        bail!(
            "no process of {pod} is called {name}; its processes: {}",
            seen.join(" | ")
        );
    }
    Ok(found)
}

/// By the program's own name, or by its first argument where one program has several tasks.
fn is_called(argv: &[String], name: &str) -> bool {
    let program = argv.first().and_then(|path| path.rsplit('/').next());
    program == Some(name) || argv.get(1).is_some_and(|task| task == name)
}

fn cgroups_of_pod(testbed: &Testbed, pod: &str) -> Result<Vec<PathBuf>> {
    let Some((namespace, name)) = pod.split_once('/') else {
        bail!("`{pod}` is not NAMESPACE/NAME");
    };
    let namespace = format!("--namespace={namespace}");
    let seen = testbed
        .kubectl()
        .get(&["pod", name, &namespace])?
        .with_context(|| format!("there is no pod {pod}"))?;
    let field = |path: &str| seen.pointer(path).and_then(Value::as_str);
    let uid = field("/metadata/uid").with_context(|| format!("{pod} has no uid"))?;
    let node = field("/spec/nodeName").with_context(|| format!("{pod} is on no node"))?;
    let folder = format!("pod{uid}");
    let on_node = testbed.layout.machine_wide(node.parse()?);
    let groups = cgroup::of_cluster(&testbed.layout)?;
    Ok(groups
        .iter()
        .filter(|group| {
            group
                .file_name()
                .is_some_and(|name| name == on_node.as_str())
        })
        .flat_map(|group| cgroup::tree(group))
        .filter(|path| path.file_name().is_some_and(|name| name == folder.as_str()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_called_by_its_program_or_its_task() {
        let argv = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        assert!(is_called(
            &argv(&["/usr/sbin/mysqld", "--port=3306"]),
            "mysqld"
        ));
        assert!(is_called(&argv(&["/shared/moco", "agent"]), "agent"));
        assert!(!is_called(
            &argv(&["/shared/moco", "supervise", "mysqld"]),
            "mysqld"
        ));
        assert!(!is_called(&[], "mysqld"));
    }
}
