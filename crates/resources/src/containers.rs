//! The containers that MOCO makes, and what it makes of the user's.

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceRequirements,
    VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use moco_api::TrustedCluster;
use moco_api::constants::{containers, paths, ports, volumes};

use crate::{command, probes, security};

/// Mounts that nothing in the container `mysqld` writes to.
const READ_ONLY: [&str; 4] = [
    volumes::MYSQL_CONF,
    volumes::MY_CNF_SECRET,
    volumes::GRPC_CERT,
    volumes::CREDENTIALS,
];

/// Brings the program `moco` into the pod.
pub(crate) fn copy_init(cluster: &TrustedCluster, image: &str) -> Container {
    let overwrite = cluster.pod.overwrites.copy_init.clone();
    let mut context = security::of_container(overwrite.security_context);
    context.read_only_root_filesystem = context.read_only_root_filesystem.or(Some(true));
    Container {
        name: containers::COPY_INIT.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(command::init_command()),
        resources: overwrite
            .resources
            .or_else(|| Some(fixed_resources("100m", "512Mi"))),
        security_context: Some(context),
        volume_mounts: Some(vec![VolumeMount {
            name: volumes::SHARED.to_owned(),
            mount_path: command::SHARED.to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}

/// Requests equal to limits, so that the pod can be of the class Guaranteed.
pub(crate) fn fixed_resources(cpu: &str, memory: &str) -> ResourceRequirements {
    let amounts: std::collections::BTreeMap<_, _> = [("cpu", cpu), ("memory", memory)]
        .map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))
        .into();
    ResourceRequirements {
        requests: Some(amounts.clone()),
        limits: Some(amounts),
        ..ResourceRequirements::default()
    }
}

/// The user's container, with supervise as its first process.
pub(crate) fn mysqld(
    cluster: &TrustedCluster,
    system_namespace: &str,
    grace_period_secs: i64,
) -> Container {
    let user = cluster.pod.mysqld.clone();
    let mut env = user.env.unwrap_or_default();
    env.push(from_pod(
        command::MEMBER,
        "metadata.labels['apps.kubernetes.io/pod-index']",
    ));
    env.push(from_pod(command::POD_UID, "metadata.uid"));
    let mut own_ports = user.ports.unwrap_or_default();
    own_ports.extend(ports::OF_MYSQLD.map(|(number, name)| ContainerPort {
        name: Some(name.to_owned()),
        container_port: number.into(),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }));
    let mut mounts = user.volume_mounts.unwrap_or_default();
    mounts.extend(paths::MOUNTS.map(|(volume, path)| VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: READ_ONLY.contains(&volume).then_some(true),
        ..VolumeMount::default()
    }));
    Container {
        command: Some(command::agent_command(
            cluster,
            system_namespace,
            grace_period_secs,
        )),
        args: None,
        env: Some(env),
        ports: Some(own_ports),
        volume_mounts: Some(mounts),
        startup_probe: Some(probes::startup(
            user.startup_probe,
            cluster.startup_wait_secs,
        )),
        liveness_probe: Some(probes::liveness(user.liveness_probe)),
        readiness_probe: Some(probes::readiness(user.readiness_probe)),
        security_context: Some(security::of_container(user.security_context)),
        ..user
    }
}

/// The user's other containers.
pub(crate) fn secured(all: &[Container]) -> Vec<Container> {
    let secured = |container: &Container| Container {
        security_context: Some(security::of_container(container.security_context.clone())),
        ..container.clone()
    };
    all.iter().map(secured).collect()
}

fn from_pod(name: &str, field: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: Some("v1".to_owned()),
                field_path: field.to_owned(),
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
