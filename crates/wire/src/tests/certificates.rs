//! Authorities and leaves for tests.

use jiff::Timestamp;
use moco_pki::{Authority, Bundle, ClusterName, LeafRequest, Namespace, issue};
use tokio::sync::watch;

use crate::tls::{CredentialsSource, PemFiles};

pub(crate) struct Ca {
    authority: Authority,
    bundle: Bundle,
}

impl Ca {
    pub(crate) fn new(generation: u32) -> Self {
        let authority = Authority::create(generation, Timestamp::now()).unwrap();
        let mut bundle = Bundle::default();
        bundle.add(authority.certificate().clone()).unwrap();
        Self { authority, bundle }
    }

    pub(crate) fn cluster(&self, namespace: &str, name: &str) -> PemFiles {
        self.leaf(&LeafRequest::cluster(
            Namespace::new(namespace).unwrap(),
            ClusterName::new(name).unwrap(),
        ))
    }

    pub(crate) fn controller(&self) -> PemFiles {
        self.leaf(&LeafRequest::controller(
            &Namespace::new("moco-system").unwrap(),
        ))
    }

    pub(crate) fn bundle_pem(&self) -> String {
        self.bundle.to_pem()
    }

    fn leaf(&self, request: &LeafRequest) -> PemFiles {
        let leaf = issue(&self.authority, &self.bundle, request, Timestamp::now()).unwrap();
        PemFiles {
            bundle: self.bundle_pem(),
            certificate: leaf.cert_pem,
            key: leaf.key_pem,
        }
    }
}

/// Credentials that never change.
pub(crate) fn fixed(pem: PemFiles) -> CredentialsSource {
    let (_put, channel) = watch::channel(pem);
    CredentialsSource::from_channel(channel).unwrap()
}
