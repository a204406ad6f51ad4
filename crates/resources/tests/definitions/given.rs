//! What the tests begin with.

use moco_model::Passwords;
use moco_resources::{Certificate, Facts, Images};
use serde_json::Value;

/// The schema of a kind's spec.
pub(crate) fn spec_schema(kind: &str) -> Value {
    let crds = moco_api::crds();
    let crd = crds.iter().find(|crd| crd["spec"]["names"]["kind"] == kind);
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    crd.unwrap().pointer(schema).unwrap().clone()
}

/// An operator that was told every image.
pub(crate) fn facts() -> Facts {
    Facts {
        system_namespace: "moco-system".to_owned(),
        images: Images {
            moco: "moco:test".to_owned(),
            fluent_bit: Some("fluent-bit:test".to_owned()),
            exporter: Some("exporter:test".to_owned()),
        },
        pods: 3,
        user_options: [].into(),
        passwords: Passwords::collect(|_| Some("secret".to_owned())).unwrap(),
        certificate: Certificate {
            ca: String::new(),
            cert: String::new(),
            key: String::new(),
        },
    }
}
