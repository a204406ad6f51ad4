//! Watching Kubernetes. What is kept is small; what changes wakes the task of its cluster.
//!
//! Only projected types are watched: metadata, or the few fields that somebody looks at. A watch that
//! breaks is resumed, and listed anew when it cannot be; a watch that the controller's role does not
//! allow is told once and tried again.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::{Metadata, NamespaceResourceScope};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client, Resource};
use moco_api::MySQLCluster;
use moco_api::constants::labels;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::ready::Readiness;
use crate::wake::Bells;
use moco_model::sentence::with_causes;

mod heads;
mod pod;
mod seen;
mod set;

pub(crate) use heads::{ClusterEvent, ClusterHead};
pub(crate) use pod::{ContainerStatus, PodView};
pub(crate) use seen::{Mark, ObjectKey, Sights};
pub(crate) use set::SetView;

/// What every watch needs.
#[derive(Clone)]
pub(crate) struct Watches {
    pub(crate) client: Client,
    /// Only this namespace; all when absent.
    pub(crate) namespace: Option<String>,
    pub(crate) sights: Sights,
    pub(crate) bells: Bells,
    pub(crate) readiness: Readiness,
}

impl Watches {
    /// Begins to watch, until the process ends. Clusters are told through `clusters`.
    pub(crate) fn begin(&self, clusters: mpsc::UnboundedSender<ClusterEvent>) {
        self.begin_clusters(clusters);
        self.begin_pods();
        self.begin_sets();
        self.begin_objects::<Service>(Which::Ours);
        self.begin_objects::<Secret>(Which::Ours);
        self.begin_objects::<ServiceAccount>(Which::Ours);
        self.begin_objects::<PodDisruptionBudget>(Which::Ours);
        // Users' ConfigMaps are not marked as ours.
        self.begin_objects::<ConfigMap>(Which::All);
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn begin_clusters(&self, told: mpsc::UnboundedSender<ClusterEvent>) {
        let api = self.api::<PartialObjectMeta<MySQLCluster>>();
        let mut heads = heads::Heads::default();
        let synced = self.readiness.expect("MySQLClusters");
        let take = move |event| {
            for event in heads.take(event) {
                // Nobody listens any more only when the process ends.
                let _ = told.send(event);
            }
        };
        tokio::spawn(follow(
            "MySQLClusters",
            api,
            Config::default(),
            synced,
            take,
        ));
    }

    fn begin_pods(&self) {
        let (sights, bells) = (self.sights.clone(), self.bells.clone());
        let mut named = BTreeSet::new();
        let take = move |event| match event {
            Event::Init => named.clear(),
            Event::InitDone => {
                sights.keep_pods(&named);
                bells.ring_all();
            }
            Event::InitApply(pod) => {
                named.insert(name_of(&pod));
                sights.put_pod(pod);
            }
            Event::Apply(pod) => ring(&bells, sights.put_pod(pod)),
            Event::Delete(pod) => ring(&bells, sights.drop_pod(&pod)),
        };
        let synced = self.readiness.expect("Pods");
        tokio::spawn(follow("Pods", self.api::<PodView>(), ours(), synced, take));
    }

    fn begin_sets(&self) {
        let mut marks = Marks::new(self, "StatefulSet");
        let sights = self.sights.clone();
        let take = move |event: Event<SetView>| {
            if let Event::Apply(set) | Event::InitApply(set) = &event {
                sights.put_set(marks.key(set.meta()), set.clone());
            }
            marks.take(&event);
        };
        let synced = self.readiness.expect("StatefulSets");
        tokio::spawn(follow(
            "StatefulSets",
            self.api::<SetView>(),
            ours(),
            synced,
            take,
        ));
    }

    fn begin_objects<K>(&self, which: Which)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Metadata<Ty = kube::core::ObjectMeta>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let kind = K::kind(&()).into_owned();
        let mut marks = Marks::new(self, &kind);
        let take = move |event: Event<PartialObjectMeta<K>>| marks.take(&event);
        let config = match which {
            Which::Ours => ours(),
            Which::All => Config::default(),
        };
        let name = format!("{kind}s");
        let synced = self.readiness.expect(&name);
        let api = self.api::<PartialObjectMeta<K>>();
        tokio::spawn(async move { follow(&name, api, config, synced, take).await });
    }
}

