//! Volume claim templates.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PersistentVolumeClaimSpec;

use super::{Findings, labels_and_annotations};
use crate::cluster::{MySQLClusterSpec, VolumeClaimTemplate};
use crate::constants::volumes;
use crate::quantity;
use crate::trusted::TrustedClaim;

/// Reads the members' volumes.
pub(super) fn read(spec: &MySQLClusterSpec, findings: &mut Findings) -> Option<Vec<TrustedClaim>> {
    let mut names = BTreeSet::new();
    let mut claims = Vec::new();
    for (at, template) in spec.volume_claim_templates.iter().enumerate() {
        let field = format!("spec.volumeClaimTemplates[{at}]");
        let Some(claim) = claim(&field, template, findings) else {
            continue;
        };
        if volumes::RESERVED.contains(&claim.name.as_str()) {
            findings.refuse(
                format!("{field}.metadata.name"),
                format!("is {}, which is the name of a volume of MOCO's", claim.name),
            );
        }
        if !names.insert(claim.name.clone()) {
            findings.refuse(
                format!("{field}.metadata.name"),
                format!(
                    "is {} for a second time; each claim needs a name of its own",
                    claim.name
                ),
            );
        }
        claims.push(claim);
    }
    if !names.contains(volumes::DATA) && claims.len() == spec.volume_claim_templates.len() {
        findings.refuse(
            "spec.volumeClaimTemplates",
            "must have a claim named mysql-data",
        );
    }
    (claims.len() == spec.volume_claim_templates.len()).then_some(claims)
}

fn claim(
    field: &str,
    template: &VolumeClaimTemplate,
    findings: &mut Findings,
) -> Option<TrustedClaim> {
    let name = template.metadata.name.clone().unwrap_or_default();
    if !is_label(&name) {
        findings.refuse(
            format!("{field}.metadata.name"),
            format!("is {name:?}; it must be 1 to 63 lower-case letters, digits and '-'"),
        );
        return None;
    }
    let spec: PersistentVolumeClaimSpec =
        findings.read(&format!("{field}.spec"), &template.spec)?;
    if storage(&spec).is_none_or(|bytes| bytes == 0) {
        findings.refuse(
            format!("{field}.spec.resources.requests.storage"),
            format!("of {name} must be a quantity above 0, such as 10Gi"),
        );
        return None;
    }
    let (labels, annotations) = labels_and_annotations(Some(&template.metadata));
    Some(TrustedClaim {
        name,
        labels,
        annotations,
        spec,
    })
}

fn storage(spec: &PersistentVolumeClaimSpec) -> Option<u64> {
    let requests = spec.resources.as_ref()?.requests.as_ref()?;
    quantity::bytes(&requests.get("storage")?.0)
}

/// Bytes of the volume that holds the data.
pub(super) fn data_bytes(claims: &[TrustedClaim]) -> Option<u64> {
    let data = claims.iter().find(|claim| claim.name == volumes::DATA)?;
    storage(&data.spec)
}

/// Whether a text is a DNS label (RFC 1123).
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_label_of_any_length(text)
}

/// The same without the limit, as a part of a longer name.
pub(super) fn is_label_of_any_length(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}
