//! The index: which file of the binary log is the last one.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use super::error::TailError;

/// The index as MOCO's my.cnf makes mysqld name it (`log_bin = binlog`; users cannot change it).
const FILE: &str = "binlog.index";
/// A larger index is damaged: this is a million files.
const BYTES_MAX: u64 = 32 << 20;

/// The last binary log file of a data directory, or what is wrong with the index.
pub(super) fn last_file(data_dir: &Path) -> Result<Result<PathBuf, String>, TailError> {
    let path = data_dir.join(FILE);
    let text = match read(&path) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(Err(format!("{FILE} is larger than {BYTES_MAX} bytes"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(format!("there is no {FILE}")));
        }
        Err(source) => return Err(TailError::Read { path, source }),
    };
    let Some(name) = last_name(&text) else {
        return Ok(Err(format!("{FILE} does not end with the name of a file")));
    };
    let file = data_dir.join(&name);
    match fs::symlink_metadata(&file) {
        Ok(found) if found.is_file() => Ok(Ok(file)),
        Ok(_) => Ok(Err(format!("{name} is not a plain file"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Err(format!("{name} is named by {FILE} and missing")))
        }
        Err(source) => Err(TailError::Read { path: file, source }),
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut text)?;
    let fits = u64::try_from(text.len()).is_ok_and(|bytes| bytes <= BYTES_MAX);
    Ok(fits.then_some(text))
}

/// The name in the last line, when it is a file in the data directory (mysqld writes `./NAME`) and
/// the line is whole: mysqld ends every line with a newline.
fn last_name(index: &[u8]) -> Option<String> {
    let lines = std::str::from_utf8(index).ok()?.strip_suffix('\n')?;
    let last = lines.rsplit('\n').next()?;
    let mut parts = Path::new(last)
        .components()
        .filter(|part| *part != Component::CurDir);
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) => name.to_str().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_is_read_and_paths_to_elsewhere_are_not() {
        let last = |text: &str| last_name(text.as_bytes());
        assert_eq!(
            last("./binlog.000001\n./binlog.000002\n").as_deref(),
            Some("binlog.000002")
        );
        assert_eq!(last("binlog.000009\n").as_deref(), Some("binlog.000009"));
        for wrong in [
            "",
            "\n",
            "./binlog.000001\n./binlog.0000",
            "../binlog.000001\n",
            "/etc/passwd\n",
            "./a/binlog.000001\n",
        ] {
            assert_eq!(last(wrong), None, "{wrong:?}");
        }
    }
}
