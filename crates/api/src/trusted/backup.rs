//! What backups and restores are made by, checked.

use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Affinity, EnvFromSource, EnvVar, ResourceRequirements, Volume, VolumeMount,
};
use k8s_openapi::jiff::Timestamp;

use super::NotYet;

/// A policy that passed validation.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedPolicy {
    /// When a full backup is made: five fields, or a word that begins with `@`. It names no time zone.
    pub schedule: String,
    /// The time zone in which the schedule is meant.
    pub time_zone: Option<String>,
    /// How a backup runs, and where it goes.
    pub job: TrustedJob,
    /// After how long a backup that could not begin in time is left out, in seconds.
    pub starting_deadline_secs: Option<u64>,
    /// After how long a backup that runs is ended, in seconds.
    pub active_deadline_secs: Option<u64>,
    /// How often a backup that failed is tried again.
    pub backoff_limit: Option<u32>,
    /// How many jobs that went well are kept.
    pub successful_jobs: Option<u32>,
    /// How many jobs that failed are kept.
    pub failed_jobs: Option<u32>,
    /// What becomes of a backup that is due while the one before it runs.
    pub concurrency: Concurrency,
    /// How binary logs are archived between full backups; `None` when they are not.
    pub archive: Option<Archive>,
    /// Fields that were given and have no effect.
    pub not_yet: Vec<NotYet>,
}

/// What becomes of a backup that is due while the one before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// Both run.
    Allow,
    /// It is left out.
    Forbid,
    /// It runs, and the one before it is ended.
    Replace,
}

/// How binary logs are archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The age at which what was written is archived, 1 s to 1 h.
    pub max_age: Duration,
    /// The size at which it is archived before that age, in bytes, 1 MiB to 1 GiB.
    pub max_size_bytes: u64,
}

/// Where a cluster's first data comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedRestore {
    /// Name of the cluster that was backed up; a DNS label.
    pub source_name: String,
    /// Namespace of the cluster that was backed up; a DNS label.
    pub source_namespace: String,
    /// The moment whose data is wanted.
    pub restore_point: Timestamp,
    /// How the restore runs, and where the backup is.
    pub job: TrustedJob,
    /// The schema to restore; all when absent.
    pub schema: Option<String>,
    /// The accounts to restore; all when empty.
    pub users: Vec<String>,
}

/// How a backup or a restore runs, and where the backups are.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedJob {
    /// Name of a ServiceAccount of the same namespace.
    pub service_account: String,
    /// Where the backups are.
    pub bucket: Bucket,
    /// The volume in which a job works; its name is `work`.
    pub work_volume: Volume,
    /// Threads that a job works with, 1 to 1024.
    pub threads: u32,
    /// What the job's container asks for, and may use at most.
    pub resources: ResourceRequirements,
    /// Sources of its environment variables.
    pub env_from: Vec<EnvFromSource>,
    /// Its environment variables.
    pub env: Vec<EnvVar>,
    /// Where the job's pod may run.
    pub affinity: Option<Affinity>,
    /// More volumes of the pod; none is called `work`.
    pub volumes: Vec<Volume>,
    /// Where the container sees them.
    pub volume_mounts: Vec<VolumeMount>,
}

/// Where backups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name; may hold `$(NAME)` for an environment variable of the job.
    pub name: String,
    /// Its region.
    pub region: Option<String>,
    /// URL of the store: `http` or `https`, and a host.
    pub endpoint: Option<String>,
    /// Whether the bucket's name stands in the path of URLs.
    pub path_style: bool,
    /// Kind of the store.
    pub backend: Backend,
    /// File of the job's container with authorities beside those of the system.
    pub ca_cert: Option<String>,
}

/// Kind of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Amazon S3, and what speaks its language.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}
