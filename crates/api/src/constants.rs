//! Words that users, dashboards and other programs rely on, all in one place.
//!
//! They are public interface: a change is a breaking change, so a test compares the whole list with
//! the stored one.

/// API group.
pub const GROUP: &str = "moco.cybozu.com";
/// API version.
pub const VERSION: &str = "v1beta2";
/// Group and version, as in manifests.
pub const API_VERSION: &str = "moco.cybozu.com/v1beta2";
/// Kind of the cluster object.
pub const KIND: &str = "MySQLCluster";
/// Kind of the object that says when backups are made.
pub const KIND_BACKUP_POLICY: &str = "BackupPolicy";
/// Finalizer of a cluster object.
pub const FINALIZER: &str = "moco.cybozu.com/mysqlcluster";
/// Field manager of everything that the controller applies.
pub const FIELD_MANAGER: &str = "moco-controller";
/// Name of the lease that says which controller leads, in the operator's namespace.
pub const LEASE: &str = "moco-controller";

/// Labels.
pub mod labels {
    /// What the object belongs to; [`NAME_MYSQL`] on the objects of a cluster.
    pub const NAME: &str = "app.kubernetes.io/name";
    /// Name of the cluster.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// Namespace of the cluster, on its objects in the operator's namespace.
    pub const INSTANCE_NAMESPACE: &str = "app.kubernetes.io/instance-namespace";
    /// Who made the object; always [`CREATED_BY_MOCO`].
    pub const CREATED_BY: &str = "app.kubernetes.io/created-by";
    /// The member's role, on its pod: `primary` or `replica`.
    pub const ROLE: &str = "moco.cybozu.com/role";
    /// Value of [`NAME`].
    pub const NAME_MYSQL: &str = "mysql";
    /// Value of [`CREATED_BY`].
    pub const CREATED_BY_MOCO: &str = "moco";
}

/// Annotations.
pub mod annotations {
    /// On a pod: `"true"` asks that another member becomes primary.
    pub const DEMOTE: &str = "moco.cybozu.com/demote";
    /// On a pod: `"true"` asks that this member becomes primary.
    pub const PROMOTE: &str = "moco.cybozu.com/promote";
    /// On a cluster: the number of the epoch that is to end with another primary although it cannot be
    /// proven that nothing is lost.
    pub const FORCE_FAILOVER: &str = "moco.cybozu.com/force-failover";
    /// On a cluster: `"never"` forbids to give up the data of a member that another history has
    /// overtaken.
    pub const REBUILD: &str = "moco.cybozu.com/rebuild";
    /// Value of [`REBUILD`].
    pub const REBUILD_NEVER: &str = "never";
    /// On the Secret with the passwords in the operator's namespace: the layout of its keys.
    pub const SECRET_VERSION: &str = "moco.cybozu.com/secret-version";
    /// On a cluster: `"true"` stops decisions about its members.
    pub const CLUSTERING_STOPPED: &str = "moco.cybozu.com/clustering-stopped";
    /// On a cluster: `"true"` stops changes of its objects.
    pub const RECONCILIATION_STOPPED: &str = "moco.cybozu.com/reconciliation-stopped";
    /// On a cluster: `"true"` lets Kubernetes roll a change out without waiting for health.
    pub const FORCE_ROLLING_UPDATE: &str = "moco.cybozu.com/force-rolling-update";
    /// On a pod: `"true"` forbids its deletion.
    pub const PREVENT_DELETE: &str = "moco.cybozu.com/prevent-delete";
    /// Value of [`SECRET_VERSION`].
    pub const SECRET_VERSION_1: &str = "1";
}

/// Ports of a member's pod and of the controller.
pub mod ports {
    /// MySQL.
    pub const MYSQL: u16 = 3306;
    /// MySQL X protocol.
    pub const MYSQLX: u16 = 33060;
    /// MySQL's administrative interface.
    pub const MYSQL_ADMIN: u16 = 33062;
    /// The agent's gRPC.
    pub const AGENT: u16 = 9080;
    /// The agent's metrics.
    pub const AGENT_METRICS: u16 = 8080;
    /// The agent's probes.
    pub const HEALTH: u16 = 9081;
    /// The metrics exporter of MySQL.
    pub const MYSQLD_METRICS: u16 = 9104;
    /// The controller's port for agents' events.
    pub const CONTROLLER_NOTIFY: u16 = 9443;
    /// The controller's metrics.
    pub const CONTROLLER_METRICS: u16 = 8080;
    /// The controller's probes.
    pub const CONTROLLER_PROBES: u16 = 8081;

