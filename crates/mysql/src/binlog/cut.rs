//! Keeping the tail as evidence, and cutting it off.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::Cut;
use super::error::TailError;

/// Other tails of the same file and offset come from data directories that were replaced; there are a
/// few at most.
const SAME_NAME_MAX: u32 = 100;
/// How much is copied at once.
const BUFFER_BYTES: usize = 1 << 20;
/// How much is compared at once.
const COMPARED_BYTES: u64 = 1 << 20;

/// A tail that is cut off, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutDone {
    /// The tail behind the first events of its file: a binary log that `mysqlbinlog` shows.
    pub evidence: PathBuf,
    /// How many bytes were cut off, now or at an earlier call.
    pub bytes: u64,
}

/// Copies the tail into a file in `evidence_dir`, which is made when it is missing, and cuts it off.
/// Nothing is cut before the copy is durable. Killed at any point and called again, with this `cut` or
/// with a new judgement's, it comes to the same end. No mysqld may run on the directory.
///
/// The copy holds rows of the users: it is readable by its owner only, and it is the caller's to
/// remove.
pub fn cut(cut: &Cut, evidence_dir: &Path) -> Result<CutDone, TailError> {
    let truncate = |source| TailError::Truncate {
        path: cut.file.clone(),
        source,
    };
    let log = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&cut.file)
        .map_err(truncate)?;
    let found = log.metadata().map_err(truncate)?.len();
    let evidence = if found == cut.at.saturating_add(cut.bytes) {
        keep(cut, &log, evidence_dir)?
    } else if found == cut.at {
        kept(cut, &log, evidence_dir)?.ok_or_else(|| changed(cut, found))?
    } else {
        return Err(changed(cut, found));
    };
    log.set_len(cut.at)
        .and_then(|()| log.sync_all())
        .and_then(|()| sync_folder(&cut.file))
        .map_err(truncate)?;
    Ok(CutDone {
        evidence,
        bytes: cut.bytes,
    })
}

fn changed(cut: &Cut, found: u64) -> TailError {
    TailError::Changed {
        path: cut.file.clone(),
        expected: cut.at.saturating_add(cut.bytes),
        found,
    }
}

/// Makes the evidence durable, unless the same one is there.
fn keep(cut: &Cut, log: &File, dir: &Path) -> Result<PathBuf, TailError> {
    let failed = |source| TailError::Evidence {
        path: dir.to_owned(),
        source,
    };
    make_folder(dir).map_err(failed)?;
    for number in 1..=SAME_NAME_MAX {
        let path = dir.join(name(cut, number));
        let there = match File::open(&path) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write(cut, log, &path).map_err(failed)?;
                return Ok(path);
            }
            Err(error) => return Err(failed(error)),
        };
        if same(evidence(cut, log), &there).map_err(failed)? {
            return there
                .sync_all()
                .and_then(|()| sync_folder(&path))
                .map(|()| path)
                .map_err(failed);
        }
    }
    Err(TailError::EvidenceFull {
        path: dir.to_owned(),
        count: SAME_NAME_MAX,
    })
}

/// The evidence of a tail that is cut off already: the last one with its name, size and head.
fn kept(cut: &Cut, log: &File, dir: &Path) -> Result<Option<PathBuf>, TailError> {
    let failed = |source| TailError::Evidence {
        path: dir.to_owned(),
        source,
    };
    for number in (1..=SAME_NAME_MAX).rev() {
        let path = dir.join(name(cut, number));
        let there = match File::open(&path) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        let size = there.metadata().map_err(failed)?.len();
        let head = Part::new(log, 0, cut.head);
        if size == cut.head.saturating_add(cut.bytes)
            && same(head, there.take(cut.head)).map_err(failed)?
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// `binlog.000007-cut-at-1234`, and for later ones of that name `binlog.000007-cut-at-1234.2`.
fn name(cut: &Cut, number: u32) -> String {
    let file = cut.file.file_name().unwrap_or_default().to_string_lossy();
    let number = match number {
        1 => String::new(),
        more => format!(".{more}"),
    };
    format!("{file}-cut-at-{}{number}", cut.at)
}

/// Makes the folder, unless it is there, durably. Its parent must be there.
fn make_folder(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(dir),
    }
}

fn write(cut: &Cut, log: &File, path: &Path) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    let written = io::copy(&mut evidence(cut, log), &mut file)?;
    if written != cut.head.saturating_add(cut.bytes) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.sync_all()?;
    fs::rename(&partial, path)?;
    sync_folder(path)
}

/// What the evidence holds: the first events of the file, and the tail.
fn evidence(cut: &Cut, log: &File) -> impl Read {
    let head = Part::new(log, 0, cut.head);
    let tail = Part::new(log, cut.at, cut.bytes);
    BufReader::with_capacity(BUFFER_BYTES, head.chain(tail))
}

/// A part of a file, read without moving the file's own position.
struct Part<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl<'a> Part<'a> {
    fn new(file: &'a File, at: u64, bytes: u64) -> Self {
        let end = at.saturating_add(bytes);
        Self { file, at, end }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = left.min(into.len());
        let read = match into.get_mut(..count) {
            Some(into) => self.file.read_at(into, self.at)?,
            None => 0,
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// Whether both give the same bytes.
fn same(mut one: impl Read, mut other: impl Read) -> io::Result<bool> {
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    loop {
        of_one.clear();
        of_other.clear();
        (&mut one).take(COMPARED_BYTES).read_to_end(&mut of_one)?;
        (&mut other)
            .take(COMPARED_BYTES)
            .read_to_end(&mut of_other)?;
        if of_one != of_other {
            return Ok(false);
        }
        if of_one.is_empty() {
            return Ok(true);
        }
    }
}

/// Makes the entry of `path` in its folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests;
