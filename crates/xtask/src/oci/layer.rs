//! One layer: a sorted tree of files, written as a tar file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::tools::hex;

/// A written layer.
pub(crate) struct Blob {
    pub(crate) path: PathBuf,
    /// `sha256:…`; the layer is not compressed, so it is the digest of the content, too.
    pub(crate) digest: String,
    pub(crate) size_bytes: u64,
}

/// The files of a layer by their path without a leading slash. Folders above them are added.
#[derive(Default)]
pub(crate) struct Layer {
    entries: BTreeMap<PathBuf, Entry>,
}

enum Entry {
    Folder { mode: u32, owner: u64 },
    Text { text: String, mode: u32 },
    Copy { source: PathBuf, mode: u32 },
    Link { target: PathBuf },
}

impl Layer {
    /// A folder that belongs to user and group `owner`.
    pub(crate) fn folder(&mut self, path: impl AsRef<Path>, mode: u32, owner: u64) {
        self.put(path.as_ref(), Entry::Folder { mode, owner });
    }

    /// A file with the given content.
    pub(crate) fn text(&mut self, path: impl AsRef<Path>, text: impl Into<String>, mode: u32) {
        self.put(
            path.as_ref(),
            Entry::Text {
                text: text.into(),
                mode,
            },
        );
    }

    /// A copy of a file of this machine.
    pub(crate) fn copy(&mut self, path: impl AsRef<Path>, source: &Path, mode: u32) {
        self.put(
            path.as_ref(),
            Entry::Copy {
                source: source.to_path_buf(),
                mode,
            },
        );
    }

    /// A symbolic link.
    pub(crate) fn link(&mut self, path: impl AsRef<Path>, target: impl Into<PathBuf>) {
        self.put(
            path.as_ref(),
            Entry::Link {
                target: target.into(),
            },
        );
    }

    /// Everything below `root` whose path `wanted` accepts; of a refused folder nothing is looked at. Devices and
    /// sockets are left out.
    pub(crate) fn tree(&mut self, root: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let source = root.join(&folder);
            let entries =
                fs::read_dir(&source).with_context(|| format!("read {}", source.display()))?;
            for entry in entries {
                let entry = entry.with_context(|| format!("read {}", source.display()))?;
                let path = folder.join(entry.file_name());
                if !wanted(&path) {
                    continue;
                }
                if self.take(&path, &entry.path())? {
                    folders.push(path);
                }
            }
        }
        Ok(())
    }

    /// Takes one file, link or folder of this machine; true for a folder.
    fn take(&mut self, path: &Path, source: &Path) -> Result<bool> {
        let shown = source.display();
        let meta = source
            .symlink_metadata()
            .with_context(|| format!("look at {shown}"))?;
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_symlink() {
            let target = fs::read_link(source).with_context(|| format!("read link {shown}"))?;
            self.link(path, target);
        } else if meta.is_file() {
            self.copy(path, source, mode);
        } else if meta.is_dir() {
            self.folder(path, mode, 0);
        }
        Ok(meta.is_dir())
    }

    fn put(&mut self, path: &Path, entry: Entry) {
        for above in path
            .ancestors()
            .skip(1)
            .filter(|above| !above.as_os_str().is_empty())
        {
            self.entries
                .entry(above.to_path_buf())
                .or_insert(Entry::Folder {
                    mode: 0o755,
                    owner: 0,
                });
        }
        self.entries.insert(path.to_path_buf(), entry);
    }

    /// Writes the layer to `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<Blob> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let digesting = Digesting {
            file: BufWriter::new(file),
            digest: Sha256::new(),
            size: 0,
        };
        let mut tar = tar::Builder::new(digesting);
        for (name, entry) in &self.entries {
            append(&mut tar, name, entry)
                .with_context(|| format!("add {} to a layer", name.display()))?;
        }
        let mut done = tar.into_inner().context("end a layer")?;
        done.flush()
            .with_context(|| format!("write {}", path.display()))?;
        let digest = format!("sha256:{}", hex(&done.digest.finalize()));
        Ok(Blob {
            path: path.to_path_buf(),
            digest,
            size_bytes: done.size,
        })
    }
}

fn append<W: Write>(tar: &mut tar::Builder<W>, name: &Path, entry: &Entry) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(0);
    header.set_size(0);
    match entry {
        Entry::Folder { mode, owner } => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(*mode);
            header.set_uid(*owner);
            header.set_gid(*owner);
            tar.append_data(&mut header, name, io::empty())?;
        }
        Entry::Text { text, mode } => {
            header.set_mode(*mode);
            header.set_size(u64::try_from(text.len())?);
            tar.append_data(&mut header, name, text.as_bytes())?;
        }
        Entry::Copy { source, mode } => {
            let file = File::open(source).with_context(|| format!("open {}", source.display()))?;
            let size = file.metadata()?.len();
            header.set_mode(*mode);
            header.set_size(size);
            tar.append_data(&mut header, name, file)?;
        }
        Entry::Link { target } => {
            if target.as_os_str().is_empty() {
                bail!("an empty link target");
            }
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, name, target)?;
        }
    }
    Ok(())
}

/// Counts and digests what passes through.
struct Digesting {
    file: BufWriter<File>,
    digest: Sha256,
    size: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        let done = bytes.get(..written).unwrap_or_default();
        self.digest.update(done);
        self.size += u64::try_from(written).map_err(io::Error::other)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_above_a_file_are_added_and_a_tree_keeps_modes_and_links() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("bin/run"), "x").unwrap();
        fs::set_permissions(root.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("run", root.join("bin/link")).unwrap();
        fs::write(root.join("unwanted"), "").unwrap();
        let mut layer = Layer::default();
        layer
            .tree(&root, &|path| path != Path::new("unwanted"))
            .unwrap();
        layer.text("etc/deep/file", "text", 0o600);
        let blob = layer.write(&place.path().join("layer")).unwrap();
        assert_eq!(blob.size_bytes, fs::metadata(&blob.path).unwrap().len());
        let mut archive = tar::Archive::new(File::open(&blob.path).unwrap());
        let seen: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                format!(
                    "{} {:o}",
                    entry.path().unwrap().display(),
                    header.mode().unwrap()
                )
            })
            .collect();
        let wanted = [
            "bin 755",
            "bin/link 777",
            "bin/run 755",
            "etc 755",
            "etc/deep 755",
            "etc/deep/file 600",
        ];
        assert_eq!(seen, wanted);
    }
}
