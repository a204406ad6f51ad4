//! The files of a mounted Secret, read as one snapshot.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use moco_pki::KeyPem;

use super::{CredentialsError, PemFiles};

/// More than any bundle needs; a file that is larger is not one of ours.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// How often a snapshot is tried that was torn by an update.
const TRIES: u32 = 3;

/// Reads the three files. Kubernetes updates a mounted Secret by pointing the link `..data` to
/// another folder, so the files are read from the folder behind the link; when the link has moved
/// meanwhile that folder may be half deleted, and the reading is done again.
pub(super) fn read(folder: &Path) -> Result<PemFiles, CredentialsError> {
    let mut last = read_behind_link(folder);
    for _ in 1..TRIES {
        match last {
            Ok((ref behind, _)) if *behind == behind_link(folder) => break,
            Ok(_) => {}
            Err(ref error) if is_missing(error) => {}
            Err(_) => break,
        }
        last = read_behind_link(folder);
    }
    last.map(|(_, files)| files)
}

fn read_behind_link(folder: &Path) -> Result<(PathBuf, PemFiles), CredentialsError> {
    let behind = behind_link(folder);
    let files = PemFiles {
        bundle: read_file(behind.join("ca.crt"))?,
        certificate: read_file(behind.join("tls.crt"))?,
        key: KeyPem::new(read_file(behind.join("tls.key"))?),
    };
    Ok((behind, files))
}

fn behind_link(folder: &Path) -> PathBuf {
    folder
        .join("..data")
        .canonicalize()
        .unwrap_or_else(|_| folder.to_owned())
}

fn is_missing(error: &CredentialsError) -> bool {
    matches!(error, CredentialsError::Read { source, .. }
        if source.kind() == io::ErrorKind::NotFound)
}

fn read_file(path: PathBuf) -> Result<String, CredentialsError> {
    let mut text = String::new();
    let outcome = File::open(&path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .and_then(|_| {
            if text.len() as u64 > FILE_BYTES_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!("larger than {FILE_BYTES_MAX} bytes"),
                ));
            }
            Ok(())
        });
    match outcome {
        Ok(()) => Ok(text),
        Err(source) => Err(CredentialsError::Read { path, source }),
    }
}
