//! Where things live: the checkout, the cache of slow things, the state of running clusters.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The root of the checkout this program was built from.
pub(crate) fn checkout() -> Result<PathBuf> {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.ancestors()
        .find(|folder| folder.join("testbed/hyperkube").is_dir())
        .map(Path::to_path_buf)
        .with_context(|| format!("no checkout above {}", own.display()))
}

/// Everything slow to make, keyed by version: shared by all checkouts of one user.
pub(crate) fn cache() -> Result<PathBuf> {
    Ok(xdg("XDG_CACHE_HOME", ".cache")?.join("moco"))
}

/// Cargo's target folder of every build this program starts.
pub(crate) fn cargo_target() -> Result<PathBuf> {
    Ok(cache()?.join("target"))
}

/// The files of running test clusters; outlives a checkout.
pub(crate) fn state() -> Result<PathBuf> {
    Ok(xdg("XDG_STATE_HOME", ".local/state")?.join("moco-testbed"))
}

fn xdg(variable: &str, below_home: &str) -> Result<PathBuf> {
    if let Some(folder) = env::var_os(variable).map(PathBuf::from)
        && folder.is_absolute()
    {
        return Ok(folder);
    }
    let home = env::var_os("HOME").context("neither HOME nor an XDG folder is set")?;
    Ok(PathBuf::from(home).join(below_home))
}

/// `path` with `suffix` after its last component: `a/b` and `.lock` give `a/b.lock`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}
