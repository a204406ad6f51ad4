//! The control groups below which a node's pods live.
//!
//! With cgroup v1 every hierarchy has a folder for the node; with v2 there is one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::layout::Layout;

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    mount: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// All hierarchies of this machine.
fn mounted() -> Result<Vec<Hierarchy>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("read /proc/self/mounts")?;
    Ok(hierarchies_in(&mounts))
}

fn hierarchies_in(mounts: &str) -> Vec<Hierarchy> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let mount = PathBuf::from(fields.next()?);
            let version = match fields.next()? {
                "cgroup" => Version::One,
                "cgroup2" => Version::Two,
                _ => return None,
            };
            Some(Hierarchy { mount, version })
        })
        .collect()
}

/// Those with controllers: on a hybrid machine the v2 hierarchy has none, though the runtime leaves groups in it.
fn in_use(all: Vec<Hierarchy>) -> Vec<Hierarchy> {
    let is_old = all
        .iter()
        .any(|hierarchy| hierarchy.version == Version::One);
    let used = if is_old { Version::One } else { Version::Two };
    all.into_iter()
        .filter(|hierarchy| hierarchy.version == used)
        .collect()
}

/// Makes the group called `name` in every hierarchy.
pub(crate) fn create(name: &str) -> Result<()> {
    for hierarchy in in_use(mounted()?) {
        let group = hierarchy.mount.join(name);
        fs::create_dir_all(&group).with_context(|| format!("create {}", group.display()))?;
        match hierarchy.version {
            Version::One => inherit_cpuset(&hierarchy.mount, &group)?,
            Version::Two => {
                let file = hierarchy.mount.join("cgroup.subtree_control");
                fs::write(&file, "+cpu +cpuset +memory +pids +io")
                    .with_context(|| format!("hand controllers down in {}", file.display()))?;
            }
        }
    }
    Ok(())
}

/// A cpuset group is born empty, and no process can enter an empty one.
fn inherit_cpuset(parent: &Path, group: &Path) -> Result<()> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (parent.join(name), group.join(name));
        if from.exists() {
            fs::copy(&from, &to).with_context(|| format!("fill {}", to.display()))?;
        }
    }
    Ok(())
}

/// The groups of a cluster's nodes that exist, in all hierarchies.
pub(crate) fn of_cluster(layout: &Layout) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for hierarchy in mounted()? {
        let folder = fs::read_dir(&hierarchy.mount)
            .with_context(|| format!("read {}", hierarchy.mount.display()))?;
        let groups = folder.flatten().filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| layout.owns(name))
        });
        found.extend(groups.map(|entry| entry.path()));
    }
    Ok(found)
}

/// A group and all below it, the deepest first.
pub(crate) fn tree(group: &Path) -> Vec<PathBuf> {
    let mut found = vec![group.to_path_buf()];
    let mut next = 0;
    while let Some(folder) = found.get(next).cloned() {
        let below = fs::read_dir(&folder).into_iter().flatten().flatten();
        found.extend(below.map(|entry| entry.path()).filter(|path| path.is_dir()));
        next += 1;
    }
    found.reverse();
    found
}

/// The processes in a group and below it.
pub(crate) fn processes(group: &Path) -> Vec<i32> {
    let mut pids: Vec<i32> = tree(group)
        .iter()
        .filter_map(|folder| fs::read_to_string(folder.join("cgroup.procs")).ok())
        .flat_map(|text| {
            text.lines()
                .filter_map(|line| line.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Lets frozen groups run: a frozen process does not die before it thaws.
pub(crate) fn thaw(group: &Path) {
    for folder in tree(group) {
        for (file, word) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
            let file = folder.join(file);
            if file.exists() {
                // A group may vanish with its last process; then there is nothing left to thaw.
                let _ = fs::write(file, word);
            }
        }
    }
}

/// The time over which a limit of processors is kept, microseconds; the kernel's own default.
const CPU_PERIOD_US: u32 = 100_000;

/// Limits the one of `groups` that can limit processors to a part of one, in percent; 0 is no limit.
pub(crate) fn limit_cpu(groups: &[PathBuf], percent: u32) -> Result<Option<PathBuf>> {
    let quota = CPU_PERIOD_US / 100 * percent;
    let files = [
        (
            "cpu.cfs_quota_us",
            if percent == 0 {
                "-1".to_owned()
            } else {
                quota.to_string()
            },
        ),
        (
            "cpu.max",
            if percent == 0 {
                "max".to_owned()
            } else {
                format!("{quota} {CPU_PERIOD_US}")
            },
        ),
    ];
    for (name, content) in files {
        if let Some(file) = groups
            .iter()
            .map(|group| group.join(name))
            .find(|file| file.exists())
        {
            fs::write(&file, content).with_context(|| format!("write {}", file.display()))?;
            return Ok(Some(file));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_machine_uses_its_old_hierarchies() {
        let mounts = "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let found = in_use(hierarchies_in(mounts));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mount, Path::new("/sys/fs/cgroup/cpu"));
        let found = in_use(hierarchies_in("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"));
        assert_eq!(found[0].version, Version::Two);
    }

    #[test]
    fn processors_are_limited_where_the_kernel_has_a_file_for_it() {
        let place = tempfile::tempdir().unwrap();
        let groups = ["memory", "cpu"].map(|name| place.path().join(name));
        for group in &groups {
            fs::create_dir(group).unwrap();
        }
        assert_eq!(limit_cpu(&groups, 20).unwrap(), None);
        let file = groups[1].join("cpu.cfs_quota_us");
        fs::write(&file, "-1").unwrap();
        limit_cpu(&groups, 20).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "20000");
        limit_cpu(&groups, 0).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "-1");
    }

    #[test]
    fn the_deepest_group_comes_first() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        let tree = tree(place.path());
        assert_eq!(tree.first().unwrap(), &place.path().join("a/b"));
        assert_eq!(tree.last().unwrap(), place.path());
    }
}
