//! The pod template.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use serde_json::{Value, json};

use super::claims::is_label;
use super::{Findings, labels_and_annotations, mysqld, not_yet};
use crate::cluster::{MySQLClusterSpec, OverwriteContainer};
use crate::constants::{containers, volumes};
use crate::trusted::{Overwrite, Overwrites, TrustedPod};

const SPEC: &str = "spec.podTemplate.spec";

/// Reads the pod template.
pub(super) fn read(spec: &MySQLClusterSpec, findings: &mut Findings) -> Option<TrustedPod> {
    let template = &spec.pod_template;
    let pod: Option<PodSpec> = findings.read(SPEC, &with_containers(&template.spec));
    let overwrites = overwrites(spec, findings);
    let mut pod = pod?;
    let containers = std::mem::take(&mut pod.containers);
    let init_containers = pod.init_containers.take().unwrap_or_default();
    names(&containers, "containers", findings);
    names(&init_containers, "initContainers", findings);
    reserved(spec, &containers, &init_containers, findings);
    volumes_of(&pod, findings);
    rest(&mut pod, findings);
    private_mounts(&containers, &init_containers, findings);
    let (mysqld, sidecars): (Vec<_>, Vec<_>) = containers
        .into_iter()
        .partition(|container| container.name == containers::MYSQLD);
    let Some(mut mysqld) = mysqld.into_iter().next() else {
        let problem = "must have a container named mysqld";
        findings.refuse(format!("{SPEC}.containers"), problem);
        return None;
    };
    let field = format!("{SPEC}.containers[mysqld]");
    let mysqld_options = mysqld::read(&field, &mut mysqld, findings);
    let metadata = template.metadata.as_ref();
    not_yet::name_of_template("spec.podTemplate", metadata, findings);
    let (labels, annotations) = labels_and_annotations(metadata);
    Some(TrustedPod {
        labels,
        annotations,
        size: mysqld::size(&mysqld),
        mysqld,
        mysqld_options,
        sidecars,
        init_containers,
        rest: pod,
        overwrites,
    })
}

/// A PodSpec cannot be read without the list, and its absence is better said in our words.
fn with_containers(spec: &Value) -> Value {
    let mut spec = spec.clone();
    if let Value::Object(fields) = &mut spec {
        fields.entry("containers").or_insert_with(|| json!([]));
    }
    spec
}

/// Reads what replaces MOCO's own for containers that MOCO adds.
fn overwrites(spec: &MySQLClusterSpec, findings: &mut Findings) -> Overwrites {
    let mut all = Overwrites::default();
    let given = spec.pod_template.overwrite_containers.iter().flatten();
    for given in given {
        let field = format!("spec.podTemplate.overwriteContainers[{}]", given.name);
        let (place, idle) = match given.name.as_str() {
            containers::COPY_INIT => (Some(&mut all.copy_init), None),
            containers::SLOW_LOG if spec.disable_slow_query_log_container => (
                Some(&mut all.slow_log),
                Some("spec.disableSlowQueryLogContainer leaves the container out"),
            ),
            containers::SLOW_LOG => (Some(&mut all.slow_log), None),
            containers::EXPORTER if spec.collectors.as_ref().is_none_or(Vec::is_empty) => (
                Some(&mut all.exporter),
                Some("spec.collectors names none, so the container is left out"),
            ),
            containers::EXPORTER => (Some(&mut all.exporter), None),
            containers::AGENT => (
                None,
                Some("the agent runs inside the container mysqld and shares its resources"),
            ),
            containers::INIT => (
                None,
                Some("data directories are made inside the container mysqld"),
            ),
            _ => (None, Some("this version adds no such container")),
        };
        if let Some(because) = idle {
            findings.not_yet.push(not_yet::note(&field, because));
        }
        if let Some(place) = place {
            *place = overwrite(&field, given, findings);
        }
    }
    all
}

fn overwrite(field: &str, given: &OverwriteContainer, findings: &mut Findings) -> Overwrite {
    let mut read = Overwrite::default();
    if let Some(resources) = &given.resources {
        let field = format!("{field}.resources");
        read.resources = findings.read(&field, resources);
        quantities(&field, read.resources.as_ref(), findings);
    }
    if let Some(context) = &given.security_context {
        read.security_context = findings.read(&format!("{field}.securityContext"), context);
    }
    read
}

