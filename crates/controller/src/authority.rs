//! The operator's certificate authority and the controllers' own certificate.
//!
//! Both are kept in Secrets of the controllers' namespace. Every controller reads them, because every
//! one takes notices; what is missing may be created by any of them (creating is compare-and-swap:
//! who comes second reads what the first has made); only the leader changes what is there.
//!
//! A Secret with the authorities that disappears is written again from memory. One that cannot be
//! read is left for a person to mend; the last good one is used meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use moco_api::constants::labels;
use moco_pki::{KeyPem, LeafRequest, LeafView, Namespace};
use moco_wire::{CredentialsError, CredentialsSource, PemFiles};
use tokio::sync::watch;

use crate::call::CallError;
use crate::lease::Leadership;
use crate::secrets::{SecretTexts, Secrets};
use moco_model::sentence::with_causes;

mod state;

use state::{BUNDLE_KEY, CERTIFICATE_KEY, PRIVATE_KEY_KEY};
pub(crate) use state::{Hierarchy, HierarchyError};

/// Secret with the authorities and their keys.
pub(crate) const AUTHORITY_SECRET: &str = "moco-ca";
/// Secret with the controllers' certificate.
pub(crate) const CONTROLLER_SECRET: &str = "moco-controller-grpc";

/// How often both are looked at. Renewals are due weeks before anything ends.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How soon a look that failed is repeated.
const REPEAT: Duration = Duration::from_secs(5);
/// How often two controllers may cross each other in one look.
const TRIES: u32 = 8;

