//! What a word needs from the machine, checked before it begins.
//!
//! As root on Debian what is missing is installed, each package announced. Elsewhere the word stops and names the
//! commands to run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cmd::Cmd;
use crate::elf;
use crate::say::say;

/// Something a word needs from the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// A program that a Debian package brings.
    Program {
        name: &'static str,
        package: &'static str,
    },
    /// A file that a Debian package brings.
    File {
        path: &'static str,
        package: &'static str,
    },
    /// A busybox without shared libraries, for images.
    StaticBusybox,
    /// The Go toolchain, which Debian 12 does not have in a fitting version.
    Go,
    /// The rights of root.
    Root,
}

/// To build the programs of the test cluster.
pub(crate) const GO_TOOLS: &[Need] = &[Need::Go];

/// To fetch MySQL.
pub(crate) const MYSQL: &[Need] = &[program("mmdebstrap", "mmdebstrap")];

/// To write images.
pub(crate) const IMAGES: &[Need] = &[
    program("mmdebstrap", "mmdebstrap"),
    program("gcc", "gcc"),
    Need::File {
        path: "/usr/include/signal.h",
        package: "libc6-dev",
    },
    Need::StaticBusybox,
];

/// To run the test cluster.
pub(crate) const CLUSTER: &[Need] = &[
    Need::Root,
    program("ip", "iproute2"),
    program("iptables", "iptables"),
    program("conntrack", "conntrack"),
    program("runc", "runc"),
    program("openssl", "openssl"),
    program("nsenter", "util-linux"),
    program("setsid", "util-linux"),
    program("mount", "mount"),
    Need::File {
        path: "/usr/lib/cni/bridge",
        package: "containernetworking-plugins",
    },
    Need::StaticBusybox,
];

/// To take the test cluster away or to change it while it runs.
pub(crate) const RUNNING_CLUSTER: &[Need] = &[Need::Root, program("ip", "iproute2")];

const fn program(name: &'static str, package: &'static str) -> Need {
    Need::Program { name, package }
}

/// Checks `needs` on behalf of `word`; installs what is missing where that is possible.
pub(crate) fn ensure(word: &str, needs: &[Need]) -> Result<()> {
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !need.met()).collect();
    for need in &missing {
        match need {
            Need::Root => bail!("`{word}` needs root: run it as root, or with `sudo -E`"),
            Need::Go => bail!(
                "`{word}` builds Kubernetes from source and needs {} on PATH; \
                 install it as https://go.dev/doc/install describes",
                need.said()
            ),
            _ => {}
        }
    }
    let mut packages: Vec<&str> = missing.iter().filter_map(Need::package).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    if !(is_root() && is_debian()) {
        bail!(
            "`{word}` needs what is missing here: {}\n\
             on Debian, run:\n    sudo apt-get update\n    sudo apt-get install {}",
            said_all(&missing),
            packages.join(" ")
        );
    }
    install(&packages)?;
    match missing.iter().find(|need| !need.met()) {
        Some(need) => bail!(
            "{} is still missing after installing {}",
            need.said(),
            packages.join(" ")
        ),
        None => Ok(()),
    }
}

/// Which of `needs` are missing here and cannot be installed, in words; installs nothing.
pub(crate) fn unmet_for_good(needs: &[Need]) -> Option<String> {
    let can_install = is_root() && is_debian();
    let missing: Vec<Need> = needs
        .iter()
        .copied()
        .filter(|need| !need.met() && (need.package().is_none() || !can_install))
        .collect();
    (!missing.is_empty()).then(|| format!("it needs {}", said_all(&missing)))
}

fn said_all(needs: &[Need]) -> String {
    let said: Vec<_> = needs.iter().map(Need::said).collect();
    said.join(", ")
}

impl Need {
    fn met(&self) -> bool {
        match self {
            Self::Program { name, .. } => find_program(name).is_some(),
            Self::File { path, .. } => Path::new(path).exists(),
            Self::StaticBusybox => {
                find_program("busybox").is_some_and(|path| elf::is_static(&path).unwrap_or(false))
            }
            Self::Go => find_program("go").is_some_and(|go| go_fits(&go)),
            Self::Root => is_root(),
        }
    }

