//! A host of its own for every member of a cluster in local mode: a network namespace and a small file system each.
//! Nothing of the network exists outside these namespaces and no route leads out, so no packet of a test can leave.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::cmd::Cmd;

/// Members that a run may have: it grows a cluster from three to five.
const MEMBERS: u8 = 5;
/// The network, in the range that is reserved for benchmarks, and how its addresses begin.
pub(crate) const NETWORK: &str = "198.18.77.0";
const PREFIX: &str = "198.18.77";
/// Where moco-local puts the two fronts and itself, and its first member.
const HUB: [u8; 3] = [1, 2, 3];
const FIRST_MEMBER: u8 = 10;
/// What a volume holds: the data of half an hour of chaos fits. The file behind it is sparse.
const VOLUME_BYTES: u64 = 3 << 30;

/// The hosts of one cluster.
pub(crate) struct Hosts {
    /// The hub's namespace: clients and the background process. Member N has NAME-N.
    name: &'static str,
    /// Where the files of the hosts are.
    dir: PathBuf,
    /// The cluster's folder.
    home: PathBuf,
}

impl Hosts {
    /// Those of the cluster with the folder `home`; nothing is made yet.
    pub(crate) fn new(name: &'static str, dir: PathBuf, home: PathBuf) -> Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "network namespaces and mounts need root; --one-host does without"
        );
        Ok(Self { name, dir, home })
    }

    /// Makes them. The cluster's folder must not exist yet.
    pub(crate) fn make(&self) -> Result<()> {
        self.make_hub()?;
        for member in 0..MEMBERS {
            self.connect(member)?;
            self.make_volume(member)?;
        }
        self.write_launcher()
    }

    /// The name of the hub's namespace, with which those of the members begin.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// The program that starts a member on its host.
    pub(crate) fn launcher(&self) -> PathBuf {
        self.dir.join("launch")
    }

    /// A call of a program at the hub.
    pub(crate) fn at_hub(&self, program: &Path) -> Cmd {
        Cmd::new("nsenter")
            .arg(format!("--net=/run/netns/{}", self.name))
            .arg(program)
    }

    /// Takes all away; nothing to take away is fine. The cluster must not run any more.
    pub(crate) fn remove(&self) -> Result<()> {
        for member in 0..MEMBERS {
            // Not mounted, or no such namespace, most likely; what is in the way is told when it is made.
            let volume = self.volume(member).display().to_string();
            let _ = Cmd::new("umount").arg(&volume).finish()?;
            let _ = ip(&["netns", "delete", &self.host(member)]).finish()?;
        }
        let _ = ip(&["netns", "delete", self.name]).finish()?;
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", self.dir.display()))
            }
            _ => Ok(()),
        }
    }

    fn host(&self, member: u8) -> String {
        format!("{}-{member}", self.name)
    }

    fn volume(&self, member: u8) -> PathBuf {
        self.home.join(format!("member-{member}/volume"))
    }

    fn make_hub(&self) -> Result<()> {
        let name = self.name;
        ip(&["netns", "add", name]).run()?;
        ip(&["-n", name, "link", "set", "lo", "up"]).run()?;
        ip(&["-n", name, "link", "add", "br0", "type", "bridge"]).run()?;
        ip(&["-n", name, "link", "set", "br0", "up"]).run()?;
        for last in HUB {
            let address = format!("{PREFIX}.{last}/24");
            ip(&["-n", name, "address", "add", &address, "dev", "br0"]).run()?;
        }
        Ok(())
    }

    fn connect(&self, member: u8) -> Result<()> {
        let (hub, host) = (self.name, self.host(member));
        let port = format!("member-{member}");
        let address = format!("{PREFIX}.{}/24", FIRST_MEMBER + member);
        ip(&["netns", "add", &host]).run()?;
        ip(&["-n", &host, "link", "set", "lo", "up"]).run()?;
        ip(&[
            "link", "add", &port, "netns", hub, "type", "veth", "peer", "name", "eth0", "netns",
            &host,
        ])
        .run()?;
        ip(&["-n", hub, "link", "set", &port, "master", "br0", "up"]).run()?;
        ip(&["-n", &host, "address", "add", &address, "dev", "eth0"]).run()?;
        ip(&["-n", &host, "link", "set", "eth0", "up"]).run()
    }

    /// A file system of its own, so that it can be full.
    fn make_volume(&self, member: u8) -> Result<()> {
        let (volume, file) = (
            self.volume(member),
            self.dir.join(format!("volume-{member}")),
        );
        for folder in [&volume, &self.dir] {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        fs::File::create(&file)
            .and_then(|file| file.set_len(VOLUME_BYTES))
            .with_context(|| format!("make {}", file.display()))?;
        Cmd::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0"])
            .arg(&file)
            .run()?;
        Cmd::new("mount")
            .args(["-o", "loop"])
            .args([&file, &volume])
            .run()
    }

    fn write_launcher(&self) -> Result<()> {
        let text = format!(
            "#!/bin/sh\nmember=$1\nshift\nexec nsenter --net=/run/netns/{}-\"$member\" \"$@\"\n",
            self.name
        );
        let file = self.launcher();
        fs::write(&file, text)
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("write {}", file.display()))
    }
}

fn ip(words: &[&str]) -> Cmd {
    Cmd::new("ip").args(words)
}
