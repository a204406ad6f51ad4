//! The service of an agent that the other agents of its cluster call.

use std::future::Future;
use std::sync::Arc;

use moco_model::MemberId;
use moco_pki::Identity;
use tonic::{Request, Response, Status};

use super::{peer_of, unreadable};
use crate::beat::{Beat, BeatAnswer};
use crate::convert::read_beat;
use crate::proto::peer_server::{Peer, PeerServer};
use crate::proto::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol;
use crate::tls::CredentialsSource;

/// What an agent does with calls of the other agents of its cluster.
pub trait PeerHandler: Send + Sync + 'static {
    /// Hears that member `from` is there, and says how this one is. The caller belongs to this
    /// cluster; which member it is, only it says, because all of them hold the same certificate. It
    /// is asked several times a second by each follower, so it must be quick; it may be dropped when
    /// the caller goes away.
    fn heartbeat(&self, from: MemberId, beat: Beat) -> impl Future<Output = BeatAnswer> + Send;
}

/// Largest request, bytes: a few numbers, with room for those of later releases.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// The service. Its own cluster is the one of its present certificate.
pub(super) fn service<H: PeerHandler>(
    handler: Arc<H>,
    credentials: CredentialsSource,
) -> PeerServer<impl Peer> {
    PeerServer::new(Service {
        handler,
        credentials,
    })
    .max_decoding_message_size(REQUEST_BYTES_MAX)
}

struct Service<H> {
    handler: Arc<H>,
    credentials: CredentialsSource,
}

#[tonic::async_trait]
impl<H: PeerHandler> Peer for Service<H> {
    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        own_cluster_only(&request, &self.credentials.identity())?;
        let message = request.get_ref();
        let (from, beat) = protocol::check(message.protocol)
            .and_then(|()| read_beat(message))
            .map_err(|error| unreadable(&error))?;
        let answer = self.handler.heartbeat(from, beat).await;
        Ok(Response::new((&answer).into()))
    }
}

fn own_cluster_only<T>(request: &Request<T>, own: &Identity) -> Result<(), Status> {
    let peer = peer_of(request)?;
    if peer.identity == *own && *own != Identity::Controller {
        return Ok(());
    }
    tracing::warn!(address = %peer.address, identity = %peer.identity, "refused a heartbeat");
    Err(Status::permission_denied(format!(
        "expected a certificate of {own}, found one of {}",
        peer.identity
    )))
}