    /// Name of [`MYSQL`].
    pub const MYSQL_NAME: &str = "mysql";
    /// Name of [`MYSQLX`].
    pub const MYSQLX_NAME: &str = "mysqlx";
    /// Name of [`MYSQL_ADMIN`].
    pub const MYSQL_ADMIN_NAME: &str = "mysql-admin";
    /// Name of [`AGENT`].
    pub const AGENT_NAME: &str = "agent";
    /// Name of [`AGENT_METRICS`].
    pub const AGENT_METRICS_NAME: &str = "agent-metrics";
    /// Name of [`HEALTH`].
    pub const HEALTH_NAME: &str = "health";
    /// Name of [`MYSQLD_METRICS`].
    pub const MYSQLD_METRICS_NAME: &str = "mysqld-metrics";

    /// Ports that the container `mysqld` already has, by number and name.
    pub const OF_MYSQLD: [(u16, &str); 6] = [
        (MYSQL, MYSQL_NAME),
        (MYSQLX, MYSQLX_NAME),
        (MYSQL_ADMIN, MYSQL_ADMIN_NAME),
        (AGENT, AGENT_NAME),
        (AGENT_METRICS, AGENT_METRICS_NAME),
        (HEALTH, HEALTH_NAME),
    ];
}

/// Containers of a member's pod.
pub mod containers {
    /// The user's container, in which supervise, agent and mysqld run.
    pub const MYSQLD: &str = "mysqld";
    /// Reserved; the agent runs inside [`MYSQLD`].
    pub const AGENT: &str = "agent";
    /// Prints the slow query log.
    pub const SLOW_LOG: &str = "slow-log";
    /// The metrics exporter.
    pub const EXPORTER: &str = "mysqld-exporter";
    /// Init container that brings the program `moco` into the pod.
    pub const COPY_INIT: &str = "copy-moco-init";
    /// Reserved; data directories are made by the agent.
    pub const INIT: &str = "moco-init";
}

/// Volumes of a member's pod.
pub mod volumes {
    /// The claim that holds the data.
    pub const DATA: &str = "mysql-data";
    /// Scratch space.
    pub const TMP: &str = "tmp";
    /// `/run`.
    pub const RUN: &str = "run";
    /// MySQL's logs.
    pub const VAR_LOG: &str = "var-log";
    /// my.cnf.
    pub const MYSQL_CONF: &str = "mysql-conf";
    /// Kept for manifests that mount it; my.cnf includes nothing from it.
    pub const MYSQL_CONF_D: &str = "mysql-conf-d";
    /// Option files for people's clients.
    pub const MY_CNF_SECRET: &str = "my-cnf-secret";
    /// Configuration of [`super::containers::SLOW_LOG`].
    pub const SLOW_LOG_CONFIG: &str = "slow-fluent-bit-config";
    /// Option file of [`super::containers::EXPORTER`], and no other.
    pub const EXPORTER_CONFIG: &str = "moco-exporter";
    /// The program `moco`.
    pub const SHARED: &str = "shared";
    /// The member's certificate.
    pub const GRPC_CERT: &str = "grpc-cert";
    /// Passwords, for the agent.
    pub const CREDENTIALS: &str = "moco-credentials";
    /// Sockets of mysqld, for the agent.
    pub const SOCKETS: &str = "moco-run";

    /// Names that a pod template must not use for volumes of its own.
    pub const RESERVED: [&str; 12] = [
        TMP,
        RUN,
        VAR_LOG,
        MYSQL_CONF,
        MYSQL_CONF_D,
        MY_CNF_SECRET,
        SLOW_LOG_CONFIG,
        EXPORTER_CONFIG,
        SHARED,
        GRPC_CERT,
        CREDENTIALS,
        SOCKETS,
    ];
    /// Volumes that only MOCO's programs may mount: whoever holds them is the administrator.
    pub const PRIVATE: [&str; 4] = [SHARED, GRPC_CERT, CREDENTIALS, SOCKETS];
}

