//! The authorities as they are kept in a Secret, and the steps of their life carried out on them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use moco_pki::{
    Authority, AuthorityError, AuthorityPem, AuthorityView, Bundle, BundleError, CaCertificate,
    CertificateSet, Due, IssueError, KeyPem, Leaf, LeafRequest, LeafState, LeafView, due,
};

/// Key of the bundle that everybody trusts.
pub(crate) const BUNDLE_KEY: &str = "ca.crt";
/// Key of a leaf's certificate.
pub(crate) const CERTIFICATE_KEY: &str = "tls.crt";
/// Key of a leaf's private key.
pub(crate) const PRIVATE_KEY_KEY: &str = "tls.key";
/// Key of the generation that issues leaves.
const ISSUING_KEY: &str = "issuing";

/// The operator's authorities: those with keys, those that are published, and which one issues.
#[derive(Default)]
pub(crate) struct Hierarchy {
    authorities: BTreeMap<u32, Authority>,
    issuing: Option<u32>,
    published: Bundle,
}

/// Why the authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HierarchyError {
    /// An authority in the Secret is damaged.
    #[error("cannot read the authority under the key {key}")]
    Authority {
        /// The key of its certificate.
        key: String,
        /// What is wrong.
        #[source]
        source: AuthorityError,
    },
    /// Only one of the two parts is there.
    #[error("the key {0} is missing")]
    Missing(String),
    /// The bundle is damaged.
    #[error("cannot read the bundle under the key {BUNDLE_KEY}")]
    Bundle(#[source] BundleError),
    /// Not a generation.
    #[error("the value of {ISSUING_KEY} is no generation of an authority")]
    Issuing,
    /// A new authority could not be made.
    #[error("cannot make authority generation {generation}")]
    Create {
        /// Its generation.
        generation: u32,
        /// Why.
        #[source]
        source: AuthorityError,
    },
    /// No authority can issue: the clock is wrong, or the only key is lost.
    #[error("no authority can issue a certificate")]
    NoIssuer,
    /// A leaf could not be issued.
    #[error("cannot issue a certificate for {identity}")]
    Issue {
        /// For whom.
        identity: String,
        /// Why.
        #[source]
        source: Box<IssueError>,
    },
}

impl fmt::Debug for Hierarchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hierarchy")
            .field("authorities", &self.authorities.keys())
            .field("issuing", &self.issuing)
            .field("published", &self.published.generations())
            .finish()
    }
}

fn certificate_key(generation: u32) -> String {
    format!("authority-{generation}.crt")
}

fn private_key_key(generation: u32) -> String {
    format!("authority-{generation}.key")
}

impl Hierarchy {
    /// Begins anew, when the Secret is gone. Authorities whose certificates are still around stay
    /// trusted, so that members with their leaves are not cut off, and their numbers stay taken.
    pub(crate) fn trusting(bundle: Option<&str>) -> Self {
        let published = bundle
            .and_then(|text| Bundle::from_pem(text).ok())
            .unwrap_or_default();
        Self {
            published,
            ..Self::default()
        }
    }

    /// Reads the texts of the Secret.
    pub(crate) fn read(texts: &BTreeMap<String, String>) -> Result<Self, HierarchyError> {
        let text = |key: &str| {
            texts
                .get(key)
                .ok_or_else(|| HierarchyError::Missing(key.to_owned()))
        };
        let mut authorities = BTreeMap::new();
        for key in texts.keys() {
            let generation = key
                .strip_prefix("authority-")
                .and_then(|rest| rest.strip_suffix(".crt"))
                .and_then(|number| number.parse::<u32>().ok());
            let Some(generation) = generation else {
                continue;
            };
            let private = KeyPem::new(text(&private_key_key(generation))?.as_str());
            let authority = Authority::from_pem(text(key)?, &private).map_err(|source| {
                HierarchyError::Authority {
                    key: key.clone(),
                    source,
                }
            })?;
            authorities.insert(authority.generation(), authority);
        }
        let published = Bundle::from_pem(text(BUNDLE_KEY)?).map_err(HierarchyError::Bundle)?;
        let issuing = match texts.get(ISSUING_KEY) {
            Some(text) => Some(text.trim().parse().map_err(|_| HierarchyError::Issuing)?),
            None => None,
        };
        Ok(Self {
            authorities,
            issuing,
            published,
        })
    }

