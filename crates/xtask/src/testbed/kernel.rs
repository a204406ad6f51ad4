//! Settings of the whole machine that every kubelet changes when it starts, and how they were before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::paths;

/// Below `/proc/sys`; the kubelet sets these to its liking and never back.
const SETTINGS: &[&str] = &[
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
];

/// Notes the settings before the first cluster of this machine starts.
pub(crate) fn save() -> Result<()> {
    let file = file()?;
    if file.exists() {
        return Ok(());
    }
    let seen: BTreeMap<&str, String> = SETTINGS
        .iter()
        .filter_map(|name| Some((*name, fs::read_to_string(place(name)).ok()?)))
        .collect();
    let text = serde_json::to_string(&seen).context("write the kernel settings")?;
    fs::write(&file, text).with_context(|| format!("write {}", file.display()))
}

/// Sets them back after the last cluster of this machine is gone.
pub(crate) fn restore() -> Result<()> {
    let file = file()?;
    let state = paths::state()?;
    if !file.exists() || has_cluster(&state) {
        return Ok(());
    }
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let saved: BTreeMap<String, String> =
        serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
    for (name, value) in saved
        .iter()
        .filter(|(name, _)| SETTINGS.contains(&name.as_str()))
    {
        let place = place(name);
        if fs::read_to_string(&place).is_ok_and(|now| now != *value) {
            fs::write(&place, value).with_context(|| format!("set {} back", place.display()))?;
        }
    }
    fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))
}

fn has_cluster(state: &Path) -> bool {
    let folders = fs::read_dir(state).into_iter().flatten().flatten();
    folders
        .into_iter()
        .any(|entry| entry.path().join("cluster.json").exists())
}

fn file() -> Result<PathBuf> {
    Ok(paths::state()?.join("kernel-settings.json"))
}

fn place(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name)
}
