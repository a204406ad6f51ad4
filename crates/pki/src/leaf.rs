//! Leaves: what is asked for and how it is issued.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authority::Authority;
use crate::bundle::{Bundle, BundleError};
use crate::certificate::{self, CertificateError, peer_identity};
use crate::identity::{ClusterName, Identity, Namespace};
use crate::key::KeyPem;
use crate::names::{cluster_dns_names, controller_dns_names};
use crate::validity::{ClockError, Validity};
use crate::verify::{self, VerifyError};

/// Life of a leaf: 90 days, renewed after 60, so a month of failed renewals harms nobody and a
/// stolen key is worthless after a quarter of a year.
pub const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// More names than any cluster needs; each costs a verification when issuing and bytes in each
/// handshake.
const NAMES_MAX: usize = 100;

/// What a leaf shall say. It is always good for both sides of a connection: an agent serves, dials
/// other agents, and lends the same files to its mysqld.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafRequest {
    /// Whom it speaks for.
    pub identity: Identity,
    /// Host names that it serves; the first label may be `*`. Lower case.
    pub dns_names: BTreeSet<String>,
    /// Addresses that it serves, for members without names (local mode).
    pub ip_addresses: BTreeSet<IpAddr>,
}

impl LeafRequest {
    /// The leaf that all members of a cluster share.
    pub fn cluster(namespace: Namespace, name: ClusterName) -> Self {
        let dns_names = cluster_dns_names(&namespace, &name);
        let identity = Identity::Cluster { namespace, name };
        Self {
            identity,
            dns_names,
            ip_addresses: BTreeSet::new(),
        }
    }

    /// The leaf of the controller that runs in this namespace.
    pub fn controller(namespace: &Namespace) -> Self {
        let dns_names = controller_dns_names(namespace);
        Self {
            identity: Identity::Controller,
            dns_names,
            ip_addresses: BTreeSet::new(),
        }
    }

    /// Adds addresses.
    #[must_use]
    pub fn with_ip_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.ip_addresses.extend(addresses);
        self
    }

    /// Every name as a client would dial it, a wildcard as one host below it.
    pub(crate) fn dialled(&self) -> Result<Vec<ServerName<'static>>, IssueError> {
        let found = self.dns_names.len() + self.ip_addresses.len();
        if found == 0 || found > NAMES_MAX {
            return Err(IssueError::NameCount { found });
        }
        let mut dialled = Vec::with_capacity(found);
        for name in &self.dns_names {
            let refused = || IssueError::DnsName {
                name: name.chars().take(253).collect(),
            };
            let host = match name.strip_prefix("*.") {
                Some(parent) if parent.contains('.') => format!("any.{parent}"),
                Some(_) => return Err(refused()),
                None => name.clone(),
            };
            match ServerName::try_from(host) {
                Ok(host @ ServerName::DnsName(_)) if *name == name.to_ascii_lowercase() => {
                    dialled.push(host);
                }
                _ => return Err(refused()),
            }
        }
        dialled.extend(self.ip_addresses.iter().map(|ip| ServerName::from(*ip)));
        Ok(dialled)
    }
}

/// An issued leaf with its key.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The certificate chain to present: the leaf alone. Its issuer is a trust anchor, which every
    /// peer has in its bundle and none would believe from the wire.
    pub cert_pem: String,
    /// Its private key: ECDSA P-256, PKCS#8, as rustls and OpenSSL (so mysqld) read it.
    pub key_pem: KeyPem,
    /// Whom it speaks for.
    pub identity: Identity,
    /// When it is good.
    pub validity: Validity,
    /// Generation of the authority that issued it.
    pub issued_by: u32,
}

