//! What the images of the test cluster are made of.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{BUSYBOX, CLIENT, MYSQL_8_0, NO_MYSQLD, NO_PLUGINS, PAUSE};
use crate::cmd::Cmd;
use crate::oci::{Blob, Image, Layer, Run};

/// The layers that the images of the test cluster share.
pub(super) struct Layers {
    pause: Blob,
    busybox: Blob,
    mysql: Blob,
    plugins: Blob,
    old_mysqld: Blob,
}

impl Layers {
    pub(super) fn write(folder: &Path, mysql: &Path, busybox: &Path, pause: &Path) -> Result<Self> {
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

    pub(super) fn images<'a>(&'a self, mysql_name: &'a str) -> Vec<Image<'a>> {
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
pub(super) const MYSQL_USER: &str = "10000:10000";

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

pub(super) fn accounts(layer: &mut Layer) {
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

    #[test]
    fn the_plugins_of_replication_are_a_layer_of_their_own() {
        let folder = Path::new("usr/lib/mysql/plugin");
        assert!(is_needed_plugin(&folder.join("mysql_clone.so")));
        assert!(!is_needed_plugin(&folder.join("component_keyring_file.so")));
        assert!(!is_needed_plugin(Path::new("usr/lib/mysql_clone.so")));
    }
}
