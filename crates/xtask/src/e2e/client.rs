//! A user of MySQL inside the cluster: a pod with the client programs.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::images;
use crate::testbed::layout::Host;

/// The client pod's container.
const CONTAINER: &str = "client";

/// The label of client pods, and its value.
pub(crate) const LABEL: (&str, &str) = ("app", "story-client");

/// Whom the client says it is, and where it connects to.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) host: String,
    pub(crate) user: String,
    /// Goes through a pipe and the environment, never through arguments.
    pub(crate) password: String,
}

/// A pod that runs SQL.
pub(crate) struct Client<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) pod: String,
}

impl<'a> Client<'a> {
    /// Starts a client pod and waits until it runs.
    pub(crate) fn start(cluster: &'a Cluster, pod: &str) -> Result<Self> {
        Self::start_as(cluster, pod, &manifest(pod))
    }

    /// The same on a node that is named.
    pub(crate) fn start_on(cluster: &'a Cluster, pod: &str, node: Host) -> Result<Self> {
        let mut manifest = manifest(pod);
        if let Some(spec) = manifest.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("nodeName".to_owned(), json!(node.to_string()));
        }
        Self::start_as(cluster, pod, &manifest)
    }

    fn start_as(cluster: &'a Cluster, pod: &str, manifest: &Value) -> Result<Self> {
        cluster.apply(manifest)?;
        cluster.wait_for_condition(["pod", pod], "Ready", "True", Duration::from_secs(60))?;
        Ok(Self {
            cluster,
            pod: pod.to_owned(),
        })
    }

    /// Runs statements and returns the rows, fields split at tabs.
    pub(crate) fn sql(&self, login: &Login, statements: &str) -> Result<Vec<Vec<String>>> {
        // The first line is the password, the rest is for mysql.
        let script = "IFS= read -r MYSQL_PWD; export MYSQL_PWD; \
                      exec mysql --connect-timeout=5 --batch --skip-column-names \
                      --host=\"$1\" --user=\"$2\"";
        let input = format!("{}\n{statements}\n", login.password);
        let output = self
            .shell(script, &[&login.host, &login.user], &input)
            .with_context(|| format!("`{statements}` as {} at {}", login.user, login.host))?;
        Ok(output
            .lines()
            .map(|row| row.split('\t').map(str::to_owned).collect())
            .collect())
    }

    /// The only field of the only row.
    pub(crate) fn value(&self, login: &Login, statement: &str) -> Result<String> {
        let rows = self.sql(login, statement)?;
        let field = rows.first().and_then(|row| row.first());
        field
            .cloned()
            .with_context(|| format!("`{statement}` returned no row"))
    }

    /// Begins statements that take long; [`Self::outcome`] tells their end.
    pub(crate) fn begin(&self, name: &str, login: &Login, statements: &str) -> Result<()> {
        let script = "IFS= read -r MYSQL_PWD; export MYSQL_PWD; rm -f \"/tmp/$1\" \"/tmp/$1.end\"; \
                      setsid sh -c 'mysql --batch --skip-column-names --host=\"$2\" --user=\"$3\" \
                      --execute=\"$4\" >\"/tmp/$1\" 2>&1; echo \"$?\" >\"/tmp/$1.end\"' \
                      sh \"$@\" >/dev/null 2>&1 </dev/null &";
        let args = [name, &login.host, &login.user, statements];
        self.shell(script, &args, &format!("{}\n", login.password))
            .map(drop)
            .with_context(|| format!("begin `{statements}`"))
    }

    /// How what was begun under `name` ended, if it has: what it said if it succeeded, or else the error.
    pub(crate) fn outcome(&self, name: &str) -> Result<Option<Result<String, String>>> {
        let script = "test -e \"/tmp/$1.end\" || exit 0; cat \"/tmp/$1.end\" \"/tmp/$1\"";
        let text = self.shell(script, &[name], "")?;
        let Some((code, said)) = text.split_once('\n') else {
            return Ok(None);
        };
        let said = said.to_owned();
        Ok(Some(if code == "0" { Ok(said) } else { Err(said) }))
    }

    /// Keeps a server busy with sessions that compute, until [`Self::stop_burning`].
    pub(crate) fn burn(&self, login: &Login, sessions: u32) -> Result<()> {
        let script = "IFS= read -r MYSQL_PWD; export MYSQL_PWD; rm -f /tmp/burn.stop; \
                      for i in $(seq \"$3\"); do setsid sh -c \
                      'while [ ! -e /tmp/burn.stop ]; do mysql --host=\"$1\" --user=\"$2\" \
                      --execute=\"SELECT BENCHMARK(1000000, SHA2(1, 512))\" || usleep 200000; done' \
                      sh \"$1\" \"$2\" >/dev/null 2>&1 </dev/null & done";
        let args = [login.host.as_str(), &login.user, &sessions.to_string()];
        self.shell(script, &args, &format!("{}\n", login.password))
            .map(drop)
    }

    /// Lets the sessions of [`Self::burn`] end after their statement.
    pub(crate) fn stop_burning(&self) -> Result<()> {
        self.shell("touch /tmp/burn.stop", &[], "").map(drop)
    }

    /// Runs a shell script in the pod.
    pub(crate) fn shell(&self, script: &str, args: &[&str], input: &str) -> Result<String> {
        let call = [&["sh", "-c", script, "sh"], args].concat();
        self.cluster.exec(&self.pod, CONTAINER, &call, input)
    }
}

fn manifest(pod: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod, "labels": {LABEL.0: LABEL.1}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            // The pod's first process then is one that reaps what background programs leave.
            "shareProcessNamespace": true,
            "securityContext": pod_security(),
            "containers": [{
                "name": CONTAINER, "image": images::CLIENT, "imagePullPolicy": "Never",
                "securityContext": container_security(),
            }],
        },
    })
}

/// What the restricted pod security standard asks of a pod.
pub(crate) fn pod_security() -> Value {
    json!({
        "runAsNonRoot": true, "runAsUser": 10000, "runAsGroup": 10000, "fsGroup": 10000,
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// What it asks of a container.
pub(crate) fn container_security() -> Value {
    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
}