    fn package(&self) -> Option<&'static str> {
        match self {
            Self::Program { package, .. } | Self::File { package, .. } => Some(package),
            Self::StaticBusybox => Some("busybox-static"),
            Self::Go | Self::Root => None,
        }
    }

    fn said(&self) -> String {
        match self {
            Self::Program { name, .. } => format!("the program {name}"),
            Self::File { path, .. } => format!("the file {path}"),
            Self::StaticBusybox => "a static busybox".to_owned(),
            Self::Go => format!("Go {}.{} or newer", GO.0, GO.1),
            Self::Root => "root".to_owned(),
        }
    }
}

/// The oldest Go that builds the programs of the test cluster.
const GO: (u32, u32) = (1, 26);

fn go_fits(go: &Path) -> bool {
    let said = Cmd::new(go).arg("version").output();
    said.ok().and_then(|said| go_version_in(&said)) >= Some(GO)
}

/// The version in `go version go1.26.1 linux/amd64`.
fn go_version_in(said: &str) -> Option<(u32, u32)> {
    let version = said.split_whitespace().nth(2)?.strip_prefix("go")?;
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Where a program is: PATH, and the folders of system programs that a user's PATH may lack.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/go/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// True if this process may do everything.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && find_program("apt-get").is_some()
}

fn install(packages: &[&str]) -> Result<()> {
    for package in packages {
        say(&format!("installing Debian package {package}"));
    }
    if let Err(error) = apt_get(&["install", "--yes", "--no-install-recommends"], packages) {
        say(&format!("updating the package lists, because: {error}"));
        apt_get(&["update"], &[])?;
        apt_get(&["install", "--yes", "--no-install-recommends"], packages)?;
    }
    Ok(())
}

fn apt_get(words: &[&str], packages: &[&str]) -> Result<()> {
    Cmd::new("apt-get")
        .args(["--quiet", "--option", "DPkg::Lock::Timeout=120"])
        .args(words)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .within(Duration::from_secs(900))
        .run()
}

/// The address of the Debian mirror this machine uses: the first one of its own apt sources that is not a security
/// archive. `MOCO_DEBIAN_MIRROR` overrides it.
pub(crate) fn debian_mirror() -> Result<String> {
    if let Ok(mirror) = env::var("MOCO_DEBIAN_MIRROR") {
        return Ok(mirror);
    }
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    files.sort();
    files
        .iter()
        .filter(|file| {
            file.extension()
                .is_some_and(|kind| kind == "list" || kind == "sources")
        })
        .filter_map(|file| fs::read_to_string(file).ok())
        .find_map(|text| mirror_in(&text))
        .context(
            "no Debian mirror in this machine's apt sources; set MOCO_DEBIAN_MIRROR to one, \
             for example MOCO_DEBIAN_MIRROR=http://HOST/debian",
        )
}

/// The first Debian archive in an apt source file of either format.
fn mirror_in(text: &str) -> Option<String> {
    let addresses = text.lines().filter_map(|line| {
        let line = line.trim();
        let rest = line
            .strip_prefix("URIs:")
            .or_else(|| line.strip_prefix("deb "))?;
        rest.split_whitespace().find(|word| word.contains("://"))
    });
    addresses
        .map(|address| address.trim_end_matches('/'))
        .find(|address| address.ends_with("/debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_found_in_both_formats_and_is_no_security_archive() {
        let new = "Types: deb\nURIs: http://one/debian-security\n\nTypes: deb\nURIs: http://one/debian/\n";
        assert_eq!(mirror_in(new).as_deref(), Some("http://one/debian"));
        let old =
            "# deb http://no/debian x main\ndeb [signed-by=/k] http://two/debian bookworm main\n";
        assert_eq!(mirror_in(old).as_deref(), Some("http://two/debian"));
        assert_eq!(mirror_in("deb http://three/ubuntu noble main"), None);
    }

    #[test]
    fn what_no_package_brings_is_missing_for_good() {
        let needs = [
            program("sh", "dash"),
            Need::File {
                path: "/no/such",
                package: "none",
            },
        ];
        let said = unmet_for_good(&needs);
        assert_eq!(said.is_some(), !(is_root() && is_debian()), "{said:?}");
        assert_eq!(Need::Go.package(), None);
    }

    #[test]
    fn an_old_go_is_told_from_a_new_one() {
        let read = |said| go_version_in(said);
        assert!(read("go version go1.26.1 linux/amd64") >= Some(GO));
        assert!(read("go version go1.27rc1 linux/amd64") >= Some(GO));
        assert!(read("go version go1.19.8 linux/amd64") < Some(GO));
        assert_eq!(read("go version devel"), None);
    }
}
