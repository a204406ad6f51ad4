//! What the API server keeps: a backup policy that a cluster names, a pod with an annotation, a field that never changes.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{SHOWN, compare, reason};
use crate::e2e::cluster::Cluster;

/// The cluster of the story that is healthy by then.
const NAME: &str = "twin";
const POLICY: &str = "nightly";
const POD: &str = "moco-twin-0";

fn policy() -> Value {
    json!({
        "apiVersion": "moco.cybozu.com/v1beta2", "kind": "BackupPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "schedule": "@daily",
            "jobConfig": {
                "serviceAccountName": "default",
                "bucketConfig": {"bucketName": "moco"},
                "workVolume": {"emptyDir": {}},
            },
        },
    })
}

/// Changes the cluster's `spec` by a merge patch; the change is asked for and not made with `--dry-run=server`.
fn patch(cluster: &Cluster, spec: &Value, more: &[&str]) -> Result<Result<(), String>> {
    let patch = format!("--patch={}", json!({ "spec": spec }));
    let words = ["patch", "mysqlcluster", NAME, "--type=merge", &patch];
    said(cluster, &[&words, more].concat())
}

/// Runs kubectl; what it says when it fails.
fn said(cluster: &Cluster, words: &[&str]) -> Result<Result<(), String>> {
    let done = cluster.kubectl(words.iter().copied()).finish()?;
    Ok(if done.status.success() {
        Ok(())
    } else {
        Err(done.stderr)
    })
}

fn made(cluster: &Cluster, words: &[&str]) -> Result<()> {
    cluster.kubectl(words.iter().copied()).run()
}

/// Tries until the API server refuses: it takes up a rule and its parameters a moment after they are written.
fn refused(cluster: &Cluster, case: &str, words: &[&str]) -> Result<()> {
    let dry = [words, &["--dry-run=server"]].concat();
    cluster.wait(&format!("{case} to be refused"), SHOWN, || {
        Ok(said(cluster, &dry)?.is_ok().then(|| "it is not".to_owned()))
    })?;
    let words_said = said(cluster, words)?
        .err()
        .with_context(|| format!("{case}: it was done"))?;
    compare(case, reason(&words_said)).context(words_said)
}

pub(super) fn run(cluster: &Cluster) -> Result<()> {
    cluster.apply(&policy())?;
    let named = patch(cluster, &json!({ "backupPolicyName": POLICY }), &[])?;
    named.map_err(anyhow::Error::msg)?;
    let delete = ["delete", "backuppolicy", POLICY, "--wait=false"];
    refused(cluster, "policy-in-use", &delete)?;
    let without = patch(cluster, &json!({ "backupPolicyName": null }), &[])?;
    without.map_err(anyhow::Error::msg)?;
    cluster.wait("the unused policy to be deleted", SHOWN, || {
        Ok(said(cluster, &delete)?.err())
    })?;
    cluster.step("a backup policy is kept while a cluster names it, and no longer");

    let key = "moco.cybozu.com/prevent-delete";
    made(cluster, &["annotate", "pod", POD, &format!("{key}=true")])?;
    let delete = ["delete", "pod", POD, "--wait=false"];
    refused(cluster, "kept-pod", &delete)?;
    made(cluster, &["annotate", "pod", POD, &format!("{key}-")])?;
    let dry = ["delete", "pod", POD, "--dry-run=server"];
    cluster.wait("the pod to be deletable again", SHOWN, || {
        Ok(said(cluster, &dry)?.err())
    })?;
    cluster.step("a pod with the annotation prevent-delete is kept");

    let changed = patch(
        cluster,
        &json!({ "serverIDBase": 77 }),
        &["--dry-run=server"],
    )?;
    let words_said = changed
        .err()
        .context("spec.serverIDBase could be changed")?;
    compare("other-server-ids", reason(&words_said)).context(words_said)?;
    cluster.step("the base of the server ids stays");
    Ok(())
}
