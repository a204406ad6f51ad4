//! How backup and restore run, and where backups are: what `BackupPolicy` and `spec.restore` share.
//!
//! Nothing in here is checked; validation does that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quantity;
use crate::schema;

/// How a backup or a restore runs, and where the backups are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobConfig {
    /// Name of a ServiceAccount of this namespace, whose identity the bucket knows.
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: String,
    /// Where the backups are.
    pub bucket_config: BucketConfig,
    /// The volume, as in a pod but without a name, in which a job works.
    #[schemars(schema_with = "schema::any_object")]
    pub work_volume: Value,
    /// How many threads a job works with.
    #[serde(default = "defaults::threads")]
    #[schemars(range(min = 1, max = 1024))]
    pub threads: i32,
    /// Processors that a job asks for; null asks for none.
    #[serde(
        default = "defaults::cpu",
        deserialize_with = "quantity::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::quantity_or_null")]
    pub cpu: Option<String>,
    /// Processors that a job may use at most.
    #[serde(
        default,
        deserialize_with = "quantity::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::quantity")]
    pub max_cpu: Option<String>,
    /// Memory that a job asks for; null asks for none.
    #[serde(
        default = "defaults::memory",
        deserialize_with = "quantity::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::quantity_or_null")]
    pub memory: Option<String>,
    /// Memory that a job may use at most.
    #[serde(
        default,
        deserialize_with = "quantity::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::quantity")]
    pub max_memory: Option<String>,
    /// Sources of environment variables of the job's container, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_objects")]
    pub env_from: Option<Vec<Value>>,
    /// Environment variables of the job's container, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_objects")]
    pub env: Option<Vec<Value>>,
    /// Where the job's pod may run, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_object")]
    pub affinity: Option<Value>,
    /// More volumes of the job's pod, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_objects")]
    pub volumes: Option<Vec<Value>>,
    /// Where the job's container sees these volumes, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_objects")]
    pub volume_mounts: Option<Vec<Value>>,
}

/// Where backups are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketConfig {
    /// Name of the bucket, or of the container in Azure; `$(NAME)` is the environment variable NAME of
    /// the job.
    #[schemars(length(min = 1, max = 255))]
    pub bucket_name: String,
    /// The bucket's region; the environment of the job may say it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub region: Option<String>,
    /// URL of the store, where it is not the one of its kind's vendor.
    #[serde(
        rename = "endpointURL",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(max = 2048), regex(pattern = "^https?://.*"))]
    pub endpoint_url: Option<String>,
    /// Whether the bucket's name stands in the path of URLs and not in the name of the host.
    #[serde(default)]
    pub use_path_style: bool,
    /// Kind of the store.
    #[serde(default = "defaults::backend")]
    #[schemars(schema_with = "schema::backend")]
    pub backend_type: String,
    /// File of the job's container with the authorities that the store's certificate is checked
    /// against, beside those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub ca_cert: Option<String>,
}

/// Values of fields that the user left out.
mod defaults {
    #[expect(clippy::unnecessary_wraps, reason = "the form that serde wants")]
    pub(super) fn cpu() -> Option<String> {
        Some("4".to_owned())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that serde wants")]
    pub(super) fn memory() -> Option<String> {
        Some("4Gi".to_owned())
    }

    pub(super) fn threads() -> i32 {
        4
    }

    pub(super) fn backend() -> String {
        "s3".to_owned()
    }
}
