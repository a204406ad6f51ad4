//! Taking a cluster away completely, whatever state it is in: also after a crash of anything, and without its
//! configuration. What belongs to it is found by its name and by what runs in its network namespaces.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::mount::{UnmountFlags, unmount};

use super::layout::{Layout, netns_folder};
use super::process::{self, Record};
use super::{cgroup, kernel};
use crate::cmd::Cmd;

/// Where the CNI library keeps what its plugins answered.
const CNI_RESULTS: &str = "/var/lib/cni/results";
/// Where the kubelet links container logs.
const LOG_LINKS: &str = "/var/log/containers";
/// The kubelet's socket that no option moves.
const DEVICE_PLUGINS: &str = "/var/lib/kubelet/device-plugins/kubelet.sock";
/// A process that is killed may fork just before; so it is looked for again.
const ROUNDS: usize = 20;

/// Removes everything of the cluster. Nothing is asked to end by itself: no state survives anyway.
pub(crate) fn remove(layout: &Layout) -> Result<()> {
    for group in cgroup::of_cluster(layout)? {
        cgroup::thaw(&group);
    }
    kill_processes(layout)?;
    let sockets = shim_sockets(layout)?;
    unmount_all(layout)?;
    for namespace in namespaces(layout)? {
        Cmd::new("ip").args(["netns", "delete", &namespace]).run()?;
    }
    remove_empty_netns_folder()?;
    remove_cgroups(layout)?;
    for socket in sockets {
        remove_file(&socket)?;
    }
    remove_machine_wide_files(layout)?;
    for folder in run_folders(layout)?.iter().chain([&layout.root]) {
        remove_folder(folder)?;
    }
    kernel::restore()?;
    let left = left_over(layout)?;
    if !left.is_empty() {
        bail!(
            "left over from the test cluster `{}`:\n    {}",
            layout.name,
            left.join("\n    ")
        );
    }
    Ok(())
}

/// What still exists of the cluster, in words.
pub(crate) fn left_over(layout: &Layout) -> Result<Vec<String>> {
    let mut left = Vec::new();
    left.extend(
        processes(layout)?
            .iter()
            .map(|pid| format!("process {pid}")),
    );
    left.extend(
        mounts(layout)?
            .iter()
            .map(|path| format!("mount {}", path.display())),
    );
    left.extend(
        namespaces(layout)?
            .iter()
            .map(|name| format!("network namespace {name}")),
    );
    left.extend(
        cgroup::of_cluster(layout)?
            .iter()
            .map(|path| format!("cgroup {}", path.display())),
    );
    left.extend(
        run_folders(layout)?
            .iter()
            .map(|path| format!("folder {}", path.display())),
    );
    if layout.root.exists() {
        left.push(format!("folder {}", layout.root.display()));
    }
    Ok(left)
}

fn kill_processes(layout: &Layout) -> Result<()> {
    for _ in 0..ROUNDS {
        let found = processes(layout)?;
        if found.is_empty() {
            return Ok(());
        }
        let records: Vec<Record> = found.iter().filter_map(|pid| Record::of(*pid)).collect();
        process::kill_all(&records)?;
    }
    bail!(
        "new processes of the test cluster `{}` keep appearing",
        layout.name
    )
}

/// The cluster's processes: those it recorded, those in its cgroups, those in its network namespaces (the shims and
/// whatever somebody started there), and shims by the address of their containerd.
fn processes(layout: &Layout) -> Result<BTreeSet<i32>> {
    let mut found: BTreeSet<i32> = process::recorded(layout)
        .iter()
        .filter(|record| record.alive())
        .map(|record| record.pid)
        .collect();
    for group in cgroup::of_cluster(layout)? {
        found.extend(cgroup::processes(&group));
    }
    let own = own_namespaces(layout)?;
    for pid in process::all_pids()? {
        if is_inside(pid, &own) || is_own_shim(pid, layout) {
            found.insert(pid);
        }
    }
    // A zombie has ended, whatever lists it still.
    found.retain(|pid| Record::of(*pid).is_some_and(|record| record.alive()));
    Ok(found)
}

/// What the kernel knows a namespace by.
type NamespaceId = (u64, u64);

fn own_namespaces(layout: &Layout) -> Result<BTreeSet<NamespaceId>> {
    let mut files: Vec<PathBuf> = namespaces(layout)?
        .iter()
        .map(|name| netns_folder().join(name))
        .collect();
    for run in run_folders(layout)? {
        files.extend(entries(&run.join("netns"))?);
    }
    // A namespace without its mount is an empty file of the folder's file system; no process can be in it.
    let host = fs::metadata("/proc/self/ns/net").context("look at this network namespace")?;
    let ids = files.iter().filter_map(|file| fs::metadata(file).ok());
    Ok(ids
        .filter(|meta| meta.dev() == host.dev())
        .map(|meta| (meta.dev(), meta.ino()))
        .collect())
}

fn is_inside(pid: i32, namespaces: &BTreeSet<NamespaceId>) -> bool {
    fs::metadata(format!("/proc/{pid}/ns/net"))
        .is_ok_and(|meta| namespaces.contains(&(meta.dev(), meta.ino())))
}

fn is_own_shim(pid: i32, layout: &Layout) -> bool {
    let argv = process::argv(pid);
    argv.first()
        .is_some_and(|program| program.ends_with("/containerd-shim-runc-v2"))
        && argv.windows(2).any(|pair| match pair {
            [option, address] => option == "-address" && is_in_run_folder(address, layout),
            _ => false,
        })
}

