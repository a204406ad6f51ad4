//! All objects of a cluster.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use moco_api::TrustedCluster;
use moco_api::names;
use moco_model::{Passwords, Register};

use crate::config::{self, ConfigNote, MyCnf, Place};
use crate::metadata::metadata;
use crate::pod::Pinned;
use crate::{pdb, secrets, services, sidecars, stateful_set};

/// What the objects of a cluster depend on beside the cluster itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The namespace that the controller runs in.
    pub system_namespace: String,
    /// The images of containers that MOCO adds. A running cluster keeps those that it has until
    /// something else changes its pods.
    pub images: Images,
    /// Pods to run: see [`pods_to_run`].
    pub pods: u32,
    /// Options of the user's ConfigMap; empty when there is none.
    pub user_options: BTreeMap<String, String>,
    /// The passwords of MOCO's accounts.
    pub passwords: Passwords,
    /// The members' certificate.
    pub certificate: Certificate,
}

/// The images of containers that MOCO adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// The image that members copy the program `moco` from.
    pub moco: String,
    /// fluent-bit, which prints the slow query log; nothing does when it is not known.
    pub fluent_bit: Option<String>,
    /// mysqld_exporter; there is none when it is not known.
    pub exporter: Option<String>,
}

/// A certificate with its key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The authorities that peers are checked against.
    pub ca: String,
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}

/// All objects of a cluster, in the order in which they are applied: what a pod needs comes before
/// it. Not printable as a whole, because Secrets are among them.
#[derive(Clone, PartialEq)]
pub struct Objects {
    /// The passwords, in the operator's namespace: the copy that counts. It has no owner, so it
    /// outlives a namespace that is deleted and is removed by the finalizer.
    pub controller_secret: Secret,
    /// The passwords, for users and for the agent.
    pub user_secret: Secret,
    /// Option files for people's clients.
    pub my_cnf_secret: Secret,
    /// The members' certificate.
    pub grpc_secret: Secret,
    /// my.cnf.
    pub config_map: ConfigMap,
    /// Configuration of the container that prints the slow query log, if there is one.
    pub slow_log_config_map: Option<ConfigMap>,
    /// The members' ServiceAccount, which has no rights.
    pub service_account: ServiceAccount,
    /// Gives members their host names.
    pub headless_service: Service,
    /// Reaches the primary.
    pub primary_service: Service,
    /// Reaches ready replicas.
    pub replica_service: Service,
    /// The members.
    pub stateful_set: StatefulSet,
    /// How many members may be evicted at once; none for a cluster of one, or without pods.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// What became of the user's options that are not in my.cnf as they were given.
    pub notes: Vec<ConfigNote>,
    /// Fields of the manifest that have no effect because the operator lacks what they need, in
    /// sentences.
    pub without_effect: Vec<String>,
}

/// Pods to run: the wanted number, and never fewer than the members that are recorded; none while the
/// cluster is offline.
pub fn pods_to_run(cluster: &TrustedCluster, register: Option<&Register>) -> u32 {
    if cluster.offline {
        return 0;
    }
    let recorded = register
        .into_iter()
        .flat_map(|register| register.membership.all());
    let highest = recorded.map(|member| member.0.saturating_add(1)).max();
    cluster.replicas.max(highest.unwrap_or(0))
}

/// Makes all objects of a cluster.
pub fn objects(cluster: &TrustedCluster, facts: &Facts) -> Objects {
    let MyCnf { text, notes } = config::of_cluster(&Place::pod(), cluster, &facts.user_options);
    let sidecars = sidecars::make(cluster, &facts.images);
    let pinned = Pinned {
        moco_image: &facts.images.moco,
        system_namespace: &facts.system_namespace,
        config_map: &names::config_map(&cluster.id, &text),
        sidecars: &sidecars,
    };
    let stateful_set = stateful_set::make(cluster, &pinned, facts.pods);
    Objects {
        controller_secret: secrets::controller(cluster, facts),
        user_secret: secrets::user(cluster, &facts.passwords),
        my_cnf_secret: secrets::my_cnf(cluster, &facts.passwords),
        grpc_secret: secrets::grpc(cluster, &facts.certificate),
        config_map: config_map(cluster, text),
        service_account: service_account(cluster),
        headless_service: services::headless(cluster),
        primary_service: services::primary(cluster),
        replica_service: services::replica(cluster),
        stateful_set,
        disruption_budget: pdb::make(cluster).filter(|_| facts.pods > 0),
        slow_log_config_map: sidecars.config_map,
        notes,
        without_effect: sidecars.without_effect,
    }
}

fn config_map(cluster: &TrustedCluster, my_cnf: String) -> ConfigMap {
    ConfigMap {
        metadata: metadata(cluster, names::config_map(&cluster.id, &my_cnf)),
        data: Some([("my.cnf".to_owned(), my_cnf)].into()),
        ..ConfigMap::default()
    }
}

fn service_account(cluster: &TrustedCluster) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(cluster, cluster.id.prefixed_name()),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

#[cfg(test)]
mod tests;
