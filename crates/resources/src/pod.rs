//! The pod of a member.

use k8s_openapi::api::core::v1::{
    Affinity, ConfigMapVolumeSource, EmptyDirVolumeSource, PodAffinityTerm, PodAntiAffinity,
    PodSpec, PodTemplateSpec, SecretVolumeSource, Volume, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moco_api::constants::volumes;
use moco_api::{TrustedCluster, names};

use crate::metadata::{member_labels, selector};
use crate::sidecars::Sidecars;
use crate::{containers, security};

/// Long enough for a switchover and a clean stop of a large server.
const GRACE_PERIOD_SECS: i64 = 300;
/// Readable by the owner and by the pod's group, which every program in it is in.
pub(crate) const SECRET_MODE: i32 = 0o440;
/// Readable by all: there is nothing secret in my.cnf.
pub(crate) const CONFIG_MODE: i32 = 0o644;

/// Names that a pod's template refers to.
pub(crate) struct Pinned<'a> {
    pub(crate) moco_image: &'a str,
    pub(crate) system_namespace: &'a str,
    pub(crate) config_map: &'a str,
    pub(crate) sidecars: &'a Sidecars,
}

/// The template of a member's pod.
pub(crate) fn template(cluster: &TrustedCluster, pinned: &Pinned<'_>) -> PodTemplateSpec {
    let mut labels = cluster.pod.labels.clone();
    labels.extend(member_labels(&cluster.id));
    let annotations = cluster.pod.annotations.clone();
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations).filter(|all| !all.is_empty()),
            ..ObjectMeta::default()
        }),
        spec: Some(spec(cluster, pinned)),
    }
}

fn spec(cluster: &TrustedCluster, pinned: &Pinned<'_>) -> PodSpec {
    let user = cluster.pod.rest.clone();
    let grace = user
        .termination_grace_period_seconds
        .unwrap_or(GRACE_PERIOD_SECS);
    let mut own_containers = vec![containers::mysqld(cluster, pinned.system_namespace, grace)];
    own_containers.extend(pinned.sidecars.containers.iter().cloned());
    own_containers.extend(containers::secured(&cluster.pod.sidecars));
    let mut init_containers = vec![containers::copy_init(cluster, pinned.moco_image)];
    init_containers.extend(containers::secured(&cluster.pod.init_containers));
    let mut own_volumes = user.volumes.unwrap_or_default();
    own_volumes.extend(self::volumes(cluster, pinned.config_map));
    own_volumes.extend(pinned.sidecars.volumes.iter().cloned());
    PodSpec {
        containers: own_containers,
        init_containers: Some(init_containers),
        volumes: Some(own_volumes),
        service_account_name: Some(cluster.id.prefixed_name()),
        automount_service_account_token: user.automount_service_account_token.or(Some(false)),
        termination_grace_period_seconds: Some(grace),
        security_context: Some(security::of_pod(user.security_context)),
        affinity: user.affinity.or_else(|| Some(apart(cluster))),
        ..user
    }
}

/// Prefers to put members on different nodes.
fn apart(cluster: &TrustedCluster) -> Affinity {
    let term = WeightedPodAffinityTerm {
        weight: 100,
        pod_affinity_term: PodAffinityTerm {
            label_selector: Some(selector(&cluster.id)),
            topology_key: "kubernetes.io/hostname".to_owned(),
            ..PodAffinityTerm::default()
        },
    };
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![term]),
            ..PodAntiAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn volumes(cluster: &TrustedCluster, config_map: &str) -> Vec<Volume> {
    let empty = [
        volumes::TMP,
        volumes::RUN,
        volumes::VAR_LOG,
        volumes::MYSQL_CONF_D,
        volumes::SHARED,
        volumes::SOCKETS,
    ];
    let secrets = [
        (volumes::MY_CNF_SECRET, names::my_cnf_secret(&cluster.id)),
        (volumes::GRPC_CERT, names::grpc_secret(&cluster.id)),
        (volumes::CREDENTIALS, names::user_secret(&cluster.id)),
    ];
    let mut all: Vec<_> = empty.map(empty_dir).into();
    all.push(Volume {
        name: volumes::MYSQL_CONF.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map.to_owned(),
            default_mode: Some(CONFIG_MODE),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    });
    all.extend(secrets.map(|(name, secret)| Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret),
            default_mode: Some(SECRET_MODE),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }));
    all
}

fn empty_dir(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}
