//! The operator's own certificate authority.
//!
//! Every byte between controller, agents and MySQL members travels over TLS, and every peer is
//! known by the URI name in its certificate ([`Identity`]). This crate makes the authorities and
//! the leaves, says when they are due for renewal, and builds the rustls configurations that
//! demand both sides' certificates.
//!
//! What it deliberately does not do: it reads no clock (time is an argument; only a handshake made
//! with its configurations looks at the system's clock), opens no file or socket, stores nothing,
//! and reloads nothing. Where certificates are kept, how they reach a member and how a running
//! listener takes a new one is decided by its callers.
//!
//! Invariants:
//!
//! - Each authority generation has a key and a subject of its own, so a leaf of another authority
//!   fails as "unknown issuer" and never as a puzzling bad signature.
//! - A leaf leaves [`issue`] only after the TLS library has accepted it against the published
//!   bundle, for both roles and for each of its names. So nothing can be issued by an authority
//!   that is not in the bundle.
//! - A new authority is published first, issues second, and the old one is dropped last, each step
//!   when everybody concerned has confirmed the one before ([`due()`]).
//! - No key text in an error, in `Debug` output or in plain data that may be logged.
//! - Every handshake checks the peer's certificate: sessions are never resumed.
//!
//! Start reading at [`mod@due`] for the life of an authority, at [`leaf`] for what is issued, at
//! [`tls`] for what uses it.

pub mod authority;
pub mod bundle;
pub mod certificate;
pub mod due;
pub mod identity;
pub mod inspect;
pub mod key;
pub mod leaf;
pub mod names;
pub mod tls;
pub mod validity;
mod verify;

#[cfg(test)]
mod testing;

pub use authority::{Authority, AuthorityError, AuthorityPem};
pub use bundle::{Bundle, BundleError, CaCertificate};
pub use certificate::{CertificateError, PemError, peer_identity};
pub use due::{AuthorityView, CertificateSet, Due, LeafView, Reissue, SwitchReason, due};
pub use identity::{ClusterName, Identity, IdentityError, Namespace};
pub use inspect::{LeafFacts, LeafState};
pub use key::{KeyError, KeyPem};
pub use leaf::{IssueError, Leaf, LeafRequest, issue};
pub use names::{cluster_dns_names, controller_dns_names};
pub use tls::{ALPN_H2, Credentials, TlsError, TlsPem, provider};
pub use validity::{ClockError, Validity};
pub use verify::VerifyError;
