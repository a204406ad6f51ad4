//! What the watches have seen: pods and StatefulSets by cluster, other objects by a short mark.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moco_api::constants::labels;
use moco_api::names::fnv32a;
use moco_model::{ClusterId, MemberId};
use serde_json::json;

use super::pod::PodView;
use super::set::SetView;

/// An object that belongs to a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectKey {
    /// Its kind.
    pub(crate) kind: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

/// A short mark of an object; another mark means that it was changed by somebody. Changes that
/// Kubernetes' own controllers make all the time (a StatefulSet's status) leave the mark alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(String);

impl Mark {
    /// The mark of an object of a kind.
    pub(crate) fn of(kind: &str, meta: &ObjectMeta) -> Self {
        let uid = meta.uid.as_deref().unwrap_or_default();
        let leaving = if meta.deletion_timestamp.is_some() {
            " leaving"
        } else {
            ""
        };
        let version = meta.resource_version.as_deref().unwrap_or_default();
        match (kind, meta.generation) {
            // Their generation rises with every change of the spec; labels and owners do not count.
            ("StatefulSet" | "PodDisruptionBudget", Some(generation)) => {
                let rest = json!([meta.labels, meta.owner_references]).to_string();
                Self(format!(
                    "{uid} {generation} {:08x}{leaving}",
                    fnv32a(rest.as_bytes())
                ))
            }
            _ => Self(format!("{uid} {version}{leaving}")),
        }
    }
}

/// Everything seen. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sights(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    pods: BTreeMap<ClusterId, BTreeMap<String, Arc<PodView>>>,
    sets: BTreeMap<ObjectKey, Arc<SetView>>,
    marks: BTreeMap<ObjectKey, Mark>,
    /// Which clusters use a user's ConfigMap.
    users: BTreeMap<(String, String), BTreeSet<ClusterId>>,
}

impl Sights {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a pod; gives its cluster.
    pub(crate) fn put_pod(&self, pod: PodView) -> Option<ClusterId> {
        let cluster = pod.cluster()?;
        let name = pod.metadata.name.clone()?;
        self.lock()
            .pods
            .entry(cluster.clone())
            .or_default()
            .insert(name, Arc::new(pod));
        Some(cluster)
    }

    /// Forgets a pod; gives its cluster.
    pub(crate) fn drop_pod(&self, pod: &PodView) -> Option<ClusterId> {
        let cluster = pod.cluster()?;
        let mut inner = self.lock();
        if let Some(pods) = inner.pods.get_mut(&cluster) {
            pods.remove(pod.metadata.name.as_deref()?);
            if pods.is_empty() {
                inner.pods.remove(&cluster);
            }
        }
        Some(cluster)
    }

    /// Forgets the pods that a new list did not name.
    pub(crate) fn keep_pods(&self, named: &BTreeSet<(String, String)>) {
        let mut inner = self.lock();
        for (cluster, pods) in &mut inner.pods {
            pods.retain(|name, _| named.contains(&(cluster.namespace.clone(), name.clone())));
        }
        inner.pods.retain(|_, pods| !pods.is_empty());
    }

    /// The members' pods of a cluster.
    pub(crate) fn pods(&self, cluster: &ClusterId) -> BTreeMap<MemberId, Arc<PodView>> {
        let inner = self.lock();
        let pods = inner
            .pods
            .get(cluster)
            .into_iter()
            .flat_map(BTreeMap::values);
        pods.filter_map(|pod| Some((pod.member(cluster)?, Arc::clone(pod))))
            .collect()
    }

    /// The StatefulSet of a cluster.
    pub(crate) fn set(&self, cluster: &ClusterId) -> Option<Arc<SetView>> {
        let key = ObjectKey {
            kind: "StatefulSet".to_owned(),
            namespace: cluster.namespace.clone(),
            name: cluster.prefixed_name(),
        };
        self.lock().sets.get(&key).cloned()
    }

    /// Takes in a StatefulSet.
    pub(crate) fn put_set(&self, key: ObjectKey, set: SetView) {
        self.lock().sets.insert(key, Arc::new(set));
    }

    /// Takes in an object's mark.
    pub(crate) fn put_mark(&self, key: ObjectKey, mark: Mark) {
        self.lock().marks.insert(key, mark);
    }

    /// Forgets an object.
    pub(crate) fn drop_object(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        inner.marks.remove(key);
        inner.sets.remove(key);
    }

