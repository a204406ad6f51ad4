//! The cluster's network: one namespace a host, joined by a bridge in a namespace of its own. Nothing of it exists
//! outside these namespaces and no route leads out, so no packet of a test can leave.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::layout::{Host, Layout};
use crate::cmd::Cmd;

const BRIDGE: &str = "br0";

/// Makes namespaces, cables and routes for the control plane and `nodes` nodes.
pub(crate) fn create(layout: &Layout, nodes: u8) -> Result<()> {
    let lan = layout.lan();
    ip(&["netns", "add", &lan])?;
    ip(&["-n", &lan, "link", "add", BRIDGE, "type", "bridge"])?;
    ip(&["-n", &lan, "link", "set", BRIDGE, "up"])?;
    let hosts: Vec<Host> = hosts(nodes).collect();
    for host in &hosts {
        connect(layout, *host).with_context(|| format!("connect {host}"))?;
    }
    for host in &hosts {
        routes(layout, *host, nodes).with_context(|| format!("route from {host}"))?;
    }
    Ok(())
}

/// The control plane and the nodes.
pub(crate) fn hosts(nodes: u8) -> impl Iterator<Item = Host> {
    std::iter::once(Host::Api).chain((0..nodes).map(Host::Node))
}

fn connect(layout: &Layout, host: Host) -> Result<()> {
    let (lan, netns) = (layout.lan(), layout.machine_wide(host));
    let port = host.to_string();
    let address = format!("{}/24", host.address());
    ip(&["netns", "add", &netns])?;
    ip(&["-n", &netns, "link", "set", "lo", "up"])?;
    ip(&[
        "link", "add", &port, "netns", &lan, "type", "veth", "peer", "name", "eth0", "netns",
        &netns,
    ])?;
    ip(&["-n", &lan, "link", "set", &port, "master", BRIDGE, "up"])?;
    ip(&["-n", &netns, "address", "add", &address, "dev", "eth0"])?;
    ip(&["-n", &netns, "link", "set", "eth0", "up"])?;
    kernel_switch(&layout.netns(host), "net/ipv4/ip_forward")?;
    if let Host::Node(_) = host {
        // Without it a pod that calls a Service answered by a pod of its own node gets no answer.
        kernel_switch(&layout.netns(host), "net/bridge/bridge-nf-call-iptables")?;
    }
    Ok(())
}

fn routes(layout: &Layout, host: Host, nodes: u8) -> Result<()> {
    let netns = layout.machine_wide(host);
    for other in (0..nodes).map(Host::Node).filter(|other| *other != host) {
        let Some(pods) = other.pod_cidr() else {
            continue;
        };
        let via = other.address().to_string();
        ip(&["-n", &netns, "route", "add", &pods, "via", &via])?;
    }
    if host != Host::Api {
        // Service addresses need a route to be looked up at all, before kube-proxy's rules rewrite them.
        let via = Host::Api.address().to_string();
        ip(&["-n", &netns, "route", "add", "default", "via", &via])?;
    }
    Ok(())
}

/// A host's cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Line {
    /// No packet passes.
    Cut,
    /// Packets pass.
    Heal,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut",
            Self::Heal => "heal",
        })
    }
}

/// Cuts or heals a host's cable.
pub(crate) fn set_cable(layout: &Layout, host: Host, line: Line) -> Result<()> {
    let state = match line {
        Line::Cut => "down",
        Line::Heal => "up",
    };
    ip(&["-n", &layout.lan(), "link", "set", &host.to_string(), state])
}

/// Cuts or heals the way of packets from one host, and its pods, to another.
pub(crate) fn set_oneway(layout: &Layout, from: Host, to: Host, line: Line) -> Result<()> {
    let address = from.address().to_string();
    for source in std::iter::once(address).chain(from.pod_cidr()) {
        let is_cut = || {
            iptables(layout, to, "-C", &source)
                .finish()
                .map(|done| done.status.success())
        };
        match line {
            Line::Cut if !is_cut()? => iptables(layout, to, "-I", &source).run()?,
            Line::Heal if is_cut()? => iptables(layout, to, "-D", &source).run()?,
            Line::Cut | Line::Heal => {}
        }
    }
    Ok(())
}

/// Heals every cable and every one-way cut.
pub(crate) fn heal_all(layout: &Layout, nodes: u8) -> Result<()> {
    for to in hosts(nodes) {
        set_cable(layout, to, Line::Heal)?;
        for from in hosts(nodes).filter(|from| *from != to) {
            set_oneway(layout, from, to, Line::Heal)?;
        }
    }
    Ok(())
}

/// The table `raw` comes before connection tracking, so that open connections are cut, too.
fn iptables(layout: &Layout, at: Host, action: &str, source: &str) -> Cmd {
    inside(&layout.netns(at))
        .args(["iptables", "-w", "-t", "raw", action, "PREROUTING"])
        .args(["-i", "eth0", "-s", source, "-j", "DROP"])
}

/// A program in a network namespace. Not `ip netns exec`, which hides `/sys/fs/cgroup`.
pub(crate) fn inside(netns: &Path) -> Cmd {
    Cmd::new("nsenter").arg(format!("--net={}", netns.display()))
}

fn kernel_switch(netns: &Path, name: &str) -> Result<()> {
    let script = format!("echo 1 >/proc/sys/{name}");
    inside(netns)
        .args(["sh", "-c", &script])
        .run()
        .with_context(|| format!("switch on {name}"))
}

fn ip(args: &[&str]) -> Result<()> {
    Cmd::new("ip").args(args).run()
}
