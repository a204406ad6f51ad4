//! Containers beside `mysqld` that MOCO adds where they are asked for: one prints the slow query log,
//! the other is mysqld_exporter. Both are other projects' programs, in images that the operator was
//! told of; without an image there is no container, and a sentence says what has no effect.

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, ContainerPort, KeyToPath, SecretVolumeSource,
    Volume, VolumeMount,
};
use moco_api::constants::{containers, paths, ports, volumes};
use moco_api::trusted::{Overwrite, SlowLog};
use moco_api::{TrustedCluster, names};
use moco_model::Account;

use crate::containers::fixed_resources;
use crate::metadata::metadata;
use crate::objects::Images;
use crate::pod::{CONFIG_MODE, SECRET_MODE};
use crate::secrets::option_file;
use crate::security;

/// The file that fluent-bit reads.
const CONFIGURATION: &str = "fluent-bit.conf";

/// The sidecars of a cluster, with what they need.
#[derive(Default)]
pub(crate) struct Sidecars {
    pub(crate) containers: Vec<Container>,
    pub(crate) volumes: Vec<Volume>,
    /// The configuration of the container that prints the slow query log.
    pub(crate) config_map: Option<ConfigMap>,
    /// What was asked for and is not there, in sentences.
    pub(crate) without_effect: Vec<String>,
}

/// Makes the sidecars.
pub(crate) fn make(cluster: &TrustedCluster, images: &Images) -> Sidecars {
    let mut all = Sidecars::default();
    match (&cluster.slow_log, &images.fluent_bit) {
        (SlowLog::Off, _) => {}
        (asked, Some(image)) => {
            let text = match asked {
                SlowLog::Configured(text) => text.clone(),
                SlowLog::Plain | SlowLog::Off => plain_configuration(),
            };
            let name = names::slow_log_config_map(&cluster.id, &text);
            all.containers.push(slow_log(cluster, image));
            all.volumes.push(slow_log_volume(name.clone()));
            all.config_map = Some(ConfigMap {
                metadata: metadata(cluster, name),
                data: Some([(CONFIGURATION.to_owned(), text)].into()),
                ..ConfigMap::default()
            });
        }
        (asked, None) => all.without_effect.extend(slow_log_lacks(cluster, asked)),
    }
    if !cluster.collectors.is_empty() {
        match &images.exporter {
            Some(image) => {
                all.containers.push(exporter(cluster, image));
                all.volumes.push(exporter_volume(cluster));
            }
            None => all.without_effect.push(lacks(
                "spec.collectors",
                "mysqld_exporter",
                "--mysqld-exporter-image",
            )),
        }
    }
    all
}

fn lacks(field: &str, program: &str, option: &str) -> String {
    format!(
        "{field} has no effect: the operator was not told which image of {program} to take; its option {option} says it"
    )
}

/// Only what somebody has written down is missed: a cluster that says nothing of the slow query log
/// goes on without the container.
fn slow_log_lacks(cluster: &TrustedCluster, asked: &SlowLog) -> Vec<String> {
    let lacks = |field: &str| lacks(field, "fluent-bit", "--fluent-bit-image");
    let mut all = Vec::new();
    if matches!(asked, SlowLog::Configured(_)) {
        all.push(lacks("spec.slowQueryLogConfigTmpl"));
    }
    if cluster.pod.overwrites.slow_log != Overwrite::default() {
        all.push(lacks("spec.podTemplate.overwriteContainers[slow-log]"));
    }
    all
}

/// Every line of the log as it is, from the beginning.
fn plain_configuration() -> String {
    let log = paths::SLOW_LOG;
    format!(
        "[SERVICE]\n    log_level error\n\
         [INPUT]\n    name tail\n    path {log}\n    read_from_head true\n\
         [OUTPUT]\n    name file\n    match *\n    path /dev\n    file stdout\n    format template\n    template {{log}}\n"
    )
}

fn slow_log(cluster: &TrustedCluster, image: &str) -> Container {
    let overwrite = cluster.pod.overwrites.slow_log.clone();
    Container {
        name: containers::SLOW_LOG.to_owned(),
        image: Some(image.to_owned()),
        resources: overwrite
            .resources
            .or_else(|| Some(fixed_resources("100m", "20Mi"))),
        security_context: Some(security::of_container(overwrite.security_context)),
        volume_mounts: Some(vec![
            read_only(volumes::SLOW_LOG_CONFIG, paths::SLOW_LOG_CONFIG),
            VolumeMount {
                name: volumes::VAR_LOG.to_owned(),
                mount_path: paths::LOGS.to_owned(),
                ..VolumeMount::default()
            },
        ]),
        ..Container::default()
    }
}

fn slow_log_volume(config_map: String) -> Volume {
    Volume {
        name: volumes::SLOW_LOG_CONFIG.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map,
            default_mode: Some(CONFIG_MODE),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn exporter(cluster: &TrustedCluster, image: &str) -> Container {
    let overwrite = cluster.pod.overwrites.exporter.clone();
    let file = option_file(Account::Exporter);
    let mut args = vec![format!(
        "--config.my-cnf={}/{file}",
        paths::CLIENT_CREDENTIALS
    )];
    let collectors = cluster.collectors.iter();
    args.extend(collectors.map(|collector| format!("--collect.{collector}")));
    Container {
        name: containers::EXPORTER.to_owned(),
        image: Some(image.to_owned()),
        args: Some(args),
        ports: Some(vec![ContainerPort {
            name: Some(ports::MYSQLD_METRICS_NAME.to_owned()),
            container_port: ports::MYSQLD_METRICS.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        resources: overwrite
            .resources
            .or_else(|| Some(fixed_resources("200m", "100Mi"))),
        security_context: Some(security::of_container(overwrite.security_context)),
        volume_mounts: Some(vec![read_only(
            volumes::EXPORTER_CONFIG,
            paths::CLIENT_CREDENTIALS,
        )]),
        ..Container::default()
    }
}

/// Its own option file only: the Secret holds those of people too.
fn exporter_volume(cluster: &TrustedCluster) -> Volume {
    let file = option_file(Account::Exporter);
    Volume {
        name: volumes::EXPORTER_CONFIG.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(names::my_cnf_secret(&cluster.id)),
            default_mode: Some(SECRET_MODE),
            items: Some(vec![KeyToPath {
                key: file.clone(),
                path: file,
                ..KeyToPath::default()
            }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}
