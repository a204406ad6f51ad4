//! Accepting a server by whom its certificate speaks for.

use std::sync::Arc;

use moco_pki::{Identity, peer_identity};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::speaks_for;
use moco_model::ClusterId;

/// Whom a dialled server must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The controller.
    Controller,
    /// A member of this cluster.
    Cluster(ClusterId),
}

impl Expected {
    fn is_met_by(&self, identity: &Identity) -> bool {
        match self {
            Self::Controller => *identity == Identity::Controller,
            Self::Cluster(cluster) => speaks_for(identity, cluster),
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Controller => f.write_str("the controller"),
            Self::Cluster(cluster) => write!(f, "a member of cluster {cluster}"),
        }
    }
}

/// A server's certificate is good but speaks for somebody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found a certificate of {found}")]
pub(crate) struct WrongIdentity {
    expected: Expected,
    found: Identity,
}

/// Verifies the chain as rustls does, then the identity in place of the name that was dialled:
/// members are dialled by addresses that come and go, and a name served by DNS proves nothing that
/// the identity does not prove better.
#[derive(Debug)]
pub(super) struct IdentityVerifier {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) expected: Expected,
}

impl ServerCertVerifier for IdentityVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let found = peer_identity(end_entity).map_err(refused)?;
        if !self.expected.is_met_by(&found) {
            let expected = self.expected.clone();
            return Err(refused(WrongIdentity { expected, found }));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn refused(because: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(because))))
}
