//! `cargo xtask demo`: a two-minute tour of a cluster on this machine. It tells what it does, and checks every claim.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cargo::{Profile, build_static};
use crate::chaos;
use crate::chaos::hosts::{self, Hosts};
use crate::cmd::Cmd;
use crate::mysql_root::MysqlRoot;
use crate::paths;
use crate::say::{Watch, say, wait_until};

pub(crate) mod failover;

/// How long the cluster may take to become healthy, on a slow machine.
const HEALTHY_SECONDS: u64 = 180;
/// How long a write may take to reach a replica that is healthy.
const REPLICATED: Duration = Duration::from_secs(10);
/// Rows that the tour writes.
const ROWS: u64 = 1000;

/// The tour's cluster, and its folder. Others beside it are left alone.
const CLUSTER: &str = "default/hello";
const FOLDER: &str = "default.hello";

/// What is done with the cluster at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is left running, to be played with.
    Leave,
    /// It is stopped and deleted.
    Stop,
}

/// A cluster in local mode, driven through its command line as a user would.
pub(crate) struct Local {
    program: PathBuf,
    moco: PathBuf,
    mysqld: PathBuf,
    dir: PathBuf,
    hosts: Option<Hosts>,
}

impl Local {
    /// Builds the programs and fetches MySQL; clusters are kept in `dir`.
    pub(crate) fn prepare(word: &str, profile: Profile, dir: PathBuf) -> Result<Self> {
        let mysql = MysqlRoot::ensure(word)?;
        say("building moco and moco-local (the first time takes some minutes)");
        // Copies: a build that follows must not change what a running cluster starts next.
        let programs = dir.join("programs");
        Ok(Self {
            moco: kept(&programs, &build_static("moco", profile)?)?,
            program: kept(&programs, &build_static("moco-local", profile)?)?,
            mysqld: mysql.mysqld(),
            dir,
            hosts: None,
        })
    }

    /// Removes what an earlier run left, and gives every member a host of its own.
    pub(crate) fn with_hosts(mut self, name: &'static str) -> Result<Self> {
        let hosts = Hosts::new(name, self.dir.join("hosts"), self.home())?;
        self.hosts = Some(hosts);
        self.delete().context("remove what an earlier run left")?;
        self.hosts.as_ref().map_or(Ok(()), Hosts::make)?;
        Ok(self)
    }

    /// The hosts of the members, if each has its own.
    pub(crate) const fn hosts(&self) -> Option<&Hosts> {
        self.hosts.as_ref()
    }

    /// `moco-local` with its first words.
    pub(crate) fn call(&self, words: &[&str]) -> Cmd {
        let call = match &self.hosts {
            None => Cmd::new(&self.program),
            Some(hosts) => hosts
                .at_hub(&self.program)
                .env("MOCO_LOCAL_NETWORK", hosts::NETWORK)
                .env("MOCO_LOCAL_LAUNCHER", hosts.launcher()),
        };
        self.told(call, words)
    }

    fn told(&self, call: Cmd, words: &[&str]) -> Cmd {
        call.args(words)
            .env("MOCO_LOCAL_DIR", &self.dir)
            .env("MOCO_PROGRAM", &self.moco)
            .env("MOCO_MYSQLD", &self.mysqld)
            .env("MOCO_MYSQL", self.mysqld.with_file_name("mysql"))
            .within(Duration::from_secs(HEALTHY_SECONDS + 30))
    }

    /// Starts the cluster of a manifest and waits until it is healthy.
    pub(crate) fn up(&self, manifest: &Path) -> Result<()> {
        let limit = HEALTHY_SECONDS.to_string();
        let manifest = manifest.to_string_lossy();
        self.call(&["up", &manifest, "--timeout", &limit])
            .run_shown()
    }

    /// The same without a word, for those whose standard output is for programs.
    pub(crate) fn up_quietly(&self, manifest: &Path) -> Result<()> {
        let limit = HEALTHY_SECONDS.to_string();
        let manifest = manifest.to_string_lossy();
        self.call(&["up", &manifest, "--timeout", &limit]).run()
    }

    /// The same in the background; the child ends when the cluster is healthy.
    pub(crate) fn up_in_background(&self, manifest: &Path) -> Result<Child> {
        Command::new(&self.program)
            .arg("up")
            .arg(manifest)
            .env("MOCO_LOCAL_DIR", &self.dir)
            .env("MOCO_PROGRAM", &self.moco)
            .env("MOCO_MYSQLD", &self.mysqld)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("start moco-local")
    }

