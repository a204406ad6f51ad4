//! The images: those of the test cluster, which change with the versions, and our own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::cache::folder_once;
use crate::cargo::{self, Profile};
use crate::cmd::Cmd;
use crate::elf;
use crate::mysql_root::MysqlRoot;
use crate::needs;
use crate::oci::{Blob, Image, Layer, Listed, Run, write_archive};
use crate::paths;
use crate::tools::hex;
use crate::versions;

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

/// The layers that the images of the test cluster share.
struct Layers {
    pause: Blob,
    busybox: Blob,
    mysql: Blob,
    plugins: Blob,
    old_mysqld: Blob,
}

impl Layers {
    fn write(folder: &Path, mysql: &Path, busybox: &Path, pause: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let program = folder.join("pause.bin");
        Cmd::new("gcc")
            .args(["-Os", "-static", "-s", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&program, pause])
            .run()
            .context("compile the pause program")?;
        let mut only_pause = Layer::default();
        only_pause.copy("pause", &program, 0o755);
        Ok(Self {
            pause: only_pause.write(&folder.join("pause"))?,
            busybox: busybox_layer(busybox)?.write(&folder.join("busybox"))?,
            mysql: mysql_layer(mysql)?.write(&folder.join("mysql"))?,
            plugins: plugin_layer(mysql)?.write(&folder.join("plugins"))?,
            old_mysqld: old_mysqld_layer().write(&folder.join("old-mysqld"))?,
        })
    }

    fn images<'a>(&'a self, mysql_name: &'a str) -> Vec<Image<'a>> {
        let image = |name, layers: &[&'a Blob], run| Image {
            name,
            layers: layers.to_vec(),
            run,
        };
        let mysqld = Run {
            entrypoint: &["mysqld"],
            cmd: &[],
            user: MYSQL_USER,
        };
        let shell = Run {
            entrypoint: &[],
            cmd: &["sh"],
            user: "",
        };
        let idle = Run {
            entrypoint: &[],
            cmd: &["tail", "-f", "/dev/null"],
            user: MYSQL_USER,
        };
        let pause = Run {
            entrypoint: &["/pause"],
            cmd: &[],
            user: "65535:65535",
        };
        vec![
            image(PAUSE, &[&self.pause], pause),
            image(BUSYBOX, &[&self.busybox], shell),
            image(mysql_name, &[&self.mysql, &self.plugins], mysqld),
            image(CLIENT, &[&self.mysql, &self.busybox], idle),
            image(NO_MYSQLD, &[&self.busybox], idle),
            image(NO_PLUGINS, &[&self.mysql], mysqld),
            image(MYSQL_8_0, &[&self.busybox, &self.old_mysqld], mysqld),
        ]
    }
}

/// User and group of everything that is not root, numeric so that `runAsNonRoot` can be checked.
const MYSQL_USER: &str = "10000:10000";

fn busybox_layer(busybox: &Path) -> Result<Layer> {
    let applets = Cmd::new(busybox)
        .arg("--list")
        .output()
        .context("list busybox's applets")?;
    let mut layer = Layer::default();
    layer.copy("usr/bin/busybox", busybox, 0o755);
    for applet in applets.lines().filter(|name| *name != "busybox") {
        layer.link(format!("usr/bin/{applet}"), "busybox");
    }
    layer.link("bin", "usr/bin");
    layer.folder("tmp", 0o1777, 0);
    accounts(&mut layer);
    Ok(layer)
}

/// MySQL without the plugins that replication and clone need.
fn mysql_layer(root: &Path) -> Result<Layer> {
    let mut layer = Layer::default();
    layer.tree(root, &|path| is_for_image(path) && !is_needed_plugin(path))?;
    layer.folder("tmp", 0o1777, 0);
    for folder in ["var/lib/mysql", "var/lib/mysql-files", "run/mysqld"] {
        layer.folder(folder, 0o750, 10_000);
    }
    Ok(layer)
}

