//! rustls configurations that demand a certificate from both sides.

use std::fmt;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use thiserror::Error;

use crate::bundle::{Bundle, BundleError};
use crate::certificate::{self, CertificateError};
use crate::identity::Identity;
use crate::inspect;
use crate::key::KeyError;
use crate::validity::Validity;

/// Application protocol of gRPC.
pub const ALPN_H2: &[u8] = b"h2";

/// 1.3 is taken whenever both sides can; 1.2 is what older tools for people speak.
const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// The one cryptographic provider of the program. It is passed on explicitly everywhere in this
/// crate; `main` also installs it as the process default for libraries that look there.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The three files of a TLS endpoint, as text. `Debug` shows none of them.
#[derive(Clone, Copy)]
pub struct TlsPem<'a> {
    /// Authorities to trust.
    pub bundle: &'a str,
    /// Own certificate chain, leaf first.
    pub certificate: &'a str,
    /// Own private key.
    pub key: &'a str,
}

impl fmt::Debug for TlsPem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsPem(hidden)")
    }
}

/// Which part of a TLS endpoint's files is wrong. No variant ever holds key text.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The trusted authorities.
    #[error("cannot use the bundle of trusted authorities")]
    Bundle(#[source] BundleError),
    /// The trusted authorities, as the verifier of clients.
    #[error("cannot verify clients against the bundle of trusted authorities")]
    Verifier(#[source] VerifierBuilderError),
    /// The own certificate.
    #[error("cannot use the own certificate")]
    Certificate(#[source] CertificateError),
    /// The own private key.
    #[error("cannot use the own private key")]
    Key(#[source] KeyError),
    /// Certificate and key are each fine but not of one pair, for instance halfway through an
    /// update of the files.
    #[error("the own private key does not belong to the own certificate")]
    KeyDoesNotMatch,
    /// The TLS library refuses the combination.
    #[error("the TLS library refuses the settings")]
    Settings(#[source] rustls::Error),
}

/// Everything an endpoint needs to speak mutual TLS: whom to trust and what to present.
///
/// Both configurations verify the peer's certificate in every handshake: sessions are never
/// resumed, because a resumed one would outlive an expired leaf or an authority taken out of the
/// bundle. Connections here are few and long, so it costs nothing.
#[derive(Clone)]
pub struct Credentials {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    own: Arc<CertifiedKey>,
    identity: Identity,
    validity: Validity,
}

impl Credentials {
    /// Reads the three files and makes sure that they belong together.
    ///
    /// Whether the own leaf chains to the bundle is left to the peers: while files are replaced
    /// one after the other it may not, and a refusal here would stop a running endpoint.
    pub fn from_pem(pem: TlsPem<'_>) -> Result<Self, TlsError> {
        let provider = provider();
        let bundle = Bundle::from_pem(pem.bundle).map_err(TlsError::Bundle)?;
        let roots = bundle.roots().map_err(TlsError::Bundle)?;
        let chain = certificate::read_pem(pem.certificate)
            .map_err(|source| TlsError::Certificate(CertificateError::Pem(source)))?;
        let (own, facts) = inspect::pair(chain, pem.key, &provider)?;
        let identity = facts.identity().map_err(TlsError::Certificate)?;
        Ok(Self {
            provider,
            roots,
            own: Arc::new(own),
            identity,
            validity: facts.validity,
        })
    }

    /// Whom the own certificate speaks for.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When the own certificate is good.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// For the accepting side. Who the client is must be asked of its certificate afterwards, with
    /// [`peer_identity`](crate::peer_identity).
    pub fn server_config(&self, alpn: &[&[u8]]) -> Result<ServerConfig, TlsError> {
        let clients = WebPkiClientVerifier::builder_with_provider(
            Arc::clone(&self.roots),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(TlsError::Verifier)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(VERSIONS)
            .map_err(TlsError::Settings)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(self.resolver());
        config.alpn_protocols = protocols(alpn);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// For the dialling side. The server's certificate must carry the name dialled; whom it speaks
    /// for must be asked of it afterwards, with [`peer_identity`](crate::peer_identity).
    pub fn client_config(&self, alpn: &[&[u8]]) -> Result<ClientConfig, TlsError> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(VERSIONS)
            .map_err(TlsError::Settings)?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_client_cert_resolver(self.resolver());
        config.alpn_protocols = protocols(alpn);
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.own)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("identity", &self.identity)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

fn protocols(alpn: &[&[u8]]) -> Vec<Vec<u8>> {
    alpn.iter().map(|protocol| protocol.to_vec()).collect()
}

#[cfg(test)]
mod tests;
