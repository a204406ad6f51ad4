//! How backup and restore run, and where backups are.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Findings, is_object_name};
use crate::job::{BucketConfig, JobConfig};
use crate::quantity;
use crate::trusted::{Backend, Bucket, TrustedJob};

/// Name of the volume in which a job works.
const WORK: &str = "work";
/// More threads help nobody.
const THREADS_MAX: u32 = 1024;

/// Reads how a job runs.
pub(super) fn read(field: &str, config: &Value, findings: &mut Findings) -> Option<TrustedJob> {
    let config: JobConfig = findings.read(field, config)?;
    if !is_object_name(&config.service_account_name) {
        findings.refuse(
            format!("{field}.serviceAccountName"),
            "must be the name of a ServiceAccount of this namespace",
        );
    }
    let threads = u32::try_from(config.threads)
        .ok()
        .filter(|threads| (1..=THREADS_MAX).contains(threads));
    if threads.is_none() {
        findings.refuse(
            format!("{field}.threads"),
            format!("is {}; it must be from 1 to {THREADS_MAX}", config.threads),
        );
    }
    let bucket = bucket(
        &format!("{field}.bucketConfig"),
        &config.bucket_config,
        findings,
    );
    let work_volume = work_volume(
        &format!("{field}.workVolume"),
        &config.work_volume,
        findings,
    );
    let resources = resources(field, &config, findings);
    let env_from = list(
        &format!("{field}.envFrom"),
        config.env_from.as_ref(),
        findings,
    );
    let env = list(&format!("{field}.env"), config.env.as_ref(), findings);
    let affinity = match &config.affinity {
        Some(affinity) => findings
            .read(&format!("{field}.affinity"), affinity)
            .map(Some),
        None => Some(None),
    };
    let volumes = volumes(
        &format!("{field}.volumes"),
        config.volumes.as_ref(),
        findings,
    );
    let mounts = config.volume_mounts.as_ref();
    let volume_mounts = list(&format!("{field}.volumeMounts"), mounts, findings);
    Some(TrustedJob {
        service_account: config.service_account_name,
        bucket: bucket?,
        work_volume: work_volume?,
        threads: threads?,
        resources,
        env_from: env_from?,
        env: env?,
        affinity: affinity?,
        volumes: volumes?,
        volume_mounts: volume_mounts?,
    })
}

fn bucket(field: &str, config: &BucketConfig, findings: &mut Findings) -> Option<Bucket> {
    if config.bucket_name.is_empty() || !is_visible(&config.bucket_name) {
        findings.refuse(
            format!("{field}.bucketName"),
            "must be the name of a bucket, without blanks",
        );
    }
    let endpoint = given(config.endpoint_url.as_ref());
    if endpoint.as_deref().is_some_and(|url| !is_url(url)) {
        findings.refuse(
            format!("{field}.endpointURL"),
            "must be a URL that begins with http:// or https:// and names a host",
        );
    }
    let region = given(config.region.as_ref());
    if region.as_deref().is_some_and(|region| !is_visible(region)) {
        findings.refuse(format!("{field}.region"), "must not hold blanks");
    }
    let backend = match config.backend_type.as_str() {
        "s3" => Some(Backend::S3),
        "gcs" => Some(Backend::Gcs),
        "azure" => Some(Backend::Azure),
        _ => None,
    };
    if backend.is_none() {
        findings.refuse(format!("{field}.backendType"), "must be s3, gcs or azure");
    }
    let ca_cert = given(config.ca_cert.as_ref());
    if ca_cert.is_some() && matches!(backend, Some(Backend::Gcs | Backend::Azure)) {
        findings.not_yet.push(super::not_yet::note(
            &format!("{field}.caCert"),
            "stores of this kind are checked against the authorities of the system",
        ));
    }
    Some(Bucket {
        name: config.bucket_name.clone(),
        region,
        endpoint,
        path_style: config.use_path_style,
        backend: backend?,
        ca_cert,
    })
}

/// An empty text says no more than none.
fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

fn is_visible(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty()) && is_visible(text)
}

/// The volume has no name in the manifest, and exactly one kind.
fn work_volume(field: &str, source: &Value, findings: &mut Findings) -> Option<Volume> {
    let mut named = source.clone();
    if let Value::Object(fields) = &mut named {
        fields.insert("name".to_owned(), json!(WORK));
    }
    let volume: Volume = findings.read(field, &named)?;
    let fields = json!(volume).as_object().map_or(0, serde_json::Map::len);
    let kinds = fields.saturating_sub(1);
    if kinds != 1 {
        findings.refuse(
            field,
            format!(
                "names {kinds} kinds of volumes; it must name one, such as ephemeral or emptyDir"
            ),
        );
        return None;
    }
    Some(volume)
}

fn list<T>(field: &str, items: Option<&Vec<Value>>, findings: &mut Findings) -> Option<Vec<T>>
where
    T: DeserializeOwned + Serialize,
{
    let read = items.into_iter().flatten().enumerate();
    let read: Vec<_> = read
        .map(|(at, item)| findings.read(&format!("{field}[{at}]"), item))
        .collect();
    read.into_iter().collect()
}

fn volumes(
    field: &str,
    items: Option<&Vec<Value>>,
    findings: &mut Findings,
) -> Option<Vec<Volume>> {
    let volumes: Vec<Volume> = list(field, items, findings)?;
    if volumes.iter().any(|volume| volume.name == WORK) {
        findings.refuse(
            field,
            format!("must not have the name {WORK}: it is that of workVolume"),
        );
    }
    Some(volumes)
}

fn resources(field: &str, config: &JobConfig, findings: &mut Findings) -> ResourceRequirements {
    let mut amounts = |given: &[(&str, &str, &Option<String>)]| {
        let mut amounts = BTreeMap::new();
        for (resource, name, amount) in given {
            let Some(amount) = amount else { continue };
            findings.quantity(&format!("{field}.{name}"), amount);
            amounts.insert((*resource).to_owned(), Quantity(amount.clone()));
        }
        amounts
    };
    let requests = amounts(&[
        ("cpu", "cpu", &config.cpu),
        ("memory", "memory", &config.memory),
    ]);
    let limits = amounts(&[
        ("cpu", "maxCpu", &config.max_cpu),
        ("memory", "maxMemory", &config.max_memory),
    ]);
    for (resource, name) in [("cpu", "maxCpu"), ("memory", "maxMemory")] {
        let amount = |of: &BTreeMap<String, Quantity>| quantity::millis(&of.get(resource)?.0);
        if let (Some(asked), Some(most)) = (amount(&requests), amount(&limits))
            && most < asked
        {
            findings.refuse(
                format!("{field}.{name}"),
                format!("is less than {resource}; a job may not use less than it asks for"),
            );
        }
    }
    ResourceRequirements {
        requests: Some(requests).filter(|all| !all.is_empty()),
        limits: Some(limits).filter(|all| !all.is_empty()),
        ..ResourceRequirements::default()
    }
}
