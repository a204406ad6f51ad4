//! The `MySQLCluster` as users write it.
//!
//! Nothing in here is checked; [`crate::validate()`] does that. The parts that belong to Kubernetes
//! (pods, claims, Services) stay JSON until then, so that what this version does not know is noticed
//! and not lost.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema;
use crate::status::MySQLClusterStatus;

/// What a cluster should be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "moco.cybozu.com",
    version = "v1beta2",
    kind = "MySQLCluster",
    plural = "mysqlclusters",
    singular = "mysqlcluster",
    shortname = "myc",
    category = "moco",
    namespaced,
    status = "MySQLClusterStatus",
    derive = "PartialEq",
    doc = "A MySQL cluster: one primary that takes writes, and replicas that follow it without losing an acknowledged transaction.",
    crates(kube_core = "::kube_core"),
    printcolumn = r#"{"name":"Available","type":"string","jsonPath":".status.conditions[?(@.type=='Available')].status"}"#,
    printcolumn = r#"{"name":"Healthy","type":"string","jsonPath":".status.conditions[?(@.type=='Healthy')].status"}"#,
    printcolumn = r#"{"name":"Primary","type":"integer","jsonPath":".status.currentPrimaryIndex"}"#,
    printcolumn = r#"{"name":"Synced replicas","type":"integer","jsonPath":".status.syncedReplicas"}"#,
    printcolumn = r#"{"name":"Errant replicas","type":"integer","jsonPath":".status.errantReplicas"}"#,
    printcolumn = r#"{"name":"Clustering Active","type":"string","jsonPath":".status.conditions[?(@.type=='ClusteringActive')].status"}"#,
    printcolumn = r#"{"name":"Reconcile Active","type":"string","jsonPath":".status.conditions[?(@.type=='ReconciliationActive')].status"}"#,
    printcolumn = r#"{"name":"Last backup","type":"string","jsonPath":".status.backup.time"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct MySQLClusterSpec {
    /// Number of members, 1 to 31, even numbers included. Two members lose no data but stop
    /// writing when one of them fails.
    #[serde(default = "defaults::replicas")]
    pub replicas: i32,
    /// The members' pods.
    pub pod_template: PodTemplate,
    /// The members' volumes. One is called `mysql-data`.
    #[schemars(schema_with = "schema::volume_claim_templates")]
    pub volume_claim_templates: Vec<VolumeClaimTemplate>,
    /// Labels, annotations and spec of the Service that reaches the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::service_template")]
    pub primary_service_template: Option<ServiceTemplate>,
    /// Labels, annotations and spec of the Service that reaches replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::service_template")]
    pub replica_service_template: Option<ServiceTemplate>,
    /// Name of a ConfigMap of this namespace whose keys are options of `[mysqld]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub mysql_config_map_name: Option<String>,
    /// Name of a Secret of this namespace with the address and account of an external primary to
    /// replicate from. It can be given only when the cluster is created, and taken out later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub replication_source_secret_name: Option<String>,
    /// Collectors of mysqld_exporter, such as info_schema.tables; none means no exporter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 128)))]
    pub collectors: Option<Vec<String>>,
    /// Member i has `server_id` = this + i. 0 lets MOCO choose. It cannot be changed: a member skips
    /// what carries its own number, and could get the former number of another.
    #[serde(rename = "serverIDBase", default)]
    pub server_id_base: i32,
    /// A replica that lags more seconds is not ready; 0 means that lag does not matter.
    #[serde(default = "defaults::max_delay_seconds")]
    #[schemars(range(min = 0))]
    pub max_delay_seconds: i32,
    /// A primary's pod is not deleted, and nothing is switched over, while replicas lag more seconds;
    /// 0 means that lag does not matter.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub max_delay_seconds_for_pod_deletion: i64,
    /// How many seconds mysqld may take to start before its container is started again.
    #[serde(default = "defaults::startup_wait_seconds")]
    #[schemars(range(min = 0))]
    pub startup_wait_seconds: i32,
    /// When the slow query log is rotated, as a cron expression of five fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub log_rotation_schedule: Option<String>,
    /// Bytes at which the slow query log is rotated; 0 means that its size does not matter.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub log_rotation_size: i64,
    /// Name of the BackupPolicy of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub backup_policy_name: Option<String>,
    /// Where the first data comes from. It can be given only when the cluster is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// Whether to leave out the container that prints the slow query log. It is there when the operator
    /// was told which image of fluent-bit to take.
    #[serde(default)]
    pub disable_slow_query_log_container: bool,
    /// Configuration of fluent-bit in the container that prints the slow query log; `{{ .Path }}` in it
    /// stands for the log's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub slow_query_log_config_tmpl: Option<String>,
    /// Accepted and without effect: the agent always talks to mysqld over a local socket.
    #[serde(default)]
    pub agent_use_localhost: bool,
    /// Whether to load the time zone tables into the first data. They are always loaded today, so
    /// `false` has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialize_timezone_data: Option<bool>,
    /// Whether the cluster's pods are taken away, with its volumes kept.
    #[serde(default)]
    pub offline: bool,
}

/// Values of fields that the user left out.
mod defaults {
    pub(super) fn replicas() -> i32 {
        1
    }

    pub(super) fn max_delay_seconds() -> i32 {
        60
    }

    pub(super) fn startup_wait_seconds() -> i32 {
        3600
    }
}

/// The members' pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplate {
    /// Labels and annotations of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::metadata")]
    pub metadata: Option<Metadata>,
    /// A PodSpec with a container called `mysqld`.
    #[schemars(schema_with = "schema::pod_spec")]
    pub spec: Value,
    /// Resources and security of containers that MOCO adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::overwrite_containers")]
    pub overwrite_containers: Option<Vec<OverwriteContainer>>,
}

/// The part of an object's metadata that a template may set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Name; used for claims only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Resources and security of a container that MOCO adds; each replaces MOCO's as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverwriteContainer {
    /// Which container.
    pub name: String,
    /// Its `resources`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
    /// Its `securityContext`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Value>,
}

/// A volume of every member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeClaimTemplate {
    /// Name, labels and annotations.
    pub metadata: Metadata,
    /// A PersistentVolumeClaimSpec.
    pub spec: Value,
}

/// What a Service should be beside what MOCO needs of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTemplate {
    /// Labels and annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// A ServiceSpec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Value>,
}

/// Where the first data comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    /// Name of the cluster that was backed up.
    #[schemars(length(min = 1, max = 63))]
    pub source_name: String,
    /// Namespace of the cluster that was backed up.
    #[schemars(length(min = 1, max = 63))]
    pub source_namespace: String,
    /// The moment whose data is wanted.
    pub restore_point: Time,
    /// How the restore runs, and where the backup is.
    #[schemars(schema_with = "schema::job_config")]
    pub job_config: Value,
    /// The schema to restore; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub schema: Option<String>,
    /// The accounts to restore, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub users: Option<String>,
}