    /// The program that members run.
    pub(crate) fn moco(&self) -> &Path {
        &self.moco
    }

    /// `moco-local` itself.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Where clusters are kept.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of the cluster of `examples/mysqlcluster.yaml`.
    pub(crate) fn home(&self) -> PathBuf {
        self.dir.join(FOLDER)
    }

    /// The command line of a running member, without the program.
    pub(crate) fn supervise_arguments(&self) -> Result<Vec<String>> {
        let file = self.home().join("member-0/supervise.json");
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let record: Value = serde_json::from_str(&text).context("read the member's process")?;
        let pid = record
            .get("pid")
            .and_then(Value::as_i64)
            .context("no pid")?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).context("read a command line")?;
        let words = line
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned());
        Ok(words.skip(1).filter(|word| !word.is_empty()).collect())
    }

    /// What `status` says, for programs.
    pub(crate) fn status(&self) -> Result<Value> {
        let text = self
            .call(&["status", "--cluster", CLUSTER, "--output", "json"])
            .output()?;
        serde_json::from_str(&text).context("read the status")
    }

    /// Runs SQL through the primary address.
    pub(crate) fn write(&self, statement: &str) -> Result<String> {
        self.call(&["sql", "--cluster", CLUSTER, statement])
            .output()
    }

    /// Runs SQL through the replica address.
    pub(crate) fn read(&self, statement: &str) -> Result<String> {
        self.call(&["sql", "--cluster", CLUSTER, "--replica", statement])
            .output()
    }

    /// Stops the cluster and keeps its data and logs; nothing to do is fine.
    pub(crate) fn stop(&self) -> Result<()> {
        self.down(&[])
    }

    /// Stops the cluster and deletes its data; nothing to do is fine.
    pub(crate) fn delete(&self) -> Result<()> {
        self.stop()?;
        // Volumes are mounted below the cluster's folder.
        if let Some(hosts) = &self.hosts {
            hosts.remove()?;
        }
        self.down(&["--delete"])?;
        // What a start that was cut in the middle left is no cluster.
        let folder = self.dir.join(FOLDER);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", folder.display()))
            }
            _ => Ok(()),
        }
    }

    fn down(&self, options: &[&str]) -> Result<()> {
        if !self.dir.join(FOLDER).join("manifest.yaml").exists() {
            return Ok(());
        }
        let words = ["down", "--cluster", CLUSTER];
        // Nothing of it needs the network, which may be gone.
        let call = Cmd::new(&self.program);
        self.told(call, &[&words, options].concat()).run_shown()
    }

    /// A line for a shell that makes `moco-local` and MySQL's programs words, and means this cluster.
    fn shell_line(&self) -> String {
        let folder = |file: &Path| file.parent().unwrap_or(file).display().to_string();
        format!(
            "export PATH=\"{}:{}:$PATH\" MOCO_LOCAL_DIR=\"{}\"",
            folder(&self.program),
            folder(&self.mysqld),
            self.dir.display()
        )
    }
}

/// A copy of a program.
fn kept(folder: &Path, program: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program without a name")?;
    let copy = folder.join(name);
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    // A program that runs cannot be written to.
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("replace {}", copy.display()));
        }
        _ => {}
    }
    fs::copy(program, &copy).with_context(|| format!("copy {}", program.display()))?;
    Ok(copy)
}

/// `cargo xtask demo`.
pub(crate) fn run(end: End) -> Result<()> {
    let dir = match end {
        End::Leave => paths::state()?.join("demo"),
        End::Stop => paths::state()?.join("demo-once"),
    };
    let local = Local::prepare("cargo xtask demo", Profile::Quick, dir)?;
    let chaos = chaos::program()?;
    let watch = Watch::start();
    local.delete().context("remove what an earlier run left")?;
    let told = tour(&local, watch).and_then(|()| failover::tell(&local, &chaos, watch));
    if end == End::Stop {
        if told.is_err() {
            // The logs stay, for whoever asks why.
            return told.and(local.stop());
        }
        local.delete()?;
        watch.say("every claim holds; the cluster is stopped and deleted");
        return Ok(());
    }
    told?;
    farewell(&local);
    Ok(())
}