/// Where the container `mysqld` finds things.
pub mod paths {
    use super::volumes;

    /// Scratch space.
    pub const TMP: &str = "/tmp";
    /// `/run`, which sidecars may share.
    pub const RUN: &str = "/run";
    /// MySQL's logs.
    pub const LOGS: &str = "/var/log/mysql";
    /// The slow query log.
    pub const SLOW_LOG: &str = "/var/log/mysql/mysql.slow";
    /// Where fluent-bit looks for its configuration.
    pub const SLOW_LOG_CONFIG: &str = "/fluent-bit/etc";
    /// The folder of my.cnf.
    pub const CONF: &str = "/etc/mysql";
    /// Kept for manifests that mount its volume.
    pub const CONF_D: &str = "/etc/mysql-conf.d";
    /// Option files for people's clients.
    pub const CLIENT_CREDENTIALS: &str = "/mysql-credentials";
    /// The claim `mysql-data`: guard file and data directory.
    pub const DATA: &str = "/var/lib/mysql";
    /// The program `moco`.
    pub const MOCO: &str = "/moco";
    /// The member's certificate.
    pub const GRPC_CERT: &str = "/grpc-cert";
    /// Passwords, for the agent.
    pub const CREDENTIALS: &str = "/moco-credentials";
    /// Sockets of mysqld, for the agent.
    pub const SOCKETS: &str = "/moco-run";

    /// Which volume is where.
    pub const MOUNTS: [(&str, &str); 11] = [
        (volumes::TMP, TMP),
        (volumes::RUN, RUN),
        (volumes::VAR_LOG, LOGS),
        (volumes::MYSQL_CONF, CONF),
        (volumes::MYSQL_CONF_D, CONF_D),
        (volumes::MY_CNF_SECRET, CLIENT_CREDENTIALS),
        (volumes::DATA, DATA),
        (volumes::SHARED, MOCO),
        (volumes::GRPC_CERT, GRPC_CERT),
        (volumes::CREDENTIALS, CREDENTIALS),
        (volumes::SOCKETS, SOCKETS),
    ];
}

/// Types of conditions in a cluster's status.
pub mod conditions {
    /// The first data is there: nothing is being cloned from outside or restored.
    pub const INITIALIZED: &str = "Initialized";
    /// The primary takes writes.
    pub const AVAILABLE: &str = "Available";
    /// All members are as they should be.
    pub const HEALTHY: &str = "Healthy";
    /// The StatefulSet runs all pods from one template.
    pub const STATEFUL_SET_READY: &str = "StatefulSetReady";
    /// The cluster's objects are as its manifest says.
    pub const RECONCILE_SUCCESS: &str = "ReconcileSuccess";
    /// Changes of the cluster's objects are not stopped.
    pub const RECONCILIATION_ACTIVE: &str = "ReconciliationActive";
    /// Decisions about the members are not stopped.
    pub const CLUSTERING_ACTIVE: &str = "ClusteringActive";
    /// Every field of the manifest has its effect; False names those that have none yet.
    pub const SPEC_HONOURED: &str = "SpecHonoured";
    /// Every option of the user's ConfigMap has its effect; False names those that have none.
    pub const CONFIG_HONOURED: &str = "ConfigHonoured";
    /// The objects of this name belong to a cluster that another program runs.
    pub const FOREIGN_CLUSTER: &str = "ForeignCluster";
    /// The volumes belong to another cluster.
    pub const FOREIGN_VOLUMES: &str = "ForeignVolumes";
}

