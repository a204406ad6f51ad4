//! The three Services of a cluster.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use moco_api::constants::ports;
use moco_api::trusted::TrustedService;
use moco_api::{TrustedCluster, names};
use moco_model::Role;

use crate::metadata::{member_labels, metadata, role_labels};

/// Gives members their host names, also while they are not ready: they need them to become so.
pub(crate) fn headless(cluster: &TrustedCluster) -> Service {
    Service {
        metadata: metadata(cluster, cluster.id.prefixed_name()),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(member_labels(&cluster.id)),
            ports: Some(vec![
                port(ports::MYSQL, ports::MYSQL_NAME),
                port(ports::MYSQLX, ports::MYSQLX_NAME),
                port(ports::MYSQL_ADMIN, ports::MYSQL_ADMIN_NAME),
            ]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Reaches the primary.
pub(crate) fn primary(cluster: &TrustedCluster) -> Service {
    let name = names::primary_service(&cluster.id);
    of_role(cluster, name, Role::Primary, &cluster.primary_service)
}

/// Reaches ready replicas.
pub(crate) fn replica(cluster: &TrustedCluster) -> Service {
    let name = names::replica_service(&cluster.id);
    of_role(cluster, name, Role::Replica, &cluster.replica_service)
}

fn of_role(
    cluster: &TrustedCluster,
    name: String,
    role: Role,
    template: &TrustedService,
) -> Service {
    let mut metadata = metadata(cluster, name);
    let mut labels = template.labels.clone();
    labels.extend(metadata.labels.unwrap_or_default());
    metadata.labels = Some(labels);
    metadata.annotations = Some(template.annotations.clone()).filter(|all| !all.is_empty());
    Service {
        metadata,
        spec: Some(ServiceSpec {
            selector: Some(role_labels(&cluster.id, role)),
            ports: Some(ports_of(&template.spec)),
            ..template.spec.clone()
        }),
        ..Service::default()
    }
}

/// MOCO's two ports, each with what the user adds to it (a node port, say), then the user's own.
fn ports_of(template: &ServiceSpec) -> Vec<ServicePort> {
    let users = template.ports.clone().unwrap_or_default();
    let ours = [
        port(ports::MYSQL, ports::MYSQL_NAME),
        port(ports::MYSQLX, ports::MYSQLX_NAME),
    ];
    let is_ours = |user: &ServicePort| ours.iter().any(|our| our.name == user.name);
    let mut all: Vec<_> = ours
        .iter()
        .map(|our| {
            let user = users.iter().find(|user| user.name == our.name).cloned();
            ServicePort {
                node_port: user.as_ref().and_then(|user| user.node_port),
                app_protocol: user.and_then(|user| user.app_protocol),
                ..our.clone()
            }
        })
        .collect();
    all.extend(users.iter().filter(|user| !is_ours(user)).cloned());
    all
}

fn port(number: u16, name: &str) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number.into(),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
