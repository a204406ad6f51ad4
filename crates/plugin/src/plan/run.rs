//! Reads the file and the cluster, and shows the plan.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::DynamicObject;
use moco_api::MySQLCluster;
use moco_api::constants::conditions;
use moco_model::ClusterId;
use serde_json::{Value, json};

use super::file::{BYTES_MAX, Manifests, lost_sentence};
use super::{Form, Known, Plan, plan};
use crate::annotate::LAST_APPLIED;
use crate::calls::{CallError, Calls, object};
use crate::cli;
use crate::cluster::Cluster;
use crate::commands::Answer;
use crate::output::{formatted, print};

/// In place of a uid that a cluster gets when it is made.
const NEW_UID: &str = "new";

/// Carries `kubectl moco plan` out.
pub(crate) async fn run(
    calls: &Calls,
    asked: &cli::Plan,
    given_namespace: Option<&str>,
) -> anyhow::Result<Answer> {
    let text = read(&asked.filename)?;
    let shown = asked.filename.display();
    let manifests = Manifests::read(&text).with_context(|| format!("cannot use {shown}"))?;
    let mut plans = Vec::new();
    for (cluster, lost) in &manifests.clusters {
        let calls = match (&cluster.metadata.namespace, given_namespace) {
            (Some(own), None) => calls.within(own),
            _ => calls.clone(),
        };
        plans.push(of_one(&calls, &manifests, cluster, lost).await?);
    }
    print(&match asked.output {
        None => plans.iter().map(Plan::text).collect::<Vec<_>>().join("\n"),
        Some(format) => formatted(&plans, format)?,
    })?;
    let refused = plans.iter().any(|plan| !plan.refused.is_empty());
    Ok(if refused { Answer::No } else { Answer::Yes })
}

fn read(file: &Path) -> anyhow::Result<String> {
    let what = || format!("cannot read {}", file.display());
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(BYTES_MAX).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).with_context(what)?;
        opened.take(BYTES_MAX).read_to_string(&mut text)
    };
    read.with_context(what)?;
    Ok(text)
}

async fn of_one(
    calls: &Calls,
    manifests: &Manifests,
    wanted: &MySQLCluster,
    lost: &[String],
) -> anyhow::Result<Plan> {
    let name = wanted.metadata.name.as_deref();
    let id = calls.id(name.context("a MySQLCluster in the file has no name")?)?;
    let stored = calls.stored(&id).await?;
    let mut known = Known::default();
    known.notes.extend(lost_sentence(lost));
    let mut new = Form {
        cluster: merged(&id, wanted, stored.as_ref()),
        options: None,
    };
    try_out(calls, &id, &mut new, &mut known).await?;
    new.options = match &new.cluster.spec.mysql_config_map_name {
        None => Some([].into()),
        Some(name) => match manifests.config_map(&id.namespace, name)? {
            Some(options) => Some(options),
            None => options(calls, name).await?,
        },
    };
    let Some(stored) = stored else {
        return Ok(plan(None, &new, &known));
    };
    let cluster = Cluster::of(id.clone(), &stored);
    known.register = cluster.register().ok().cloned();
    known.foreign = cluster.is(conditions::FOREIGN_CLUSTER);
    known.notes.extend(pending(&cluster));
    if stored.metadata.deletion_timestamp.is_some() {
        known.notes.push("the cluster is being deleted".to_owned());
    }
    let spec = stored.data.get("spec").cloned().unwrap_or_default();
    let old = MySQLCluster {
        spec: serde_json::from_value(spec)
            .with_context(|| format!("cannot read MySQLCluster {id} as it is stored"))?,
        metadata: stored.metadata,
        status: None,
    };
    let old_options = match &old.spec.mysql_config_map_name {
        None => Some([].into()),
        Some(name) => options(calls, name).await?,
    };
    let old = Form {
        cluster: old,
        options: old_options,
    };
    Ok(plan(Some(&old), &new, &known))
}

