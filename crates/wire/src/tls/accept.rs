//! The accepting side: handshakes side by side, each within a time limit.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use moco_pki::{CertificateError, Identity, peer_identity};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt;
use tonic::transport::server::TcpIncoming;

use super::places::{PlaceLimits, Places};
use super::source::{CredentialsSource, chain};
pub(crate) use super::stream::{Peer, PeerStream};

/// Bounds of an accepting endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcceptLimits {
    /// For one handshake.
    pub(crate) handshake: Duration,
    /// Peers that may be shaking hands at the same time; more wait in the listener's queue.
    pub(crate) handshakes: usize,
    /// Authenticated connections at the same time; more are closed at once.
    pub(crate) places: PlaceLimits,
}

/// What `tonic` takes connections from. A failed handshake is nobody's concern but the peer's, so
/// no error ever comes out of it.
pub(crate) type Accepted = Result<PeerStream, Infallible>;

#[derive(Debug, thiserror::Error)]
enum GreetError {
    #[error("the handshake failed")]
    Handshake(#[source] io::Error),
    #[error("the handshake took longer than {0:?}")]
    Timeout(Duration),
    #[error("the peer has no certificate")]
    NoCertificate,
    #[error("the peer's certificate carries no identity")]
    Identity(#[source] CertificateError),
}

/// Pause after the operating system refused to hand out a connection, usually for want of file
/// descriptors: asking again at once would only burn the processor.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// TCP keep-alive of accepted connections, beside the pings of HTTP/2.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Accepts until the receiving end of `out` is gone.
pub(crate) async fn accept(
    listener: TcpListener,
    credentials: CredentialsSource,
    limits: AcceptLimits,
    out: mpsc::Sender<Accepted>,
) {
    let mut incoming = TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .with_keepalive(Some(TCP_KEEPALIVE));
    let shaking_hands = Arc::new(Semaphore::new(limits.handshakes));
    let places = Places::new(limits.places);
    loop {
        let next = async {
            let turn = Arc::clone(&shaking_hands).acquire_owned().await.ok()?;
            Some((turn, incoming.next().await?))
        };
        let next = tokio::select! {
            () = out.closed() => return,
            next = next => next,
        };
        match next {
            None => return,
            Some((turn, Ok(tcp))) => {
                let loaded = credentials.current();
                let greeting = Greeting {
                    acceptor: TlsAcceptor::from(Arc::clone(&loaded.server)),
                    own: loaded.credentials.identity().clone(),
                    time_limit: limits.handshake,
                    places: Arc::clone(&places),
                    out: out.clone(),
                };
                tokio::spawn(greeting.run(tcp, turn));
            }
            Some((_, Err(error))) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
            }
        }
    }
}

/// One peer's way from a TCP connection to an authenticated one.
struct Greeting {
    acceptor: TlsAcceptor,
    /// Whom this endpoint speaks for.
    own: Identity,
    time_limit: Duration,
    places: Arc<Places>,
    out: mpsc::Sender<Accepted>,
}

impl Greeting {
    async fn run(self, tcp: TcpStream, turn: OwnedSemaphorePermit) {
        let address = match tcp.peer_addr() {
            Ok(address) => address,
            Err(error) => return tracing::debug!(%error, "a peer was gone at once"),
        };
        let greeted = tokio::time::timeout(self.time_limit, self.greet(tcp, address))
            .await
            .unwrap_or(Err(GreetError::Timeout(self.time_limit)));
        drop(turn);
        let (tls, peer) = match greeted {
            Ok(greeted) => greeted,
            Err(error) => {
                return tracing::debug!(%address, error = chain(&error), "refused a peer");
            }
        };
        let Some(place) = self.places.take(&peer.identity, &self.own) else {
            return tracing::warn!(%address, identity = %peer.identity,
                "closed a connection, its identity has too many");
        };
        let stream = PeerStream {
            tls,
            peer,
            _place: place,
        };
        if self.out.send(Ok(stream)).await.is_err() {
            tracing::debug!(%address, "closed a connection, the server ends");
        }
    }

    async fn greet(
        &self,
        tcp: TcpStream,
        address: SocketAddr,
    ) -> Result<(tokio_rustls::server::TlsStream<TcpStream>, Peer), GreetError> {
        let tls = self
            .acceptor
            .accept(tcp)
            .await
            .map_err(GreetError::Handshake)?;
        let certificates = tls.get_ref().1.peer_certificates().unwrap_or_default();
        let leaf = certificates.first().ok_or(GreetError::NoCertificate)?;
        let identity = peer_identity(leaf).map_err(GreetError::Identity)?;
        Ok((tls, Peer { identity, address }))
    }
}
