//! All objects of a cluster.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use moco_api::TrustedCluster;
use moco_api::names;
use moco_model::Passwords;

use crate::config::{self, ConfigNote, MyCnf, Place};
use crate::metadata::metadata;
use crate::pod::Pinned;
use crate::{pdb, secrets, services, stateful_set};

/// What the objects of a cluster depend on beside the cluster itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The namespace that the controller runs in.
    pub system_namespace: String,
    /// The image that members copy the program `moco` from. A running cluster keeps the one that it
    /// has until something else changes its pods.
    pub moco_image: String,
    /// Pods to run: the wanted number, or more while members are being taken out.
    pub pods: u32,
    /// Options of the user's ConfigMap; empty when there is none.
    pub user_options: BTreeMap<String, String>,
    /// The passwords of MOCO's accounts.
    pub passwords: Passwords,
    /// The members' certificate.
    pub certificate: Certificate,
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
    /// How many members may be evicted at once; none for a cluster of one.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// What became of the user's options that are not in my.cnf as they were given.
    pub notes: Vec<ConfigNote>,
}

/// Makes all objects of a cluster.
pub fn objects(cluster: &TrustedCluster, facts: &Facts) -> Objects {
    let MyCnf { text, notes } = config::of_cluster(&Place::pod(), cluster, &facts.user_options);
    let pinned = Pinned {
        moco_image: &facts.moco_image,
        system_namespace: &facts.system_namespace,
        config_map: &names::config_map(&cluster.id, &text),
    };
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
        stateful_set: stateful_set::make(cluster, &pinned, facts.pods),
        disruption_budget: pdb::make(cluster),
        notes,
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
