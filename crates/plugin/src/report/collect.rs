//! Reading what the report holds. Only the cluster itself must be there; what else cannot be read is
//! said in the report.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::LogParams;
use kube::core::DynamicObject;
use moco_api::constants::LEASE;
use moco_model::ClusterId;
use serde::Serialize;
use serde_json::{Value, json};

use super::{File, secret, shown};
use crate::calls::{CallError, Calls, LogOf, controllers, selector};
use crate::cluster::Cluster;
use crate::output::formatted;
use crate::status::Summary;
use crate::{cli, failovers, pods, redact};

/// Lines of each log, from its end.
const LINES_MAX: i64 = 20_000;
/// Bytes of each log, from its end.
const LOG_BYTES_MAX: usize = 4 << 20;
/// Logs that are read at once.
const AT_ONCE: usize = 4;

/// A report that is being made.
pub(super) struct Collection {
    pub(super) files: Vec<File>,
    /// What could not be read, and why.
    pub(super) missing: Vec<String>,
}

impl Collection {
    /// Begins with the cluster itself: as it is stored, and as `status` and `failovers` show it.
    pub(super) fn of(id: &ClusterId, stored: &DynamicObject) -> anyhow::Result<Self> {
        let cluster = Cluster::of(id.clone(), stored);
        let mut collection = Self {
            files: Vec::new(),
            missing: Vec::new(),
        };
        let now = Timestamp::now().as_millisecond();
        collection.text("status.txt", Summary::of(&cluster).text(now, None));
        if let Ok(register) = cluster.register() {
            collection.text(
                "failovers.txt",
                failovers::text(&failovers::changes(register)),
            );
        }
        collection.yaml("cluster.yaml", &shown(json!(stored)))?;
        Ok(collection)
    }

    fn text(&mut self, path: &str, text: String) {
        let path = path.to_owned();
        self.files.push(File { path, text });
    }

    fn yaml(&mut self, path: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let text = formatted(value, cli::Format::Yaml)?;
        self.text(path, text);
        Ok(())
    }

    /// Objects of a kind, or why there are none to show.
    fn objects<K: Serialize>(
        &mut self,
        path: &str,
        found: Result<Vec<K>, CallError>,
    ) -> anyhow::Result<Vec<Value>> {
        match found {
            Ok(all) => {
                let all: Vec<Value> = all.iter().map(|one| json!(one)).collect();
                let shown: Vec<_> = all.iter().cloned().map(shown).collect();
                self.yaml(path, &shown)?;
                Ok(all)
            }
            Err(error) => {
                self.missing.push(error.to_string());
                Ok(Vec::new())
            }
        }
    }

    /// The cluster's own objects.
    pub(super) async fn add_objects(
        &mut self,
        calls: &Calls,
        id: &ClusterId,
        options: Option<&str>,
    ) -> anyhow::Result<()> {
        let picked = selector(id);
        let picked = Some(picked.as_str());
        let mut names = BTreeSet::from([id.name.clone(), id.prefixed_name()]);
        let mut note = |objects: Vec<Value>| {
            let name = |one: &Value| Some(one.pointer("/metadata/name")?.as_str()?.to_owned());
            names.extend(objects.iter().filter_map(name));
        };
        let found = calls.list::<StatefulSet>(picked).await;
        note(self.objects("statefulset.yaml", found)?);
        note(self.objects("pods.yaml", calls.list::<Pod>(picked).await)?);
        note(self.objects("services.yaml", calls.list::<Service>(picked).await)?);
        let found = calls.list::<PersistentVolumeClaim>(picked).await;
        note(self.objects("persistentvolumeclaims.yaml", found)?);
        note(self.objects("configmaps.yaml", calls.list::<ConfigMap>(picked).await)?);
        let found = calls.list::<ServiceAccount>(picked).await;
        note(self.objects("serviceaccounts.yaml", found)?);
        let found = calls.list::<PodDisruptionBudget>(picked).await;
        note(self.objects("poddisruptionbudgets.yaml", found)?);
        if let Some(name) = options {
            let found = calls.get::<ConfigMap>(name).await;
            let found = found.map(|found| found.into_iter().collect::<Vec<_>>());
            note(self.objects("options.yaml", found)?);
        }
        let events = calls.list::<Event>(None).await;
        let events = events.map(|all| about(all, id, &names));
        self.objects("events.yaml", events)?;
        match calls.list_metadata::<Secret>(&selector(id)).await {
            Ok(all) => self.yaml("secrets.yaml", &all.iter().map(secret).collect::<Vec<_>>())?,
            Err(error) => self.missing.push(error.to_string()),
        }
        Ok(())
    }

