//! A member's volume: filled to its last block, or lost with everything on it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use moco_model::MemberId;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use crate::home::Home;

/// The file that takes all the space that is left. The folder is one that every new file system of
/// this kind has, and that nobody else uses.
const BALLAST: &str = "lost+found/ballast";
/// What is taken at once at the end, bytes: one block of a file system.
const BLOCK: u64 = 4096;

/// The volume of a member, if it is a file system of its own: only such a one may be filled.
pub(crate) fn own(home: &Home, member: MemberId) -> anyhow::Result<Option<PathBuf>> {
    let folder = home.file(&format!("member-{member}"));
    let volume = folder.join("volume");
    let device = |path: &Path| {
        fs::metadata(path)
            .map(|meta| meta.dev())
            .with_context(|| format!("cannot look at {}", path.display()))
    };
    Ok((device(&volume)? != device(&folder)?).then_some(volume))
}

/// Takes all the space that is left.
pub(crate) fn fill(volume: &Path) -> anyhow::Result<()> {
    let path = volume.join(BALLAST);
    take(volume, &path).with_context(|| format!("cannot fill {}", volume.display()))
}

fn take(volume: &Path, path: &Path) -> io::Result<()> {
    let file = File::create(path)?;
    let mut length = 0;
    let mut step = u64::MAX;
    // Metadata of the file needs blocks, too: what does not fit is tried in halves.
    while step > BLOCK {
        let space = statvfs(volume)?;
        step = (step / 2).min(space.f_bavail.saturating_mul(space.f_frsize));
        match fallocate(&file, FallocateFlags::empty(), length, step.max(BLOCK)) {
            Ok(()) => length += step.max(BLOCK),
            Err(Errno::NOSPC) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Gives it back.
pub(crate) fn relieve(volume: &Path) -> anyhow::Result<()> {
    match fs::remove_file(volume.join(BALLAST)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot relieve {}", volume.display()))
        }
        _ => Ok(()),
    }
}

/// Removes everything that is on it. Nobody may use it meanwhile.
pub(crate) fn lose(home: &Home, member: MemberId) -> anyhow::Result<()> {
    let volume = home.file(&format!("member-{member}/volume"));
    let entries = fs::read_dir(&volume)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .with_context(|| format!("cannot look into {}", volume.display()))?;
    for entry in entries {
        let path = entry.path();
        let kept = path.ends_with("lost+found");
        let removed = match entry.file_type() {
            _ if kept => Ok(()),
            Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(folder: &Path) -> Home {
        fs::create_dir_all(folder.join("default.test/member-1/volume/data/mysql")).unwrap();
        fs::write(folder.join("default.test/settings.json"), "{}").unwrap();
        Home::open(&folder.join("default.test")).unwrap()
    }

    #[test]
    fn a_folder_of_the_machines_own_file_system_is_never_filled() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        assert_eq!(own(&home, MemberId(1)).unwrap(), None);
        assert!(own(&home, MemberId(2)).is_err());
    }

    #[test]
    fn a_lost_volume_is_empty_and_still_there() {
        let folder = tempfile::tempdir().unwrap();
        let home = home(folder.path());
        let volume = home.file("member-1/volume");
        fs::create_dir(volume.join("lost+found")).unwrap();
        fs::write(volume.join("guard"), "x").unwrap();
        lose(&home, MemberId(1)).unwrap();
        let left: Vec<_> = fs::read_dir(&volume).unwrap().map(Result::unwrap).collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].path().ends_with("lost+found"));
    }
}
