//! The images: those of the test cluster, which change with the versions, and our own.

mod layers;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::cache::folder_once;
use crate::cargo::{self, Profile};
use crate::elf;
use crate::mysql_root::MysqlRoot;
use crate::needs;
use crate::oci::{Image, Layer, Listed, Run, write_archive};
use crate::paths::{self, with_suffix};
use crate::tools::hex;
use crate::versions;
use layers::{Layers, MYSQL_USER, accounts};

/// The operator as the cluster knows it.
pub(crate) const MOCO: &str = "moco:dev";
/// The process that holds a pod's namespaces.
pub(crate) const PAUSE: &str = "testbed.local/pause:1";
/// A shell and small tools, as root unless the pod says otherwise.
pub(crate) const BUSYBOX: &str = "testbed.local/busybox:1";
/// MySQL's client programs and a shell.
pub(crate) const CLIENT: &str = "testbed.local/client:1";
/// A wrong image: nothing of MySQL in it.
pub(crate) const NO_MYSQLD: &str = "testbed.local/no-mysqld:1";
/// A wrong image: MySQL without the semi-sync and clone plugins.
pub(crate) const NO_PLUGINS: &str = "testbed.local/no-plugins:1";
/// A wrong image: a server that calls itself 8.0.
pub(crate) const MYSQL_8_0: &str = "testbed.local/mysql-8.0:1";

/// Changes when the recipes below change, so that old archives are not taken for new ones.
const RECIPE: &str = "1";

/// Archives of our own image that are kept: a running cluster may still be loading an older one.
const KEPT: usize = 3;

/// MySQL itself: `testbed.local/mysql:VERSION`.
pub(crate) fn mysql() -> String {
    format!("testbed.local/mysql:{}", versions::MYSQL)
}

/// An archive in the cache and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    pub(crate) path: PathBuf,
    pub(crate) images: Vec<Listed>,
}

impl Archive {
    fn open(folder: &Path) -> Result<Self> {
        let list = folder.join("images.json");
        let text = fs::read_to_string(&list).with_context(|| format!("read {}", list.display()))?;
        let images =
            serde_json::from_str(&text).with_context(|| format!("read {}", list.display()))?;
        Ok(Self {
            path: folder.join("images.tar"),
            images,
        })
    }

