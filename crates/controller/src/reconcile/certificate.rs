//! The certificate that all members of a cluster share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use moco_api::names;
use moco_pki::{ClusterName, IdentityError, LeafRequest, Namespace};
use moco_resources::Certificate;
use tokio::time::Instant;

use crate::authority::{Hierarchy, HierarchyError};
use crate::call::CallError;
use crate::context::Context;
use crate::secrets::Secrets;
use crate::watch::{ClusterHead, Mark, ObjectKey};

/// How long a look at a certificate is good for: judging one costs signatures.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Why a cluster has no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The Secret could not be read.
    #[error("cannot read the cluster's certificate")]
    Call(#[source] CallError),
    /// The names cannot be in a certificate.
    #[error("no certificate can carry the cluster's names")]
    Names(#[source] IdentityError),
    /// The authorities were not read yet.
    #[error("the operator's certificate authority is not at hand")]
    NoAuthority,
    /// It could not be issued.
    #[error("cannot renew the cluster's certificate")]
    Renew(#[source] HierarchyError),
}

/// The certificate as it was last looked at.
pub(super) struct KnownLeaf {
    mark: Option<Mark>,
    hierarchy: Arc<Hierarchy>,
    looked: Instant,
    texts: BTreeMap<String, String>,
}

impl KnownLeaf {
    /// The cluster's certificate, a new one if the stored one is due. It is not written here: it is
    /// one of the objects that are applied.
    pub(super) async fn current(
        known: &mut Option<Self>,
        context: &Context,
        head: &ClusterHead,
    ) -> Result<Certificate, CertificateError> {
        let hierarchy = context
            .certificates
            .hierarchy()
            .ok_or(CertificateError::NoAuthority)?;
        let name = names::grpc_secret(&head.id);
        let key = ObjectKey {
            kind: "Secret".to_owned(),
            namespace: head.id.namespace.clone(),
            name: name.clone(),
        };
        let mark = context.sights.mark(&key);
        if let Some(leaf) = known
            && leaf.mark.is_some()
            && leaf.mark == mark
            && Arc::ptr_eq(&leaf.hierarchy, &hierarchy)
            && leaf.looked.elapsed() < LOOK_EVERY
        {
            return Ok(certificate(&leaf.texts));
        }
        let secrets = Secrets::new(context.client.clone(), &head.id.namespace);
        let found = secrets.get(&name).await.map_err(CertificateError::Call)?;
        let texts = found.as_ref().map(|secret| &secret.texts);
        let renewed = hierarchy
            .renew(&request(head)?, texts, Timestamp::now())
            .map_err(CertificateError::Renew)?;
        if renewed.is_some() {
            tracing::info!(cluster = %head.id, "the certificate is renewed");
        }
        let mark = found
            .as_ref()
            .map(|secret| Mark::of("Secret", &secret.metadata));
        let texts = renewed
            .or_else(|| found.map(|secret| secret.texts))
            .ok_or(CertificateError::Renew(HierarchyError::NoIssuer))?;
        let certificate = certificate(&texts);
        *known = Some(Self {
            mark,
            hierarchy,
            looked: Instant::now(),
            texts,
        });
        Ok(certificate)
    }
}

fn request(head: &ClusterHead) -> Result<LeafRequest, CertificateError> {
    let namespace = Namespace::new(&head.id.namespace).map_err(CertificateError::Names)?;
    let name = ClusterName::new(&head.id.name).map_err(CertificateError::Names)?;
    Ok(LeafRequest::cluster(namespace, name))
}

fn certificate(texts: &BTreeMap<String, String>) -> Certificate {
    let text = |key: &str| texts.get(key).cloned().unwrap_or_default();
    Certificate {
        ca: text("ca.crt"),
        cert: text("tls.crt"),
        key: text("tls.key"),
    }
}
