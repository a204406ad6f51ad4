//! Removing old forms of my.cnf, and of the slow query log's configuration.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::core::{ObjectMeta, PartialObjectMeta};
use moco_api::constants::labels;
use moco_api::names;
use moco_resources::Objects;

use super::ReconcileError;
use crate::call::{Attempt, call};
use crate::context::Context;
use crate::watch::ClusterHead;

/// Forms that are kept of each.
const KEPT: usize = 10;

/// Removes the oldest ConfigMaps of a cluster beyond [`KEPT`] of a kind; the current ones always stay. While pods of an
/// older template are left nothing is removed: Kubernetes may have to make such a pod again, and it names an older one.
pub(super) async fn config_maps(
    context: &Context,
    head: &ClusterHead,
    objects: &Objects,
) -> Result<(), ReconcileError> {
    let set = context.sights.set(&head.id);
    if !set.is_some_and(|set| set.is_of_one_revision()) {
        return Ok(());
    }
    let name = |object: Option<&ConfigMap>| {
        let name = object.and_then(|object| object.metadata.name.clone());
        name.unwrap_or_default()
    };
    let my_cnf = format!("{}.", head.id.prefixed_name());
    of_kind(context, head, &my_cnf, &name(Some(&objects.config_map))).await?;
    let slow_log = names::slow_log_config_map_prefix(&head.id);
    let current = name(objects.slow_log_config_map.as_ref());
    of_kind(context, head, &slow_log, &current).await
}

/// The same for those whose names begin with `prefix`.
async fn of_kind(
    context: &Context,
    head: &ClusterHead,
    prefix: &str,
    current: &str,
) -> Result<(), ReconcileError> {
    let namespace = &head.id.namespace;
    let names = context.sights.names_of("ConfigMap", namespace);
    if names.iter().filter(|name| name.starts_with(prefix)).count() <= KEPT {
        return Ok(());
    }
    let api: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(context.client.clone(), namespace);
    let selector = format!(
        "{}={},{}={}",
        labels::CREATED_BY,
        labels::CREATED_BY_MOCO,
        labels::INSTANCE,
        head.id.name
    );
    let params = ListParams::default().labels(&selector);
    let attempt = Attempt::new("list", "ConfigMap", namespace, prefix);
    let found = call(attempt, api.list(&params))
        .await
        .map_err(ReconcileError::Call)?;
    let found: Vec<_> = found
        .items
        .into_iter()
        .map(|object| object.metadata)
        .collect();
    for (name, uid) in superfluous(&found, prefix, current) {
        tracing::info!(cluster = %head.id, "removing the old ConfigMap {name}");
        let preconditions = Preconditions {
            uid: Some(uid),
            ..Preconditions::default()
        };
        let params = DeleteParams::default().preconditions(preconditions);
        let attempt = Attempt::new("delete", "ConfigMap", namespace, &name);
        match call(attempt, api.delete(&name, &params)).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => {
                return Err(ReconcileError::Call(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Name and uid of those to remove: the oldest, without the current one.
fn superfluous(found: &[ObjectMeta], prefix: &str, current: &str) -> Vec<(String, String)> {
    let mut old: Vec<_> = found
        .iter()
        .filter(|meta| {
            let name = meta.name.as_deref().unwrap_or_default();
            name.starts_with(prefix) && name != current
        })
        .collect();
    old.sort_by_key(|meta| meta.creation_timestamp.clone().map(|time| time.0));
    let many = old.len().saturating_sub(KEPT - 1);
    let named = |meta: &&ObjectMeta| Some((meta.name.clone()?, meta.uid.clone()?));
    old.iter().take(many).filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    #[test]
    fn the_oldest_go_and_the_current_one_stays() {
        let meta = |name: &str, age: i64| ObjectMeta {
            name: Some(name.to_owned()),
            uid: Some(format!("uid of {name}")),
            creation_timestamp: Some(Time(Timestamp::from_second(age).unwrap())),
            ..ObjectMeta::default()
        };
        let mut found: Vec<_> = (0..12).map(|n| meta(&format!("moco-db.{n}"), n)).collect();
        found.push(meta("moco-db-conf", 0));
        let gone: Vec<_> = superfluous(&found, "moco-db.", "moco-db.0")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(gone, ["moco-db.1", "moco-db.2"]);
        assert!(superfluous(&found[..10], "moco-db.", "moco-db.0").is_empty());
    }
}
