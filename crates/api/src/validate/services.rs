//! Service templates.

use k8s_openapi::api::core::v1::ServiceSpec;

use super::{Findings, labels_and_annotations, not_yet};
use crate::cluster::ServiceTemplate;
use crate::trusted::TrustedService;

/// Reads what a Service should be beside what MOCO needs of it.
pub(super) fn read(
    field: &str,
    template: Option<&ServiceTemplate>,
    findings: &mut Findings,
) -> Option<TrustedService> {
    let Some(template) = template else {
        return Some(TrustedService::default());
    };
    let spec: ServiceSpec = match &template.spec {
        Some(spec) => findings.read(&format!("{field}.spec"), spec)?,
        None => ServiceSpec::default(),
    };
    if spec.selector.is_some() {
        let because = "the Service selects members by their role";
        let note = not_yet::note(&format!("{field}.spec.selector"), because);
        findings.not_yet.push(note);
    }
    if spec.type_.as_deref() == Some("ExternalName") {
        let problem = "must not be ExternalName: the Service reaches the cluster's members";
        findings.refuse(format!("{field}.spec.type"), problem);
    }
    let metadata = template.metadata.as_ref();
    not_yet::name_of_template(field, metadata, findings);
    let (labels, annotations) = labels_and_annotations(metadata);
    Some(TrustedService {
        labels,
        annotations,
        spec,
    })
}
