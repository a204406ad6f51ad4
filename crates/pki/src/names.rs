//! The host names that certificates carry.

use std::collections::BTreeSet;

use crate::identity::{ClusterName, Namespace};

/// Suffixes under which a Service is reached. The second is the cluster domain of nearly every
/// Kubernetes; where it is another one, clients that verify names use the first.
const SERVICE_DOMAINS: [&str; 2] = ["svc", "svc.cluster.local"];

/// Host names of a cluster's members and Services.
///
/// `*.moco-<name>.<namespace>.svc` is each member through the headless Service
/// `moco-<name>`, which people may also dial; the other two are the primary and the replicas. Each
/// is also given with `.cluster.local`.
pub fn cluster_dns_names(namespace: &Namespace, name: &ClusterName) -> BTreeSet<String> {
    let hosts = ["*.moco-{}", "moco-{}", "moco-{}-primary", "moco-{}-replica"];
    let mut names = BTreeSet::new();
    for host in hosts {
        let host = host.replace("{}", name.as_str());
        names.extend(in_namespace(&host, namespace));
    }
    names
}

/// Host names of the controller's Service `moco-controller` in the namespace it runs in.
pub fn controller_dns_names(namespace: &Namespace) -> BTreeSet<String> {
    in_namespace("moco-controller", namespace).collect()
}

fn in_namespace(host: &str, namespace: &Namespace) -> impl Iterator<Item = String> {
    SERVICE_DOMAINS
        .iter()
        .map(move |domain| format!("{host}.{namespace}.{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_the_names_of_its_members_and_services() {
        let names = cluster_dns_names(
            &Namespace::new("app").unwrap(),
            &ClusterName::new("db").unwrap(),
        );
        let expected = [
            "*.moco-db.app.svc",
            "*.moco-db.app.svc.cluster.local",
            "moco-db-primary.app.svc",
            "moco-db-primary.app.svc.cluster.local",
            "moco-db-replica.app.svc",
            "moco-db-replica.app.svc.cluster.local",
            "moco-db.app.svc",
            "moco-db.app.svc.cluster.local",
        ];
        assert_eq!(
            names.iter().map(String::as_str).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn the_controller_has_the_names_of_its_service() {
        let names = controller_dns_names(&Namespace::new("moco-system").unwrap());
        let expected = [
            "moco-controller.moco-system.svc",
            "moco-controller.moco-system.svc.cluster.local",
        ];
        assert_eq!(
            names.iter().map(String::as_str).collect::<Vec<_>>(),
            expected
        );
    }
}