    /// The texts to store.
    pub(crate) fn write(&self) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::from([(BUNDLE_KEY.to_owned(), self.bundle())]);
        if let Some(issuing) = self.issuing {
            texts.insert(ISSUING_KEY.to_owned(), issuing.to_string());
        }
        for (generation, authority) in &self.authorities {
            let AuthorityPem { certificate, key } = authority.to_pem();
            texts.insert(certificate_key(*generation), certificate);
            texts.insert(private_key_key(*generation), key.expose().to_owned());
        }
        texts
    }

    /// What everybody trusts, as PEM text.
    pub(crate) fn bundle(&self) -> String {
        self.published.to_pem()
    }

    /// What is due, when `leaf` is the one that is looked at.
    pub(crate) fn due(&self, leaf: LeafView, now: Timestamp) -> Vec<Due> {
        let mut views = BTreeMap::new();
        for certificate in self.published.certificates() {
            if let Some(generation) = certificate.generation() {
                views.insert(generation, view(generation, certificate, false, true));
            }
        }
        for (generation, authority) in &self.authorities {
            let published = views.contains_key(generation);
            views.insert(
                *generation,
                view(*generation, authority.certificate(), true, published),
            );
        }
        let set = CertificateSet {
            authorities: views.into_values().collect(),
            issuing: self.issuing,
            leaves: vec![leaf],
        };
        due(&set, now)
    }

    /// Carries out a step in the life of an authority. False for a step that is about a leaf.
    pub(crate) fn carry_out(&mut self, step: &Due, now: Timestamp) -> Result<bool, HierarchyError> {
        match step {
            Due::CreateAuthority { generation } => {
                let generation = *generation;
                let authority = Authority::create(generation, now)
                    .map_err(|source| HierarchyError::Create { generation, source })?;
                self.authorities.insert(generation, authority);
            }
            Due::Publish { generation } => {
                if let Some(authority) = self.authorities.get(generation) {
                    let certificate = authority.certificate().clone();
                    self.published
                        .add(certificate)
                        .map_err(HierarchyError::Bundle)?;
                }
            }
            Due::SwitchIssuing { generation, .. } => self.issuing = Some(*generation),
            Due::DropAuthority { generation } => {
                self.published.remove(*generation);
                self.authorities.remove(generation);
            }
            Due::IssueLeaf { .. } => return Ok(false),
        }
        Ok(true)
    }

    /// Looks at a stored leaf.
    pub(crate) fn leaf_state(&self, texts: Option<&BTreeMap<String, String>>) -> LeafState {
        let parts = texts
            .and_then(|texts| Some((texts.get(CERTIFICATE_KEY)?, texts.get(PRIVATE_KEY_KEY)?)));
        let Some((certificate, key)) = parts else {
            return LeafState::Missing;
        };
        let mut known = self.published.clone();
        for authority in self.authorities.values() {
            // A bundle that is full holds nothing that is looked for here.
            let _ = known.add(authority.certificate().clone());
        }
        LeafState::of(certificate, &KeyPem::new(key.as_str()), &known)
    }

    /// The texts of a leaf's Secret, if those that are there have to be replaced.
    pub(crate) fn renew(
        &self,
        wanted: &LeafRequest,
        found: Option<&BTreeMap<String, String>>,
        now: Timestamp,
    ) -> Result<Option<BTreeMap<String, String>>, HierarchyError> {
        let leaf = LeafView {
            wanted: wanted.clone(),
            found: self.leaf_state(found),
        };
        let missing = !matches!(leaf.found, LeafState::Issued(_));
        let steps = self.due(leaf, now);
        let issuing = steps.iter().find_map(|step| match step {
            Due::IssueLeaf { generation, .. } => Some(*generation),
            _ => None,
        });
        if let Some(generation) = issuing {
            let leaf = self.issue(generation, wanted, now)?;
            return Ok(Some(BTreeMap::from([
                (BUNDLE_KEY.to_owned(), self.bundle()),
                (CERTIFICATE_KEY.to_owned(), leaf.cert_pem),
                (PRIVATE_KEY_KEY.to_owned(), leaf.key_pem.expose().to_owned()),
            ])));
        }
        let Some(found) = found.filter(|_| !missing) else {
            return Err(HierarchyError::NoIssuer);
        };
        if found.get(BUNDLE_KEY) == Some(&self.bundle()) {
            return Ok(None);
        }
        let mut texts = found.clone();
        texts.insert(BUNDLE_KEY.to_owned(), self.bundle());
        Ok(Some(texts))
    }

    fn issue(
        &self,
        generation: u32,
        wanted: &LeafRequest,
        now: Timestamp,
    ) -> Result<Leaf, HierarchyError> {
        let authority = self
            .authorities
            .get(&generation)
            .ok_or(HierarchyError::NoIssuer)?;
        moco_pki::issue(authority, &self.published, wanted, now).map_err(|source| {
            HierarchyError::Issue {
                identity: wanted.identity.to_string(),
                source: Box::new(source),
            }
        })
    }
}

/// Nobody confirms what it trusts and presents, so both confirmations are unsure. A successor is
/// published a year before the end and issues in the last month; the old one goes when it is over.
fn view(
    generation: u32,
    certificate: &CaCertificate,
    has_key: bool,
    published: bool,
) -> AuthorityView {
    AuthorityView {
        generation,
        validity: certificate.validity(),
        has_key,
        published,
        trusted_by_all: false,
        presented_by_none: false,
    }
}

#[cfg(test)]
mod tests;