/// Why no leaf is issued.
#[derive(Debug, Error)]
pub enum IssueError {
    /// No name, or far too many.
    #[error("a leaf for {found} names was asked for, it takes 1 to {NAMES_MAX}")]
    NameCount {
        /// Names asked for.
        found: usize,
    },
    /// Not a host name.
    #[error("{name:?} is not a lower-case host name with at most a leading wildcard")]
    DnsName {
        /// The name asked for.
        name: String,
    },
    /// The clock.
    #[error("cannot date a leaf")]
    Clock(#[source] ClockError),
    /// The authority is over, or by this clock not yet good.
    #[error("authority generation {generation} is not good at {now}")]
    AuthorityNotGood {
        /// The authority.
        generation: u32,
        /// What the clock said.
        now: Timestamp,
    },
    /// No key from the cryptographic provider.
    #[error("cannot generate the leaf's key")]
    GenerateKey(#[source] rcgen::Error),
    /// A name that cannot be written into a certificate.
    #[error("cannot write a name into the leaf")]
    Name(#[source] rcgen::Error),
    /// No certificate from the authority.
    #[error("cannot sign the leaf")]
    Sign(#[source] rcgen::Error),
    /// The bundle.
    #[error("cannot verify the leaf against the bundle")]
    Bundle(#[source] BundleError),
    /// Peers would refuse it, for instance because its authority is not published.
    #[error("the leaf does not verify against the published bundle")]
    Verify(#[source] VerifyError),
    /// It does not say who it is.
    #[error("cannot read the leaf's identity back")]
    ReadBack(#[source] CertificateError),
    /// It says that it is somebody else.
    #[error("the leaf's identity was read back as another")]
    OtherIdentity,
}

/// Issues a leaf with a fresh key, and verifies it against the published `bundle` before anybody
/// sees it.
pub fn issue(
    authority: &Authority,
    bundle: &Bundle,
    request: &LeafRequest,
    now: Timestamp,
) -> Result<Leaf, IssueError> {
    let dialled = request.dialled()?;
    let validity = leaf_validity(authority, now)?;
    let params = leaf_params(request, validity)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IssueError::GenerateKey)?;
    let certificate = params
        .signed_by(&key, authority.issuer())
        .map_err(IssueError::Sign)?;
    let der = certificate.der();

    // What rcgen wrote is judged by the library that peers judge it with: mistakes in key
    // identifiers and names have come out of certificate builders before.
    let roots = bundle.roots().map_err(IssueError::Bundle)?;
    verify::verify(der, &roots, &dialled, now).map_err(IssueError::Verify)?;
    if peer_identity(der).map_err(IssueError::ReadBack)? != request.identity {
        return Err(IssueError::OtherIdentity);
    }
    Ok(Leaf {
        cert_pem: certificate::write_pem(der),
        key_pem: KeyPem::new(key.serialize_pem()),
        identity: request.identity.clone(),
        validity,
        issued_by: authority.generation(),
    })
}

/// Within the authority's own life: OpenSSL looks at the dates of the whole chain.
fn leaf_validity(authority: &Authority, now: Timestamp) -> Result<Validity, IssueError> {
    let whole = authority.validity();
    if !whole.contains(now) {
        return Err(IssueError::AuthorityNotGood {
            generation: authority.generation(),
            now,
        });
    }
    let wished = Validity::beginning(now, LEAF_LIFETIME).map_err(IssueError::Clock)?;
    Ok(Validity {
        not_before: wished.not_before.max(whole.not_before),
        not_after: wished.not_after.min(whole.not_after),
    })
}

fn leaf_params(request: &LeafRequest, validity: Validity) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    validity.write_to(&mut params);
    params.distinguished_name.remove(DnType::CommonName);
    params
        .distinguished_name
        .push(DnType::CommonName, request.identity.common_name());
    params.use_authority_key_identifier_extension = true;
    // An ECDSA key only signs; the key encipherment of RSA certificates does not apply.
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    for name in &request.dns_names {
        let name = name.as_str().try_into().map_err(IssueError::Name)?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params
        .subject_alt_names
        .extend(request.ip_addresses.iter().copied().map(SanType::IpAddress));
    let uri = request
        .identity
        .to_string()
        .try_into()
        .map_err(IssueError::Name)?;
    params.subject_alt_names.push(SanType::URI(uri));
    Ok(params)
}

#[cfg(test)]
mod tests;
