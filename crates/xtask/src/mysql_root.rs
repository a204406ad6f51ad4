//! A real MySQL, from Debian sid, in a folder: for images and, through wrapper scripts, for this machine.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cache::folder_once;
use crate::cmd::Cmd;
use crate::needs;
use crate::paths;
use crate::say::say;
use crate::versions;

/// `tzdata` because the server's time zone tables are loaded from it.
const PACKAGES: &str = "mysql-server-core,mysql-client-core,tzdata";

/// The programs that get a wrapper; mysqld's differs.
const CLIENTS: &[&str] = &[
    "mysql",
    "mysqladmin",
    "mysqlbinlog",
    "mysqldump",
    "mysql_tzinfo_to_sql",
];

/// MySQL in the cache.
#[derive(Clone, Debug)]
pub(crate) struct MysqlRoot {
    folder: PathBuf,
}

impl MysqlRoot {
    /// Fetches MySQL unless the cache has it.
    pub(crate) fn ensure(word: &str) -> Result<Self> {
        let folder = paths::cache()?.join(format!("mysql-{}", versions::MYSQL));
        if !folder.exists() {
            needs::ensure(word, needs::MYSQL)?;
            let announce = format!(
                "fetching MySQL {} from Debian (first time, about 20 s)",
                versions::MYSQL
            );
            folder_once(&folder, &announce, |partial| make(partial, &folder))?;
        }
        Ok(Self { folder })
    }

    /// The root of the extracted packages.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// A script that runs mysqld on this machine.
    pub(crate) fn mysqld(&self) -> PathBuf {
        self.folder.join("bin/mysqld")
    }
}

fn make(partial: &Path, final_folder: &Path) -> Result<()> {
    let root = partial.join("root");
    fetch(&root)?;
    complete_root(&root)?;
    wrappers(&partial.join("bin"), &final_folder.join("root"))?;
    check_version(&root)
}

fn fetch(root: &Path) -> Result<()> {
    // Nothing is run inside of the root, so a user without the right to change roots needs none.
    let mode = if needs::is_root() {
        "root"
    } else {
        "chrootless"
    };
    Cmd::new("mmdebstrap")
        // The `custom` variant fails on sid; `extract` unpacks and runs no maintainer script.
        .args(["--quiet", "--variant=extract"])
        .arg(format!("--mode={mode}"))
        // A mirror's copy of sid's index may be older than the index says it may be.
        .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
        .arg(format!("--include={PACKAGES}"))
        .arg("sid")
        .arg(root)
        .arg(needs::debian_mirror()?)
        .within(Duration::from_secs(1200))
        .run()
        .context("fetch MySQL from Debian sid")
}

/// What the packages' scripts would have done, and what an image needs besides.
fn complete_root(root: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        let link = root.join(name);
        if link.symlink_metadata().is_err() {
            symlink(format!("usr/{name}"), &link)
                .with_context(|| format!("link {}", link.display()))?;
        }
    }
    for folder in [
        "var/lib/mysql",
        "var/lib/mysql-files",
        "run/mysqld",
        "etc/mysql",
    ] {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let files = [
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/nonexistent\nmysql:x:10000:10000:MySQL:/var/lib/mysql:/nonexistent\n",
        ),
        ("etc/group", "root:x:0:\nmysql:x:10000:\n"),
        (
            "etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\n",
        ),
    ];
    for (name, text) in files {
        fs::write(root.join(name), text).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

/// Scripts that run the extracted programs on this machine, as any user, with their own libraries. They become the
/// program (`exec`), so its process id is theirs.
fn wrappers(bin: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(bin).with_context(|| format!("create {}", bin.display()))?;
    let root = root.display();
    let loader = format!(
        "{root}/usr/lib64/ld-linux-x86-64.so.2 --library-path {root}/usr/lib/x86_64-linux-gnu"
    );
    for name in CLIENTS {
        script(
            &bin.join(name),
            &format!("exec {loader} {root}/usr/bin/{name} \"$@\"\n"),
        )?;
    }
    // `--defaults-file` must be the first option, and a later option wins over an earlier one: the caller's options
    // stand first, and the three that are ours can be overridden by nobody, as they must.
    let mysqld = format!(
        "exec {loader} {root}/usr/sbin/mysqld \"$@\" --basedir={root}/usr \
         --plugin-dir={root}/usr/lib/mysql/plugin --lc-messages-dir={root}/usr/share/mysql \
         --character-sets-dir={root}/usr/share/mysql/charsets\n"
    );
    script(&bin.join("mysqld"), &mysqld)
}

fn script(path: &Path, body: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{body}"))
        .with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} executable", path.display()))
}

fn check_version(root: &Path) -> Result<()> {
    let said = Cmd::new(root.join("usr/lib64/ld-linux-x86-64.so.2"))
        .arg("--library-path")
        .arg(root.join("usr/lib/x86_64-linux-gnu"))
        .arg(root.join("usr/sbin/mysqld"))
        .args(["--no-defaults", "--version"])
        .output()
        .context("ask the fetched mysqld for its version")?;
    let found = version_in(&said)
        .with_context(|| format!("the fetched mysqld names no version: {}", said.trim()))?;
    if !found.starts_with(versions::MYSQL_SERIES) {
        bail!(
            "the mirror's Debian sid has MySQL {found}, and this checkout needs {}x; \
             set MOCO_DEBIAN_MIRROR to a mirror or a snapshot that has it",
            versions::MYSQL_SERIES
        );
    }
    if found != versions::MYSQL {
        say(&format!(
            "note: the mirror has MySQL {found}; it is used as {}",
            versions::MYSQL
        ));
    }
    Ok(())
}

/// The version in `mysqld  Ver 9.7.4 for Linux on x86_64 (…)`.
fn version_in(said: &str) -> Option<&str> {
    said.split_whitespace()
        .skip_while(|word| *word != "Ver")
        .nth(1)
        .map(|word| word.split('-').next().unwrap_or(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_mysqld_says() {
        let said = "/usr/sbin/mysqld  Ver 9.7.4-1 for Linux on x86_64 ((Debian))";
        assert_eq!(version_in(said), Some("9.7.4"));
        assert_eq!(version_in("mysqld: unknown"), None);
    }
}
