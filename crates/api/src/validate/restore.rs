//! Where a cluster's first data comes from.

use super::claims::is_label;
use super::{Findings, job};
use crate::cluster::Restore;
use crate::trusted::TrustedRestore;

/// Reads where the first data comes from.
pub(super) fn read(restore: &Restore, findings: &mut Findings) -> Option<TrustedRestore> {
    for (field, name) in [
        ("sourceName", &restore.source_name),
        ("sourceNamespace", &restore.source_namespace),
    ] {
        if !is_label(name) {
            findings.refuse(
                format!("spec.restore.{field}"),
                "must be 1 to 63 lower-case letters, digits and '-'",
            );
        }
    }
    let job = job::read("spec.restore.jobConfig", &restore.job_config, findings);
    let users = restore.users.iter().flat_map(|users| users.split(','));
    let users = users.map(str::trim).filter(|user| !user.is_empty());
    Some(TrustedRestore {
        source_name: restore.source_name.clone(),
        source_namespace: restore.source_namespace.clone(),
        restore_point: restore.restore_point.0,
        job: job?,
        schema: restore.schema.clone().filter(|schema| !schema.is_empty()),
        users: users.map(str::to_owned).collect(),
    })
}
