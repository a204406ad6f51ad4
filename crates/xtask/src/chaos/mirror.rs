//! A cluster on Kubernetes as `moco-chaos` knows clusters: a folder with the register, the members and their addresses,
//! the passwords and the authority. It is written by the administrator of the test cluster, not by MOCO.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::e2e::cluster::Cluster;
use crate::e2e::operator::{condition, sentence};

/// A watch that broke off is begun again after this.
const AGAIN: Duration = Duration::from_millis(200);
/// Port of mysqld.
const PORT: u16 = 3306;

/// The folder, kept up to date until this is dropped.
pub(crate) struct Mirror {
    home: PathBuf,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ended: bool,
    watch: Option<Child>,
    /// What does not change: the addresses of the two Services.
    services: [String; 2],
    /// The addresses of pods, by the numbers of their members.
    pods: BTreeMap<u64, String>,
    /// The MySQLCluster as it was seen last.
    seen: Value,
}

impl Mirror {
    /// Writes the folder `home` for the MySQLCluster `name`, and follows it.
    pub(crate) fn start(cluster: &Cluster, name: &str, home: PathBuf) -> Result<Self> {
        for folder in ["credentials", "tls"] {
            let folder = home.join(folder);
            fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        }
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("close {}", home.display()))?;
        write(&home.join("settings.json"), "{}")?;
        secret(cluster, &format!("moco-{name}"), &home.join("credentials"))?;
        secret(cluster, &format!("moco-{name}-grpc"), &home.join("tls"))?;
        let known = format!("moco-{name}-primary.{}.svc", cluster.namespace);
        write(&home.join("tls/name"), &known)?;
        let service = |role: &str| -> Result<String> {
            let seen = cluster.must_get(&["service", &format!("moco-{name}-{role}")])?;
            let address = seen.pointer("/spec/clusterIP").and_then(Value::as_str);
            Ok(address
                .with_context(|| format!("the Service {role} has no address"))?
                .to_owned())
        };
        let shared = Arc::new(Mutex::new(Shared {
            services: [service("primary")?, service("replica")?],
            seen: cluster.must_get(&["mysqlcluster", name])?,
            ..Shared::default()
        }));
        let mut mirror = Self {
            home,
            shared,
            thread: None,
        };
        mirror.look_at_pods(cluster, name)?;
        let words = [
            "--namespace",
            &cluster.namespace,
            "get",
            "mysqlcluster",
            name,
        ];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let program = cluster.testbed.layout.kubectl();
        let (home, shared) = (mirror.home.clone(), Arc::clone(&mirror.shared));
        mirror.thread = Some(thread::spawn(move || {
            follow(&program, &words, &home, &shared);
        }));
        Ok(mirror)
    }

    /// The folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Takes over where the pods are now.
    pub(crate) fn look_at_pods(&self, cluster: &Cluster, name: &str) -> Result<()> {
        let pods = cluster.get(&["pods"])?.unwrap_or_default();
        let items = pods.pointer("/items").and_then(Value::as_array);
        let prefix = format!("moco-{name}-");
        let mut found = BTreeMap::new();
        for pod in items.into_iter().flatten() {
            let text = |path| pod.pointer(path).and_then(Value::as_str);
            let member = text("/metadata/name")
                .and_then(|name| name.strip_prefix(&prefix)?.parse::<u64>().ok());
            if let (Some(member), Some(address)) = (member, text("/status/podIP")) {
                found.insert(member, address.to_owned());
            }
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // A pod that is made anew keeps its last address until it has another one.
        shared.pods.extend(found);
        record(&self.home, &shared)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.ended = true;
        if let Some(watch) = &mut shared.watch {
            let _ = watch.kill();
        }
        drop(shared);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Keys of a Secret as files.
fn secret(cluster: &Cluster, name: &str, folder: &Path) -> Result<()> {
    let seen = cluster.must_get(&["secret", name])?;
    let keys = seen.pointer("/data").and_then(Value::as_object);
    for key in keys.into_iter().flatten().map(|(key, _)| key) {
        let template = format!("--output=go-template={{{{index .data \"{key}\" | base64decode}}}}");
        let text = cluster
            .kubectl(["get", "secret", name, &template])
            .output()
            .with_context(|| format!("read {key} of the Secret {name}"))?;
        write(&folder.join(key), &text)?;
    }
    Ok(())
}

/// Watches the MySQLCluster until the mirror ends; what cannot be written is written at the next change.
fn follow(program: &Path, words: &[String], home: &Path, shared: &Mutex<Shared>) {
    loop {
        let child = Command::new(program)
            .args(words)
            .args(["--watch", "--output=json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let output = child.and_then(|mut child| {
            let output = child.stdout.take();
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.ended {
                child.kill()?;
            }
            shared.watch = Some(child);
            Ok(output)
        });
        if let Ok(Some(output)) = output {
            let objects = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
            for seen in objects.map_while(std::result::Result::ok) {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.seen = seen;
                let _ = record(home, &shared);
            }
        }
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut watch) = shared.watch.take() {
            let _ = watch.kill();
            let _ = watch.wait();
        }
        if shared.ended {
            return;
        }
        drop(shared);
        thread::sleep(AGAIN);
    }
}

/// Writes register and status.
fn record(home: &Path, shared: &Shared) -> Result<()> {
    if let Some(register) = shared.seen.pointer("/status/register") {
        replace(&home.join("register.json"), register)?;
    }
    replace(&home.join("status.json"), &status(shared))
}

/// What `moco-local` would write.
fn status(shared: &Shared) -> Value {
    let seen = &shared.seen;
    let register = |path: &str| seen.pointer(&format!("/status/register/{path}"));
    let primary = register("primary").and_then(Value::as_u64);
    let recorded = ["membership/members", "membership/old"];
    let mut ids: Vec<_> = recorded
        .iter()
        .filter_map(|path| register(path)?.as_array())
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let member = |id: &u64| {
        let address = shared.pods.get(id)?;
        let role = if Some(*id) == primary {
            "primary"
        } else {
            "replica"
        };
        let address = format!("{address}:{PORT}");
        Some(json!({"member": id, "role": role, "address": address, "mysqldPid": null}))
    };
    let members: Vec<_> = ids.iter().filter_map(member).collect();
    let [primary, replica] = &shared.services;
    let healthy = condition(seen, "Healthy").0 == "True";
    json!({
        "verdict": {"code": "", "sentence": sentence(seen), "standing": {"healthy": healthy}},
        "primaryAddress": format!("{primary}:{PORT}"),
        "replicaAddress": format!("{replica}:{PORT}"),
        "members": members,
    })
}

/// In one step for those who read it.
fn replace(file: &Path, value: &Value) -> Result<()> {
    let new = file.with_extension("new");
    write(&new, &value.to_string())?;
    fs::rename(&new, file).with_context(|| format!("replace {}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_members_that_have_an_address_are_told_with_their_roles() {
        let shared = Shared {
            services: ["10.0.0.1".to_owned(), "10.0.0.2".to_owned()],
            pods: BTreeMap::from([(0, "10.1.0.1".to_owned()), (1, "10.1.0.2".to_owned())]),
            seen: json!({"status": {
                "register": {"primary": 1, "membership": {"members": [0, 1, 2]}},
                "conditions": [{"type": "Healthy", "status": "True"}],
            }}),
            ..Shared::default()
        };
        let told = status(&shared);
        assert_eq!(told["primaryAddress"], "10.0.0.1:3306");
        assert_eq!(told["verdict"]["standing"]["healthy"], true);
        let members = told["members"].as_array().unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(members[1]["role"], "primary");
        assert_eq!(members[1]["address"], "10.1.0.2:3306");
    }
}
