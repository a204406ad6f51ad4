//! What a pass writes to the members' pods: the role that clients are told, and that what was asked is
//! answered.

use kube::Api;
use kube::api::{Patch, PatchParams};
use moco_api::constants::{annotations, labels};
use moco_model::{MemberId, Role};
use serde_json::json;

use super::{KubeWorld, WorldError};
use crate::call::{Attempt, call};
use crate::watch::PodView;

impl KubeWorld {
    pub(super) async fn try_label(&self, member: MemberId, role: Role) -> Result<(), WorldError> {
        self.may_act()?;
        let pods = self.context.sights.pods(&self.head.id);
        let pod = pods.get(&member).ok_or(WorldError::NoPod(member))?;
        // The uid makes the API server refuse when another pod has taken the place of this one.
        let patch = json!({
            "metadata": { "uid": pod.metadata.uid, "labels": { labels::ROLE: role.as_str() } },
        });
        let (namespace, name) = (&self.head.id.namespace, self.head.id.pod_name(member));
        let api: Api<PodView> = Api::namespaced(self.context.client.clone(), namespace);
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let request = api.patch(&name, &params, &patch);
        let attempt = Attempt::new("patch", "Pod", namespace, &name);
        let pod = call(attempt, request).await.map_err(WorldError::Call)?;
        self.context.sights.put_pod(pod);
        Ok(())
    }

    /// Takes the annotations away that asked something of the member's pod. A pod that is gone asks
    /// nothing any more.
    pub(super) async fn try_settle(&self, member: MemberId) -> Result<(), WorldError> {
        self.may_act()?;
        let pods = self.context.sights.pods(&self.head.id);
        let Some(pod) = pods.get(&member) else {
            return Ok(());
        };
        if !pod.asks(annotations::DEMOTE) && !pod.asks(annotations::PROMOTE) {
            return Ok(());
        }
        let patch = json!({ "metadata": {
            "uid": pod.metadata.uid,
            "annotations": { annotations::DEMOTE: null, annotations::PROMOTE: null },
        } });
        let (namespace, name) = (&self.head.id.namespace, self.head.id.pod_name(member));
        let api: Api<PodView> = Api::namespaced(self.context.client.clone(), namespace);
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let request = api.patch(&name, &params, &patch);
        let attempt = Attempt::new("patch", "Pod", namespace, &name);
        let pod = call(attempt, request).await.map_err(WorldError::Call)?;
        self.context.sights.put_pod(pod);
        Ok(())
    }
}
