//! How large the binary logs are.

use std::path::Path;
use std::{fs, io};

/// Bytes of all binary log files in a data directory, also while mysqld writes to them. `log_bin` is `binlog` on every
/// member.
pub fn bytes_of_all(data_dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(data_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("binlog."));
        if number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
            // One that was purged in between is no more.
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_files_count_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("binlog.000001", 10),
            ("binlog.1000000", 5),
            ("binlog.index", 100),
            ("relay.000001", 100),
        ] {
            fs::write(dir.path().join(name), vec![0; bytes]).unwrap();
        }
        assert_eq!(bytes_of_all(dir.path()).unwrap(), 15);
        assert!(bytes_of_all(&dir.path().join("missing")).is_err());
    }
}
