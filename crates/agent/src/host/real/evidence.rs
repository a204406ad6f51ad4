//! What was cut off or given up, kept on the volume in the folder `evidence`: the bytes, and beside
//! them a list of what they are. Both hold rows of the users and are readable by their owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use moco_model::report::{EVIDENCE_MAX, Evidence, Fault};
use moco_mysql::binlog::{self, Cut};

use super::volume_fault;

/// The folder on the volume.
const FOLDER: &str = "evidence";
/// The list in it.
const LIST: &str = "entries.json";
/// What is kept of data that is given up: an eighth of it holds most days' binary logs, and the volume
/// must have room for the data that comes in its place.
const LOG_BYTES_MAX: u64 = 1 << 30;
/// A larger list is damaged: it has 8 entries, whose GTID sets have at most 1 MiB.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// Why evidence could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum EvidenceError {
    /// The list could not be read or written.
    #[error("cannot keep the list of evidence {path}")]
    List {
        /// The list.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Binary logs could not be kept.
    #[error("cannot keep binary logs as evidence in {path}")]
    Logs {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The entries, the oldest first. A list that cannot be read is shown in the log and counts as empty:
/// evidence is for people, and nothing waits for it.
pub(super) fn read(volume: &Path) -> Vec<Evidence> {
    let path = volume.join(FOLDER).join(LIST);
    read_list(&path).unwrap_or_else(|error| {
        tracing::warn!(%error, path = %path.display(), "cannot read the list of evidence");
        Vec::new()
    })
}

fn read_list(path: &Path) -> io::Result<Vec<Evidence>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Ok(found) if found.len() > LIST_BYTES_MAX => Err(io::ErrorKind::FileTooLarge.into()),
        _ => Ok(serde_json::from_slice(&fs::read(path)?)?),
    }
}

/// Keeps a tail and cuts it off. The entry is there before anything is cut, and names the bytes
/// afterwards.
pub(super) fn cut(volume: &Path, cut: &Cut, mut entry: Evidence) -> Result<(), Fault> {
    record(volume, &entry).map_err(|error| volume_fault(&error))?;
    let done = binlog::cut(cut, &volume.join(FOLDER)).map_err(|error| volume_fault(&error))?;
    entry.file = below(volume, &done.evidence);
    record(volume, &entry).map_err(|error| volume_fault(&error))
}

fn below(volume: &Path, path: &Path) -> Option<String> {
    let path = path.strip_prefix(volume).ok()?;
    path.to_str().map(str::to_owned)
}

/// Keeps the newest binary logs of `data_dir`, which stays as it is: as further names of the same
/// files, so it takes no room while the data is there. `of` is the incarnation of the data.
pub(super) fn keep_logs(
    volume: &Path,
    data_dir: &Path,
    of: &str,
    mut entry: Evidence,
) -> Result<(), EvidenceError> {
    let folder = volume.join(FOLDER).join(format!("binlogs-of-{of}"));
    let kept = link_newest(volume, data_dir, &folder).map_err(|source| EvidenceError::Logs {
        path: folder.clone(),
        source,
    })?;
    if kept > 0 {
        entry.file = below(volume, &folder);
    }
    record(volume, &entry)
}

fn link_newest(volume: &Path, data_dir: &Path, folder: &Path) -> io::Result<usize> {
    let logs = newest_logs(data_dir)?;
    if logs.is_empty() {
        return Ok(0);
    }
    make_folder(&volume.join(FOLDER))?;
    make_folder(folder)?;
    for log in &logs {
        let kept = folder.join(log.file_name().unwrap_or_default());
        match fs::hard_link(log, &kept) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // Not every file system gives a file two names.
                fs::copy(log, &kept)?;
                File::open(&kept)?.sync_all()?;
            }
            _ => {}
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(logs.len())
}

/// The newest binary log files that together are not too large, the newest first.
fn newest_logs(data_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut logs = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(number) = log_number(&entry.file_name().to_string_lossy()) {
            logs.push((number, entry.metadata()?.len(), entry.path()));
        }
    }
    logs.sort_unstable_by_key(|(number, _, _)| std::cmp::Reverse(*number));
    let mut total = 0_u64;
    let mut fits = |bytes: u64| {
        total = total.saturating_add(bytes);
        total <= LOG_BYTES_MAX
    };
    let kept = logs.into_iter().take_while(|(_, bytes, _)| fits(*bytes));
    Ok(kept.map(|(_, _, path)| path).collect())
}

/// The number of a binary log file, `binlog.000007`; MOCO's my.cnf names them so.
fn log_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("binlog.")?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok())?
}

/// Puts the entry into the list, in the place of one about the same transactions, and removes what is
/// too old.
fn record(volume: &Path, entry: &Evidence) -> Result<(), EvidenceError> {
    let folder = volume.join(FOLDER);
    let path = folder.join(LIST);
    let mut entries = read(volume);
    entries.retain(|old| (old.epoch, &old.transactions) != (entry.epoch, &entry.transactions));
    entries.push(entry.clone());
    let too_old = entries.len().saturating_sub(EVIDENCE_MAX);
    let old: Vec<Evidence> = entries.drain(..too_old).collect();
    replace(&folder, &path, &entries).map_err(|source| EvidenceError::List {
        path: path.clone(),
        source,
    })?;
    for file in old.iter().filter_map(|old| old.file.as_deref()) {
        if !entries
            .iter()
            .any(|entry| entry.file.as_deref() == Some(file))
        {
            remove(&volume.join(file));
        }
    }
    Ok(())
}

fn replace(folder: &Path, path: &Path, entries: &[Evidence]) -> io::Result<()> {
    make_folder(folder)?;
    let new = folder.join(format!("{LIST}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(entries)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

/// Makes a folder, unless it is there, durably. Its parent must be there.
fn make_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => {
            let parent = folder.parent().unwrap_or(folder);
            File::open(parent)?.sync_all()
        }
    }
}

/// Removes what no entry names any more: a file, or a folder of files.
fn remove(path: &Path) {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    if let Err(error) = removed {
        tracing::warn!(%error, path = %path.display(), "cannot remove old evidence");
    }
}

#[cfg(test)]
mod tests;
