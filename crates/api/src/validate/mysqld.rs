//! The user's container `mysqld`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Findings, not_yet};
use crate::constants::{paths, ports};
use crate::quantity;
use crate::trusted::Size;

/// Prefix of environment variables that MOCO sets in the container.
const RESERVED_ENV: &str = "MOCO_";

/// Checks the container; takes its command and arguments out, and gives the latter as options.
pub(super) fn read(
    field: &str,
    container: &mut Container,
    findings: &mut Findings,
) -> BTreeMap<String, String> {
    if container.image.as_ref().is_none_or(String::is_empty) {
        findings.refuse(
            format!("{field}.image"),
            "is missing: the container mysqld needs an image",
        );
    }
    own_ports(field, container, findings);
    own_mounts(field, container, findings);
    for variable in container.env.iter().flatten() {
        if variable.name.starts_with(RESERVED_ENV) {
            findings.refuse(
                format!("{field}.env"),
                format!(
                    "must not set {}: names that begin with MOCO_ are reserved",
                    variable.name
                ),
            );
        }
    }
    if container
        .command
        .take()
        .is_some_and(|command| !command.is_empty())
    {
        findings.not_yet.push(not_yet::note(
            &format!("{field}.command"),
            "MOCO starts the program mysqld that it finds in the image's PATH",
        ));
    }
    options(field, &container.args.take().unwrap_or_default(), findings)
}

fn own_ports(field: &str, container: &Container, findings: &mut Findings) {
    for port in container.ports.iter().flatten() {
        for (number, name) in ports::OF_MYSQLD {
            if port.container_port == i32::from(number) || port.name.as_deref() == Some(name) {
                findings.refuse(
                    format!("{field}.ports"),
                    format!("must leave out port {number} {name}: the container has it already"),
                );
            }
        }
    }
}

/// What the user mounts exactly as MOCO does is taken for MOCO's; another volume in its place is not.
fn own_mounts(field: &str, container: &mut Container, findings: &mut Findings) {
    let Some(mounts) = &mut container.volume_mounts else {
        return;
    };
    mounts.retain(|mount| {
        let path = mount.mount_path.trim_end_matches('/');
        let Some((ours, _)) = paths::MOUNTS.iter().find(|(_, ours)| *ours == path) else {
            return true;
        };
        if *ours != mount.name {
            findings.refuse(
                format!("{field}.volumeMounts"),
                format!(
                    "must not mount {} at {path}: the volume {ours} is there",
                    mount.name
                ),
            );
        }
        false
    });
}

/// Arguments such as `--max-connections=100` say the same as keys of the ConfigMap.
fn options(field: &str, arguments: &[String], findings: &mut Findings) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    for (at, argument) in arguments.iter().enumerate() {
        let option = argument
            .strip_prefix("--")
            .filter(|option| !option.is_empty());
        let Some(option) = option else {
            findings.refuse(
                format!("{field}.args[{at}]"),
                "must be an option of mysqld of the form --name=value",
            );
            continue;
        };
        let (name, value) = option.split_once('=').unwrap_or((option, "ON"));
        options.insert(name.to_owned(), value.to_owned());
    }
    options
}

/// What the container has to live on; its volume is not looked at here.
pub(super) fn size(container: &Container) -> Size {
    let amount = |resource| {
        let resources = container.resources.as_ref()?;
        let of = |quantities: &'_ Option<BTreeMap<String, Quantity>>| {
            quantities.as_ref()?.get(resource).cloned()
        };
        of(&resources.requests).or_else(|| of(&resources.limits))
    };
    Size {
        memory_bytes: amount("memory").and_then(|amount| quantity::bytes(&amount.0)),
        cpu_millis: amount("cpu").and_then(|amount| quantity::millis(&amount.0)),
        data_bytes: None,
    }
}
