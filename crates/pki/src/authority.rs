//! A certificate authority: one generation, with its key.

use std::fmt;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::bundle::{BundleError, CaCertificate};
use crate::certificate::{self, Facts, PemError};
use crate::key::{self, KeyError, KeyPem};
use crate::validity::{ClockError, Validity};

/// Life of an authority: ten years, as MOCO has always had it.
pub const AUTHORITY_LIFETIME: SignedDuration = SignedDuration::from_hours(3650 * 24);

const SUBJECT_PREFIX: &str = "moco ca ";

/// Bytes of the key's digest in the subject. Eight are plenty to tell generations of one operator
/// apart, and of two operators whose members meet.
const SUBJECT_KEY_BYTES: usize = 8;

/// One generation of the operator's own certificate authority: an ECDSA P-256 key and a
/// self-signed certificate `CN=moco ca <generation> <part of the key's digest>`.
///
/// `Debug` shows the certificate's generation and dates, never the key.
pub struct Authority {
    certificate: CaCertificate,
    generation: u32,
    issuer: Issuer<'static, KeyPair>,
}

/// An authority as text, to be stored.
#[derive(Clone, Debug)]
pub struct AuthorityPem {
    /// The certificate.
    pub certificate: String,
    /// Its private key, PKCS#8.
    pub key: KeyPem,
}

