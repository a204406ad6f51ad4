//! The set of authorities that peers trust.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use thiserror::Error;

use crate::authority;
use crate::certificate::{self, CertificateError, Facts, PemError};
use crate::validity::Validity;

/// More authorities than a rotation ever needs (two, or three when one was cut short). A bundle
/// that grows beyond it is damaged, and each handshake would pay for it.
const AUTHORITIES_MAX: usize = 16;

/// The certificate of an authority, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificate {
    der: CertificateDer<'static>,
    generation: Option<u32>,
    validity: Validity,
}

impl CaCertificate {
    /// Reads a certificate and makes sure that it is an authority's.
    pub(crate) fn read(der: CertificateDer<'static>) -> Result<Self, BundleError> {
        let facts = Facts::read(&der).map_err(BundleError::Certificate)?;
        if !facts.is_authority {
            return Err(BundleError::NotAnAuthority);
        }
        let generation = facts
            .common_name
            .as_deref()
            .and_then(authority::generation_of);
        Ok(Self {
            der,
            generation,
            validity: facts.validity,
        })
    }

    /// Its generation; none when it is not one that this crate made.
    pub fn generation(&self) -> Option<u32> {
        self.generation
    }

    /// When it is good.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// PEM text.
    pub fn to_pem(&self) -> String {
        certificate::write_pem(&self.der)
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }
}

/// Why a set of trusted authorities cannot be used.
#[derive(Debug, Error)]
pub enum BundleError {
    /// The text.
    #[error("cannot read the bundle's PEM text")]
    Pem(#[source] PemError),
    /// One of the certificates.
    #[error("cannot use a certificate of the bundle")]
    Certificate(#[source] CertificateError),
    /// A leaf where an authority belongs.
    #[error("a certificate of the bundle is not an authority's")]
    NotAnAuthority,
    /// A damaged bundle.
    #[error("the bundle holds more than {AUTHORITIES_MAX} authorities")]
    TooMany,
    /// The TLS library refuses one as a trust anchor.
    #[error("the TLS library cannot trust a certificate of the bundle")]
    Anchor(#[source] rustls::Error),
}

/// The authorities whose leaves are trusted: one, or the old and the new while rotating.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    certificates: Vec<CaCertificate>,
}

impl Bundle {
    /// Reads a bundle of at least one authority. Sections that are not certificates are skipped,
    /// and are not written again.
    pub fn from_pem(text: &str) -> Result<Self, BundleError> {
        let mut bundle = Self::default();
        for der in certificate::read_pem(text).map_err(BundleError::Pem)? {
            bundle.add(CaCertificate::read(der)?)?;
        }
        Ok(bundle)
    }

    /// PEM text, oldest first, for `ca.crt` files and MySQL's `ssl_ca`.
    pub fn to_pem(&self) -> String {
        self.certificates
            .iter()
            .map(CaCertificate::to_pem)
            .collect()
    }

    /// Adds an authority at the end; one that it holds already changes nothing.
    pub fn add(&mut self, certificate: CaCertificate) -> Result<(), BundleError> {
        if self.certificates.contains(&certificate) {
            return Ok(());
        }
        if self.certificates.len() >= AUTHORITIES_MAX {
            return Err(BundleError::TooMany);
        }
        self.certificates.push(certificate);
        Ok(())
    }

    /// Takes a generation out.
    pub fn remove(&mut self, generation: u32) {
        self.certificates
            .retain(|certificate| certificate.generation != Some(generation));
    }

    /// The authorities, oldest first.
    pub fn certificates(&self) -> &[CaCertificate] {
        &self.certificates
    }

    /// Generations that it holds.
    pub fn generations(&self) -> BTreeSet<u32> {
        self.certificates
            .iter()
            .filter_map(CaCertificate::generation)
            .collect()
    }

    /// As trust anchors for rustls. An anchor's own dates are not looked at by rustls (they are by
    /// OpenSSL), so an authority that is over must be taken out of the bundle.
    pub(crate) fn roots(&self) -> Result<Arc<RootCertStore>, BundleError> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.certificates {
            roots
                .add(certificate.der.clone())
                .map_err(BundleError::Anchor)?;
        }
        Ok(Arc::new(roots))
    }
}

impl From<CaCertificate> for Bundle {
    fn from(certificate: CaCertificate) -> Self {
        Self {
            certificates: vec![certificate],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{authority, leaf_of, now};

    #[test]
    fn old_and_new_are_written_and_read_in_order() {
        let (old, new) = (authority(1), authority(2));
        let mut bundle = Bundle::from(old.certificate().clone());
        bundle.add(new.certificate().clone()).unwrap();
        bundle.add(old.certificate().clone()).unwrap();
        let read = Bundle::from_pem(&bundle.to_pem()).unwrap();
        assert_eq!(read, bundle);
        assert_eq!(read.certificates().len(), 2);
        assert_eq!(read.generations(), BTreeSet::from([1, 2]));
    }

    #[test]
    fn a_dropped_generation_is_gone() {
        let mut bundle = Bundle::from(authority(1).certificate().clone());
        bundle.add(authority(2).certificate().clone()).unwrap();
        bundle.remove(1);
        assert_eq!(bundle.generations(), BTreeSet::from([2]));
    }

    #[test]
    fn a_leaf_is_no_authority() {
        let leaf = leaf_of(&authority(1), now());
        assert!(matches!(
            Bundle::from_pem(&leaf.cert_pem),
            Err(BundleError::NotAnAuthority)
        ));
    }

    #[test]
    fn an_empty_text_is_refused() {
        assert!(matches!(
            Bundle::from_pem(""),
            Err(BundleError::Pem(PemError::Missing))
        ));
    }

    #[test]
    fn a_key_in_a_bundle_is_not_passed_on() {
        let pem = authority(1).to_pem();
        let bundle = Bundle::from_pem(&format!("{}{}", pem.key.expose(), pem.certificate)).unwrap();
        assert!(!bundle.to_pem().contains("KEY"));
    }

    #[test]
    fn a_bundle_does_not_grow_without_end() {
        let mut bundle = Bundle::default();
        for generation in 1..=16 {
            bundle
                .add(authority(generation).certificate().clone())
                .unwrap();
        }
        let refused = bundle.add(authority(17).certificate().clone());
        assert!(matches!(refused, Err(BundleError::TooMany)));
    }
}
