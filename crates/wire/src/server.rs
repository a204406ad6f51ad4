//! Serving over mutual TLS: an agent's two services, and the controller's.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::Server;
use tonic::{Request, Status};

use crate::convert::ReadError;
use crate::tls::{AcceptLimits, CredentialsSource, Peer, PlaceLimits, accept};

mod agent;
mod both;
mod controller;
mod peer;

#[cfg(test)]
pub(crate) use agent::serve_agent_within;
pub use agent::{AgentHandler, serve_agent};
pub use controller::{ControllerHandler, serve_controller};
pub use peer::PeerHandler;

/// A service ended otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener has no address, so it is not one.
    #[error("cannot read the address of the listener")]
    Listener(#[source] std::io::Error),
    /// The transport gave up.
    #[error("the service on {address} ended")]
    Transport {
        /// Where it listened.
        address: SocketAddr,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
}

/// Time for a handshake: some round trips and a signature. A peer that needs longer is silent or
/// so far away that calls would not be answered in time either.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// Handshakes at the same time. Each costs a file descriptor and some 50 KiB, from anyone who can
/// reach the port.
const HANDSHAKES_MAX: usize = 128;

/// Longest that a handler may take, whatever the caller is willing to wait.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);

/// Calls at the same time over one connection. Callers make one or two.
const CALLS_PER_CONNECTION_MAX: u32 = 32;

/// How often a connection is asked for a sign of life, and how long it may take: a peer whose
/// machine died is noticed after their sum.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIME_MAX: Duration = Duration::from_secs(10);

/// After this time a connection is ended between calls, and the peer makes a new one. So no
/// connection outlives for long the certificate that it was made with.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(60 * 60);
const CONNECTION_AGE_GRACE: Duration = Duration::from_secs(90);

/// How long the calls that are being handled may take to end once the service was told to.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Bounds of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) accept: AcceptLimits,
    /// How long the service may take to end once it was told to.
    pub(crate) shutdown_grace: Duration,
}

impl Limits {
    pub(crate) const fn with_places(places: PlaceLimits) -> Self {
        Self {
            accept: AcceptLimits {
                handshake: HANDSHAKE_TIME_MAX,
                handshakes: HANDSHAKES_MAX,
                places,
            },
            shutdown_grace: SHUTDOWN_GRACE,
        }
    }
}

/// Serves until `shutdown` is ready, and then until open calls are answered or the grace is over.
async fn serve<S>(
    listener: TcpListener,
    credentials: CredentialsSource,
    limits: Limits,
    service: S,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    let (accepted, incoming) = mpsc::channel(1);
    // Ends by itself when `incoming` is dropped.
    tokio::spawn(accept(listener, credentials, limits.accept, accepted));

    let (told, heard) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        let _ = told.send(());
    };
    let serving = Server::builder()
        .timeout(CALL_TIME_MAX)
        .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_TIME_MAX))
        .max_connection_age(CONNECTION_AGE_MAX)
        .max_connection_age_grace(CONNECTION_AGE_GRACE)
        .serve_with_incoming_shutdown(service, ReceiverStream::new(incoming), signal);
    let patience = async {
        match heard.await {
            Ok(()) => tokio::time::sleep(limits.shutdown_grace).await,
            // The service ended without having been told to; its own outcome says how.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = serving => {
            served.map_err(|source| ServeError::Transport { address, source })
        }
        () = patience => {
            tracing::warn!(%address, "calls were still being handled when the service ended");
            Ok(())
        }
    }
}

/// Who made a request.
fn peer_of<T>(request: &Request<T>) -> Result<Peer, Status> {
    request
        .extensions()
        .get::<Peer>()
        .cloned()
        .ok_or_else(|| Status::unauthenticated("the connection has no known peer"))
}

/// A request that could not be read.
fn unreadable(error: &ReadError) -> Status {
    Status::invalid_argument(error.to_string())
}
