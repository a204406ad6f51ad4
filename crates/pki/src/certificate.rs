//! What a certificate says, read once into plain values.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use thiserror::Error;
use x509_parser::asn1_rs::nom;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::identity::{Identity, IdentityError};
use crate::validity::Validity;

/// Why PEM text cannot be read. The text is never quoted: people mistake key files for
/// certificate files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PemError {
    /// No section of the kind looked for.
    #[error("the text holds no certificate")]
    Missing,
    /// Not PEM, for instance because line ends were lost.
    #[error("the text is not well-formed PEM")]
    Malformed,
}

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// The text around it.
    #[error("cannot read the certificate's PEM text")]
    Pem(#[source] PemError),
    /// The structure.
    #[error("cannot read the certificate")]
    Structure(#[source] X509Error),
    /// Bytes after its end.
    #[error("the certificate is followed by other bytes")]
    TrailingBytes,
    /// Its list of names is malformed or given twice.
    #[error("cannot read the certificate's names")]
    Names,
    /// Its dates cannot be expressed.
    #[error("the certificate's dates are out of range")]
    Dates,
    /// Not exactly one URI name, so it is nobody's or several peers' at once.
    #[error("the certificate carries {found} URI names instead of one")]
    UriCount {
        /// How many there are.
        found: usize,
    },
    /// One URI name, but not one of ours.
    #[error("the certificate's URI name is not an identity")]
    Identity(#[source] IdentityError),
}

/// The identity in a peer's certificate (DER), which the caller's TLS library has verified.
///
/// A certificate with no URI name or with two is refused, as is any URI that is not one of the
/// two forms of [`Identity`].
pub fn peer_identity(certificate_der: &[u8]) -> Result<Identity, CertificateError> {
    Facts::read(certificate_der)?.identity()
}

/// What this crate wants to know of a certificate.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) common_name: Option<String>,
    pub(crate) validity: Validity,
    pub(crate) is_authority: bool,
    /// The subject's public key, as the DER of its `SubjectPublicKeyInfo`.
    pub(crate) public_key: Vec<u8>,
    pub(crate) dns_names: BTreeSet<String>,
    pub(crate) ip_addresses: BTreeSet<IpAddr>,
    uris: Vec<String>,
}

impl Facts {
    pub(crate) fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(structure)?;
        if !rest.is_empty() {
            return Err(CertificateError::TrailingBytes);
        }
        let mut facts = Self {
            common_name: common_name(&certificate),
            validity: validity(&certificate)?,
            is_authority: certificate.is_ca(),
            public_key: certificate.public_key().raw.to_vec(),
            dns_names: BTreeSet::new(),
            ip_addresses: BTreeSet::new(),
            uris: Vec::new(),
        };
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| CertificateError::Names)?;
        for name in names
            .iter()
            .flat_map(|extension| &extension.value.general_names)
        {
            facts.add(name)?;
        }
        Ok(facts)
    }

    /// The one identity it carries.
    pub(crate) fn identity(&self) -> Result<Identity, CertificateError> {
        match self.uris.as_slice() {
            [uri] => uri.parse().map_err(CertificateError::Identity),
            uris => Err(CertificateError::UriCount { found: uris.len() }),
        }
    }

    /// Names of kinds that we never write are left out: they are compared with nothing.
    fn add(&mut self, name: &GeneralName<'_>) -> Result<(), CertificateError> {
        match name {
            GeneralName::DNSName(name) => {
                self.dns_names.insert((*name).to_owned());
            }
            GeneralName::URI(uri) => self.uris.push((*uri).to_owned()),
            GeneralName::IPAddress(bytes) => {
                self.ip_addresses
                    .insert(ip_address(bytes).ok_or(CertificateError::Names)?);
            }
            GeneralName::Invalid(..) => return Err(CertificateError::Names),
            _ => {}
        }
        Ok(())
    }
}

/// All certificates of a PEM text, in order; at least one.
pub(crate) fn read_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, pem::Error>>()
        .map_err(|_| PemError::Malformed)?;
    if certificates.is_empty() {
        Err(PemError::Missing)
    } else {
        Ok(certificates)
    }
}

/// PEM text with Unix line ends, which OpenSSL and everybody else reads.
pub(crate) fn write_pem(der: &CertificateDer<'_>) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    ::pem::encode_config(&::pem::Pem::new("CERTIFICATE", der.to_vec()), config)
}

fn structure(error: nom::Err<X509Error>) -> CertificateError {
    CertificateError::Structure(match error {
        nom::Err::Error(error) | nom::Err::Failure(error) => error,
        nom::Err::Incomplete(_) => X509Error::InvalidCertificate,
    })
}

fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

fn validity(certificate: &X509Certificate<'_>) -> Result<Validity, CertificateError> {
    let instant = |seconds| Timestamp::from_second(seconds).map_err(|_| CertificateError::Dates);
    Ok(Validity {
        not_before: instant(certificate.validity().not_before.timestamp())?,
        not_after: instant(certificate.validity().not_after.timestamp())?,
    })
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    v4.or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::SanType;

    use super::*;
    use crate::testing;

    fn with_uris(uris: &[&str]) -> Vec<u8> {
        let names = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()))
            .collect();
        testing::self_signed(names).to_vec()
    }

    #[test]
    fn controller_and_cluster_are_told_apart() {
        assert_eq!(
            peer_identity(&with_uris(&["moco:controller"])).unwrap(),
            Identity::Controller
        );
        assert_eq!(
            peer_identity(&with_uris(&["moco:cluster/app/controller"])).unwrap(),
            Identity::cluster("app", "controller").unwrap()
        );
    }

    #[test]
    fn no_uri_and_two_uris_are_refused_even_when_they_are_equal() {
        for uris in [
            &[][..],
            &["moco:controller", "moco:cluster/app/db"],
            &["moco:controller", "https://example.com"],
            &["moco:controller", "moco:controller"],
        ] {
            let refused = peer_identity(&with_uris(uris)).unwrap_err();
            assert!(
                matches!(refused, CertificateError::UriCount { found } if found == uris.len()),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_foreign_uri_is_refused() {
        let refused = peer_identity(&with_uris(&["spiffe://x/controller"])).unwrap_err();
        assert!(matches!(
            refused,
            CertificateError::Identity(IdentityError::Form)
        ));
    }

    #[test]
    fn a_host_name_that_looks_like_an_identity_is_none() {
        let name = SanType::DnsName("moco:controller".try_into().unwrap());
        let refused = peer_identity(&testing::self_signed(vec![name])).unwrap_err();
        assert!(matches!(refused, CertificateError::UriCount { found: 0 }));
    }

    #[test]
    fn bytes_after_the_certificate_are_refused() {
        let mut der = with_uris(&["moco:controller"]);
        der.push(0);
        assert!(matches!(
            peer_identity(&der),
            Err(CertificateError::TrailingBytes)
        ));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic_and_never_change_the_identity(
            at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>()
        ) {
            static DER: std::sync::LazyLock<Vec<u8>> =
                std::sync::LazyLock::new(|| with_uris(&["moco:cluster/app/db"]));
            let mut der = DER.clone();
            prop_assert!(peer_identity(&der[..cut.index(der.len())]).is_err());
            let at = at.index(der.len());
            der[at] ^= 1 << bit;
            // One flipped bit may fall into the name itself; it can never make a controller of it.
            if let Ok(identity) = peer_identity(&der) {
                prop_assert_ne!(identity, Identity::Controller);
            }
        }
    }
}
