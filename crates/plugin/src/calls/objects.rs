//! Requests about the objects of a cluster beside the cluster itself.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures::io::{AsyncBufRead, AsyncReadExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::api::{Api, ListParams, LogParams, PostParams};
use kube::core::{ApiResource, DynamicObject, ObjectList, ObjectMeta, Request};
use moco_api::MySQLCluster;
use moco_api::constants::ports;
use moco_model::{ClusterId, MemberId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{CallError, Calls};

/// Most bytes that are read of one log.
const LOG_BYTES_MAX: u64 = 64 << 20;
/// Most objects that are read at once.
const PAGE_OBJECTS: u32 = 1_000;
/// Most pages of one list: a namespace can hold many events.
const PAGES_MAX: u32 = 20;

/// Kinds whose objects are in a namespace.
pub(crate) trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug
{
}

impl<K> Kind for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
{
}

/// Which part of a container's log is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogOf {
    pub(crate) pod: String,
    pub(crate) container: String,
    pub(crate) params: LogParams,
}

impl LogOf {
    fn params(&self) -> LogParams {
        LogParams {
            container: Some(self.container.clone()),
            ..self.params.clone()
        }
    }
}

impl Calls {
    /// The same for another namespace.
    pub(crate) fn within(&self, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..self.clone()
        }
    }

    pub(super) fn api<K: Kind>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The namespace's objects of a kind that a selector of labels picks.
    pub(crate) async fn list<K: Kind>(&self, selector: Option<&str>) -> Result<Vec<K>, CallError> {
        let api = self.api::<K>();
        let page = async |params: &ListParams| api.list(params).await;
        self.listing(&K::kind(&()), selector, page).await
    }

    /// The metadata of the namespace's objects of a kind: their content never leaves the API server.
    pub(crate) async fn list_metadata<K: Kind>(
        &self,
        selector: &str,
    ) -> Result<Vec<ObjectMeta>, CallError> {
        let api = self.api::<K>();
        let page = async |params: &ListParams| api.list_metadata(params).await;
        let all = self.listing(&K::kind(&()), Some(selector), page).await?;
        Ok(all.into_iter().map(|object| object.metadata).collect())
    }

    /// All pages of a list. A list that is too long is an error: a part of it would be taken for all.
    async fn listing<T: Clone>(
        &self,
        kind: &str,
        selector: Option<&str>,
        page: impl AsyncFn(&ListParams) -> Result<ObjectList<T>, kube::Error>,
    ) -> Result<Vec<T>, CallError> {
        let attempted = format!("list {kind}s in {}", self.namespace);
        let mut params = ListParams {
            label_selector: selector.map(str::to_owned),
            ..ListParams::default().limit(PAGE_OBJECTS)
        };
        let mut all = Vec::new();
        for _ in 0..PAGES_MAX {
            let list = self.call(&attempted, page(&params)).await?;
            all.extend(list.items);
            // An empty one ends a list, too.
            match list.metadata.continue_.filter(|next| !next.is_empty()) {
                None => return Ok(all),
                next => params.continue_token = next,
            }
        }
        let max = PAGE_OBJECTS.saturating_mul(PAGES_MAX);
        Err(CallError::TooMany { attempted, max })
    }

    /// Reads an object, `None` when it does not exist.
    pub(crate) async fn get<K: Kind>(&self, name: &str) -> Result<Option<K>, CallError> {
        let attempted = format!("get {} {}/{name}", K::kind(&()), self.namespace);
        let api = self.api::<K>();
        self.call(&attempted, api.get_opt(name)).await
    }

    /// The pods of a cluster.
    pub(crate) async fn pods_of(&self, id: &ClusterId) -> Result<Vec<Pod>, CallError> {
        self.list(Some(&selector(id))).await
    }

    /// A cluster's object as it is stored, `None` when it does not exist.
    pub(crate) async fn stored(&self, id: &ClusterId) -> Result<Option<DynamicObject>, CallError> {
        let attempted = format!("get MySQLCluster {id}");
        self.call(&attempted, self.clusters().get_opt(&id.name))
            .await
    }

    /// What the API server would store, and nothing is stored: by a replacement, or by a creation where
    /// `object` has no resource version.
    pub(crate) async fn try_store(
        &self,
        id: &ClusterId,
        object: &DynamicObject,
    ) -> Result<DynamicObject, CallError> {
        let params = PostParams {
            dry_run: true,
            field_manager: None,
        };
        let api = self.clusters();
        if object.metadata.resource_version.is_some() {
            let attempted = format!("update MySQLCluster {id} as a dry run");
            self.call(&attempted, api.replace(&id.name, &params, object))
                .await
        } else {
            let attempted = format!("create MySQLCluster {id} as a dry run");
            self.call(&attempted, api.create(&params, object)).await
        }
    }

    /// The page `/metrics` of a member's agent, through the API server.
    pub(crate) async fn agent_page(
        &self,
        id: &ClusterId,
        member: MemberId,
    ) -> Result<String, CallError> {
        let pod = id.pod_name(member);
        let attempted = format!("get the metrics of Pod {}/{pod}", self.namespace);
        let request = Request::new(Pod::url_path(&(), Some(&self.namespace)));
        let place = format!("{pod}:{}", ports::AGENT_METRICS);
        let asked = async {
            let request = request
                .get_subresource("proxy/metrics", &place)
                .map_err(kube::Error::BuildRequest)?;
            self.client.request_text(request).await
        };
        self.call(&attempted, asked).await
    }

    /// A container's log, up to its end as it is now.
    pub(crate) async fn log(&self, of: &LogOf) -> Result<String, CallError> {
        let attempted = attempted(self, of);
        let api = self.api::<Pod>();
        let read = async {
            let stream = api.log_stream(&of.pod, &of.params()).await?;
            let mut stream = std::pin::pin!(stream);
            let mut bytes = Vec::new();
            (&mut stream)
                .take(LOG_BYTES_MAX)
                .read_to_end(&mut bytes)
                .await
                .map_err(kube::Error::ReadEvents)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        self.call(&attempted, read).await
    }

    /// A container's log as it grows.
    pub(crate) async fn follow_log(
        &self,
        of: &LogOf,
    ) -> Result<impl AsyncBufRead + Send + use<>, CallError> {
        let attempted = attempted(self, of);
        let (api, params) = (self.api::<Pod>(), of.params());
        self.call(&attempted, api.log_stream(&of.pod, &params))
            .await
    }
}