/// Reasons of conditions. Initialized, Available and Healthy carry the verdict's code instead.
pub mod reasons {
    /// Healthy is False although every member does its work: Kubernetes leads no client to some of their pods yet.
    pub const PODS_NOT_READY: &str = "PodsNotReady";
    /// StatefulSetReady is True.
    pub const STATEFUL_SET_READY: &str = "StatefulSetReady";
    /// StatefulSetReady is False.
    pub const STATEFUL_SET_NOT_READY: &str = "StatefulSetNotReady";
    /// StatefulSetReady is False: there is none.
    pub const STATEFUL_SET_NOT_FOUND: &str = "StatefulSetNotFound";
    /// StatefulSetReady is Unknown. The spelling is the one that MOCO has always used.
    pub const STATEFUL_SET_UNKNOWN: &str = "FaildToGetStatefulSet";
    /// ReconcileSuccess is True.
    pub const RECONCILE_SUCCESS: &str = "ReconcileSuccess";
    /// ReconcileSuccess is False.
    pub const RECONCILE_FAILED: &str = "ReconcileFailed";
    /// ReconcileSuccess is False: the manifest cannot work.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// ReconciliationActive is True.
    pub const RECONCILIATION_ACTIVE: &str = "ReconciliationActive";
    /// ReconciliationActive is False.
    pub const RECONCILIATION_INACTIVE: &str = "ReconciliationInactive";
    /// ClusteringActive is True.
    pub const CLUSTERING_ACTIVE: &str = "ClusteringActive";
    /// ClusteringActive is False.
    pub const CLUSTERING_INACTIVE: &str = "ClusteringInactive";
    /// SpecHonoured or ConfigHonoured is True.
    pub const ALL_HONOURED: &str = "AllHonoured";
    /// SpecHonoured is False.
    pub const FIELDS_WITHOUT_EFFECT: &str = "FieldsWithoutEffect";
    /// ConfigHonoured is False.
    pub const OPTIONS_WITHOUT_EFFECT: &str = "OptionsWithoutEffect";
}

/// Reasons of events.
pub mod events {
    /// The clone from an external source ended well.
    pub const INIT_CLONED: &str = "InitCloned";
    /// The clone from an external source failed.
    pub const INIT_CLONE_FAILED: &str = "InitCloneFailed";
    /// A planned change of the primary.
    pub const SWITCH_OVER: &str = "SwitchOver";
    /// A planned change of the primary failed.
    pub const SWITCH_OVER_FAILED: &str = "SwitchOverFailed";
    /// An unplanned change of the primary.
    pub const FAIL_OVER: &str = "FailOver";
    /// An unplanned change of the primary failed.
    pub const FAIL_OVER_FAILED: &str = "FailOverFailed";
    /// A member was cloned.
    pub const CLONED: &str = "Cloned";
    /// Cloning a member failed.
    pub const CLONE_FAILED: &str = "CloneFailed";
    /// The primary was opened for writing.
    pub const WRITABLE: &str = "Writable";
    /// A backup was made.
    pub const BACKUP_CREATED: &str = "BackupCreated";
    /// A backup was made without binary logs.
    pub const BACKUP_NO_BINLOG: &str = "BackupNoBinlog";
    /// A restore ended well.
    pub const RESTORED: &str = "Restored";
    /// A rollout took its next step; on the StatefulSet.
    pub const PARTITION_UPDATE: &str = "PartitionUpdate";
    /// The manifest cannot work.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// Fields of the manifest have no effect yet.
    pub const FIELDS_WITHOUT_EFFECT: &str = "FieldsWithoutEffect";
    /// Options of the user's ConfigMap have no effect.
    pub const OPTIONS_WITHOUT_EFFECT: &str = "OptionsWithoutEffect";
}

#[cfg(test)]
mod tests {
    /// The file itself is the list; what is stored is every constant with its value.
    #[test]
    fn public_words_do_not_change_unnoticed() {
        let mut module = String::new();
        let mut list = String::new();
        let product = include_str!("constants.rs")
            .split("#[cfg(test)]")
            .next()
            .unwrap();
        for line in product.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("pub mod ") {
                module = format!("{}.", name.trim_end_matches(" {"));
            } else if let Some(constant) = line.strip_prefix("pub const ") {
                let (name, rest) = constant.split_once(':').unwrap();
                let value = rest.split_once("= ").unwrap().1.trim_end_matches(';');
                if value != "[" {
                    list.extend([&module, name, " = ", value, "\n"]);
                }
            }
        }
        insta::assert_snapshot!("constants", list);
    }
}
