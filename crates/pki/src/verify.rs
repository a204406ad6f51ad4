//! The TLS library's own judgement of a leaf, asked without a connection.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use thiserror::Error;

use crate::tls;
use crate::validity;

/// Why a leaf would be refused by its peers.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The authorities cannot be used as trust anchors at all.
    #[error("cannot verify against the bundle")]
    Anchors(#[source] VerifierBuilderError),
    /// No client may present it.
    #[error("the leaf is refused as a client's")]
    AsClient(#[source] rustls::Error),
    /// No server of that name may present it.
    #[error("the leaf is refused as the server {name}'s")]
    AsServer {
        /// The name dialled.
        name: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// Verifies a leaf as a client's and as the server's of each name.
pub(crate) fn verify(
    leaf: &CertificateDer<'_>,
    roots: &Arc<RootCertStore>,
    names: &[ServerName<'_>],
    at: Timestamp,
) -> Result<(), VerifyError> {
    let at = validity::unix_time(at);
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), tls::provider())
        .build()
        .map_err(VerifyError::Anchors)?;
    clients
        .verify_client_cert(leaf, &[], at)
        .map_err(VerifyError::AsClient)?;
    let servers = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), tls::provider())
        .build()
        .map_err(VerifyError::Anchors)?;
    for name in names {
        servers
            .verify_server_cert(leaf, &[], name, &[], at)
            .map_err(|source| VerifyError::AsServer {
                name: name.to_str().into_owned(),
                source,
            })?;
    }
    Ok(())
}
