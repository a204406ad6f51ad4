//! Where certificates come from, and how new ones take the place of old ones.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moco_pki::{ALPN_H2, Bundle, Credentials, Identity, KeyPem, TlsError, TlsPem};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;
use tokio::time::Instant;

mod files;

/// How often a folder is looked at, at most. Certificates are renewed weeks before they end and
/// Kubernetes itself takes up to a minute to carry a Secret into a pod.
pub const CHECK_EVERY: Duration = Duration::from_secs(5);

/// The three texts of an endpoint. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct PemFiles {
    /// Authorities to trust (`ca.crt`).
    pub bundle: String,
    /// Own certificate chain, leaf first (`tls.crt`).
    pub certificate: String,
    /// Own private key (`tls.key`).
    pub key: KeyPem,
}

impl fmt::Debug for PemFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PemFiles(hidden)")
    }
}

/// Why credentials cannot be used. Never holds a text of a key.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The texts are not a usable set of credentials.
    #[error("cannot use the credentials of {origin}")]
    Unusable {
        /// Where they came from.
        origin: String,
        /// What is wrong with them.
        #[source]
        source: TlsError,
    },
    /// An authority of the bundle is no trust anchor.
    #[error("cannot trust an authority of {origin}")]
    Anchor {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
}

/// Credentials that follow their origin: the newest usable ones, for every new connection.
///
/// Nothing runs in the background. The origin is looked at when a connection is made, a folder at
/// most every few seconds. New texts that cannot be used are reported once, in the log and by
/// [`CredentialsSource::trouble`], and the old credentials stay.
#[derive(Clone)]
pub struct CredentialsSource(Arc<Mutex<State>>);

struct State {
    origin: Origin,
    check_every: Duration,
    checked_at: Instant,
    /// What was found at the last look that could be made, usable or not.
    seen: PemFiles,
    current: Arc<Loaded>,
    trouble: Option<Arc<CredentialsError>>,
}

enum Origin {
    Folder(PathBuf),
    Memory(watch::Receiver<PemFiles>),
}

/// Credentials in the form in which they are used.
pub(crate) struct Loaded {
    /// Rises with every set that was taken.
    pub(crate) generation: u64,
    pub(crate) credentials: Credentials,
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) roots: Arc<RootCertStore>,
}

impl CredentialsSource {
    /// Follows the files `ca.crt`, `tls.crt` and `tls.key` of a folder, as in a mounted Secret.
    /// Fails when they cannot be used now. `check_every` is how long a look is good for, usually
    /// [`CHECK_EVERY`].
    pub fn from_folder(folder: &Path, check_every: Duration) -> Result<Self, CredentialsError> {
        Self::new(Origin::Folder(folder.to_owned()), check_every)
    }

    /// Follows what is put into a channel. Fails when what it holds cannot be used now.
    pub fn from_channel(channel: watch::Receiver<PemFiles>) -> Result<Self, CredentialsError> {
        Self::new(Origin::Memory(channel), Duration::ZERO)
    }

    fn new(origin: Origin, check_every: Duration) -> Result<Self, CredentialsError> {
        let seen = origin.read()?;
        let state = State {
            current: Arc::new(load(&seen, &origin, 1)?),
            origin,
            check_every,
            checked_at: Instant::now(),
            seen,
            trouble: None,
        };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// Whom the present certificate speaks for.
    pub fn identity(&self) -> Identity {
        self.current().credentials.identity().clone()
    }

    /// What keeps the newest texts from being used, until it is mended.
    pub fn trouble(&self) -> Option<Arc<CredentialsError>> {
        self.refreshed(|state| state.trouble.clone())
    }

    /// The newest usable credentials.
    pub(crate) fn current(&self) -> Arc<Loaded> {
        self.refreshed(|state| Arc::clone(&state.current))
    }

    /// Reads files on the caller's thread, once in a few seconds: three small ones, in memory for a
    /// mounted Secret.
    fn refreshed<T>(&self, take: impl FnOnce(&State) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.duration_since(state.checked_at) >= state.check_every {
            state.checked_at = now;
            state.look();
        }
        take(&state)
    }
}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current();
        f.debug_tuple("CredentialsSource")
            .field(&current.credentials)
            .finish()
    }
}

impl State {
    fn look(&mut self) {
        let unread = matches!(self.trouble.as_deref(), Some(CredentialsError::Read { .. }));
        let found = match self.origin.read() {
            Ok(found) if found == self.seen && !unread => return,
            Ok(found) => found,
            Err(error) => return self.report(error),
        };
        let generation = self.current.generation.saturating_add(1);
        match load(&found, &self.origin, generation) {
            Ok(loaded) => {
                tracing::info!(origin = %self.origin, identity = %loaded.credentials.identity(),
                    "took new credentials");
                self.current = Arc::new(loaded);
                self.trouble = None;
            }
            Err(error) => self.report(error),
        }
        self.seen = found;
    }

    /// Keeps the trouble and logs it, unless it is the same as before.
    fn report(&mut self, error: CredentialsError) {
        let text = chain(&error);
        if self.trouble.as_deref().map(|known| chain(known)) != Some(text.clone()) {
            tracing::warn!(
                error = text,
                "new credentials cannot be used, the old ones stay"
            );
            self.trouble = Some(Arc::new(error));
        }
    }
}

impl Origin {
    fn read(&self) -> Result<PemFiles, CredentialsError> {
        match self {
            Self::Folder(folder) => files::read(folder),
            Self::Memory(channel) => Ok(channel.borrow().clone()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Memory(_) => f.write_str("memory"),
        }
    }
}

fn load(pem: &PemFiles, origin: &Origin, generation: u64) -> Result<Loaded, CredentialsError> {
    let unusable = |source| CredentialsError::Unusable {
        origin: origin.to_string(),
        source,
    };
    let credentials = Credentials::from_pem(TlsPem {
        bundle: &pem.bundle,
        certificate: &pem.certificate,
        key: pem.key.expose(),
    })
    .map_err(unusable)?;
    let server = credentials.server_config(&[ALPN_H2]).map_err(unusable)?;
    let bundle =
        Bundle::from_pem(&pem.bundle).map_err(|source| unusable(TlsError::Bundle(source)))?;
    let mut roots = RootCertStore::empty();
    // The bundle was read, so its own text holds certificates only.
    for der in CertificateDer::pem_slice_iter(bundle.to_pem().as_bytes()).flatten() {
        roots.add(der).map_err(|source| CredentialsError::Anchor {
            origin: origin.to_string(),
            source,
        })?;
    }
    Ok(Loaded {
        generation,
        credentials,
        server: Arc::new(server),
        roots: Arc::new(roots),
    })
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
