//! The folder of a cluster, and the files in it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use moco_model::{ClusterId, MemberId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The folder of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// The folder at this path.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The folder of this cluster under `root`.
    pub(crate) fn of(root: &Path, cluster: &ClusterId) -> Self {
        Self(root.join(format!("{}.{}", cluster.namespace, cluster.name)))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The manifest as it was taken over last.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.0.join("manifest.yaml")
    }

    /// What `up` was told, for the background process.
    pub(crate) fn settings(&self) -> PathBuf {
        self.0.join("settings.json")
    }

    /// The register.
    pub(crate) fn register(&self) -> PathBuf {
        self.0.join("register.json")
    }

    /// What the background process saw last.
    pub(crate) fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    /// What people ask.
    pub(crate) fn requests(&self) -> PathBuf {
        self.0.join("requests.json")
    }

    /// The background process.
    pub(crate) fn daemon(&self) -> PathBuf {
        self.0.join("daemon.json")
    }

    /// Its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("moco-local.log")
    }

    /// The passwords, one file each.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.0.join("credentials")
    }

    /// The certificates of the members.
    pub(crate) fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The authority and the certificate of the background process.
    pub(crate) fn authority(&self) -> PathBuf {
        self.0.join("authority")
    }

    /// The folder of a member.
    pub(crate) fn member(&self, member: MemberId) -> PathBuf {
        self.0.join(format!("member-{member}"))
    }

    /// The members that have a folder.
    pub(crate) fn members(&self) -> Vec<MemberId> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                name.to_str()?
                    .strip_prefix("member-")?
                    .parse()
                    .ok()
                    .map(MemberId)
            })
            .collect();
        found.sort_unstable();
        found
    }
}

/// Where clusters are kept.
pub(crate) fn root(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return std::path::absolute(&given)
            .with_context(|| format!("cannot use the folder {}", given.display()));
    }
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state")));
    state
        .map(|state| state.join("moco-local"))
        .context("neither XDG_STATE_HOME nor HOME is set; name a folder with --dir")
}

/// The cluster that is meant: by name, or the only one.
pub(crate) fn find(root: &Path, name: Option<&str>) -> anyhow::Result<Home> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let home = Home::at(entry.path());
        let folder = entry.file_name().to_string_lossy().into_owned();
        let Some((namespace, cluster)) = folder.split_once('.') else {
            continue;
        };
        let full = format!("{namespace}/{cluster}");
        if home.manifest().exists() && name.is_none_or(|name| name == cluster || name == full) {
            found.push((full, home));
        }
    }
    match (found.len(), found.pop()) {
        (1, Some((_, home))) => Ok(home),
        (0, _) => match name {
            Some(name) => bail!("there is no cluster {name} in {}", root.display()),
            None => bail!(
                "there is no cluster in {}; start one with `moco-local up FILE`",
                root.display()
            ),
        },
        (_, last) => {
            let mut names: Vec<_> = found
                .into_iter()
                .chain(last)
                .map(|(name, _)| name)
                .collect();
            names.sort();
            bail!(
                "there are several clusters; name one with --cluster: {}",
                names.join(", ")
            )
        }
    }
}

/// Makes a folder that nobody else may enter.
pub(crate) fn private_dir(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Replaces a file that nobody else may read, durably: write, fsync, rename, fsync of the folder.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let new = path.with_extension("new");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

/// Reads a JSON file; none if there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .with_context(|| format!("the file {} is damaged", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces a JSON file.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let bytes = serde_json::to_vec_pretty(value).context("cannot write as JSON")?;
    replace(path, &bytes).with_context(|| format!("cannot write {}", path.display()))
}
