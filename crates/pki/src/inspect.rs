//! What is known of a leaf that was stored earlier.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error as RustlsError, InconsistentKeys};
use serde::{Deserialize, Serialize};

use crate::bundle::{Bundle, CaCertificate};
use crate::certificate::{self, CertificateError, Facts};
use crate::identity::Identity;
use crate::key::{self, KeyError, KeyPem};
use crate::leaf::LeafRequest;
use crate::tls::{self, TlsError};
use crate::validity::Validity;
use crate::verify;

/// A leaf as it was found where it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LeafState {
    /// There is none.
    Missing,
    /// There is one that cannot be used.
    Unreadable {
        /// Why, for people; never key text.
        reason: String,
    },
    /// There is one that can be read.
    Issued(LeafFacts),
}

/// What a readable leaf says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafFacts {
    /// Whom it speaks for.
    pub identity: Identity,
    /// Host names that it serves.
    pub dns_names: BTreeSet<String>,
    /// Addresses that it serves.
    pub ip_addresses: BTreeSet<IpAddr>,
    /// When it is good.
    pub validity: Validity,
    /// Generation of the authority that really signed it, by its signature and not by name; none
    /// when it is no known one, or when peers would refuse it for another reason than its dates.
    pub issued_by: Option<u32>,
}

impl LeafState {
    /// Looks at a stored leaf. `known` holds every authority that the operator still has, published
    /// or not.
    pub fn of(cert_pem: &str, key_pem: &KeyPem, known: &Bundle) -> Self {
        match inspect(cert_pem, key_pem, known) {
            Ok(facts) => Self::Issued(facts),
            Err(error) => Self::Unreadable {
                reason: reason(&error),
            },
        }
    }
}

fn inspect(cert_pem: &str, key_pem: &KeyPem, known: &Bundle) -> Result<LeafFacts, TlsError> {
    let chain = certificate::read_pem(cert_pem)
        .map_err(|source| TlsError::Certificate(CertificateError::Pem(source)))?;
    let (certified, facts) = pair(chain, key_pem.expose(), &tls::provider())?;
    let identity = facts.identity().map_err(TlsError::Certificate)?;
    let Facts {
        validity,
        dns_names,
        ip_addresses,
        ..
    } = facts;
    let request = LeafRequest {
        identity,
        dns_names,
        ip_addresses,
    };
    let leaf = certified.end_entity_cert().map_err(TlsError::Settings)?;
    let issued_by = known
        .certificates()
        .iter()
        .filter(|authority| signed(authority, leaf, &request, validity))
        .find_map(CaCertificate::generation);
    let LeafRequest {
        identity,
        dns_names,
        ip_addresses,
    } = request;
    Ok(LeafFacts {
        identity,
        dns_names,
        ip_addresses,
        validity,
        issued_by,
    })
}

/// Whether the TLS library accepts the leaf with this authority alone as trust anchor.
///
/// It is asked about the leaf's first second, so that expiry, which has a rule of its own, does
/// not look like a foreign signature.
fn signed(
    authority: &CaCertificate,
    leaf: &CertificateDer<'_>,
    request: &LeafRequest,
    validity: Validity,
) -> bool {
    let Ok(roots) = Bundle::from(authority.clone()).roots() else {
        return false;
    };
    let Ok(dialled) = request.dialled() else {
        return false;
    };
    verify::verify(leaf, &roots, &dialled, validity.not_before).is_ok()
}

/// Puts a chain and a key together, and names the one that is wrong.
pub(crate) fn pair(
    chain: Vec<CertificateDer<'static>>,
    key_pem: &str,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Facts), TlsError> {
    let first = chain
        .first()
        .ok_or(TlsError::Certificate(CertificateError::Pem(
            certificate::PemError::Missing,
        )))?;
    let facts = Facts::read(first).map_err(TlsError::Certificate)?;
    let key = key::read(key_pem).map_err(TlsError::Key)?;
    let key = provider
        .key_provider
        .load_private_key(key)
        // The library's reason is left out on purpose, see `KeyError`.
        .map_err(|_| TlsError::Key(KeyError::Unsupported))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok((certified, facts)),
        Err(RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(TlsError::KeyDoesNotMatch)
        }
        Err(source) => Err(TlsError::Settings(source)),
    }
}

/// The whole chain of causes in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    // Chains here are three deep; the bound is for a library's error that is its own cause.
    for _ in 0..8 {
        let Some(next) = cause else { break };
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::testing::{authority, cluster_request, leaf_of, now};

    #[test]
    fn a_stored_leaf_says_what_was_asked_for_and_who_signed_it() {
        let (old, new) = (authority(1), authority(2));
        let mut known = Bundle::from(old.certificate().clone());
        known.add(new.certificate().clone()).unwrap();
        let leaf = leaf_of(&new, now());
        let request = cluster_request();
        let expected = LeafFacts {
            identity: request.identity,
            dns_names: request.dns_names,
            ip_addresses: request.ip_addresses,
            validity: leaf.validity,
            issued_by: Some(2),
        };
        let found = LeafState::of(&leaf.cert_pem, &leaf.key_pem, &known);
        assert_eq!(found, LeafState::Issued(expected));
    }

    #[test]
    fn an_expired_leaf_still_has_its_issuer() {
        let made = authority(1);
        let leaf = leaf_of(&made, now() - SignedDuration::from_hours(24 * 100));
        let found = LeafState::of(
            &leaf.cert_pem,
            &leaf.key_pem,
            &made.certificate().clone().into(),
        );
        assert!(matches!(
            found,
            LeafState::Issued(LeafFacts {
                issued_by: Some(1),
                ..
            })
        ));
    }

    #[test]
    fn a_leaf_of_a_foreign_authority_of_the_same_generation_has_no_issuer() {
        let leaf = leaf_of(&authority(1), now());
        let known = authority(1).certificate().clone().into();
        let found = LeafState::of(&leaf.cert_pem, &leaf.key_pem, &known);
        assert!(matches!(
            found,
            LeafState::Issued(LeafFacts {
                issued_by: None,
                ..
            })
        ));
    }

    #[test]
    fn what_is_wrong_is_named_without_key_text() {
        let made = authority(1);
        let known = Bundle::from(made.certificate().clone());
        let (one, two) = (leaf_of(&made, now()), leaf_of(&made, now()));
        let secret = one.key_pem.expose().lines().nth(1).unwrap().to_owned();
        let joined = KeyPem::new(one.key_pem.expose().replace('\n', ""));
        for (cert, key, expected) in [
            ("", &one.key_pem, "certificate"),
            (one.cert_pem.as_str(), &two.key_pem, "does not belong"),
            (one.cert_pem.as_str(), &KeyPem::new(""), "no private key"),
            (one.cert_pem.as_str(), &joined, "key"),
            (joined.expose(), &joined, "certificate"),
        ] {
            match LeafState::of(cert, key, &known) {
                LeafState::Unreadable { reason } => {
                    assert!(reason.contains(expected), "{reason}");
                    assert!(!reason.contains(&secret[..16]), "{reason}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
