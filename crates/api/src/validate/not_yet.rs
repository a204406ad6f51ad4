//! Fields that have no effect in this version. They are shown, never ignored.

use super::{Findings, cut};
use crate::cluster::{Metadata, MySQLClusterSpec};
use crate::trusted::{Meanwhile, NotYet};

pub(super) fn note(field: &str, because: &str) -> NotYet {
    let field = cut(field.to_owned());
    NotYet {
        sentence: format!("{field} has no effect: {because}"),
        field,
        meanwhile: Meanwhile::Run,
    }
}

/// A field of Kubernetes that this version does not know; `path` begins with a dot or bracket.
pub(super) fn unknown(field: &str, path: &str) -> NotYet {
    note(
        &format!("{field}{path}"),
        "this version of MOCO does not know the field; is it misspelt, or newer than MOCO?",
    )
}

/// The name in a template of an object whose name is MOCO's; `field` is the template.
pub(super) fn name_of_template(field: &str, metadata: Option<&Metadata>, findings: &mut Findings) {
    if metadata.is_some_and(|metadata| metadata.name.is_some()) {
        let because = "the object has the name that MOCO gives to it";
        let note = note(&format!("{field}.metadata.name"), because);
        findings.not_yet.push(note);
    }
}

fn blocking(field: &str, because: &str) -> NotYet {
    NotYet {
        field: field.to_owned(),
        sentence: format!("{field} cannot be honoured yet: {because}"),
        meanwhile: Meanwhile::MustNotStart,
    }
}

/// Notes every field that was given a value other than its default, and has no effect.
pub(super) fn fields(spec: &MySQLClusterSpec, findings: &mut Findings) {
    let notes = &mut findings.not_yet;
    if spec.restore.is_some() {
        notes.push(blocking(
            "spec.restore",
            "this version cannot restore, and will not start an empty cluster in place of the restored one",
        ));
    }
    if spec.replication_source_secret_name.is_some() {
        notes.push(blocking(
            "spec.replicationSourceSecretName",
            "this version cannot follow an external primary, and will not start an empty cluster in place of its copy",
        ));
    }
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let plain = [
        (
            given(&spec.backup_policy_name),
            "spec.backupPolicyName",
            "this version makes no backups",
        ),
        (
            given(&spec.log_rotation_schedule),
            "spec.logRotationSchedule",
            "this version does not rotate the slow query log",
        ),
        (
            spec.log_rotation_size != 0,
            "spec.logRotationSize",
            "this version does not rotate the slow query log",
        ),
        (
            spec.max_delay_seconds_for_pod_deletion != 0,
            "spec.maxDelaySecondsForPodDeletion",
            "this version does not hold back deletions",
        ),
        (
            spec.agent_use_localhost,
            "spec.agentUseLocalhost",
            "the agent always talks to mysqld over a local socket",
        ),
        (
            spec.initialize_timezone_data == Some(false),
            "spec.initializeTimezoneData",
            "the time zone tables are always loaded",
        ),
    ];
    let plain = plain.into_iter().filter(|(given, ..)| *given);
    notes.extend(plain.map(|(_, field, because)| note(field, because)));
}
