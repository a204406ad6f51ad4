//! What the tasks of all clusters share.

use kube::Client;
use kube::runtime::events::{Event, Recorder};
use moco_api::{MySQLCluster, constants};
use moco_resources::Images;
use moco_wire::CredentialsSource;

use crate::authority::Certificates;
use crate::call::{Attempt, call};
use crate::lease::Tenure;
use crate::metrics::Metrics;
use crate::wake::Bells;
use crate::watch::{ClusterHead, Sights};
use moco_model::sentence::with_causes;

/// What the tasks of all clusters share. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) client: Client,
    /// The controllers' own namespace.
    pub(crate) namespace: String,
    /// The images of containers that MOCO adds to pods that are made from now on.
    pub(crate) images: Images,
    pub(crate) sights: Sights,
    pub(crate) bells: Bells,
    pub(crate) metrics: Metrics,
    pub(crate) recorder: Recorder,
    pub(crate) certificates: Certificates,
    pub(crate) credentials: CredentialsSource,
    pub(crate) tenure: Tenure,
}

impl Context {
    /// Tells an event about a cluster. An event that cannot be told is no reason to stop.
    pub(crate) async fn tell(&self, head: &ClusterHead, event: &Event) {
        let reference = k8s_openapi::api::core::v1::ObjectReference {
            api_version: Some(constants::API_VERSION.to_owned()),
            kind: Some(constants::KIND.to_owned()),
            namespace: Some(head.id.namespace.clone()),
            name: Some(head.id.name.clone()),
            uid: Some(head.uid.0.clone()),
            ..Default::default()
        };
        let attempt = Attempt::new("create", "Event", &head.id.namespace, &head.id.name);
        let published = call(attempt, self.recorder.publish(event, &reference)).await;
        if let Err(error) = published {
            tracing::warn!(cluster = %head.id, reason = event.reason, "{}", with_causes(&error));
        }
    }

    /// The interface of clusters in a namespace.
    pub(crate) fn clusters(&self, namespace: &str) -> kube::Api<kube::core::DynamicObject> {
        kube::Api::namespaced_with(
            self.client.clone(),
            namespace,
            &kube::core::ApiResource::erase::<MySQLCluster>(&()),
        )
    }
}