/// Which objects of a kind are watched.
#[derive(Clone, Copy)]
enum Which {
    /// Those that carry our label.
    Ours,
    /// All of them.
    All,
}

fn ours() -> Config {
    Config::default().labels(&format!(
        "{}={}",
        labels::CREATED_BY,
        labels::CREATED_BY_MOCO
    ))
}

fn name_of(object: &impl Resource) -> (String, String) {
    let meta = object.meta();
    (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    )
}

fn ring(bells: &Bells, cluster: Option<moco_model::ClusterId>) {
    if let Some(cluster) = cluster {
        bells.ring(&cluster);
    }
}

/// Keeps the marks of the objects of one kind.
struct Marks {
    kind: String,
    sights: Sights,
    bells: Bells,
    named: BTreeSet<ObjectKey>,
}

impl Marks {
    fn new(watches: &Watches, kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            sights: watches.sights.clone(),
            bells: watches.bells.clone(),
            named: BTreeSet::new(),
        }
    }

    fn key(&self, meta: &kube::core::ObjectMeta) -> ObjectKey {
        ObjectKey {
            kind: self.kind.clone(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }

    fn take<K: Resource>(&mut self, event: &Event<K>) {
        match event {
            Event::Init => self.named.clear(),
            Event::InitDone => {
                self.sights.keep_objects(&self.kind, &self.named);
                self.bells.ring_all();
            }
            Event::InitApply(object) => {
                self.named.insert(self.key(object.meta()));
                self.put(object.meta());
            }
            Event::Apply(object) => {
                self.put(object.meta());
                self.ring(object.meta());
            }
            Event::Delete(object) => {
                self.sights.drop_object(&self.key(object.meta()));
                self.ring(object.meta());
            }
        }
    }

    /// Objects that are not a cluster's leave no mark: there may be very many of them.
    fn put(&self, meta: &kube::core::ObjectMeta) {
        let key = self.key(meta);
        if seen::cluster_of(meta).is_some() {
            self.sights.put_mark(key, Mark::of(&self.kind, meta));
        } else {
            self.sights.drop_object(&key);
        }
    }

    fn ring(&self, meta: &kube::core::ObjectMeta) {
        ring(&self.bells, seen::cluster_of(meta));
        if self.kind == "ConfigMap" {
            let key = self.key(meta);
            for cluster in self.sights.users_of(&key.namespace, &key.name) {
                self.bells.ring(&cluster);
            }
        }
    }
}

/// How soon a watch that failed is begun again.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Follows one watch for as long as the process lives.
async fn follow<K>(
    name: &str,
    api: Api<K>,
    config: Config,
    synced: crate::ready::Expectation,
    mut take: impl FnMut(Event<K>) + Send,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = watcher(api, config).backoff(Backoff::new(FIRST_PAUSE, LONGEST_PAUSE));
    let mut events = pin!(events);
    let mut last_error = String::new();
    while let Some(event) = next(&mut events).await {
        match event {
            Ok(event) => {
                let done = matches!(event, Event::InitDone);
                take(event);
                if done {
                    synced.met();
                    last_error.clear();
                }
            }
            Err(error) => {
                let error = with_causes(&error);
                if error == last_error {
                    continue;
                }
                if synced.is_met() {
                    tracing::info!("the watch of {name} broke and is begun again: {error}");
                } else {
                    tracing::error!("cannot watch {name}: {error}");
                }
                last_error = error;
            }
        }
    }
}

async fn next<K>(
    events: &mut (impl Stream<Item = Result<Event<K>, watcher::Error>> + Unpin),
) -> Option<Result<Event<K>, watcher::Error>> {
    events.next().await
}
