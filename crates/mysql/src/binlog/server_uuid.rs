//! The name under which a server writes transactions.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::error::TailError;

/// The file in which mysqld keeps its `server_uuid`.
const FILE: &str = "auto.cnf";

/// Makes the next mysqld on `data_dir` take a new `server_uuid`, durably. Belongs after every
/// judgement of a former primary, also when there was nothing to cut: the numbers that were cut off
/// will be given again, and another server may still hold the old transactions of that name.
pub fn forget_server_uuid(data_dir: &Path) -> Result<(), TailError> {
    let path = data_dir.join(FILE);
    let removed = match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    removed
        .and_then(|()| File::open(data_dir)?.sync_all())
        .map_err(|source| TailError::ServerUuid { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_removed_and_nothing_else_and_a_second_time_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "[auto]\nserver-uuid=x\n").unwrap();
        fs::write(dir.path().join("mysqld-auto.cnf"), "{}").unwrap();
        forget_server_uuid(dir.path()).unwrap();
        forget_server_uuid(dir.path()).unwrap();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert!(dir.path().join("mysqld-auto.cnf").exists());
        assert!(forget_server_uuid(&dir.path().join("nowhere")).is_err());
    }
}