fn attempted(calls: &Calls, of: &LogOf) -> String {
    format!(
        "read the log of {} in Pod {}/{}",
        of.container, calls.namespace, of.pod
    )
}

/// Picks the objects of a cluster.
pub(crate) fn selector(id: &ClusterId) -> String {
    selecting(&moco_resources::member_labels(id))
}

/// Picks the controllers, as the installation labels them.
pub(crate) fn controllers() -> String {
    selecting(&moco_resources::controller_labels())
}

fn selecting(labels: &BTreeMap<String, String>) -> String {
    let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(",")
}

/// A cluster's manifest as an object to try.
pub(crate) fn object(metadata: &ObjectMeta, spec: &Value) -> DynamicObject {
    let mut object = DynamicObject::new(
        metadata.name.as_deref().unwrap_or_default(),
        &ApiResource::erase::<MySQLCluster>(&()),
    );
    object.metadata = metadata.clone();
    object.data = json!({ "spec": spec });
    object
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;
    use crate::testing::Server;

    fn server(objects: u32) -> Server {
        let server = Server::default();
        for number in 0..objects {
            let name = number.to_string();
            server.put("configmaps", json!({ "metadata": { "name": name } }));
        }
        server
    }

    #[tokio::test]
    async fn a_long_list_is_read_to_its_end() {
        let calls = server(2 * PAGE_OBJECTS + 1).calls();
        let all = calls.list::<ConfigMap>(None).await.unwrap();
        let names: std::collections::BTreeSet<_> =
            all.iter().map(|one| one.metadata.name.clone()).collect();
        assert_eq!(names.len(), 2001);
    }

    #[tokio::test]
    async fn a_list_without_an_end_is_an_error_and_not_cut() {
        let calls = server(PAGES_MAX * PAGE_OBJECTS + 1).calls();
        let error = calls.list::<ConfigMap>(None).await.unwrap_err();
        let said = "cannot list ConfigMaps in shop: there are more than 20000 of them";
        assert_eq!(error.to_string(), said);
    }
}
