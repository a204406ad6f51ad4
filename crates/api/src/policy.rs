//! The `BackupPolicy` as users write it. One may serve many clusters of its namespace.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::quantity;
use crate::rules::DURATION;
use crate::schema;

/// When backups are made, how, and where they go.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "moco.cybozu.com",
    version = "v1beta2",
    kind = "BackupPolicy",
    plural = "backuppolicies",
    singular = "backuppolicy",
    shortname = "mbp",
    category = "moco",
    namespaced,
    derive = "PartialEq",
    doc = "When backups of the MySQLClusters that name it are made, how, and where they go.",
    crates(kube_core = "::kube_core"),
    printcolumn = r#"{"name":"Schedule","type":"string","jsonPath":".spec.schedule"}"#,
    printcolumn = r#"{"name":"Time zone","type":"string","jsonPath":".spec.timeZone"}"#,
    printcolumn = r#"{"name":"Bucket","type":"string","jsonPath":".spec.jobConfig.bucketConfig.bucketName"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct BackupPolicySpec {
    /// When a full backup is made, as a cron expression of five fields.
    #[schemars(length(min = 1, max = 128))]
    pub schedule: String,
    /// The time zone in which the schedule is meant, such as Asia/Tokyo; that of the cluster's
    /// control plane when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub time_zone: Option<String>,
    /// How a backup runs, and where it goes.
    #[schemars(schema_with = "schema::job_config")]
    pub job_config: Value,
    /// After how many seconds a backup that could not begin in time is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub starting_deadline_seconds: Option<i64>,
    /// After how many seconds a backup that runs is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub active_deadline_seconds: Option<i64>,
    /// How often a backup that failed is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub backoff_limit: Option<i32>,
    /// How many jobs that went well are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub successful_jobs_history_limit: Option<i32>,
    /// How many jobs that failed are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub failed_jobs_history_limit: Option<i32>,
    /// What becomes of a backup that is due while the one before it runs.
    #[serde(default = "defaults::concurrency")]
    #[schemars(schema_with = "schema::concurrency")]
    pub concurrency_policy: String,
    /// Whether, between full backups, binary logs are archived as they are written; they are not when
    /// it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveSpec>,
}

/// How binary logs are archived. What was written and not archived yet is what a disaster may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveSpec {
    /// The age at which what was written is archived, from 1s to 1h.
    #[serde(default = "defaults::max_age")]
    #[schemars(length(max = 32), regex(pattern = DURATION))]
    pub max_age: String,
    /// The size at which it is archived before that age, from 1Mi to 1Gi.
    #[serde(
        default = "defaults::max_size",
        deserialize_with = "quantity::text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::quantity")]
    pub max_size: Option<String>,
}

/// `spec.archive.maxSize` that the user left out.
pub(crate) const ARCHIVE_MAX_SIZE: &str = "16Mi";

/// Values of other fields that the user left out.
mod defaults {
    pub(super) fn concurrency() -> String {
        "Allow".to_owned()
    }

    pub(super) fn max_age() -> String {
        "5s".to_owned()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that serde wants")]
    pub(super) fn max_size() -> Option<String> {
        Some(super::ARCHIVE_MAX_SIZE.to_owned())
    }
}