/// The manifest as `kubectl apply` would store it: the file's, with what only the API server knows, and
/// with annotations and labels that others put there. An annotation that was applied before and is not in
/// the file any more is taken away.
fn merged(id: &ClusterId, wanted: &MySQLCluster, stored: Option<&DynamicObject>) -> MySQLCluster {
    let mut metadata = stored
        .map(|stored| stored.metadata.clone())
        .unwrap_or_default();
    metadata.name = Some(id.name.clone());
    metadata.namespace = Some(id.namespace.clone());
    metadata.managed_fields = None;
    metadata.uid.get_or_insert_with(|| NEW_UID.to_owned());
    let annotations = metadata.annotations.get_or_insert_default();
    let applied: Value = annotations
        .get(LAST_APPLIED)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let applied = applied
        .pointer("/metadata/annotations")
        .and_then(Value::as_object);
    for key in applied.into_iter().flat_map(serde_json::Map::keys) {
        annotations.remove(key);
    }
    annotations.extend(wanted.metadata.annotations.clone().unwrap_or_default());
    for (key, value) in wanted.metadata.labels.iter().flatten() {
        let all = metadata.labels.get_or_insert_default();
        all.insert(key.clone(), value.clone());
    }
    MySQLCluster {
        metadata,
        spec: wanted.spec.clone(),
        status: None,
    }
}

/// Asks the API server what it would store. Its refusal is part of the plan; that it cannot be asked is a note.
async fn try_out(
    calls: &Calls,
    id: &ClusterId,
    new: &mut Form,
    known: &mut Known,
) -> anyhow::Result<()> {
    let mut metadata = new.cluster.metadata.clone();
    if metadata.resource_version.is_none() {
        metadata.uid = None;
    }
    let asked = object(&metadata, &json!(new.cluster.spec));
    match calls.try_store(id, &asked).await {
        Ok(stored) => {
            let spec = stored.data.get("spec").cloned().unwrap_or_default();
            new.cluster.spec = serde_json::from_value(spec)
                .context("cannot read the MySQLCluster as the API server would store it")?;
        }
        Err(CallError::Answered {
            code: 400 | 409 | 422,
            message,
            ..
        }) => known.refusal = Some(message),
        Err(error @ CallError::Answered { code: 403, .. }) => known.notes.push(format!(
            "what only the API server would refuse is not known: {error}"
        )),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn options(calls: &Calls, name: &str) -> Result<super::Options, CallError> {
    let found = calls.get::<ConfigMap>(name).await?;
    Ok(found.map(|map| map.data.unwrap_or_default()))
}

/// What runs otherwise than the manifest that is stored says, in the controller's words.
fn pending(cluster: &Cluster) -> Option<String> {
    let found = cluster.condition(conditions::STATEFUL_SET_READY)?;
    (found.status == "False").then(|| {
        let message = &found.message;
        format!("{} is False: {message}", conditions::STATEFUL_SET_READY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{dynamic, healthy};

    #[test]
    fn annotations_that_were_applied_and_are_no_more_go_and_those_of_others_stay() {
        let mut stored = healthy();
        let applied = json!({ "metadata": { "annotations": { "gone": "1", "kept": "1" } } });
        stored["metadata"]["annotations"] = json!({
            LAST_APPLIED: applied.to_string(), "gone": "1", "kept": "1", "others": "1",
        });
        let mut wanted = healthy();
        wanted["metadata"]["annotations"] = json!({ "kept": "2", "new": "1" });
        let wanted: MySQLCluster = serde_json::from_value(json!(dynamic(wanted))).unwrap();
        let id = ClusterId::new("shop", "orders").unwrap();
        let merged = merged(&id, &wanted, Some(&dynamic(stored)));
        let mut left = merged.metadata.annotations.unwrap();
        left.remove(LAST_APPLIED);
        let left: Vec<_> = left
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(left, ["kept=2", "new=1", "others=1"]);
        assert_eq!(merged.metadata.resource_version.as_deref(), Some("9"));
    }
}