    /// Forgets the objects of a kind that a new list did not name.
    pub(crate) fn keep_objects(&self, kind: &str, named: &BTreeSet<ObjectKey>) {
        let mut inner = self.lock();
        inner
            .marks
            .retain(|key, _| key.kind != kind || named.contains(key));
        inner
            .sets
            .retain(|key, _| key.kind != kind || named.contains(key));
    }

    /// The mark of an object.
    pub(crate) fn mark(&self, key: &ObjectKey) -> Option<Mark> {
        self.lock().marks.get(key).cloned()
    }

    /// The objects of a kind in a namespace that have a mark.
    pub(crate) fn names_of(&self, kind: &str, namespace: &str) -> Vec<String> {
        let inner = self.lock();
        let of_kind = inner
            .marks
            .keys()
            .filter(|key| key.kind == kind && key.namespace == namespace);
        of_kind.map(|key| key.name.clone()).collect()
    }

    /// Notes which user's ConfigMap a cluster uses, in place of what was noted before.
    pub(crate) fn uses_config_map(&self, cluster: &ClusterId, name: Option<&str>) {
        let mut inner = self.lock();
        inner.users.retain(|_, clusters| {
            clusters.remove(cluster);
            !clusters.is_empty()
        });
        if let Some(name) = name {
            let key = (cluster.namespace.clone(), name.to_owned());
            inner.users.entry(key).or_default().insert(cluster.clone());
        }
    }

    /// The clusters that use a ConfigMap.
    pub(crate) fn users_of(&self, namespace: &str, name: &str) -> Vec<ClusterId> {
        let key = (namespace.to_owned(), name.to_owned());
        self.lock()
            .users
            .get(&key)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}

/// The cluster that an object's labels say it belongs to.
pub(super) fn cluster_of(meta: &ObjectMeta) -> Option<ClusterId> {
    let all = meta.labels.as_ref()?;
    if all.get(labels::CREATED_BY).map(String::as_str) != Some(labels::CREATED_BY_MOCO) {
        return None;
    }
    let namespace = all
        .get(labels::INSTANCE_NAMESPACE)
        .or(meta.namespace.as_ref())?;
    ClusterId::new(namespace, all.get(labels::INSTANCE)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(generation: i64, version: &str, label: &str) -> ObjectMeta {
        ObjectMeta {
            uid: Some("u".to_owned()),
            generation: Some(generation),
            resource_version: Some(version.to_owned()),
            labels: Some([("a".to_owned(), label.to_owned())].into()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn a_mark_changes_with_every_edit_and_not_with_a_status() {
        let set = |g, v, l| Mark::of("StatefulSet", &meta(g, v, l));
        assert_eq!(
            set(1, "10", "x"),
            set(1, "11", "x"),
            "only the status changed"
        );
        assert_ne!(set(1, "10", "x"), set(2, "11", "x"));
        assert_ne!(set(1, "10", "x"), set(1, "11", "y"));
        let secret = |v| Mark::of("Secret", &meta(0, v, "x"));
        assert_ne!(secret("10"), secret("11"));
    }

    #[test]
    fn a_config_map_wakes_the_clusters_that_use_it_now() {
        let sights = Sights::default();
        let (a, b) = (
            ClusterId::new("x", "a").unwrap(),
            ClusterId::new("x", "b").unwrap(),
        );
        sights.uses_config_map(&a, Some("conf"));
        sights.uses_config_map(&b, Some("conf"));
        assert_eq!(sights.users_of("x", "conf"), [a.clone(), b.clone()]);
        sights.uses_config_map(&a, None);
        assert_eq!(sights.users_of("x", "conf"), [b]);
        assert!(sights.users_of("y", "conf").is_empty());
    }

    #[test]
    fn an_object_in_the_operators_namespace_belongs_to_the_cluster_of_its_label() {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut meta = ObjectMeta {
            namespace: Some("moco-system".to_owned()),
            labels: Some(
                [
                    label(labels::INSTANCE, "db"),
                    label(labels::INSTANCE_NAMESPACE, "app"),
                    label(labels::CREATED_BY, "moco"),
                ]
                .into(),
            ),
            ..ObjectMeta::default()
        };
        assert_eq!(cluster_of(&meta), ClusterId::new("app", "db").ok());
        meta.labels
            .as_mut()
            .unwrap()
            .insert(labels::CREATED_BY.to_owned(), "me".to_owned());
        assert_eq!(cluster_of(&meta), None);
    }
}
