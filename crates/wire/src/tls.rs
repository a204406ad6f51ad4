//! Mutual TLS: whose certificates are used, and whose are accepted.

mod accept;
mod dial;
mod places;
mod source;
mod stream;
mod verify;

use moco_model::ClusterId;
use moco_pki::Identity;

pub(crate) use accept::{AcceptLimits, Peer, accept};
pub(crate) use dial::{DialError, Dialler};
pub(crate) use places::PlaceLimits;
pub(crate) use verify::Expected;

pub use source::{CHECK_EVERY, CredentialsError, CredentialsSource, PemFiles};

/// Whether a certificate's identity is that of a cluster's members.
pub(crate) fn speaks_for(identity: &Identity, cluster: &ClusterId) -> bool {
    match identity {
        Identity::Controller => false,
        Identity::Cluster { namespace, name } => {
            namespace.as_str() == cluster.namespace && name.as_str() == cluster.name
        }
    }
}
