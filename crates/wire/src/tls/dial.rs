//! The dialling side: a TCP connection, a handshake, and the server's consent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use moco_pki::{ALPN_H2, TlsError};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, OtherError};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::source::{Loaded, chain};
use super::verify::{Expected, IdentityVerifier, WrongIdentity};

/// An authenticated connection. It reads through a buffer, which holds what the server said first.
pub(crate) type Dialled = BufReader<TlsStream<TcpStream>>;

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{0:?} is not an address of the form host:port")]
    Address(String),
    #[error("cannot prepare the TLS connection")]
    Prepare(#[source] TlsError),
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("the TLS handshake broke off")]
    Handshake(#[source] io::Error),
    #[error("the server closed the connection after the handshake")]
    Closed,
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("the server's certificate is refused")]
    WrongIdentity(#[source] WrongIdentity),
    #[error("the server's certificate is refused")]
    Certificate(#[source] rustls::Error),
    #[error("the server refuses this program's certificate")]
    RefusedByServer(#[source] rustls::Error),
}

impl DialError {
    /// Which side refused the other, and why; `None` when it failed for another reason.
    pub(crate) fn refusal(&self) -> Option<String> {
        match self {
            Self::WrongIdentity(_) | Self::Certificate(_) | Self::RefusedByServer(_) => {
                Some(chain(self))
            }
            _ => None,
        }
    }

    /// Whether the other machine answered that nobody listens there. Only while connecting: later, a
    /// server that lives may close a connection too.
    pub(crate) fn nobody_listens(&self) -> bool {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset};
        match self {
            Self::Connect(error) => matches!(error.kind(), ConnectionRefused | ConnectionReset),
            _ => false,
        }
    }
}

/// Dials one server and accepts it only as the expected one.
pub(crate) struct Dialler {
    pub(crate) address: String,
    pub(crate) expected: Expected,
    pub(crate) loaded: Arc<Loaded>,
    /// For everything: name, TCP, handshake, consent.
    pub(crate) time_limit: Duration,
}

impl Dialler {
    pub(crate) async fn dial(&self) -> Result<Dialled, DialError> {
        tokio::time::timeout(self.time_limit, self.dial_unlimited())
            .await
            .unwrap_or(Err(DialError::Timeout(self.time_limit)))
    }

    async fn dial_unlimited(&self) -> Result<Dialled, DialError> {
        let name = self.server_name()?;
        let connector = self.connector()?;
        let tcp = TcpStream::connect(&self.address)
            .await
            .map_err(DialError::Connect)?;
        tcp.set_nodelay(true).map_err(DialError::Connect)?;
        let tls = connector.connect(name, tcp).await.map_err(classify)?;
        // In TLS 1.3 a client is done before the server has looked at its certificate. An HTTP/2
        // server speaks first, so its first byte is its consent, and a refusal arrives here as an
        // alert and not as a connection that broke for some reason.
        let mut stream = BufReader::with_capacity(READ_BUFFER_BYTES, tls);
        if stream.fill_buf().await.map_err(classify)?.is_empty() {
            return Err(DialError::Closed);
        }
        Ok(stream)
    }

    /// For the server's convenience (SNI); it is not compared with anything.
    fn server_name(&self) -> Result<ServerName<'static>, DialError> {
        self.address
            .rsplit_once(':')
            .map(|(host, _)| host.trim_start_matches('[').trim_end_matches(']'))
            .and_then(|host| ServerName::try_from(host.to_owned()).ok())
            .ok_or_else(|| DialError::Address(self.address.clone()))
    }

    fn connector(&self) -> Result<TlsConnector, DialError> {
        let mut config = self
            .loaded
            .credentials
            .client_config(&[ALPN_H2])
            .map_err(DialError::Prepare)?;
        let verifier = IdentityVerifier {
            roots: Arc::clone(&self.loaded.roots),
            algorithms: config.crypto_provider().signature_verification_algorithms,
            expected: self.expected.clone(),
        };
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(verifier));
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// One HTTP/2 frame of usual size.
const READ_BUFFER_BYTES: usize = 16 * 1024;

fn classify(error: io::Error) -> DialError {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) => {
            match inner.downcast_ref::<WrongIdentity>() {
                Some(wrong) => DialError::WrongIdentity(wrong.clone()),
                None => DialError::Handshake(error),
            }
        }
        Some(refused @ rustls::Error::InvalidCertificate(_)) => {
            DialError::Certificate(refused.clone())
        }
        Some(alert @ rustls::Error::AlertReceived(_)) => DialError::RefusedByServer(alert.clone()),
        _ => DialError::Handshake(error),
    }
}
