//! What the tests of several modules share.

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::pki_types::CertificateDer;

use crate::authority::Authority;
use crate::bundle::Bundle;
use crate::identity::{ClusterName, Namespace};
use crate::leaf::{Leaf, LeafRequest, issue};

/// The time at which tests happen.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// An authority that is a year old.
pub(crate) fn authority(generation: u32) -> Authority {
    Authority::create(generation, now() - days(365)).unwrap()
}

pub(crate) fn cluster_request() -> LeafRequest {
    LeafRequest::cluster(
        Namespace::new("app").unwrap(),
        ClusterName::new("db").unwrap(),
    )
    .with_ip_addresses(["127.0.3.1".parse().unwrap(), "::1".parse().unwrap()])
}

/// A cluster's leaf, made at that time.
pub(crate) fn leaf_of(authority: &Authority, at: Timestamp) -> Leaf {
    let bundle = Bundle::from(authority.certificate().clone());
    issue(authority, &bundle, &cluster_request(), at).unwrap()
}

pub(crate) fn self_signed(names: Vec<SanType>) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    params
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .into()
}
