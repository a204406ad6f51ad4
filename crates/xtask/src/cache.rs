//! What is slow to make is made once.
//!
//! A folder of the cache exists completely or not at all: it is made beside its place, synced, and renamed.
//! A lock file beside it lets a second run wait for the first instead of making the same thing twice.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::paths::with_suffix;
use crate::say::say;

/// An exclusive lock, held as long as the value lives. The kernel drops it if the process dies.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock on `path`; says `waiting` if somebody else holds it.
    pub(crate) fn acquire(path: &Path, waiting: &str) -> Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("open lock file {}", path.display()))?;
        if file.try_lock().is_err() {
            say(waiting);
            file.lock()
                .with_context(|| format!("lock {}", path.display()))?;
        }
        Ok(Self { _file: file })
    }
}

/// Makes `folder` with `make` unless it exists. `make` gets an empty folder to fill; `announce` is said first.
pub(crate) fn folder_once(
    folder: &Path,
    announce: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let shown = folder.display();
    let _lock = Lock::acquire(
        &with_suffix(folder, ".lock"),
        &format!("waiting for another run that makes {shown}"),
    )?;
    if folder.exists() {
        return Ok(());
    }
    say(announce);
    let begin = Instant::now();
    let partial = with_suffix(folder, ".partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("remove {}", partial.display()))?;
    }
    fs::create_dir_all(&partial).with_context(|| format!("create {}", partial.display()))?;
    make(&partial)?;
    complete(&partial, folder).with_context(|| format!("complete {shown}"))?;
    say(&format!(
        "  done in {:.0} s: {shown}",
        begin.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Renames `partial` to `place` so that after a power cut either nothing or everything is there.
fn complete(partial: &Path, place: &Path) -> Result<()> {
    rustix::fs::syncfs(File::open(partial)?).context("sync")?;
    fs::rename(partial, place).context("rename")?;
    if let Some(parent) = place.parent() {
        File::open(parent)?
            .sync_all()
            .context("sync the folder above")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_folder_is_made_once() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("thing-1");
        for round in ["first", "second"] {
            folder_once(&folder, "making", |inside| {
                Ok(fs::write(inside.join("round"), round)?)
            })
            .unwrap();
        }
        assert_eq!(fs::read_to_string(folder.join("round")).unwrap(), "first");
    }

    #[test]
    fn a_failed_attempt_leaves_nothing_in_its_place_and_does_not_spoil_the_next() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("thing-1");
        let failed = folder_once(&folder, "making", |inside| {
            fs::write(inside.join("half"), "")?;
            bail!("cut in the middle")
        });
        assert!(failed.is_err() && !folder.exists());
        folder_once(&folder, "making", |inside| {
            Ok(fs::write(inside.join("whole"), "")?)
        })
        .unwrap();
        assert!(folder.join("whole").exists() && !folder.join("half").exists());
    }

    #[test]
    fn a_lock_keeps_a_second_holder_out() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("lock");
        let held = Lock::acquire(&path, "").unwrap();
        let other = File::options().write(true).open(&path).unwrap();
        assert!(other.try_lock().is_err());
        drop(held);
        assert!(other.try_lock().is_ok());
    }
}
