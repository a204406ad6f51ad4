//! What the controller says about a cluster.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use moco_model::Register;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What the controller says about a cluster, and, in `register`, what it has decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MySQLClusterStatus {
    /// Conditions, one of a type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The generation of the manifest that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What the cluster is doing, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictStatus>,
    /// The members, one entry each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["ordinal"]))]
    pub members: Vec<MemberStatus>,
    /// Ordinal of the primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_primary_index: Option<u32>,
    /// Number of ready members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_replicas: Option<u32>,
    /// Number of replicas that hold transactions which the primary does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errant_replicas: Option<u32>,
    /// Ordinals of replicas that hold transactions which the primary does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub errant_replica_list: Option<Vec<u32>>,
    /// The last backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupStatus>,
    /// When the restore ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_time: Option<Time>,
    /// Whether the first clone from the external source ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned: Option<bool>,
    /// Which manifest was last turned into objects, by which rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconcile_info: Option<ReconcileInfo>,
    /// The record of who is primary. Only the controller writes it, and only by compare-and-swap:
    /// editing it by hand can lose data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::register")]
    pub register: Option<Register>,
}

/// What the cluster is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerdictStatus {
    /// The verdict's name, for programs.
    pub code: String,
    /// The verdict, for people.
    pub sentence: String,
    /// Since when the code has been this.
    pub since: Time,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// The number at the end of its pod's name.
    pub ordinal: u32,
    /// `primary` or `replica`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it is doing.
    pub phase: String,
    /// How many transactions it holds and what it lacks, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtid: Option<String>,
    /// Whether its promise counts in a failover; told of replicas that are heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
    /// Version of its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// What keeps it from doing what it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<MemberFault>,
}

/// What keeps a member from doing what it was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberFault {
    /// The fault's name, for programs.
    pub code: String,
    /// What happened and what to do about it.
    pub sentence: String,
}

/// Which manifest was last turned into objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconcileInfo {
    /// Generation of the manifest.
    #[serde(default)]
    pub generation: i64,
    /// Version of the rules by which objects are made.
    #[serde(default)]
    pub reconcile_version: i32,
}

/// The last backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// How long it took, as `1m30s`.
    pub elapsed: String,
    /// Ordinal of the member that was read.
    pub source_index: u32,
    /// `server_uuid` of the member that was read.
    #[serde(rename = "sourceUUID")]
    pub source_uuid: String,
    /// `server_uuid` of every member, by ordinal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid_set: Option<BTreeMap<String, String>>,
    /// The binary log that was current at the backup.
    pub binlog_filename: String,
    /// The transactions that the backup holds.
    pub gtid_set: String,
    /// Bytes of the dump.
    pub dump_size: i64,
    /// Bytes of the binary logs.
    pub binlog_size: i64,
    /// Bytes that the work volume held at most.
    pub work_dir_usage: i64,
    /// What went wrong without making the backup fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<String>>,
}
