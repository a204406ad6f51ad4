//! What a story can do with the cluster.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::cmd::Cmd;
use crate::say::{Watch, say, wait_until};
use crate::testbed::Testbed;
use crate::testbed::fault::{self, Fault};
use crate::testbed::kubectl::Kubectl;
use crate::testbed::show::MOCO_NAMESPACE;

/// Longest a namespace takes to empty itself: pods get half a minute to end.
const DELETE_LIMIT: Duration = Duration::from_secs(120);

/// The test cluster as a story sees it, with a namespace of its own.
pub(crate) struct Cluster {
    pub(crate) testbed: Testbed,
    /// The story's namespace; restricted, as a careful user's is.
    pub(crate) namespace: String,
    kubectl: Kubectl,
    watch: Watch,
}

impl Cluster {
    pub(crate) fn new(testbed: Testbed, namespace: &str, watch: Watch) -> Self {
        let kubectl = testbed.kubectl();
        Self {
            testbed,
            namespace: namespace.to_owned(),
            kubectl,
            watch,
        }
    }

    /// Makes the story's namespace, after removing what an earlier run left in it.
    pub(crate) fn begin(&self) -> Result<()> {
        self.end()?;
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": self.namespace,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        }))?;
        self.wait(
            "the namespace's service account",
            Duration::from_secs(30),
            || {
                let account = self.get(&["serviceaccount", "default"])?;
                Ok(account
                    .is_none()
                    .then(|| "it does not exist yet".to_owned()))
            },
        )
    }

    /// Removes the story's namespace with everything in it.
    pub(crate) fn end(&self) -> Result<()> {
        self.kubectl
            .call([
                "delete",
                "namespace",
                &self.namespace,
                "--ignore-not-found",
                "--wait=true",
            ])
            .arg(format!("--timeout={}s", DELETE_LIMIT.as_secs()))
            .within(DELETE_LIMIT + Duration::from_secs(10))
            .run()
            .with_context(|| format!("remove the namespace {}", self.namespace))
    }

    /// Tells a step.
    pub(crate) fn step(&self, text: &str) {
        self.watch.say(text);
    }

