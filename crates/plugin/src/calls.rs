//! Requests to the API server, and what to say when one fails.

use std::error::Error as _;
use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

use futures::stream::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt as _, watcher};
use moco_api::MySQLCluster;
use moco_model::{ClusterId, MemberId};

use crate::annotate;
use crate::cluster::Cluster;

mod objects;

pub(crate) use objects::{LogOf, controllers, object, selector};

/// How long a request may take unless `--request-timeout` says otherwise. The API server itself
/// gives up after 60 s; a person does not want to wait that long for one answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The API server answered with an error.
    #[error("cannot {attempted}: {message}")]
    Answered {
        /// What was attempted.
        attempted: String,
        /// HTTP status code.
        code: u16,
        /// The API server's own words; a missing right is named by verb, resource and group.
        message: String,
    },
    /// There was no answer that could be read.
    #[error("cannot {attempted}: {happened}")]
    Failed {
        /// What was attempted.
        attempted: String,
        /// What happened, from the outside to the cause.
        happened: String,
    },
    /// No answer in time.
    #[error("cannot {attempted}: the API server did not answer within {} s", .after.as_secs())]
    Timeout {
        /// What was attempted.
        attempted: String,
        /// The time it had.
        after: Duration,
    },
    /// A list that is longer than is read.
    #[error("cannot {attempted}: there are more than {max} of them")]
    TooMany {
        /// What was attempted.
        attempted: String,
        /// Most objects that are read.
        max: u32,
    },
}

impl CallError {
    fn of(attempted: &str, error: &kube::Error) -> Self {
        let attempted = attempted.to_owned();
        if let kube::Error::Api(status) = error {
            let (code, message) = (status.code, status.message.clone());
            return Self::Answered {
                attempted,
                code,
                message,
            };
        }
        // Some errors print their cause and some do not.
        let mut happened = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !happened.contains(&text) {
                let _ = write!(happened, ": {text}");
            }
            cause = error.source();
        }
        Self::Failed {
            attempted,
            happened,
        }
    }

    /// Whether there is no such object.
    pub(crate) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Answered { code: 404, .. })
    }

    /// Whether asking again cannot help: a missing right, or a request that makes no sense. Gone
    /// and too many requests are a watch's everyday life.
    const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Answered {
                code: 400..=499,
                ..
            }
        ) && !matches!(
            self,
            Self::Answered {
                code: 410 | 429,
                ..
            }
        )
    }
}

/// The API server, for one namespace.
#[derive(Clone)]
pub(crate) struct Calls {
    client: Client,
    namespace: String,
    deadline: Duration,
}

impl Calls {
    pub(crate) fn new(client: Client, namespace: String, deadline: Option<Duration>) -> Self {
        let deadline = deadline.unwrap_or(DEADLINE);
        Self {
            client,
            namespace,
            deadline,
        }
    }

    /// The cluster of a name in this namespace.
    pub(crate) fn id(&self, name: &str) -> Result<ClusterId, moco_model::ids::NameError> {
        ClusterId::new(&self.namespace, name)
    }

