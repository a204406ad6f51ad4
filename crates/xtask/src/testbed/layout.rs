//! Names, addresses and folders of one test cluster. Everything it owns on the machine carries its name as a prefix,
//! so that several can run and what is left of a crashed one can be found.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

use crate::paths;

/// The name of the cluster if the user names none.
pub(crate) const DEFAULT_NAME: &str = "mocotb";

/// Nodes a cluster may have: their names are one digit.
pub(crate) const MAX_NODES: u8 = 9;

/// The range of Services; like all addresses here from the range reserved for benchmarks (RFC 2544).
pub(crate) const SERVICE_CIDR: &str = "198.19.0.0/16";
/// The name server's Service.
pub(crate) const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 10);
/// The API server's Service: the first address of the range.
pub(crate) const API_SERVICE: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);

/// A machine of the cluster: a network namespace with processes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    /// The control plane, with the name server and the provisioner of volumes.
    Api,
    /// A node, counted from 0.
    Node(u8),
}

impl Host {
    pub(crate) fn address(self) -> Ipv4Addr {
        match self {
            Self::Api => Ipv4Addr::new(198, 18, 0, 10),
            Self::Node(node) => Ipv4Addr::new(198, 18, 0, 20 + node),
        }
    }

    /// The range of the pods on a node.
    pub(crate) fn pod_cidr(self) -> Option<String> {
        match self {
            Self::Api => None,
            Self::Node(node) => Some(format!("198.18.{}.0/24", 16 + node)),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api => f.write_str("api"),
            Self::Node(node) => write!(f, "n{node}"),
        }
    }
}

impl FromStr for Host {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "api" {
            return Ok(Self::Api);
        }
        let number = text
            .strip_prefix('n')
            .and_then(|digits| digits.parse::<u8>().ok());
        match number {
            Some(node) if node < MAX_NODES => Ok(Self::Node(node)),
            _ => bail!("`{text}` is neither `api` nor a node such as `n0`"),
        }
    }
}

/// Where a cluster's parts are.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The prefix of everything.
    pub(crate) name: String,
    /// The cluster's files.
    pub(crate) root: PathBuf,
}

impl Layout {
    /// The layout of the cluster called `name`.
    pub(crate) fn of(name: &str) -> Result<Self> {
        let fits = (1..=10).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
        if !fits {
            bail!("a test cluster's name has 1 to 10 lower-case letters and digits, not `{name}`");
        }
        let root = paths::state()?.join(name);
        // Sockets of the kubelet live up to 50 characters below; the kernel allows 107.
        let length = root.as_os_str().len();
        if length > 50 {
            bail!(
                "the state folder {} is too long for socket names; set XDG_STATE_HOME",
                root.display()
            );
        }
        Ok(Self {
            name: name.to_owned(),
            root,
        })
    }

    /// Held while something changes the cluster.
    pub(crate) fn lock_file(&self) -> Result<PathBuf> {
        Ok(paths::state()?.join(format!("{}.lock", self.name)))
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.root.join("cluster.json")
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Where the process ids are recorded.
    pub(crate) fn records(&self) -> PathBuf {
        self.root.join("processes")
    }

    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.root.join(format!("{user}.kubeconfig"))
    }

    /// The script that runs kubectl inside the cluster's network.
    pub(crate) fn kubectl(&self) -> PathBuf {
        self.root.join("kubectl")
    }

    /// A node's files that may be large.
    pub(crate) fn node(&self, node: u8) -> PathBuf {
        self.root.join(format!("n{node}"))
    }

    /// True if `name` is this cluster's where names are shared with the whole machine: cgroups, network namespaces,
    /// folders in `/run`.
    pub(crate) fn owns(&self, name: &str) -> bool {
        let rest = name
            .strip_prefix(self.name.as_str())
            .and_then(|rest| rest.strip_prefix('-'));
        rest.is_some_and(|rest| rest == "lan" || rest.parse::<Host>().is_ok())
    }

    /// A node's name where names are shared with the whole machine: its cgroup, its folder in `/run`.
    pub(crate) fn machine_wide(&self, host: Host) -> String {
        format!("{}-{host}", self.name)
    }

    /// A node's sockets and mounts; short, because sockets have short names.
    pub(crate) fn run(&self, node: u8) -> PathBuf {
        PathBuf::from("/run").join(self.machine_wide(Host::Node(node)))
    }

    pub(crate) fn containerd_socket(&self, node: u8) -> PathBuf {
        self.run(node).join("containerd.sock")
    }

    pub(crate) fn netns(&self, host: Host) -> PathBuf {
        netns_folder().join(self.machine_wide(host))
    }

    /// The namespace that holds nothing but the bridge between the hosts.
    pub(crate) fn lan(&self) -> String {
        format!("{}-lan", self.name)
    }
}

/// Where `ip netns` keeps its namespaces.
pub(crate) fn netns_folder() -> PathBuf {
    PathBuf::from("/run/netns")
}

/// The words of a path that go into configuration files and arguments.
pub(crate) fn text(path: &std::path::Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_they_are_written() {
        for host in [Host::Api, Host::Node(0), Host::Node(8)] {
            assert_eq!(host.to_string().parse::<Host>().unwrap(), host);
        }
        for wrong in ["", "n", "n9", "m1", "n-1"] {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cluster_owns_what_carries_its_name_and_nothing_else() {
        let layout = Layout {
            name: "tb".to_owned(),
            root: PathBuf::new(),
        };
        for own in ["tb-lan", "tb-api", "tb-n0"] {
            assert!(layout.owns(own), "{own}");
        }
        for other in ["tb", "tb-", "tb2-n0", "tb-n0-x", "n0", "tb-etc"] {
            assert!(!layout.owns(other), "{other}");
        }
    }

    #[test]
    fn a_name_that_could_leave_its_folder_is_refused() {
        for wrong in ["", "..", "a/b", "A", "longer-than-ten", "1a"] {
            assert!(Layout::of(wrong).is_err(), "{wrong}");
        }
    }
}
