//! Requests about the objects of a cluster beside the cluster itself.

use futures::io::{AsyncBufRead, AsyncReadExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Resource;
use kube::api::{Api, ListParams, LogParams, PostParams};
use kube::core::{ApiResource, DynamicObject, ObjectMeta, PartialObjectMeta, Request};
use moco_api::MySQLCluster;
use moco_api::constants::ports;
use moco_model::{ClusterId, MemberId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{CallError, Calls};

/// Most bytes that are read of one log.
const LOG_BYTES_MAX: u64 = 64 << 20;
/// Most objects of a kind that are read at once.
const LIST_MAX: u32 = 5_000;

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

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The namespace's objects of a kind that a selector of labels picks.
    pub(crate) async fn list<K>(&self, selector: Option<&str>) -> Result<Vec<K>, CallError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let attempted = format!("list {}s in {}", K::kind(&()), self.namespace);
        let params = ListParams {
            label_selector: selector.map(str::to_owned),
            ..ListParams::default().limit(LIST_MAX)
        };
        let api = self.api::<K>();
        let list = self.call(&attempted, api.list(&params)).await?;
        Ok(list.items)
    }

    /// The metadata of the namespace's objects of a kind: their content never leaves the API server.
    pub(crate) async fn list_metadata<K>(
        &self,
        selector: &str,
    ) -> Result<Vec<ObjectMeta>, CallError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let attempted = format!("list {}s in {}", K::kind(&()), self.namespace);
        let params = ListParams::default().labels(selector).limit(LIST_MAX);
        let api = self.api::<K>();
        let list = self.call(&attempted, api.list_metadata(&params)).await?;
        let metadata = |object: PartialObjectMeta<K>| object.metadata;
        Ok(list.items.into_iter().map(metadata).collect())
    }

    /// Reads an object, `None` when it does not exist.
    pub(crate) async fn get<K>(&self, name: &str) -> Result<Option<K>, CallError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let attempted = format!("get {} {}/{name}", K::kind(&()), self.namespace);
        let api = self.api::<K>();
        self.call(&attempted, api.get_opt(name)).await
    }

    /// The pods of a cluster.
    pub(crate) async fn pods_of(&self, id: &ClusterId) -> Result<Vec<Pod>, CallError> {
        self.list(Some(&selector(id))).await
    }

    /// A ConfigMap.
    pub(crate) async fn config_map(&self, name: &str) -> Result<Option<ConfigMap>, CallError> {
        self.get(name).await
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
        let api = self.pods();
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
        let (api, params) = (self.pods(), of.params());
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
    let all = moco_resources::member_labels(id);
    let all: Vec<_> = all
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    all.join(",")
}

/// Picks the controllers, as the installation labels them.
pub(crate) const CONTROLLERS: &str = "app.kubernetes.io/component=moco-controller";

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