fn plugin_layer(root: &Path) -> Result<Layer> {
    let mut layer = Layer::default();
    let folders = ["usr", "usr/lib", "usr/lib/mysql", "usr/lib/mysql/plugin"].map(Path::new);
    layer.tree(root, &|path| {
        folders.contains(&path) || is_needed_plugin(path)
    })?;
    Ok(layer)
}

fn is_needed_plugin(path: &Path) -> bool {
    let plugins = [
        "mysql_clone.so",
        "semisync_source.so",
        "semisync_replica.so",
    ];
    path.parent() == Some(Path::new("usr/lib/mysql/plugin"))
        && path
            .file_name()
            .is_some_and(|name| plugins.iter().any(|plugin| name == *plugin))
}

/// What of the extracted packages a server and its clients need at run time.
fn is_for_image(path: &Path) -> bool {
    const PROGRAMS: &[&str] = &[
        "mysql",
        "mysqladmin",
        "mysqlbinlog",
        "mysqldump",
        "mysql_tzinfo_to_sql",
        "my_print_defaults",
    ];
    const UNWANTED: &[&str] = &[
        "dev",
        "etc/apt",
        "etc/dpkg",
        "etc/fstab",
        "etc/hostname",
        "etc/perl",
        "etc/resolv.conf",
        "usr/lib/x86_64-linux-gnu/perl",
        "usr/lib/x86_64-linux-gnu/perl-base",
        "usr/share/doc",
        "usr/share/gcc",
        "usr/share/gdb",
        "usr/share/lintian",
        "usr/share/locale",
        "usr/share/man",
        "usr/share/perl",
        "usr/share/perl5",
        "usr/share/zoneinfo/right",
        "var/cache",
        "var/lib/apt",
        "var/lib/dpkg",
        "var/log",
    ];
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if path.parent() == Some(Path::new("usr/bin")) {
        return PROGRAMS.contains(&name);
    }
    // Client-side plugins for ways to log in that nobody here uses: 26 MB.
    let is_client_plugin = path.starts_with("usr/lib/mysql/plugin") && name.ends_with("_client.so");
    !is_client_plugin && !UNWANTED.iter().any(|unwanted| path == Path::new(unwanted))
}

fn old_mysqld_layer() -> Layer {
    let mut layer = Layer::default();
    let script = "#!/bin/sh\n\
        echo '/usr/sbin/mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)'\n\
        case \" $* \" in *' --version '*) exit 0 ;; esac\n\
        exit 1\n";
    layer.text("usr/sbin/mysqld", script, 0o755);
    layer
}

fn accounts(layer: &mut Layer) {
    layer.text(
        "etc/passwd",
        "root:x:0:0:root:/:/bin/sh\nmoco:x:10000:10000:moco:/:/bin/sh\n",
        0o644,
    );
    layer.text("etc/group", "root:x:0:\nmoco:x:10000:\n", 0o644);
    layer.text(
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
        0o644,
    );
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
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", folder.display()));
            }
            _ => {}
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

    #[test]
    fn the_image_keeps_the_server_and_its_time_zones_and_drops_perl() {
        for kept in [
            "usr/sbin/mysqld",
            "usr/bin/mysql",
            "usr/share/zoneinfo",
            "usr/bin",
        ] {
            assert!(is_for_image(Path::new(kept)), "{kept}");
        }
        for dropped in ["usr/bin/perl", "usr/share/doc", "dev", "etc/resolv.conf"] {
            assert!(!is_for_image(Path::new(dropped)), "{dropped}");
        }
    }

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

    #[test]
    fn the_plugins_of_replication_are_a_layer_of_their_own() {
        let folder = Path::new("usr/lib/mysql/plugin");
        assert!(is_needed_plugin(&folder.join("mysql_clone.so")));
        assert!(!is_needed_plugin(&folder.join("component_keyring_file.so")));
        assert!(!is_needed_plugin(Path::new("usr/lib/mysql_clone.so")));
    }
}
