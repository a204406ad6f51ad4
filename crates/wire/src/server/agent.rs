//! The agent's services: one for the controller only, and beside it the one for its peers.

use std::future::Future;
use std::sync::Arc;

use moco_model::MemberReport;
use moco_model::command::{Answer, Order};
use moco_pki::Identity;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::both::Both;
use super::peer::{self, PeerHandler};
use super::{Limits, ServeError, peer_of, serve, unreadable};
use crate::proto::agent_server::{Agent, AgentServer};
use crate::proto::{OrderRequest, OrderResponse, ReportRequest, ReportResponse};
use crate::protocol::{self, MESSAGE_BYTES_MAX};
use crate::tls::{CredentialsSource, PlaceLimits};

/// What an agent does with calls of the controller.
pub trait AgentHandler: Send + Sync + 'static {
    /// What the agent knows about its member now. It may be dropped when the caller goes away.
    fn report(&self) -> impl Future<Output = MemberReport> + Send;

    /// Judges an order and begins what it says. It runs to its end even when the caller goes away.
    fn carry(&self, order: Order) -> impl Future<Output = Answer> + Send;
}

/// Connections at the same time.
const PLACES: PlaceLimits = PlaceLimits {
    // Two pods, each with old and new ones around a renewal of certificates.
    controller: 16,
    // Up to 31 peers, each with an old and a new one.
    own_cluster: 64,
    // Other clusters have no business here; a few, to be told so.
    each_cluster: 4,
    of_clusters: 16,
};

/// Orders being judged at the same time. Each is a matter of milliseconds, so more of them means
/// that the handler hangs; the caller's repetitions must not pile up behind it.
const ORDERS_MAX: usize = 8;

/// Serves an agent's calls on `listener` until `shutdown` is ready. Heartbeats are taken from members
/// of the cluster of `credentials`, everything else from the controller; other calls are refused as
/// "permission denied".
pub async fn serve_agent<H: AgentHandler + PeerHandler>(
    listener: TcpListener,
    credentials: CredentialsSource,
    handler: Arc<H>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let limits = Limits::with_places(PLACES);
    serve_agent_within(limits, listener, credentials, handler, shutdown).await
}

/// [`serve_agent`] with limits of the caller's.
pub(crate) async fn serve_agent_within<H: AgentHandler + PeerHandler>(
    limits: Limits,
    listener: TcpListener,
    credentials: CredentialsSource,
    handler: Arc<H>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let peer = peer::service(Arc::clone(&handler), credentials.clone());
    let service = Service {
        handler,
        orders: Arc::new(Semaphore::new(ORDERS_MAX)),
    };
    let agent = AgentServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let services = Both { agent, peer };
    serve(listener, credentials, limits, services, shutdown).await
}

struct Service<H> {
    handler: Arc<H>,
    orders: Arc<Semaphore>,
}

#[tonic::async_trait]
impl<H: AgentHandler> Agent for Service<H> {
    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportResponse>, Status> {
        controller_only(&request)?;
        protocol::check(request.get_ref().protocol).map_err(|error| unreadable(&error))?;
        let report = self.handler.report().await;
        Ok(Response::new((&report).into()))
    }

    async fn carry(
        &self,
        request: Request<OrderRequest>,
    ) -> Result<Response<OrderResponse>, Status> {
        controller_only(&request)?;
        let message = request.into_inner();
        protocol::check(message.protocol).map_err(|error| unreadable(&error))?;
        let order = Order::try_from(message).map_err(|error| unreadable(&error))?;
        let answer = self.carry_to_the_end(order).await?;
        Ok(Response::new((&answer).into()))
    }
}

impl<H: AgentHandler> Service<H> {
    /// In a task of its own: a caller that hangs up must not cut an order between the promise on
    /// disk and the deed.
    async fn carry_to_the_end(&self, order: Order) -> Result<Answer, Status> {
        let Ok(place) = Arc::clone(&self.orders).try_acquire_owned() else {
            let doing = format!("{ORDERS_MAX} orders that came before have not been answered");
            return Ok(Answer::Busy { doing });
        };
        let handler = Arc::clone(&self.handler);
        let carried = tokio::spawn(async move {
            let answer = handler.carry(order).await;
            drop(place);
            answer
        });
        carried.await.map_err(|error| {
            tracing::error!(%error, "the handler of an order broke");
            Status::internal("the handler of the order broke")
        })
    }
}

fn controller_only<T>(request: &Request<T>) -> Result<(), Status> {
    let peer = peer_of(request)?;
    if peer.identity == Identity::Controller {
        return Ok(());
    }
    tracing::warn!(address = %peer.address, identity = %peer.identity, "refused a call");
    Err(Status::permission_denied(format!(
        "expected a certificate of {}, found one of {}",
        Identity::Controller,
        peer.identity
    )))
}
