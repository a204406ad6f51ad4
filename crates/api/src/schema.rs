//! The parts of the CRD's schema that Rust's types do not give.
//!
//! Kubernetes' own types appear as open objects: unknown fields are kept, and only what our rules
//! look at is written out, with bounds, because the API server charges a rule for the largest object
//! that the schema allows.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

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

/// Name, labels and annotations.
pub(crate) fn metadata(_: &mut SchemaGenerator) -> Schema {
    let strings = string_map();
    json_schema!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": LABEL_MAX },
            "labels": strings,
            "annotations": strings,
        },
    })
}

fn string_map() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}

/// A PodSpec.
pub(crate) fn pod_spec(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "required": ["containers"],
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {
            "containers": containers(),
            "initContainers": containers(),
            "volumes": {
                "type": "array",
                "maxItems": VOLUMES_MAX,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": { "name": { "type": "string", "maxLength": LABEL_MAX } },
                },
            },
            "hostPID": { "type": "boolean" },
            "shareProcessNamespace": { "type": "boolean" },
        },
    })
}

fn containers() -> Value {
    json!({
        "type": "array",
        "maxItems": CONTAINERS_MAX,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "name": { "type": "string", "maxLength": LABEL_MAX },
                "image": { "type": "string", "maxLength": 1024 },
                "ports": {
                    "type": "array",
                    "maxItems": VOLUMES_MAX,
                    "items": {
                        "type": "object",
                        "required": ["containerPort"],
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {
                            "containerPort": { "type": "integer" },
                            "name": { "type": "string", "maxLength": LABEL_MAX },
                        },
                    },
                },
            },
        },
    })
}

/// Resources and security of containers that MOCO adds.
pub(crate) fn overwrite_containers(_: &mut SchemaGenerator) -> Schema {
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
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
                    "enum": ["agent", "moco-init", "copy-moco-init", "slow-log", "mysqld-exporter"],
                },
                "resources": open,
                "securityContext": open,
            },
        },
    })
}

/// Volumes of every member.
pub(crate) fn volume_claim_templates(_: &mut SchemaGenerator) -> Schema {
    let quantities = json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": { "storage": { "x-kubernetes-int-or-string": true } },
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
                    "required": ["name"],
                    "properties": {
                        "name": { "type": "string", "maxLength": LABEL_MAX },
                        "labels": string_map(),
                        "annotations": string_map(),
                    },
                },
                "spec": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {
                        "resources": {
                            "type": "object",
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
    json_schema!({
        "type": "object",
        "properties": {
            "metadata": metadata(generator),
            "spec": any_object(generator),
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

/// The register. Every field of [`moco_model::Register`] is written out: what the schema does not
/// know, the API server prunes, and a pruned register is a lost decision. The kinds of decisions are
/// no enum here, so that an older CRD does not refuse what a newer controller decides.
pub(crate) fn register(_: &mut SchemaGenerator) -> Schema {
    let ordinals = json!({
        "type": "array",
        "items": { "type": "integer", "minimum": 0 },
        "x-kubernetes-list-type": "set",
    });
    json_schema!({
        "type": "object",
        "required": ["epoch", "primary", "membership", "initialised", "basis"],
        "properties": {
            "epoch": {
                "type": "integer", "format": "int64", "minimum": 0,
                "description": "Number of the decision in force.",
            },
            "primary": {
                "type": "integer", "minimum": 0,
                "description": "Ordinal of the only member that may take writes.",
            },
            "membership": {
                "type": "object",
                "description": "Who belongs to the cluster.",
                "required": ["members", "version"],
                "properties": {
                    "members": ordinals,
                    "old": ordinals,
                    "version": { "type": "integer", "format": "int64", "minimum": 0 },
                },
            },
            "initialised": {
                "type": "boolean",
                "description": "Whether a primary was ever allowed to take writes.",
            },
            "basis": {
                "type": "object",
                "description": "What the decision was based on.",
                "required": ["kind", "decidedAt", "because"],
                "properties": {
                    "kind": { "type": "string" },
                    "decidedAt": {
                        "type": "integer", "format": "int64",
                        "description": "Milliseconds since 1970, by the controller's clock.",
                    },
                    "because": { "type": "string" },
                    "mustHold": { "type": "string" },
                    "writer": { "type": "string" },
                },
            },
            "revision": { "type": "integer", "format": "int64", "minimum": 0 },
            "counted": {
                "type": "object",
                "description": "Members whose promises count in a failover, with their data's incarnation.",
                "additionalProperties": { "type": "string" },
            },
            "switchover": switchover(),
            "handovers": {
                "type": "array",
                "description": "The last changes of the primary, the newest last.",
                "maxItems": moco_model::register::HANDOVERS_MAX,
                "items": handover(),
                "x-kubernetes-list-type": "atomic",
            },
        },
    })
}

/// The switchover under way.
fn switchover() -> Value {
    let millis = json!({ "type": "integer", "format": "int64" });
    json!({
        "type": "object",
        "description": "The switchover under way.",
        "required": ["to", "because", "begunAt", "deadline"],
        "properties": {
            "to": { "type": "integer", "minimum": 0 },
            "because": { "type": "string" },
            "begunAt": millis,
            "deadline": millis,
        },
    })
}

/// One change of the primary.
fn handover() -> Value {
    let millis = json!({
        "type": "integer", "format": "int64",
        "description": "Milliseconds since 1970, by the controller's clock.",
    });
    json!({
        "type": "object",
        "required": [
            "epoch", "kind", "from", "to", "cause", "because", "noticedAt", "decidedAt",
            "promised", "proof",
        ],
        "properties": {
            "epoch": { "type": "integer", "format": "int64", "minimum": 0 },
            "kind": { "type": "string" },
            "from": { "type": "integer", "minimum": 0 },
            "to": { "type": "integer", "minimum": 0 },
            "cause": { "type": "string" },
            "because": { "type": "string" },
            "noticedAt": millis,
            "decidedAt": millis,
            "openedAt": millis,
            "promised": {
                "type": "object",
                "description": "Who promised, and the transactions that each held.",
                "additionalProperties": { "type": "string" },
            },
            "proof": { "type": "string" },
        },
    })
}

/// Makes of what the derives wrote what an API server wants to read.
///
/// `nullable` goes: a null in a manifest then means the same as leaving the field out (the API
/// server prunes it), and a rule's `has()` can be relied on. Formats of unsigned numbers, which
/// Kubernetes does not know, become a minimum of 0.
pub(crate) fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.remove("nullable");
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
