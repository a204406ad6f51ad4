//! Which agent binary to run: the installed one, or the last one that said hello.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The two places an agent binary can be at, and what is known of them.
pub(crate) struct Binaries {
    installed: PathBuf,
    last_good: PathBuf,
    /// The installed file that ended without a hello. It is not run again until the file changes or the last good one
    /// fails as well.
    distrusted: Option<Fingerprint>,
    /// The file that `last_good` is known to be a copy of.
    copied: Option<Fingerprint>,
}

/// A binary to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    pub(crate) origin: Origin,
}

/// Where a binary comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Put there by the pod's init container or by an upgrade. Without a fingerprint: the file could not be looked at.
    Installed(Option<Fingerprint>),
    /// Our copy of the last one that said hello.
    LastGood,
}

/// Tells one version of a file from the next without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Fingerprint {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Why a binary could not be kept as the last good one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("cannot read the agent's binary through {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
}

impl Binaries {
    pub(crate) fn new(installed: PathBuf, last_good: PathBuf) -> Self {
        Self {
            installed,
            last_good,
            distrusted: None,
            copied: None,
        }
    }

    /// The binary to run next: the installed one, unless it failed and there is a last good one.
    pub(crate) fn choose(&self) -> Binary {
        let found = fs::metadata(&self.installed)
            .ok()
            .map(|metadata| Fingerprint::of(&metadata));
        let usable = found.is_some() && found != self.distrusted;
        if !usable && self.last_good.is_file() {
            return Binary {
                path: self.last_good.clone(),
                origin: Origin::LastGood,
            };
        }
        Binary {
            path: self.installed.clone(),
            origin: Origin::Installed(found),
        }
    }

    /// Takes note that a binary could not be run or ended without a hello.
    pub(crate) fn failed(&mut self, origin: Origin) {
        self.distrusted = match origin {
            Origin::Installed(fingerprint) => fingerprint,
            // Both fail, so neither is preferred; the restart delay keeps the alternation slow.
            Origin::LastGood => None,
        };
    }

    /// Keeps the binary that process `pid` executes as the last good one.
    ///
    /// It is read through `/proc`, where the kernel keeps the very file that said hello, even when another one has its
    /// name by now. The copy is not synced: that could hold up the loop for seconds on a busy disk, and a file torn by
    /// a power loss does not execute, which is one more failed start and heals at the next hello.
    pub(crate) fn keep(&mut self, pid: i32) -> Result<(), KeepError> {
        let exe = PathBuf::from(format!("/proc/{pid}/exe"));
        let read = |source| KeepError::Read {
            path: exe.clone(),
            source,
        };
        let mut from = File::open(&exe).map_err(read)?;
        let fingerprint = Fingerprint::of(&from.metadata().map_err(read)?);
        if self.copied == Some(fingerprint) {
            return Ok(());
        }
        replace(&self.last_good, &mut from).map_err(|source| KeepError::Write {
            path: self.last_good.clone(),
            source,
        })?;
        self.copied = Some(fingerprint);
        Ok(())
    }
}

/// Puts a copy of `from` at `path`, so that at any moment the old or the new file is there as a whole.
fn replace(path: &Path, from: &mut File) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = write_executable(&beside, from).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_executable(path: &Path, from: &mut File) -> io::Result<()> {
    // A leftover of an earlier attempt may have other permissions.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(path)?;
    io::copy(from, &mut to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder {
        dir: tempfile::TempDir,
        binaries: Binaries,
    }

    impl Folder {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let binaries = Binaries::new(dir.path().join("agent"), dir.path().join("last-good"));
            Self { dir, binaries }
        }

        fn write(&self, name: &str, content: &str) {
            // A new inode each time, as an upgrade's rename makes it.
            let beside = self.dir.path().join("beside");
            fs::write(&beside, content).unwrap();
            fs::rename(beside, self.dir.path().join(name)).unwrap();
        }

        fn choice(&self) -> &'static str {
            match self.binaries.choose().origin {
                Origin::Installed(_) => "installed",
                Origin::LastGood => "last good",
            }
        }

        fn fail(&mut self) {
            let origin = self.binaries.choose().origin;
            self.binaries.failed(origin);
        }
    }

    #[test]
    fn an_installed_binary_that_failed_is_not_run_again_until_it_changes() {
        let mut folder = Folder::new();
        folder.write("agent", "new");
        folder.write("last-good", "old");
        assert_eq!(folder.choice(), "installed");
        folder.fail();
        assert_eq!(folder.choice(), "last good");
        assert_eq!(folder.choice(), "last good");
        folder.write("agent", "newer");
        assert_eq!(folder.choice(), "installed");
    }

    #[test]
    fn when_both_fail_they_take_turns() {
        let mut folder = Folder::new();
        folder.write("agent", "new");
        folder.write("last-good", "old");
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(folder.choice());
            folder.fail();
        }
        assert_eq!(seen, ["installed", "last good", "installed", "last good"]);
    }

    #[test]
    fn without_a_last_good_binary_the_installed_one_is_tried_again() {
        let mut folder = Folder::new();
        folder.write("agent", "new");
        folder.fail();
        assert_eq!(folder.choice(), "installed");
    }

    #[test]
    fn a_missing_installed_binary_is_replaced_by_the_last_good_one() {
        let folder = Folder::new();
        assert_eq!(folder.choice(), "installed");
        folder.write("last-good", "old");
        assert_eq!(folder.choice(), "last good");
    }

    #[test]
    fn what_is_kept_is_the_file_the_process_executes() {
        let mut folder = Folder::new();
        fs::write(folder.dir.path().join("last-good.new"), "leftover").unwrap();
        folder
            .binaries
            .keep(i32::try_from(std::process::id()).unwrap())
            .unwrap();
        let last_good = folder.dir.path().join("last-good");
        let own = std::env::current_exe().unwrap();
        assert!(fs::read(&last_good).unwrap() == fs::read(own).unwrap());
        assert_eq!(fs::metadata(&last_good).unwrap().mode() & 0o700, 0o700);
        assert!(!folder.dir.path().join("last-good.new").exists());
    }
}
