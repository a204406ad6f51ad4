//! Applying objects, each only when it differs.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Resource};
use moco_api::constants::{FIELD_MANAGER, labels};
use serde::Serialize;
use serde_json::Value;

use super::same::is_as_wanted;
use crate::call::{Attempt, CallError, call};
use crate::context::Context;
use crate::watch::{ClusterHead, Mark, ObjectKey};

/// Why an object was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// A request failed.
    #[error("an object of the cluster could not be written")]
    Call(#[source] CallError),
    /// An object of that name belongs to somebody else.
    #[error(
        "{kind} {namespace}/{name} exists and does not belong to this cluster; delete or rename it, or give the cluster another name"
    )]
    NotOurs {
        /// Its kind.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The object could not be made into JSON.
    #[error("cannot write an object of the cluster as JSON")]
    Json(#[source] serde_json::Error),
}

/// What was applied, so that nothing is asked while nothing changes: a hash of what was wanted, and
/// the object's mark at that time.
#[derive(Default)]
pub(crate) struct Applied(BTreeMap<ObjectKey, (u64, Mark)>);

/// Applies the objects of one cluster.
pub(super) struct Applier<'a> {
    pub(super) context: &'a Context,
    pub(super) head: &'a ClusterHead,
    pub(super) applied: &'a mut Applied,
}

impl Applier<'_> {
    /// Makes an object as wanted, with a request only if it seems to differ, and a write only if it
    /// does.
    pub(super) async fn apply<K>(&mut self, wanted: &K) -> Result<(), ApplyError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Serialize + Debug,
    {
        let kind = ApiResource::erase::<K>(&());
        let value = serde_json::to_value(wanted).map_err(ApplyError::Json)?;
        self.apply_value(&kind, &value).await.map(|_| ())
    }

    /// The same for an object in JSON. Gives its mark.
    pub(super) async fn apply_value(
        &mut self,
        kind: &ApiResource,
        wanted: &Value,
    ) -> Result<Mark, ApplyError> {
        let key = key(kind, wanted);
        let hash = hash(wanted);
        if let Some((known, mark)) = self.applied.0.get(&key)
            && *known == hash
            && self.context.sights.mark(&key).as_ref() == Some(mark)
        {
            return Ok(mark.clone());
        }
        let live = self.get(kind, &key).await?;
        if let Some(live) = &live {
            self.is_ours(&key, live)?;
            let value = serde_json::to_value(live).map_err(ApplyError::Json)?;
            if live.metadata.deletion_timestamp.is_none()
                && is_as_wanted(wanted, &value, &live.metadata)
            {
                let mark = Mark::of(&key.kind, &live.metadata);
                self.applied.0.insert(key, (hash, mark.clone()));
                return Ok(mark);
            }
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let api = self.api(kind, &key.namespace);
        let patch = Patch::Apply(wanted);
        let request = api.patch(&key.name, &params, &patch);
        let attempt = Attempt::new("patch", &key.kind, &key.namespace, &key.name);
        let answer = call(attempt, request).await.map_err(ApplyError::Call)?;
        tracing::info!(cluster = %self.head.id, "applied {} {}", key.kind, key.name);
        let mark = Mark::of(&key.kind, &answer.metadata);
        self.applied.0.insert(key, (hash, mark.clone()));
        Ok(mark)
    }

    fn api(&self, kind: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.context.client.clone(), namespace, kind)
    }

    async fn get(
        &self,
        kind: &ApiResource,
        key: &ObjectKey,
    ) -> Result<Option<DynamicObject>, ApplyError> {
        let api = self.api(kind, &key.namespace);
        let attempt = Attempt::new("get", &key.kind, &key.namespace, &key.name);
        call(attempt, api.get_opt(&key.name))
            .await
            .map_err(ApplyError::Call)
    }

    /// An object with our labels and without owner is one whose owner was lost, as after a restore
    /// of the namespace: it is taken back.
    fn is_ours(&self, key: &ObjectKey, live: &DynamicObject) -> Result<(), ApplyError> {
        let owners = live.metadata.owner_references.iter().flatten();
        let ours = match owners.clone().find(|owner| owner.controller == Some(true)) {
            Some(owner) => owner.uid == self.head.uid.0,
            None => live.metadata.labels.as_ref().is_some_and(|all| {
                all.get(labels::CREATED_BY).map(String::as_str) == Some(labels::CREATED_BY_MOCO)
                    && all.get(labels::INSTANCE) == Some(&self.head.id.name)
            }),
        };
        if ours {
            return Ok(());
        }
        let ObjectKey {
            kind,
            namespace,
            name,
        } = key.clone();
        Err(ApplyError::NotOurs {
            kind,
            namespace,
            name,
        })
    }
}

fn key(kind: &ApiResource, object: &Value) -> ObjectKey {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    ObjectKey {
        kind: kind.kind.clone(),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
    }
}

/// Of the same program only, never stored: a Secret leaves no trace outside of memory.
fn hash(wanted: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    hasher.finish()
}
