//! The finalizer of a cluster: what must be done before it may go.
//!
//! Everything in the cluster's own namespace goes by owner references. The copy of the passwords in
//! the controllers' namespace has no owner and is deleted here.

use kube::api::{Patch, PatchParams};
use moco_api::constants::FINALIZER;
use moco_api::names;
use serde_json::json;

use crate::call::{Attempt, CallError, call};
use crate::cluster::ClusterObject;
use crate::context::Context;
use crate::secrets::Secrets;
use crate::watch::ClusterHead;

/// Adds the finalizer, if it is not there. From then on the cluster cannot go unnoticed.
pub(crate) async fn ensure(
    context: &Context,
    head: &ClusterHead,
    cluster: &ClusterObject,
) -> Result<(), CallError> {
    let mut finalizers = cluster
        .object
        .metadata
        .finalizers
        .clone()
        .unwrap_or_default();
    if finalizers.iter().any(|one| one == FINALIZER) {
        return Ok(());
    }
    finalizers.push(FINALIZER.to_owned());
    write(context, head, cluster, finalizers).await
}

/// Does what is left to do for a cluster that is being deleted, and lets it go.
pub(crate) async fn finish(
    context: &Context,
    head: &ClusterHead,
    cluster: &ClusterObject,
) -> Result<(), CallError> {
    let mut finalizers = cluster
        .object
        .metadata
        .finalizers
        .clone()
        .unwrap_or_default();
    let before = finalizers.len();
    finalizers.retain(|one| one != FINALIZER);
    if finalizers.len() == before {
        return Ok(());
    }
    let own = Secrets::new(context.client.clone(), &context.namespace);
    own.delete(&names::controller_secret(&head.id)).await?;
    tracing::info!(cluster = %head.id, "the cluster is deleted; its objects go with it");
    match write(context, head, cluster, finalizers).await {
        Err(error) if error.is_not_found() => Ok(()),
        outcome => outcome,
    }
}

/// A list can only be replaced as a whole, so the version that was read is named: what somebody else
/// has added meanwhile is not lost.
async fn write(
    context: &Context,
    head: &ClusterHead,
    cluster: &ClusterObject,
    finalizers: Vec<String>,
) -> Result<(), CallError> {
    let patch = json!({
        "metadata": { "resourceVersion": cluster.version(), "finalizers": finalizers },
    });
    let api = context.clusters(&head.id.namespace);
    let attempt = Attempt::new("patch", "MySQLCluster", &head.id.namespace, &head.id.name);
    let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
    call(attempt, api.patch(&head.id.name, &params, &patch))
        .await
        .map(|_| ())
}
