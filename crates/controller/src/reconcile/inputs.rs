//! What a cluster's objects are made from beside its manifest: passwords, certificate, and the user's
//! options. Each is read again only when it may have changed.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use moco_api::{TrustedCluster, names};
use moco_model::Passwords;
use moco_resources::Certificate;

use super::certificate::KnownLeaf;
use super::passwords::{Decided, Servers, decide, generate};
use super::{ReconcileError, is_new};
use crate::call::{Attempt, call};
use crate::cluster::ClusterObject;
use crate::context::Context;
use crate::secrets::{SecretTexts, Secrets};
use crate::watch::{ClusterHead, Mark, ObjectKey};

/// What was read last.
#[derive(Default)]
pub(super) struct Inputs {
    passwords: Option<(Mark, Passwords)>,
    leaf: Option<KnownLeaf>,
}

/// What the objects are made from.
pub(super) struct Given {
    pub(super) passwords: Passwords,
    /// Where the passwords have yet to be written: the copy that counts, as it was read.
    pub(super) store: Option<SecretTexts>,
    pub(super) certificate: Certificate,
    pub(super) user_options: BTreeMap<String, String>,
}

impl Inputs {
    /// Reads what may have changed.
    pub(super) async fn read(
        &mut self,
        context: &Context,
        head: &ClusterHead,
        cluster: &ClusterObject,
        trusted: &TrustedCluster,
    ) -> Result<Given, ReconcileError> {
        let user_options = user_options(context, head, trusted).await?;
        let (passwords, store) = self.passwords(context, head, cluster).await?;
        let certificate = KnownLeaf::current(&mut self.leaf, context, head)
            .await
            .map_err(ReconcileError::Certificate)?;
        Ok(Given {
            passwords,
            store,
            certificate,
            user_options,
        })
    }

    async fn passwords(
        &mut self,
        context: &Context,
        head: &ClusterHead,
        cluster: &ClusterObject,
    ) -> Result<(Passwords, Option<SecretTexts>), ReconcileError> {
        let (master_name, user_name) = (
            names::controller_secret(&head.id),
            names::user_secret(&head.id),
        );
        let key = ObjectKey {
            kind: "Secret".to_owned(),
            namespace: context.namespace.clone(),
            name: master_name.clone(),
        };
        if let Some((mark, passwords)) = &self.passwords
            && context.sights.mark(&key).as_ref() == Some(mark)
        {
            return Ok((passwords.clone(), None));
        }
        let own = Secrets::new(context.client.clone(), &context.namespace);
        let master = own.get(&master_name).await.map_err(ReconcileError::Call)?;
        let theirs = Secrets::new(context.client.clone(), &head.id.namespace);
        let user = theirs.get(&user_name).await.map_err(ReconcileError::Call)?;
        let user = user.filter(|user| belongs(user, head));
        let servers = if is_new(cluster) {
            Servers::None
        } else {
            Servers::MayExist
        };
        let decided = decide(
            (&master_name, &user_name),
            master.as_ref(),
            user.as_ref(),
            servers,
        )
        .map_err(ReconcileError::Passwords)?;
        let empty = || SecretTexts::default();
        Ok(match decided {
            Decided::Keep(passwords) => {
                self.passwords =
                    master.map(|master| (Mark::of("Secret", &master.metadata), passwords.clone()));
                (passwords, None)
            }
            Decided::Restore(passwords) => {
                tracing::warn!(cluster = %head.id, "restoring the Secret {master_name} from {user_name}");
                (passwords, Some(master.unwrap_or_else(empty)))
            }
            Decided::Generate => {
                let passwords = generate().map_err(ReconcileError::Passwords)?;
                (passwords, Some(empty()))
            }
        })
    }
}

/// A Secret of the users' name that another cluster, or nobody, owns is not believed.
fn belongs(secret: &SecretTexts, head: &ClusterHead) -> bool {
    use moco_api::constants::labels;
    let owners = secret.metadata.owner_references.iter().flatten();
    let labelled = secret.metadata.labels.as_ref().is_some_and(|all| {
        all.get(labels::INSTANCE) == Some(&head.id.name)
            && all.get(labels::CREATED_BY).map(String::as_str) == Some(labels::CREATED_BY_MOCO)
    });
    match owners.clone().find(|owner| owner.controller == Some(true)) {
        Some(owner) => owner.uid == head.uid.0,
        None => labelled,
    }
}

/// The options in the user's ConfigMap; empty when the manifest names none.
async fn user_options(
    context: &Context,
    head: &ClusterHead,
    trusted: &TrustedCluster,
) -> Result<BTreeMap<String, String>, ReconcileError> {
    let name = trusted.mysql_config_map.as_deref();
    context.sights.uses_config_map(&head.id, name);
    let Some(name) = name else {
        return Ok(BTreeMap::new());
    };
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &head.id.namespace);
    let attempt = Attempt::new("get", "ConfigMap", &head.id.namespace, name);
    let found = call(attempt, api.get_opt(name))
        .await
        .map_err(ReconcileError::Call)?;
    let missing = || {
        let sentence = format!(
            "spec.mysqlConfigMapName names the ConfigMap {name}, which does not exist in namespace {}; create it, or take the field out",
            head.id.namespace
        );
        ReconcileError::Invalid(vec![sentence])
    };
    Ok(found.ok_or_else(missing)?.data.unwrap_or_default())
}
