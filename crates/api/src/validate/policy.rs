//! Backup policies. Nothing calls this yet: no backup is made. What makes them will read policies by it.

use std::time::Duration;

use serde_json::Value;

use super::{Findings, Invalid, job, spec_of};
use crate::cron::{self, TimeZones};
use crate::policy::{ARCHIVE_MAX_SIZE, ArchiveSpec, BackupPolicySpec};
use crate::trusted::{Archive, Concurrency, TrustedPolicy};
use crate::{duration, quantity};

/// Ages at which binary logs may be archived. Less than a second would be a request for each; more
/// than an hour would be no archive that follows.
const AGES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];
/// Bytes at which they may be: smaller parts cost more requests than bytes, larger ones more memory.
const SIZES: [u64; 2] = [1 << 20, 1 << 30];

/// Reads the spec of a `BackupPolicy`, or says everything that is wrong with it.
pub fn validate_policy(spec: &Value) -> Result<TrustedPolicy, Vec<Invalid>> {
    let spec: BackupPolicySpec = spec_of(spec).map_err(|invalid| vec![invalid])?;
    let mut findings = Findings::default();
    let read = read(&spec, &mut findings);
    let (policy, not_yet) = findings.settle(read)?;
    Ok(TrustedPolicy { not_yet, ..policy })
}

fn read(spec: &BackupPolicySpec, findings: &mut Findings) -> Option<TrustedPolicy> {
    if let Err(error) = cron::check(&spec.schedule, TimeZones::Elsewhere) {
        let hint = match error {
            cron::CronError::TimeZone => "; spec.timeZone says it",
            _ => "",
        };
        findings.refuse("spec.schedule", format!("{error}{hint}"));
    }
    let time_zone = spec.time_zone.clone().filter(|zone| !zone.is_empty());
    if time_zone.as_deref().is_some_and(|zone| !is_zone(zone)) {
        findings.refuse(
            "spec.timeZone",
            "must be the name of a time zone, such as Asia/Tokyo",
        );
    }
    let job = job::read("spec.jobConfig", &spec.job_config, findings);
    let concurrency = match spec.concurrency_policy.as_str() {
        "Allow" => Some(Concurrency::Allow),
        "Forbid" => Some(Concurrency::Forbid),
        "Replace" => Some(Concurrency::Replace),
        _ => None,
    };
    if concurrency.is_none() {
        findings.refuse("spec.concurrencyPolicy", "must be Allow, Forbid or Replace");
    }
    let starting = seconds(
        "spec.startingDeadlineSeconds",
        spec.starting_deadline_seconds,
        findings,
    );
    let active = seconds(
        "spec.activeDeadlineSeconds",
        spec.active_deadline_seconds,
        findings,
    );
    let backoff = count("spec.backoffLimit", spec.backoff_limit, findings);
    let successful = spec.successful_jobs_history_limit;
    let successful = count("spec.successfulJobsHistoryLimit", successful, findings);
    let failed = spec.failed_jobs_history_limit;
    let failed = count("spec.failedJobsHistoryLimit", failed, findings);
    let archive = spec
        .archive
        .as_ref()
        .map(|archive| self::archive(archive, findings));
    Some(TrustedPolicy {
        schedule: spec.schedule.clone(),
        time_zone,
        job: job?,
        starting_deadline_secs: starting,
        active_deadline_secs: active,
        backoff_limit: backoff,
        successful_jobs: successful,
        failed_jobs: failed,
        concurrency: concurrency?,
        archive: archive.flatten(),
        not_yet: Vec::new(),
    })
}

/// Whether it can be the name of a zone; which names there are is known where the schedule is kept.
fn is_zone(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    text.chars().all(good) && !text.eq_ignore_ascii_case("local")
}

fn seconds(field: &str, value: Option<i64>, findings: &mut Findings) -> Option<u64> {
    value.and_then(|value| findings.at_least_zero(field, value))
}

fn count(field: &str, value: Option<i32>, findings: &mut Findings) -> Option<u32> {
    value.and_then(|value| findings.at_least_zero(field, value.into()))
}

fn archive(spec: &ArchiveSpec, findings: &mut Findings) -> Option<Archive> {
    let [youngest, oldest] = AGES;
    let max_age = duration::parse(&spec.max_age).filter(|age| (youngest..=oldest).contains(age));
    if max_age.is_none() {
        findings.refuse(
            "spec.archive.maxAge",
            format!("is {:?}; it must be from 1s to 1h", spec.max_age),
        );
    }
    let [smallest, largest] = SIZES;
    let text = spec.max_size.as_deref().unwrap_or(ARCHIVE_MAX_SIZE);
    let max_size = quantity::bytes(text).filter(|bytes| (smallest..=largest).contains(bytes));
    if max_size.is_none() {
        findings.refuse(
            "spec.archive.maxSize",
            format!("is {text:?}; it must be from 1Mi to 1Gi"),
        );
    }
    Some(Archive {
        max_age: max_age?,
        max_size_bytes: max_size?,
    })
}

#[cfg(test)]
mod tests;
