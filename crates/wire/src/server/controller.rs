//! The controller's service: for agents, each for its own cluster.

use std::future::Future;
use std::sync::Arc;

use moco_model::ClusterId;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use super::{Limits, ServeError, peer_of, serve, unreadable};
use crate::notice::{Notice, NoticeAnswer};
use crate::proto::controller_server::{Controller, ControllerServer};
use crate::proto::{NotifyRequest, NotifyResponse};
use crate::protocol::{self, MESSAGE_BYTES_MAX};
use crate::tls::{CredentialsSource, Peer, PlaceLimits, speaks_for};

/// What a controller does with notices of agents.
pub trait ControllerHandler: Send + Sync + 'static {
    /// Takes a notice. The caller is a member of the cluster that it names; which member it is,
    /// only the report says. It may be dropped when the caller goes away.
    fn notify(&self, notice: Notice) -> impl Future<Output = NoticeAnswer> + Send;
}

/// Connections at the same time.
const PLACES: PlaceLimits = PlaceLimits {
    // Controllers do not call each other; a few, to be told so.
    controller: 16,
    own_cluster: 0,
    // Some for each member.
    each_cluster: 128,
    // Some thousand agents come at once when a controller takes over.
    of_clusters: 4096,
};

/// Serves agents' notices on `listener` until `shutdown` is ready. A notice about another cluster
/// than the caller's own is refused as "permission denied".
pub async fn serve_controller<H: ControllerHandler>(
    listener: TcpListener,
    credentials: CredentialsSource,
    handler: Arc<H>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let service = ControllerServer::new(Service { handler })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let limits = Limits::with_places(PLACES);
    serve(listener, credentials, limits, service, shutdown).await
}

struct Service<H> {
    handler: Arc<H>,
}

#[tonic::async_trait]
impl<H: ControllerHandler> Controller for Service<H> {
    async fn notify(
        &self,
        request: Request<NotifyRequest>,
    ) -> Result<Response<NotifyResponse>, Status> {
        let peer = peer_of(&request)?;
        let message = request.into_inner();
        protocol::check(message.protocol).map_err(|error| unreadable(&error))?;
        let notice = Notice::try_from(message).map_err(|error| unreadable(&error))?;
        own_cluster_only(&peer, &notice.cluster)?;
        let answer = self.handler.notify(notice).await;
        Ok(Response::new((&answer).into()))
    }
}

fn own_cluster_only(peer: &Peer, cluster: &ClusterId) -> Result<(), Status> {
    if speaks_for(&peer.identity, cluster) {
        return Ok(());
    }
    tracing::warn!(address = %peer.address, identity = %peer.identity, %cluster, "refused a notice");
    Err(Status::permission_denied(format!(
        "expected a certificate of cluster {cluster}, found one of {}",
        peer.identity
    )))
}
