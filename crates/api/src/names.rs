//! Names of the objects of a cluster.
//!
//! [`ClusterId`] names what most of them share (`moco-NAME`, pods, hosts); here are the others.
//!
//! The names are MOCO's, and a few meet when clusters are named so: `a-primary` beside `a` wants the
//! Service that `a` has for its primary (likewise `-replica`, `-grpc`, `my-cnf-`). The API server
//! refuses a second controlling owner of an object, so the later cluster gets an error that names
//! the object, and the earlier one goes on undisturbed.

use moco_model::ClusterId;

/// The Service that reaches the primary.
pub fn primary_service(id: &ClusterId) -> String {
    format!("{}-primary", id.prefixed_name())
}

/// The Service that reaches replicas.
pub fn replica_service(id: &ClusterId) -> String {
    format!("{}-replica", id.prefixed_name())
}

/// The Secret with all passwords, in the cluster's namespace.
pub fn user_secret(id: &ClusterId) -> String {
    id.prefixed_name()
}

/// The Secret with option files for clients, in the cluster's namespace.
pub fn my_cnf_secret(id: &ClusterId) -> String {
    format!("moco-my-cnf-{}", id.name)
}

/// The Secret with the members' certificate, in the cluster's namespace.
pub fn grpc_secret(id: &ClusterId) -> String {
    format!("{}-grpc", id.prefixed_name())
}

/// The Secret with all passwords in the operator's namespace. A namespace holds no dot, so no two
/// clusters share it.
pub fn controller_secret(id: &ClusterId) -> String {
    format!("mysql-{}.{}", id.namespace, id.name)
}

/// The Secret with the members' certificate in the operator's namespace.
pub fn controller_grpc_secret(id: &ClusterId) -> String {
    format!("moco-agent-{}.{}", id.namespace, id.name)
}

/// The ConfigMap with my.cnf; another text has another name, so that pods which still run with the
/// old one can restart.
pub fn config_map(id: &ClusterId, my_cnf: &str) -> String {
    format!("{}.{:08x}", id.prefixed_name(), fnv32a(my_cnf.as_bytes()))
}

/// The ConfigMap with the configuration of the container that prints the slow query log.
pub fn slow_log_config_map(id: &ClusterId, configuration: &str) -> String {
    let hash = fnv32a(configuration.as_bytes());
    format!("{}{hash:08x}", slow_log_config_map_prefix(id))
}

/// What the names of all such ConfigMaps of a cluster begin with; those of no other cluster do.
pub fn slow_log_config_map_prefix(id: &ClusterId) -> String {
    format!("moco-slow-log-agent-config-{}.", id.name)
}

/// The 32-bit FNV-1a hash (RFC 9923): stable for ever, not for secrets.
pub fn fnv32a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv32a(b""), 0x811c_9dc5);
        assert_eq!(fnv32a(b"a"), 0xe40c_292c);
        assert_eq!(fnv32a(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn clusters_that_share_a_prefix_share_no_name() {
        let names = |namespace: &str, name: &str| {
            let id = ClusterId::new(namespace, name).unwrap();
            vec![
                primary_service(&id),
                replica_service(&id),
                user_secret(&id),
                my_cnf_secret(&id),
                grpc_secret(&id),
                config_map(&id, ""),
                slow_log_config_map(&id, ""),
            ]
        };
        let (a, b) = (names("x", "a"), names("x", "a-b"));
        assert!(a.iter().all(|name| !b.contains(name)));
        let other = ClusterId::new("x-y", "z").unwrap();
        let same_dashes = ClusterId::new("x", "y-z").unwrap();
        assert_ne!(controller_secret(&other), controller_secret(&same_dashes));
    }
}
