//! The guard file: what this member has promised, on its own volume.
//!
//! Replaced by write, fsync, rename, fsync of the folder, so that after a crash either the old or
//! the new promise is there, whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use moco_model::Guard;

/// The name of the file on the volume.
pub const FILE: &str = "moco-guard.json";

/// Larger than any guard file, whose largest part is a GTID set of at most 1 MiB; a larger one is
/// damaged.
const BYTES_MAX: u64 = 4 << 20;

/// Why a guard file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Reading failed.
    #[error("cannot read the guard file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what an agent writes.
    #[error("the guard file {path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// It is far too large.
    #[error("the guard file {path} is damaged: it has {bytes} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Writing failed.
    #[error("cannot write the guard file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads the guard file of a volume; none on a volume that was never used.
pub fn read(volume: &Path) -> Result<Option<Guard>, GuardError> {
    let path = volume.join(FILE);
    let bytes = match fs::metadata(&path) {
        Ok(found) if found.len() > BYTES_MAX => {
            return Err(GuardError::TooLarge {
                path,
                bytes: found.len(),
            });
        }
        Ok(_) => fs::read(&path),
        Err(error) => Err(error),
    };
    match bytes {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| GuardError::Damaged { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GuardError::Read { path, source }),
    }
}

/// Replaces the guard file of a volume, durably.
pub fn write(volume: &Path, guard: &Guard) -> Result<(), GuardError> {
    let path = volume.join(FILE);
    replace(volume, &path, guard).map_err(|source| GuardError::Write { path, source })
}

fn replace(volume: &Path, path: &Path, guard: &Guard) -> io::Result<()> {
    let new = volume.join(format!("{FILE}.new"));
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec_pretty(guard)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(volume)?.sync_all()
}

#[cfg(test)]
mod tests {
    use moco_model::guard::DataState;
    use moco_model::{ClusterUid, Epoch, MemberId};

    use super::*;

    fn guard() -> Guard {
        Guard {
            cluster: ClusterUid("u".into()),
            member: MemberId(1),
            epoch: Epoch(4),
            promised: Epoch(5),
            opened: Some(Epoch(4)),
            role: None,
            membership: None,
            incarnation: "i".into(),
            data: DataState::Holding,
            boot_id: "b".into(),
            pod_uid: "p".into(),
            volume_id: "v".into(),
            watermark: "00000000-0000-0000-0000-000000000001:1-7".parse().unwrap(),
            server_version: None,
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_an_unused_volume_has_none() {
        let volume = tempfile::tempdir().unwrap();
        assert_eq!(read(volume.path()).unwrap(), None);
        write(volume.path(), &guard()).unwrap();
        assert_eq!(read(volume.path()).unwrap(), Some(guard()));
    }

    #[test]
    fn a_write_that_was_cut_leaves_the_old_promise() {
        let volume = tempfile::tempdir().unwrap();
        write(volume.path(), &guard()).unwrap();
        fs::write(volume.path().join(format!("{FILE}.new")), "{\"clus").unwrap();
        assert_eq!(read(volume.path()).unwrap(), Some(guard()));
    }

    #[test]
    fn a_damaged_file_is_an_error_and_never_an_unused_volume() {
        let volume = tempfile::tempdir().unwrap();
        fs::write(volume.path().join(FILE), "").unwrap();
        assert!(matches!(
            read(volume.path()),
            Err(GuardError::Damaged { .. })
        ));
        let file = File::create(volume.path().join(FILE)).unwrap();
        file.set_len(BYTES_MAX + 1).unwrap();
        assert!(matches!(
            read(volume.path()),
            Err(GuardError::TooLarge { .. })
        ));
    }
}