    /// The logs of the members' containers, and what their agents say.
    pub(super) async fn add_members(&mut self, calls: &Calls, id: &ClusterId) {
        // That they cannot be listed was said already.
        let found = calls.pods_of(id).await.unwrap_or_default();
        self.add_logs(calls, "logs", &found).await;
        for member in pods::by_member(id, found).into_keys() {
            match calls.agent_page(id, member).await {
                Ok(page) => self.text(&format!("agents/{member}.txt"), page),
                Err(error) => self.missing.push(error.to_string()),
            }
        }
    }

    /// The controllers: their objects and logs.
    pub(super) async fn add_controllers(&mut self, calls: &Calls) -> anyhow::Result<()> {
        let picked = controllers();
        let found = calls.list::<Deployment>(Some(&picked)).await;
        self.objects("controller/deployment.yaml", found)?;
        let found = calls.get::<Lease>(LEASE).await;
        let found = found.map(|lease| lease.into_iter().collect::<Vec<_>>());
        self.objects("controller/lease.yaml", found)?;
        let pods = calls.list::<Pod>(Some(&picked)).await;
        let shown = pods.as_ref().map(Clone::clone).unwrap_or_default();
        self.objects("controller/pods.yaml", pods)?;
        self.add_logs(calls, "controller/logs", &shown).await;
        Ok(())
    }

    async fn add_logs(&mut self, calls: &Calls, folder: &str, pods: &[Pod]) {
        let wanted = pods.iter().flat_map(logs_of);
        let read = |of: LogOf| async move { (calls.log(&of).await, of) };
        let all: Vec<_> = stream::iter(wanted.map(read))
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (log, of) in all {
            let before = if of.params.previous { ".previous" } else { "" };
            let path = format!("{folder}/{}.{}{before}.log", of.pod, of.container);
            match log {
                Ok(log) => self.text(&path, redact::text(end(&log))),
                Err(error) => self.missing.push(error.to_string()),
            }
        }
    }
}

/// The logs of a pod: of each container, and of the one before it where it was started again.
fn logs_of(pod: &Pod) -> Vec<LogOf> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let statuses = status.container_statuses.into_iter().flatten();
    let restarted: BTreeSet<_> = statuses
        .filter(|one| one.restart_count > 0)
        .map(|one| one.name)
        .collect();
    let of = |container: &str, previous: bool| LogOf {
        pod: name.clone(),
        container: container.to_owned(),
        params: LogParams {
            previous,
            tail_lines: Some(LINES_MAX),
            timestamps: true,
            ..LogParams::default()
        },
    };
    let mut all = Vec::new();
    for container in pods::containers(pod) {
        all.push(of(&container, false));
        if restarted.contains(&container) {
            all.push(of(&container, true));
        }
    }
    all
}

/// Events about the cluster and its objects, the newest last.
fn about(all: Vec<Event>, id: &ClusterId, names: &BTreeSet<String>) -> Vec<Event> {
    let concerns = |event: &Event| {
        let name = event.involved_object.name.as_deref().unwrap_or_default();
        // A pod that is gone is not among the names any more.
        id.member_of(name).is_some() || names.contains(name)
    };
    let mut all: Vec<_> = all.into_iter().filter(concerns).collect();
    all.sort_by_key(|event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or_else(|| event.event_time.as_ref().map(|time| time.0))
            .unwrap_or(Timestamp::MIN)
    });
    all
}

/// The end of a log, whole lines.
fn end(log: &str) -> &str {
    let Some(from) = log.len().checked_sub(LOG_BYTES_MAX) else {
        return log;
    };
    let cut = log.split_at(log.ceil_char_boundary(from)).1;
    cut.split_once('\n').map_or(cut, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_log_is_kept_in_whole_lines() {
        assert_eq!(end("a\nb\n"), "a\nb\n");
        let long = "ä\n".repeat(LOG_BYTES_MAX / 2);
        let kept = end(&long);
        assert!(kept.len() < LOG_BYTES_MAX && kept.starts_with("ä\n"));
    }

    #[test]
    fn events_of_the_cluster_and_of_members_that_are_gone_are_kept_and_no_others() {
        let event = |name: &str| -> Event {
            let value = json!({ "metadata": {}, "involvedObject": { "name": name } });
            serde_json::from_value(value).unwrap()
        };
        let id = ClusterId::new("shop", "orders").unwrap();
        let names = BTreeSet::from(["orders".to_owned()]);
        let all = ["orders", "moco-orders-3", "moco-orders-x-0", "other"].map(event);
        let kept = about(all.into(), &id, &names);
        let kept: Vec<_> = kept
            .iter()
            .map(|one| one.involved_object.name.clone())
            .collect();
        assert_eq!(
            kept,
            [Some("orders".to_owned()), Some("moco-orders-3".to_owned())]
        );
    }
}
