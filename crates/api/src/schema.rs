//! The parts of the CRD's schema that Rust's types do not give.
//!
//! Kubernetes' own types appear as open objects: unknown fields are kept, and only what our rules
//! look at is written out, with bounds, because the API server charges a rule for the largest object
//! that the schema allows.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::job::JobConfig;

mod register;

pub(crate) use register::register;

/// Title of a schema whose `nullable` is to stay; see [`tidy`].
const NULL_IS_MEANT: &str = "null is meant";
/// Most containers, init containers or claims of a template.
const CONTAINERS_MAX: u32 = 32;
/// Most volumes or ports.
const VOLUMES_MAX: u32 = 64;
/// Longest DNS label, the form of most names (RFC 1123).
const LABEL_MAX: u32 = 63;

/// Any object.
pub(crate) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// A list of any objects, all of which belong to Kubernetes.
pub(crate) fn any_objects(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": VOLUMES_MAX,
        "items": any_object(generator),
        "x-kubernetes-list-type": "atomic",
    })
}

/// A quantity, as text or number.
pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-int-or-string": true })
}

/// The same, where null says something else than leaving the field out.
pub(crate) fn quantity_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-int-or-string": true, "title": NULL_IS_MEANT })
}

/// Kinds of stores for backups.
pub(crate) fn backend(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["s3", "gcs", "azure"] })
}

/// What becomes of a job that is due while another runs; the words are those of CronJobs.
pub(crate) fn concurrency(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["Allow", "Forbid", "Replace"] })
}

/// How a backup or a restore runs.
pub(crate) fn job_config(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<JobConfig>()
}

/// Name, labels and annotations.
pub(crate) fn metadata(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": LABEL_MAX, "description": "Without effect: the name is MOCO's." },
            "labels": string_map("Labels; those of MOCO win."),
            "annotations": string_map("Annotations."),
        },
    })
}

fn string_map(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "additionalProperties": { "type": "string" },
    })
}

/// A PodSpec.
pub(crate) fn pod_spec(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "required": ["containers"],
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "containers": containers("Containers; one is called mysqld."),
            "initContainers": containers("Containers that run before these, and after MOCO's own."),
            "volumes": {
                "type": "array",
                "description": "Volumes beside those of MOCO.",
                "maxItems": VOLUMES_MAX,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": { "name": name("Name of the volume.") },
                },
            },
            "hostPID": { "type": "boolean", "description": "Must not be true." },
            "shareProcessNamespace": { "type": "boolean", "description": "Must not be true." },
        },
    })
}

/// A DNS label.
fn name(description: &str) -> Value {
    json!({ "type": "string", "maxLength": LABEL_MAX, "description": description })
}

fn containers(description: &str) -> Value {
    json!({
        "type": "array",
        "description": description,
        "maxItems": CONTAINERS_MAX,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "name": name("Name of the container."),
                "image": { "type": "string", "maxLength": 1024, "description": "Its image; mysqld must have one." },
                "ports": {
                    "type": "array",
                    "description": "Its ports beside those of MOCO.",
                    "maxItems": VOLUMES_MAX,
                    "items": {
                        "type": "object",
                        "required": ["containerPort"],
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {
                            "containerPort": { "type": "integer", "description": "Number of the port." },
                            "name": name("Name of the port."),
                        },
                    },
                },
            },
        },
    })
}

/// Resources and security of containers that MOCO adds.
pub(crate) fn overwrite_containers(_: &mut SchemaGenerator) -> Schema {
    let open = |description: &str| {
        json!({
            "type": "object",
            "description": description,
            "x-kubernetes-preserve-unknown-fields": true,
        })
    };
    json_schema!({
        "type": "array",
        "maxItems": CONTAINERS_MAX,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {
                    "type": "string",
                    "description": "Which container.",
                    "enum": ["agent", "moco-init", "copy-moco-init", "slow-log", "mysqld-exporter"],
                },
                "resources": open("In place of its resources, as a whole."),
                "securityContext": open("In place of its security context, as a whole."),
            },
        },
    })
}

/// Volumes of every member.
pub(crate) fn volume_claim_templates(_: &mut SchemaGenerator) -> Schema {
    let quantities = json!({
        "type": "object",
        "description": "What the claim asks for.",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "storage": {
                "x-kubernetes-int-or-string": true,
                "description": "How large the volume is.",
            },
        },
    });
    json_schema!({
        "type": "array",
        "maxItems": CONTAINERS_MAX,
        "items": {
            "type": "object",
            "required": ["metadata", "spec"],
            "properties": {
                "metadata": {
                    "type": "object",
                    "description": "Name, labels and annotations of the claim.",
                    "required": ["name"],
                    "properties": {
                        "name": name("Name of the volume in the pod."),
                        "labels": string_map("Labels of the claim."),
                        "annotations": string_map("Annotations."),
                    },
                },
                "spec": {
                    "type": "object",
                    "description": "A PersistentVolumeClaimSpec.",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {
                        "resources": {
                            "type": "object",
                            "description": "What the claim asks for.",
                            "x-kubernetes-preserve-unknown-fields": true,
                            "properties": { "requests": quantities },
                        },
                    },
                },
            },
        },
    })
}

/// What a Service should be beside what MOCO needs of it.
pub(crate) fn service_template(generator: &mut SchemaGenerator) -> Schema {
    let mut metadata = metadata(generator);
    metadata.insert(
        "description".to_owned(),
        json!("Labels and annotations of the Service."),
    );
    json_schema!({
        "type": "object",
        "properties": {
            "metadata": metadata,
            "spec": {
                "type": "object",
                "description": "A ServiceSpec; MOCO's selector and ports win.",
                "x-kubernetes-preserve-unknown-fields": true,
            },
        },
    })
}

/// Conditions, one of a type.
pub(crate) fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let condition = generator.subschema_for::<Condition>();
    json_schema!({
        "type": "array",
        "items": condition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}

/// Makes of what the derives wrote what an API server wants to read.
///
/// `nullable` goes, unless it is meant: a null in a manifest then means the same as leaving the field
/// out (the API server prunes it), and a rule's `has()` can be relied on. Formats of unsigned numbers, which
/// Kubernetes does not know, become a minimum of 0.
pub(crate) fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("nullable");
            if fields.get("title").and_then(Value::as_str) == Some(NULL_IS_MEANT) {
                fields.remove("title");
                fields.insert("nullable".to_owned(), json!(true));
            }
            if fields.get("default") == Some(&Value::Null) {
                fields.remove("default");
            }
            let unsigned = matches!(
                fields.get("format").and_then(Value::as_str),
                Some("uint" | "uint8" | "uint16" | "uint32" | "uint64")
            );
            if unsigned {
                fields.remove("format");
                fields.insert("minimum".to_owned(), json!(0));
                fields.remove("maximum");
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
