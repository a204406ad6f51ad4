//! The archive: a tar, compressed by gzip.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::File;

/// Readable by whoever unpacks it.
const MODE: u32 = 0o600;

/// Writes the files below a folder of the archive. `at` is in seconds since 1970.
pub(super) fn write(to: impl Write, folder: &str, files: &[File], at: u64) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(to, Compression::default()));
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(file.text.len()).unwrap_or(u64::MAX));
        header.set_mode(MODE);
        header.set_mtime(at);
        let path = format!("{folder}/{}", file.path);
        archive.append_data(&mut header, path, file.text.as_bytes())?;
    }
    archive.into_inner()?.finish()?.flush()
}
