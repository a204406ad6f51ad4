//! Private keys as text, kept out of everything that is printed.

use std::fmt;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject};
use thiserror::Error;

/// A private key in PEM form (PKCS#8 when made here).
///
/// It prints as `KeyPem(hidden)`, and is not serialisable, so it cannot slip into a log, a status
/// or a stored decision.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPem(String);

impl KeyPem {
    /// Keeps the text, unread.
    pub fn new(pem: impl Into<String>) -> Self {
        Self(pem.into())
    }

    /// The text, to be written where keys are kept and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPem(hidden)")
    }
}

/// Why a private key cannot be used.
///
/// No variant has a cause: the errors of PEM readers quote the line they stumbled on, and here
/// that line may be the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No section that holds a private key.
    #[error("the text holds no private key")]
    Missing,
    /// Not PEM, for instance because line ends were lost.
    #[error("the text is not well-formed PEM")]
    Malformed,
    /// PEM, but not a key that the TLS library can use.
    #[error("the private key is of no kind that can be used")]
    Unsupported,
}

/// The first private key of the text.
pub(crate) fn read(pem: &str) -> Result<PrivateKeyDer<'static>, KeyError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| match error {
        pem::Error::NoItemsFound => KeyError::Missing,
        _ => KeyError::Malformed,
    })
}