fn is_in_run_folder(address: &str, layout: &Layout) -> bool {
    let name = address
        .strip_prefix("/run/")
        .and_then(|rest| rest.split('/').next());
    name.is_some_and(|name| layout.owns(name))
}

/// The sockets of the cluster's shims: their folder is the same for all clusters, so each is taken from what its
/// containerd noted.
fn shim_sockets(layout: &Layout) -> Result<Vec<PathBuf>> {
    let mut sockets = Vec::new();
    for run in run_folders(layout)? {
        for bundle in entries(&run.join("io.containerd.runtime.v2.task/k8s.io"))? {
            let noted = fs::read_to_string(bundle.join("bootstrap.json")).unwrap_or_default();
            let noted: serde_json::Value = serde_json::from_str(&noted).unwrap_or_default();
            let address = noted.get("address").and_then(serde_json::Value::as_str);
            sockets.extend(
                address
                    .and_then(|text| text.strip_prefix("unix://"))
                    .map(PathBuf::from),
            );
        }
    }
    Ok(sockets)
}

fn unmount_all(layout: &Layout) -> Result<()> {
    for path in mounts(layout)?.iter().rev() {
        match unmount(path, UnmountFlags::DETACH) {
            // Gone with a mount it was below.
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("unmount {}", path.display()));
            }
        }
    }
    Ok(())
}

fn mounts(layout: &Layout) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string("/proc/self/mountinfo").context("read the mount table")?;
    let points = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescape);
    Ok(points
        .filter(|point| {
            point.starts_with(&layout.root)
                || point
                    .to_str()
                    .is_some_and(|text| is_in_run_folder(text, layout))
        })
        .collect())
}

/// The mount table writes a space as `\040`.
fn unescape(field: &str) -> PathBuf {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let text = escapes
        .iter()
        .fold(field.to_owned(), |text, (from, to)| text.replace(from, to));
    PathBuf::from(text)
}

fn namespaces(layout: &Layout) -> Result<Vec<String>> {
    owned_names(&netns_folder(), layout)
}

fn run_folders(layout: &Layout) -> Result<Vec<PathBuf>> {
    let run = Path::new("/run");
    Ok(owned_names(run, layout)?
        .iter()
        .map(|name| run.join(name))
        .collect())
}

fn owned_names(folder: &Path, layout: &Layout) -> Result<Vec<String>> {
    let names = entries(folder)?;
    let names = names.iter().filter_map(|path| path.file_name()?.to_str());
    Ok(names
        .filter(|name| layout.owns(name))
        .map(str::to_owned)
        .collect())
}

/// What is in a folder; nothing if it does not exist.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(found) => Ok(found.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("read {}", folder.display())),
    }
}

/// The kernel frees a group a moment after its last process.
fn remove_cgroups(layout: &Layout) -> Result<()> {
    let mut last = None;
    for _ in 0..ROUNDS {
        let groups = cgroup::of_cluster(layout)?;
        if groups.is_empty() {
            return Ok(());
        }
        for folder in groups.iter().flat_map(|group| cgroup::tree(group)) {
            last = fs::remove_dir(&folder)
                .err()
                .map(|error| (folder, error))
                .or(last);
        }
        thread::sleep(Duration::from_millis(50));
    }
    match last {
        Some((folder, error)) => Err(error).with_context(|| format!("remove {}", folder.display())),
        None => bail!("cgroups of `{}` reappear", layout.name),
    }
}

/// `ip netns` mounts its folder on itself; with the last namespace gone that mount is a leftover.
fn remove_empty_netns_folder() -> Result<()> {
    let folder = netns_folder();
    if !folder.exists() || !entries(&folder)?.is_empty() {
        return Ok(());
    }
    // Not detached: a namespace that another program adds at this moment keeps its mount.
    match unmount(&folder, UnmountFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::BUSY) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("unmount {}", folder.display())),
    }
}

/// What containers left in folders that belong to the whole machine.
fn remove_machine_wide_files(layout: &Layout) -> Result<()> {
    for result in entries(Path::new(CNI_RESULTS))? {
        let text = fs::read_to_string(&result).unwrap_or_default();
        let quoted = text.split('"').any(|word| is_in_run_folder(word, layout));
        if quoted {
            remove_file(&result)?;
        }
    }
    // The kubelet's place for device plugins is the same for all; nobody listens at what a dead one left.
    let plugins = Path::new(DEVICE_PLUGINS);
    if UnixStream::connect(plugins)
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        remove_file(plugins)?;
    }
    for link in entries(Path::new(LOG_LINKS))? {
        if fs::read_link(&link).is_ok_and(|target| target.starts_with(&layout.root)) {
            remove_file(&link)?;
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clusters_own_folder_in_run_is_its_own() {
        let layout = Layout {
            name: "tb".to_owned(),
            root: PathBuf::from("/nowhere"),
        };
        assert!(is_in_run_folder("/run/tb-n0/containerd.sock", &layout));
        assert!(is_in_run_folder("/run/tb-n0", &layout));
        assert!(!is_in_run_folder("/run/tb2-n0/containerd.sock", &layout));
        assert!(!is_in_run_folder("/var/run/tb-n0/containerd.sock", &layout));
    }

    #[test]
    fn spaces_in_the_mount_table_are_read() {
        assert_eq!(unescape("/a\\040b"), PathBuf::from("/a b"));
    }
}