/// Why the authorities or the own certificate are not at hand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// A Secret could not be read or written.
    #[error("cannot look after the certificates")]
    Call(#[source] CallError),
    /// The authorities are damaged, or cannot issue.
    #[error("cannot use the authorities in the Secret {AUTHORITY_SECRET}")]
    Hierarchy(#[source] HierarchyError),
    /// The own certificate is damaged.
    #[error("cannot use the certificate in the Secret {CONTROLLER_SECRET}")]
    Credentials(#[source] CredentialsError),
    /// Another controller changed the Secrets again and again.
    #[error("the certificates were changed by somebody else {TRIES} times in a row")]
    Restless,
}

/// Whether what exists may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// Only what is missing may be created.
    Create,
    /// Everything.
    Change,
}

/// Looks after the certificates. Clones share what is known.
#[derive(Clone)]
pub(crate) struct Certificates {
    secrets: Secrets,
    request: LeafRequest,
    known: Arc<Mutex<Option<Arc<Hierarchy>>>>,
}

impl Certificates {
    /// For a controller in `namespace`.
    pub(crate) fn new(client: kube::Client, namespace: &Namespace) -> Self {
        Self {
            secrets: Secrets::new(client, namespace.as_str()),
            request: LeafRequest::controller(namespace),
            known: Arc::default(),
        }
    }

    /// The authorities as last read; none before the first good look.
    pub(crate) fn hierarchy(&self) -> Option<Arc<Hierarchy>> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps the value that is known if it says the same: others judge by it whether to look again.
    fn know(&self, hierarchy: Hierarchy) -> Arc<Hierarchy> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known
            .as_ref()
            .filter(|known| known.write() == hierarchy.write())
        {
            return Arc::clone(known);
        }
        let hierarchy = Arc::new(hierarchy);
        *known = Some(Arc::clone(&hierarchy));
        hierarchy
    }

    /// Waits until the own certificate is there, and follows its renewals as long as `keep` runs.
    pub(crate) async fn credentials(&self) -> (CredentialsSource, watch::Sender<PemFiles>) {
        let mut last_error = String::new();
        loop {
            let error = match self.look(May::Create).await {
                Ok(files) => {
                    let (sender, receiver) = watch::channel(files);
                    match CredentialsSource::from_channel(receiver) {
                        Ok(source) => return (source, sender),
                        Err(error) => AuthorityError::Credentials(error),
                    }
                }
                Err(error) => error,
            };
            complain(&error, &mut last_error);
            tokio::time::sleep(REPEAT).await;
        }
    }

    /// Looks after both Secrets for as long as the controller lives.
    pub(crate) async fn keep(
        self,
        files: watch::Sender<PemFiles>,
        leadership: watch::Receiver<Leadership>,
    ) {
        let mut last_error = String::new();
        loop {
            let leads = matches!(&*leadership.borrow(), Leadership::Own(tenure) if tenure.holds());
            let may = if leads { May::Change } else { May::Create };
            let pause = match self.look(may).await {
                Ok(found) => {
                    files.send_if_modified(|known| {
                        let changed = *known != found;
                        *known = found;
                        changed
                    });
                    last_error.clear();
                    LOOK_EVERY
                }
                Err(error) => {
                    complain(&error, &mut last_error);
                    REPEAT
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// One look at both: does what is due and allowed, and gives the own certificate.
    async fn look(&self, may: May) -> Result<PemFiles, AuthorityError> {
        for _ in 0..TRIES {
            match self.try_look(may, Timestamp::now()).await {
                // Another controller was faster: look at what it has made.
                Err(AuthorityError::Call(error))
                    if error.is_conflict() || error.is_already_exists() => {}
                outcome => return outcome,
            }
        }
        Err(AuthorityError::Restless)
    }

    async fn try_look(&self, may: May, now: Timestamp) -> Result<PemFiles, AuthorityError> {
        let leaf = self
            .secrets
            .get(CONTROLLER_SECRET)
            .await
            .map_err(AuthorityError::Call)?;
        let texts = leaf.as_ref().map(|leaf| &leaf.texts);
        let hierarchy = self.authorities(may, texts, now).await?;
        let renewed = match (may, &leaf) {
            (May::Create, Some(_)) => None,
            _ => hierarchy
                .renew(&self.request, texts, now)
                .map_err(AuthorityError::Hierarchy)?,
        };
        let leaf = match (renewed, leaf) {
            (None, Some(leaf)) => leaf,
            (None, None) => return Err(AuthorityError::Hierarchy(HierarchyError::NoIssuer)),
            (Some(texts), found) => {
                let mut secret = found.unwrap_or_else(|| own_secret(CONTROLLER_SECRET));
                secret.texts = texts;
                tracing::info!("writing a new certificate of the controllers");
                self.secrets
                    .write(&secret)
                    .await
                    .map_err(AuthorityError::Call)?
            }
        };
        let text = |key: &str| leaf.texts.get(key).cloned().unwrap_or_default();
        Ok(PemFiles {
            bundle: text(BUNDLE_KEY),
            certificate: text(CERTIFICATE_KEY),
            key: KeyPem::new(text(PRIVATE_KEY_KEY)),
        })
    }

    /// Reads the authorities, takes the steps of their life that are due, and stores what changed.
    async fn authorities(
        &self,
        may: May,
        leaf: Option<&BTreeMap<String, String>>,
        now: Timestamp,
    ) -> Result<Arc<Hierarchy>, AuthorityError> {
        let found = self
            .secrets
            .get(AUTHORITY_SECRET)
            .await
            .map_err(AuthorityError::Call)?;
        let exists = found.is_some();
        let mut hierarchy = match (&found, self.hierarchy()) {
            (Some(secret), _) => {
                Hierarchy::read(&secret.texts).map_err(AuthorityError::Hierarchy)?
            }
            (None, Some(known)) => {
                tracing::warn!("the Secret {AUTHORITY_SECRET} is gone; writing it again");
                Hierarchy::read(&known.write()).map_err(AuthorityError::Hierarchy)?
            }
            (None, None) => {
                let bundle = leaf.and_then(|texts| texts.get(BUNDLE_KEY));
                Hierarchy::trusting(bundle.map(String::as_str))
            }
        };
        let changed = if exists && may == May::Create {
            false
        } else {
            self.take_steps(&mut hierarchy, leaf, now)?
        };
        if changed || !exists {
            let mut secret = found.unwrap_or_else(|| own_secret(AUTHORITY_SECRET));
            secret.texts = hierarchy.write();
            self.secrets
                .write(&secret)
                .await
                .map_err(AuthorityError::Call)?;
        }
        Ok(self.know(hierarchy))
    }

    /// Takes every step about authorities that is due; bounded, because a step can make another one
    /// due: created, published, issuing.
    fn take_steps(
        &self,
        hierarchy: &mut Hierarchy,
        leaf: Option<&BTreeMap<String, String>>,
        now: Timestamp,
    ) -> Result<bool, AuthorityError> {
        let mut changed = false;
        for _ in 0..TRIES {
            let found = hierarchy.leaf_state(leaf);
            let view = LeafView {
                wanted: self.request.clone(),
                found,
            };
            let mut stepped = false;
            for step in hierarchy.due(view, now) {
                let taken = hierarchy
                    .carry_out(&step, now)
                    .map_err(AuthorityError::Hierarchy)?;
                if taken {
                    tracing::info!(
                        ?step,
                        "took a step in the life of the certificate authority"
                    );
                }
                stepped |= taken;
            }
            changed |= stepped;
            if !stepped {
                break;
            }
        }
        Ok(changed)
    }
}

/// A Secret in the controllers' own namespace.
fn own_secret(name: &str) -> SecretTexts {
    let labels = [
        (labels::CREATED_BY, labels::CREATED_BY_MOCO),
        (labels::NAME, "moco"),
    ];
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    SecretTexts::named(name, labels.map(owned).into())
}

fn complain(error: &AuthorityError, last: &mut String) {
    let error = with_causes(error);
    if error != *last {
        tracing::error!("{error}");
        *last = error;
    }
}

#[cfg(test)]
mod tests;