fn tour(local: &Local, watch: Watch) -> Result<()> {
    watch.say("starting three real mysqld, each with its agent, from examples/mysqlcluster.yaml");
    local.up(&paths::checkout()?.join("examples/mysqlcluster.yaml"))?;
    check_topology(&local.status()?)?;
    watch.say(
        "checked: three members, one takes writes, W = 1: a commit waits until a replica holds it",
    );

    let statements = format!(
        "CREATE DATABASE IF NOT EXISTS demo; \
         CREATE TABLE demo.t (id INT PRIMARY KEY); \
         SET SESSION cte_max_recursion_depth = {ROWS}; \
         INSERT INTO demo.t WITH RECURSIVE n (id) AS \
         (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {ROWS}) SELECT id FROM n"
    );
    local
        .write(&statements)
        .context("write through the primary address")?;
    watch.say(&format!("wrote {ROWS} rows through the primary address"));
    check_replicas(local)?;
    watch.say(&format!(
        "checked: both replicas return the {ROWS} rows through the replica address"
    ));

    let refused = local.read("INSERT INTO demo.t VALUES (0)");
    ensure!(
        refused.is_err(),
        "a write through the replica address was not refused"
    );
    watch.say("checked: a write through the replica address is refused");
    Ok(())
}

fn check_topology(status: &Value) -> Result<()> {
    let members = status
        .get("members")
        .and_then(Value::as_array)
        .context("no members")?;
    let with = |name: &str, value: &str| {
        members
            .iter()
            .filter(|member| member.get(name).is_some_and(|found| found == value))
            .count()
    };
    let semi = members
        .iter()
        .filter(|m| m.get("semiSync").is_some_and(|on| on == true))
        .count();
    ensure!(members.len() == 3, "{} members instead of 3", members.len());
    ensure!(
        with("doing", "takes writes") == 1,
        "not exactly one member takes writes: {status}"
    );
    ensure!(with("role", "replica") == 2, "not two replicas: {status}");
    ensure!(
        semi == 3,
        "semi-sync is on at {semi} of 3 members: {status}"
    );
    ensure!(
        status.get("acknowledgements").is_some_and(|acks| acks == 1),
        "commits do not wait for one acknowledgement: {status}"
    );
    Ok(())
}

/// Reads through the replica address until both replicas have answered with all rows.
fn check_replicas(local: &Local) -> Result<()> {
    let mut complete = BTreeSet::new();
    wait_until("both replicas to return every row", REPLICATED, || {
        let answer = local.read("SELECT @@server_id, COUNT(*) FROM demo.t")?;
        let row = answer.lines().nth(1).unwrap_or_default();
        if let Some((server, count)) = row.split_once('\t')
            && count == ROWS.to_string()
        {
            complete.insert(server.to_owned());
        }
        Ok((complete.len() < 2).then(|| format!("last answer: {row}; complete: {complete:?}")))
    })
}

fn farewell(local: &Local) {
    say(&format!(
        "
The cluster runs. This line makes `moco-local` and MySQL words of your shell:
  {line}
Then try:
  moco-local status
  moco-local sql \"SELECT COUNT(*) FROM demo.t\"
  moco-local sql --replica \"SELECT @@server_id, COUNT(*) FROM demo.t\"
  moco-local switchover
  moco-local failovers
Kill the primary's mysqld of the table above with `kill -9 PID` and look at the status again.
Stop it, and delete its data:
  moco-local down --delete",
        line = local.shell_line()
    ));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member(role: &str, doing: &str, semi: bool) -> Value {
        json!({"role": role, "doing": doing, "semiSync": semi})
    }

    #[test]
    fn a_topology_with_two_writers_or_without_semi_sync_is_not_accepted() {
        let replica = || member("replica", "read-only", true);
        let good = json!({"acknowledgements": 1,
            "members": [member("primary", "takes writes", true), replica(), replica()]});
        assert!(check_topology(&good).is_ok());
        let two = json!({"acknowledgements": 1, "members":
            [member("primary", "takes writes", true), member("replica", "takes writes", true), replica()]});
        assert!(check_topology(&two).is_err());
        let without = json!({"acknowledgements": 0,
            "members": [member("primary", "takes writes", false), replica(), replica()]});
        assert!(check_topology(&without).is_err());
    }
}
