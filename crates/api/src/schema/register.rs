//! The schema of the register.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

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