    fn write(folder: &Path, images: &[Image<'_>]) -> Result<()> {
        let listed = write_archive(&folder.join("images.tar"), images)?;
        let list = serde_json::to_string_pretty(&listed).context("list the images")?;
        fs::write(folder.join("images.json"), list).context("write the list of images")
    }
}

/// The images of the test cluster, written unless the cache has them.
pub(crate) fn testbed(word: &str) -> Result<Archive> {
    needs::ensure(word, needs::IMAGES)?;
    let mysql = MysqlRoot::ensure(word)?;
    let busybox = needs::find_program("busybox").context("busybox is not on PATH")?;
    let pause = paths::checkout()?.join("testbed/pause/pause.c");
    let key = key_of(&[&busybox, &pause])?;
    let folder = paths::cache()?
        .join("images")
        .join(format!("testbed-{key}"));
    let mysql_name = self::mysql();
    folder_once(
        &folder,
        "writing the images of the test cluster (first time, 5 s)",
        |partial| {
            let layers = Layers::write(&partial.join("layers"), &mysql.root(), &busybox, &pause)?;
            Archive::write(partial, &layers.images(&mysql_name))?;
            fs::remove_dir_all(partial.join("layers")).context("remove the layers' files")
        },
    )?;
    Archive::open(&folder)
}

fn key_of(files: &[&Path]) -> Result<String> {
    let mut digest = Sha256::new();
    digest.update(RECIPE);
    digest.update(versions::MYSQL);
    for file in files {
        digest.update(fs::read(file).with_context(|| format!("read {}", file.display()))?);
    }
    Ok(hex(&digest.finalize()).chars().take(8).collect())
}

/// Builds the operator and writes its image.
pub(crate) fn moco(profile: Profile) -> Result<Archive> {
    if !cargo::packages()?
        .iter()
        .any(|package| package.name == "moco")
    {
        bail!("this checkout has no package `moco` to build an image from");
    }
    moco_from(
        &cargo::build_static("moco", profile)?,
        &paths::cache()?.join("images"),
    )
}

/// The image of the operator made from a static binary, in a folder of `images`.
fn moco_from(binary: &Path, images: &Path) -> Result<Archive> {
    if !elf::is_static(binary)? {
        bail!(
            "{} is not linked statically and cannot run in an image",
            binary.display()
        );
    }
    let folder = images.join(format!("moco-{}", key_of(&[binary])?));
    folder_once(&folder, &format!("writing image {MOCO}"), |partial| {
        let mut layer = Layer::default();
        layer.copy("moco", binary, 0o755);
        accounts(&mut layer);
        let blob = layer.write(&partial.join("layer"))?;
        // A pod's `image: moco:dev` means the same to the container runtime.
        let name = format!("docker.io/library/{MOCO}");
        let run = Run {
            entrypoint: &["/moco"],
            cmd: &[],
            user: MYSQL_USER,
        };
        Archive::write(
            partial,
            &[Image {
                name: &name,
                layers: vec![&blob],
                run,
            }],
        )?;
        fs::remove_file(&blob.path).context("remove the layer's file")
    })?;
    prune_moco(images, &folder)?;
    Archive::open(&folder)
}

/// Removes all but the newest archives of our own image.
fn prune_moco(images: &Path, current: &Path) -> Result<()> {
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(images)
        .with_context(|| format!("read {}", images.display()))?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("moco-"))
        .filter(|entry| entry.path().is_dir() && entry.path() != current)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    for (_, folder) in found.iter().rev().skip(KEPT - 1) {
        // Another run may be removing the same one.
        for gone in [
            fs::remove_dir_all(folder),
            fs::remove_file(with_suffix(folder, ".lock")),
        ] {
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("remove {}", folder.display()));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// `cargo xtask images`: writes all images and prints where they are.
pub(crate) fn run(profile: Profile) -> Result<()> {
    let testbed = testbed("cargo xtask images")?;
    let moco = moco(profile)?;
    for archive in [&testbed, &moco] {
        println!("{}", archive.path.display());
        for image in &archive.images {
            let short: String = image.digest.chars().take(19).collect();
            let tenths = image.size_bytes / 100_000;
            println!(
                "  {:<42} {short}  {:>5}.{} MB",
                image.name,
                tenths / 10,
                tenths % 10
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a program without segments: nobody would run it, but it asks for no loader.
    fn static_program(path: &Path, word: &str) {
        let mut bytes = b"\x7fELF\x02".to_vec();
        bytes.resize(64, 0);
        bytes.extend(word.bytes());
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_changed_binary_is_another_image_and_old_archives_go() {
        let place = tempfile::tempdir().unwrap();
        let binary = place.path().join("program");
        let mut digests = Vec::new();
        for round in ["one", "two", "three", "four", "five", "five"] {
            static_program(&binary, round);
            let archive = moco_from(&binary, place.path()).unwrap();
            assert_eq!(archive.images[0].name, "docker.io/library/moco:dev");
            digests.push(archive.images[0].digest.clone());
        }
        assert_eq!(digests[4], digests[5]);
        assert_ne!(digests[3], digests[4]);
        let folders = fs::read_dir(place.path()).unwrap().flatten();
        let kept = folders
            .filter(|entry| entry.path().join("images.tar").exists())
            .count();
        assert_eq!(kept, KEPT);
    }

    #[test]
    fn a_binary_that_needs_a_loader_makes_no_image() {
        let place = tempfile::tempdir().unwrap();
        assert!(moco_from(Path::new("/bin/ls"), place.path()).is_err());
    }
}