    async fn call<T>(
        &self,
        attempted: &str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, CallError> {
        match tokio::time::timeout(self.deadline, request).await {
            Ok(answer) => answer.map_err(|error| CallError::of(attempted, &error)),
            Err(_) => Err(CallError::Timeout {
                attempted: attempted.to_owned(),
                after: self.deadline,
            }),
        }
    }

    /// Objects without our types, so that one that this version cannot read is still shown.
    fn clusters(&self) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<MySQLCluster>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind)
    }

    /// Reads a cluster.
    pub(crate) async fn cluster(&self, id: &ClusterId) -> Result<Cluster, CallError> {
        let api = self.clusters();
        let attempted = format!("get MySQLCluster {id}");
        let object = self.call(&attempted, api.get(&id.name)).await?;
        Ok(Cluster::of(id.clone(), &object))
    }

    /// The names of the namespace's clusters.
    pub(crate) async fn cluster_names(&self) -> Result<Vec<String>, CallError> {
        let attempted = format!("list MySQLClusters in {}", self.namespace);
        let api = self.clusters();
        let all = ListParams::default();
        let list = self.call(&attempted, api.list_metadata(&all)).await?;
        let names = list.items.into_iter().filter_map(|item| item.metadata.name);
        Ok(names.collect())
    }

    /// The cluster each time it changes, `None` when it does not exist. What passes by itself is
    /// tried again; an error ends the stream.
    pub(crate) fn changes(
        &self,
        id: &ClusterId,
    ) -> impl Stream<Item = Result<Option<Cluster>, CallError>> + Send + use<> {
        let id = id.clone();
        let attempted = format!("watch MySQLCluster {id}");
        watcher::watch_object(self.clusters(), &id.name)
            .default_backoff()
            .filter_map(move |seen| {
                let seen = match seen {
                    Ok(object) => Some(Ok(object.map(|object| Cluster::of(id.clone(), &object)))),
                    Err(error) => watch_error(&attempted, error).map(Err),
                };
                futures::future::ready(seen)
            })
    }

    /// Sets or takes away an annotation of a member's pod.
    pub(crate) async fn annotate_pod(
        &self,
        id: &ClusterId,
        member: MemberId,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), CallError> {
        let (api, name) = (self.api::<Pod>(), id.pod_name(member));
        let attempted = format!("patch Pod {}/{name}", id.namespace);
        let patch = Patch::Merge(annotate::patch(key, value));
        let params = PatchParams::default();
        let request = api.patch_metadata(&name, &params, &patch);
        self.call(&attempted, request).await.map(drop)
    }

    /// Sets or takes away an annotation of a cluster.
    pub(crate) async fn annotate_cluster(
        &self,
        id: &ClusterId,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), CallError> {
        let attempted = format!("patch MySQLCluster {id}");
        let patch = Patch::Merge(annotate::patch(key, value));
        let (api, params) = (self.clusters(), PatchParams::default());
        let request = api.patch_metadata(&id.name, &params, &patch);
        self.call(&attempted, request).await.map(drop)
    }

    /// Reads a Secret.
    pub(crate) async fn secret(&self, name: &str) -> Result<Secret, CallError> {
        let api = self.api::<Secret>();
        let attempted = format!("get Secret {}/{name}", self.namespace);
        self.call(&attempted, api.get(name)).await
    }
}

/// What a watch cannot get over; none for what it gets over by itself.
fn watch_error(attempted: &str, error: watcher::Error) -> Option<CallError> {
    let error = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error,
        watcher::Error::WatchError(status) => kube::Error::Api(status),
        watcher::Error::NoResourceVersion => return None,
    };
    Some(CallError::of(attempted, &error)).filter(CallError::is_final)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn answered(code: u16, message: &str) -> kube::Error {
        let status = Status::failure(message, "Reason").with_code(code);
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn an_error_says_what_was_attempted_in_the_api_server_s_words() {
        let error = CallError::of("patch Pod a/b", &answered(403, "pods \"b\" is forbidden"));
        assert_eq!(
            error.to_string(),
            "cannot patch Pod a/b: pods \"b\" is forbidden"
        );
        let io = std::io::Error::other(std::io::Error::other("connection refused"));
        let error = CallError::of("get x", &kube::Error::ReadEvents(io));
        let text = error.to_string();
        assert_eq!(text.matches("connection refused").count(), 1, "{text}");
    }

    #[test]
    fn a_watch_ends_over_a_missing_right_and_gets_over_what_passes() {
        let ended = |error| watch_error("watch x", watcher::Error::WatchStartFailed(error));
        assert!(ended(answered(403, "")).is_some());
        for code in [410, 429, 500, 503] {
            assert!(ended(answered(code, "")).is_none(), "{code}");
        }
    }
}