/// Why an authority cannot be made or read.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// The clock.
    #[error("cannot date an authority")]
    Clock(#[source] ClockError),
    /// No key from the cryptographic provider.
    #[error("cannot generate the authority's key")]
    GenerateKey(#[source] rcgen::Error),
    /// No certificate from the key.
    #[error("cannot sign the authority's certificate")]
    Sign(#[source] rcgen::Error),
    /// The certificate's text.
    #[error("cannot read the authority's certificate")]
    CertificateText(#[source] PemError),
    /// More than one certificate where one belongs.
    #[error("the authority's certificate is not exactly one certificate")]
    SeveralCertificates,
    /// The certificate.
    #[error("cannot use the authority's certificate")]
    Certificate(#[source] BundleError),
    /// Somebody else's authority.
    #[error("the authority's certificate has a subject of another maker")]
    ForeignSubject,
    /// The key.
    #[error("cannot use the authority's key")]
    Key(#[source] KeyError),
    /// Certificate and key are of different authorities.
    #[error("the key does not belong to the certificate of authority generation {generation}")]
    KeyDoesNotMatch {
        /// Generation in the certificate.
        generation: u32,
    },
    /// The certificate cannot issue.
    #[error("cannot issue from the authority's certificate")]
    Issuer(#[source] rcgen::Error),
}

impl Authority {
    /// Makes a new authority, good for [`AUTHORITY_LIFETIME`] from `now` on.
    pub fn create(generation: u32, now: Timestamp) -> Result<Self, AuthorityError> {
        let validity =
            Validity::beginning(now, AUTHORITY_LIFETIME).map_err(AuthorityError::Clock)?;
        let key =
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::GenerateKey)?;
        let mut params = CertificateParams::default();
        validity.write_to(&mut params);
        // It signs leaves only, never another authority.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let digest = params.key_identifier(&key);
        params.distinguished_name.remove(DnType::CommonName);
        params
            .distinguished_name
            .push(DnType::CommonName, subject(generation, &digest));
        let certificate = params.self_signed(&key).map_err(AuthorityError::Sign)?;
        Self::assemble(certificate.into(), key)
    }

    /// Reads an authority back and makes sure that key and certificate belong together.
    pub fn from_pem(certificate: &str, key: &KeyPem) -> Result<Self, AuthorityError> {
        let mut certificates =
            certificate::read_pem(certificate).map_err(AuthorityError::CertificateText)?;
        let (Some(der), true) = (certificates.pop(), certificates.is_empty()) else {
            return Err(AuthorityError::SeveralCertificates);
        };
        let key: PrivateKeyDer<'_> = key::read(key.expose()).map_err(AuthorityError::Key)?;
        // The library's reason is left out on purpose, see `KeyError`.
        let key =
            KeyPair::try_from(&key).map_err(|_| AuthorityError::Key(KeyError::Unsupported))?;
        Self::assemble(der, key)
    }

    fn assemble(der: CertificateDer<'static>, key: KeyPair) -> Result<Self, AuthorityError> {
        let certificate = CaCertificate::read(der).map_err(AuthorityError::Certificate)?;
        let generation = certificate
            .generation()
            .ok_or(AuthorityError::ForeignSubject)?;
        let facts = Facts::read(certificate.der())
            .map_err(|source| AuthorityError::Certificate(BundleError::Certificate(source)))?;
        if facts.public_key != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(AuthorityError::KeyDoesNotMatch { generation });
        }
        let issuer =
            Issuer::from_ca_cert_der(certificate.der(), key).map_err(AuthorityError::Issuer)?;
        Ok(Self {
            certificate,
            generation,
            issuer,
        })
    }

    /// The text to store.
    pub fn to_pem(&self) -> AuthorityPem {
        AuthorityPem {
            certificate: self.certificate.to_pem(),
            key: KeyPem::new(self.issuer.key().serialize_pem()),
        }
    }

    /// Its generation.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Its certificate, to be published.
    pub fn certificate(&self) -> &CaCertificate {
        &self.certificate
    }

    /// When it is good.
    pub fn validity(&self) -> Validity {
        self.certificate.validity()
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("generation", &self.generation)
            .field("validity", &self.validity())
            .finish_non_exhaustive()
    }
}

fn subject(generation: u32, key_digest: &[u8]) -> String {
    let mut subject = format!("{SUBJECT_PREFIX}{generation} ");
    for byte in key_digest.iter().take(SUBJECT_KEY_BYTES) {
        // Writing to a String does not fail.
        let _ = write!(subject, "{byte:02x}");
    }
    subject
}

/// The generation in a common name; none when the name is not one of ours.
pub(crate) fn generation_of(common_name: &str) -> Option<u32> {
    let (generation, digest) = common_name.strip_prefix(SUBJECT_PREFIX)?.split_once(' ')?;
    let hex =
        digest.len() == 2 * SUBJECT_KEY_BYTES && digest.bytes().all(|c| c.is_ascii_hexdigit());
    let digits = generation.bytes().all(|c| c.is_ascii_digit());
    if hex && digits {
        generation.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{authority, leaf_of, now};

    #[test]
    fn an_authority_is_good_for_ten_years() {
        let made = Authority::create(1, now()).unwrap();
        assert_eq!(made.validity().not_after, now() + AUTHORITY_LIFETIME);
        assert!(made.validity().contains(now()));
    }

    #[test]
    fn a_stored_authority_is_read_back_and_goes_on_issuing() {
        let made = authority(7);
        let stored = made.to_pem();
        let read = Authority::from_pem(&stored.certificate, &stored.key).unwrap();
        assert_eq!(read.generation(), 7);
        assert_eq!(read.certificate(), made.certificate());
        assert_eq!(read.validity(), made.validity());
        leaf_of(&read, now());
    }

    #[test]
    fn two_authorities_of_one_generation_differ_in_key_and_subject() {
        let names: Vec<_> = [authority(1), authority(1)]
            .iter()
            .map(|authority| Facts::read(authority.certificate().der()).unwrap())
            .collect();
        assert_ne!(names[0].common_name, names[1].common_name);
        assert_ne!(names[0].public_key, names[1].public_key);
    }

    #[test]
    fn the_key_of_another_authority_is_refused_by_name() {
        let (one, two) = (authority(1).to_pem(), authority(2).to_pem());
        let refused = Authority::from_pem(&one.certificate, &two.key).unwrap_err();
        assert!(matches!(
            refused,
            AuthorityError::KeyDoesNotMatch { generation: 1 }
        ));
    }

    #[test]
    fn certificate_and_key_are_named_when_they_cannot_be_read() {
        let good = authority(1).to_pem();
        let no_key = Authority::from_pem(&good.certificate, &KeyPem::new("")).unwrap_err();
        assert!(matches!(no_key, AuthorityError::Key(KeyError::Missing)));
        let no_certificate = Authority::from_pem("", &good.key).unwrap_err();
        assert!(matches!(
            no_certificate,
            AuthorityError::CertificateText(PemError::Missing)
        ));
        let leaf = leaf_of(&authority(1), now());
        let no_authority = Authority::from_pem(&leaf.cert_pem, &leaf.key_pem).unwrap_err();
        assert!(matches!(
            no_authority,
            AuthorityError::Certificate(BundleError::NotAnAuthority)
        ));
    }

    #[test]
    fn the_key_is_in_no_debug_output() {
        let made = authority(1);
        let stored = made.to_pem();
        let secret = stored.key.expose().lines().nth(1).unwrap();
        for shown in [format!("{made:?}"), format!("{stored:?}")] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!shown.contains("PRIVATE"), "{shown}");
        }
    }

    #[test]
    fn only_our_own_subjects_carry_a_generation() {
        assert_eq!(generation_of("moco ca 12 00112233aabbccdd"), Some(12));
        for other in [
            "moco ca 12",
            "moco ca +1 00112233aabbccdd",
            "moco ca  00112233aabbccdd",
            "moco ca 99999999999 00112233aabbccdd",
            "moco ca 1 0011",
            "moco cluster 1",
            "my ca",
        ] {
            assert_eq!(generation_of(other), None, "{other}");
        }
    }
}