/// Checks what a container asks for and may use.
fn quantities(field: &str, given: Option<&ResourceRequirements>, findings: &mut Findings) {
    let none = ResourceRequirements::default();
    let given = given.unwrap_or(&none);
    for (kind, amounts) in [("requests", &given.requests), ("limits", &given.limits)] {
        for (resource, amount) in amounts.iter().flatten() {
            findings.quantity(&format!("{field}.{kind}.{resource}"), &amount.0);
        }
    }
}

fn names(all: &[Container], list: &str, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for container in all {
        let name = &container.name;
        let field = format!("{SPEC}.{list}[{name}].resources");
        quantities(&field, container.resources.as_ref(), findings);
        if !is_label(name) {
            findings.refuse(
                format!("{SPEC}.{list}"),
                format!(
                    "has the name {name:?}; it must be 1 to 63 lower-case letters, digits and '-'"
                ),
            );
        }
        if !seen.insert(name) {
            findings.refuse(
                format!("{SPEC}.{list}"),
                format!("has two containers named {name}"),
            );
        }
    }
}

fn reserved(
    spec: &MySQLClusterSpec,
    all: &[Container],
    init_containers: &[Container],
    findings: &mut Findings,
) {
    let collects = spec.collectors.as_ref().is_some_and(|all| !all.is_empty());
    for container in all {
        let because = match container.name.as_str() {
            containers::AGENT => "",
            containers::SLOW_LOG if !spec.disable_slow_query_log_container => {
                " unless spec.disableSlowQueryLogContainer is true"
            }
            containers::EXPORTER if collects => " while spec.collectors names any",
            _ => continue,
        };
        findings.refuse(
            format!("{SPEC}.containers"),
            format!(
                "must not have the name {}: it is reserved{because}",
                container.name
            ),
        );
    }
    for container in init_containers {
        if matches!(
            container.name.as_str(),
            containers::INIT | containers::COPY_INIT
        ) {
            findings.refuse(
                format!("{SPEC}.initContainers"),
                format!("must not have the name {}: it is reserved", container.name),
            );
        }
    }
}

fn volumes_of(pod: &PodSpec, findings: &mut Findings) {
    for volume in pod.volumes.iter().flatten() {
        if volumes::RESERVED.contains(&volume.name.as_str()) {
            findings.refuse(
                format!("{SPEC}.volumes"),
                format!("must not have the name {}: it is reserved", volume.name),
            );
        }
    }
}

/// Fields of the pod that MOCO decides.
fn rest(pod: &mut PodSpec, findings: &mut Findings) {
    for (given, field) in [
        (pod.share_process_namespace, "shareProcessNamespace"),
        (pod.host_pid, "hostPID"),
    ] {
        if given == Some(true) {
            findings.refuse(
                format!("{SPEC}.{field}"),
                "must not be true: other processes could then reach the administrator's socket",
            );
        }
    }
    if pod
        .restart_policy
        .take()
        .is_some_and(|policy| policy != "Always")
    {
        let problem = "must be Always: a member comes back";
        findings.refuse(format!("{SPEC}.restartPolicy"), problem);
    }
    let accounts = [pod.service_account_name.take(), pod.service_account.take()];
    if accounts.iter().flatten().any(|name| !name.is_empty()) {
        findings.not_yet.push(not_yet::note(
            &format!("{SPEC}.serviceAccountName"),
            "members run under the ServiceAccount that MOCO makes for the cluster",
        ));
    }
}

/// Whoever mounts one of these volumes is the administrator, or replaces MOCO's program.
fn private_mounts(all: &[Container], init_containers: &[Container], findings: &mut Findings) {
    for container in all.iter().chain(init_containers) {
        for mount in container.volume_mounts.iter().flatten() {
            if volumes::PRIVATE.contains(&mount.name.as_str()) {
                findings.refuse(
                    format!("{SPEC}.containers[{}].volumeMounts", container.name),
                    format!("must not mount {}: only MOCO's programs may", mount.name),
                );
            }
        }
    }
}
