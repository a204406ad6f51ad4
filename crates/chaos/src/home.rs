//! The folder of a cluster in local mode, as `moco-local` writes it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use moco_model::{Account, Epoch, MemberId, Password, Register, Role};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::processes::Process;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

/// What the background process saw last; the part of it that is of use here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// How the cluster is.
    pub(crate) verdict: Verdict,
    /// Where clients write.
    pub(crate) primary_address: SocketAddr,
    /// Where clients read.
    pub(crate) replica_address: SocketAddr,
    /// The members.
    pub(crate) members: Vec<Member>,
}

/// The verdict.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Verdict {
    /// Its code.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) sentence: String,
    /// What it means for users.
    pub(crate) standing: Standing,
}

/// What a verdict means.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Standing {
    /// No problem is known.
    pub(crate) healthy: bool,
}

/// One member.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    /// Its number.
    #[serde(rename = "member")]
    pub(crate) id: MemberId,
    /// What it is.
    pub(crate) role: Role,
    /// Where its mysqld listens.
    pub(crate) address: SocketAddr,
    /// The process id of its mysqld.
    pub(crate) mysqld_pid: Option<i32>,
}

/// The programs that the cluster was started with.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Settings {
    /// The program mysqld.
    pub(crate) mysqld: PathBuf,
    /// The program moco.
    pub(crate) moco: PathBuf,
}

impl Home {
    /// The folder of a cluster that was started before.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let folder = std::path::absolute(folder)
            .with_context(|| format!("cannot use the folder {}", folder.display()))?;
        if !folder.join("settings.json").exists() {
            bail!("{} is not the folder of a cluster", folder.display());
        }
        Ok(Self(folder))
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Its name, and the folder that it is in.
    pub(crate) fn name(&self) -> anyhow::Result<(String, PathBuf)> {
        let name = self.0.file_name().and_then(|name| name.to_str());
        let (namespace, cluster) = name
            .and_then(|name| name.split_once('.'))
            .context("the cluster's folder is not named NAMESPACE.NAME")?;
        let root = self.0.parent().context("the cluster's folder is in none")?;
        Ok((format!("{namespace}/{cluster}"), root.to_owned()))
    }

    /// What the background process saw last.
    pub(crate) fn status(&self) -> anyhow::Result<Status> {
        self.json("status.json")?
            .context("the cluster has only just been started; ask again")
    }

    /// The register; none before the first decision.
    pub(crate) fn register(&self) -> anyhow::Result<Option<Register>> {
        self.json("register.json")
    }

    /// The programs.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        self.json("settings.json")?
            .context("the cluster was never started")
    }

    /// The password of an account.
    pub(crate) fn password(&self, account: Account) -> anyhow::Result<Password> {
        let file = self.0.join("credentials").join(account.secret_key());
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Password::new(text.trim_end().to_owned()))
    }

    /// The certificate of the cluster's authority.
    pub(crate) fn authority(&self) -> anyhow::Result<Vec<u8>> {
        let file = self.0.join("tls/ca.crt");
        fs::read(&file).with_context(|| format!("cannot read {}", file.display()))
    }

    /// A name of the servers' certificates; none where they name the addresses.
    pub(crate) fn server_name(&self) -> Option<String> {
        fs::read_to_string(self.0.join("tls/name")).ok()
    }

    /// Records a process as the one that starts a member's others, in the place of its supervise.
    pub(crate) fn record_supervise(&self, member: MemberId, pid: u32) -> anyhow::Result<()> {
        let process = Process::of(i32::try_from(pid).context("a pid out of range")?)
            .context("there is no such process")?;
        self.write(&format!("member-{member}/supervise.json"), &process)
    }

    /// Records another primary in the register, in a new epoch.
    pub(crate) fn record_primary(&self, primary: MemberId) -> anyhow::Result<()> {
        let mut register = self.register()?.context("there is no register")?;
        register.epoch = Epoch(register.epoch.0 + 1);
        register.primary = primary;
        self.write("register.json", &register)
    }

    /// Replaces a JSON file, in one step for those who read it.
    fn write(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let file = self.0.join(name);
        let new = file.with_extension("new");
        let bytes = serde_json::to_vec_pretty(value).context("cannot write as JSON")?;
        fs::write(&new, bytes)
            .and_then(|()| fs::rename(&new, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// A JSON file; none if there is no such file.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let file = self.0.join(name);
        match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("the file {} is damaged", file.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }
}

impl Status {
    /// The primary by the register, whether it takes writes or not.
    pub(crate) fn primary(&self) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.role == Role::Primary)
    }

    /// The others.
    pub(crate) fn replicas(&self) -> Vec<&Member> {
        self.members
            .iter()
            .filter(|member| member.role == Role::Replica)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_moco_local_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("default.hello");
        fs::create_dir(&root).unwrap();
        assert!(Home::open(&root).is_err(), "no cluster yet");
        fs::write(
            root.join("settings.json"),
            r#"{"uid":"u","network":1,"mysqld":"m","moco":"o"}"#,
        )
        .unwrap();
        let home = Home::open(&root).unwrap();
        assert!(home.status().is_err());
        let text = r#"{"cluster":"default/hello","epoch":1,"acknowledgements":1,
            "verdict":{"code":"Healthy","sentence":"fine",
                "standing":{"initialized":true,"available":true,"healthy":true}},
            "primaryAddress":"127.77.1.1:3306","replicaAddress":"127.77.1.2:3306",
            "members":[{"member":0,"role":"primary","doing":"takes writes",
                "address":"127.77.1.10:3306","mysqldPid":7,"transactions":1,"lagMs":0,
                "semiSync":true,"fault":null}]}"#;
        fs::write(root.join("status.json"), text).unwrap();
        let status = home.status().unwrap();
        assert_eq!(status.primary().unwrap().mysqld_pid, Some(7));
        assert!(status.replicas().is_empty() && status.verdict.standing.healthy);
        assert_eq!(home.name().unwrap().0, "default/hello");
        assert_eq!(home.settings().unwrap().moco, Path::new("o"));
    }
}