    /// kubectl in the story's namespace.
    pub(crate) fn kubectl<'a>(&'a self, args: impl IntoIterator<Item = &'a str>) -> Cmd {
        self.kubectl
            .call(["--namespace", &self.namespace])
            .args(args)
    }

    /// Applies an object or a List.
    pub(crate) fn apply(&self, object: &Value) -> Result<()> {
        self.apply_text(&object.to_string())
    }

    /// Applies YAML or JSON.
    pub(crate) fn apply_text(&self, text: &str) -> Result<()> {
        self.kubectl(["apply", "--filename=-"]).input(text).run()
    }

    /// Applies what must be refused and returns the API server's words.
    pub(crate) fn refused(&self, object: &Value) -> Result<String> {
        let done = self
            .kubectl(["apply", "--filename=-"])
            .input(object.to_string())
            .finish()?;
        if done.status.success() {
            bail!("the API server took what it should refuse: {object}");
        }
        Ok(done.stderr)
    }

    /// Objects of the story's namespace: `&["pod", "a"]`, `&["pods", "--selector=…"]`.
    pub(crate) fn get(&self, args: &[&str]) -> Result<Option<Value>> {
        let namespace = ["--namespace", &self.namespace];
        self.kubectl.get(&[&namespace, args].concat())
    }

    /// An object that must exist.
    pub(crate) fn must_get(&self, args: &[&str]) -> Result<Value> {
        self.get(args)?
            .with_context(|| format!("there is no {}", args.join(" ")))
    }

    /// Asks `done` until it answers `Ok(None)`; what it answers meanwhile is shown.
    #[expect(
        clippy::unused_self,
        reason = "a story waits for something of its cluster"
    )]
    pub(crate) fn wait(
        &self,
        what: &str,
        limit: Duration,
        done: impl FnMut() -> Result<Option<String>>,
    ) -> Result<()> {
        wait_until(what, limit, done)
    }

    /// Waits until an object's condition has the given status.
    pub(crate) fn wait_for_condition(
        &self,
        object: [&str; 2],
        condition: &str,
        status: &str,
        limit: Duration,
    ) -> Result<()> {
        let [kind, name] = object;
        self.wait(
            &format!("{kind} {name} to have {condition}={status}"),
            limit,
            || {
                let Some(seen) = self.get(&[kind, name])? else {
                    return Ok(Some("it does not exist".to_owned()));
                };
                let found = condition_of(&seen, condition);
                Ok(match found {
                    Some((value, _)) if value == status => None,
                    Some((value, message)) => Some(format!("{condition}={value} {message}")),
                    None => Some(format!("it has no condition {condition}")),
                })
            },
        )
    }

    /// Waits until an object is gone.
    pub(crate) fn wait_for_end(&self, object: [&str; 2], limit: Duration) -> Result<()> {
        let [kind, name] = object;
        self.wait(&format!("{kind} {name} to be gone"), limit, || {
            Ok(self
                .get(&[kind, name])?
                .map(|_| "it still exists".to_owned()))
        })
    }

    /// Runs a program in a container with the given input and returns its output.
    pub(crate) fn exec(
        &self,
        pod: &str,
        container: &str,
        argv: &[&str],
        input: &str,
    ) -> Result<String> {
        let mut call = self.kubectl(["exec", pod, "--container", container]);
        if !input.is_empty() {
            call = call.arg("--stdin").input(input);
        }
        call.arg("--").args(argv).output()
    }

    /// What a container has written.
    pub(crate) fn logs(&self, pod: &str, container: &str) -> Result<String> {
        self.kubectl(["logs", pod, "--container", container])
            .output()
    }

    /// Breaks or mends something.
    pub(crate) fn fault(&self, fault: &Fault) -> Result<()> {
        self.step(&format!("fault: {fault}"));
        fault::inject(&self.testbed, fault)
    }

    /// The processes of this machine in a pod that are called `name`.
    pub(crate) fn processes(&self, pod: &str, name: &str) -> Result<Vec<i32>> {
        fault::find(&self.testbed, &format!("{}/{pod}", self.namespace), name)
    }

    /// Prints what helps to understand a failed story.
    pub(crate) fn show_state(&self) {
        let own = ["--namespace", self.namespace.as_str()];
        let objects = "mysqlclusters,pods,statefulsets,persistentvolumeclaims";
        let system = ["--namespace", MOCO_NAMESPACE];
        let questions: [[&str; 7]; 3] = [
            [
                own[0],
                own[1],
                "get",
                objects,
                "--output=wide",
                "--no-headers",
                "--ignore-not-found",
            ],
            [
                own[0],
                own[1],
                "get",
                "events",
                "--sort-by=.lastTimestamp",
                "--no-headers",
                "--ignore-not-found",
            ],
            [
                system[0],
                system[1],
                "logs",
                "--selector=app.kubernetes.io/name=moco",
                "--prefix",
                "--tail=15",
                "--all-containers",
            ],
        ];
        for question in questions {
            match self.kubectl.call(question).output() {
                Ok(answer) => {
                    let lines: Vec<_> = answer.lines().collect();
                    let tail = lines.get(lines.len().saturating_sub(30)..);
                    for line in tail.unwrap_or_default() {
                        say(&format!("    {line}"));
                    }
                }
                Err(error) => say(&format!("    {error:#}")),
            }
        }
    }
}

/// Status and message of a condition.
fn condition_of(object: &Value, condition: &str) -> Option<(String, String)> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions
        .iter()
        .find(|one| one.get("type").is_some_and(|kind| kind == condition))?;
    let text = |name| {
        found
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Some((text("status"), text("message")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_found_by_its_type() {
        let object = json!({"status": {"conditions": [
            {"type": "A", "status": "False", "message": "not yet"}, {"type": "B", "status": "True"},
        ]}});
        assert_eq!(
            condition_of(&object, "A"),
            Some(("False".to_owned(), "not yet".to_owned()))
        );
        assert_eq!(condition_of(&object, "C"), None);
        assert_eq!(condition_of(&json!({}), "A"), None);
    }
}
