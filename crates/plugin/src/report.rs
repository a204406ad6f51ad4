//! `kubectl moco report`: everything that helps to find out what is wrong, in one archive, and nothing secret.
//!
//! Data of Secrets is not even read: names and keys come from the metadata. What of other objects, of
//! my.cnf and of logs may be secret is told by its name and left out ([`crate::redact`]).

use serde_json::{Map, Value, json};

use crate::annotate::LAST_APPLIED;
use crate::redact::{self, REDACTED};

mod archive;
mod collect;
mod run;

pub(crate) use run::run;

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    /// Its place in the archive.
    path: String,
    text: String,
}

/// An object without what may be secret in it, and without who wrote which field.
fn shown(mut object: Value) -> Value {
    if let Some(metadata) = object
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        metadata.remove("managedFields");
        let annotations = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut);
        for (key, value) in annotations.into_iter().flatten() {
            if let Value::String(text) = value {
                *text = if key == LAST_APPLIED {
                    REDACTED.to_owned()
                } else {
                    redact::text(text)
                };
            }
        }
    }
    // Of a ConfigMap: options by name, and files such as my.cnf.
    if let Some(data) = object.get_mut("data").and_then(Value::as_object_mut) {
        for text in data.values_mut() {
            if let Value::String(text) = text {
                *text = redact::text(text);
            }
        }
    }
    without_secrets(&mut object);
    object
}

fn without_secrets(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_secrets),
        Value::Object(fields) => {
            for (name, inner) in fields {
                without_secret(name, inner);
            }
        }
        _ => {}
    }
}

fn without_secret(name: &str, value: &mut Value) {
    match value {
        // Whatever they are called: what is given to a program this way is often secret.
        Value::Array(items) if matches!(name, "env" | "httpHeaders") => {
            let fields = items.iter_mut().filter_map(Value::as_object_mut);
            fields.for_each(|fields| hide(fields, "value"));
        }
        Value::Array(items) if matches!(name, "command" | "args") => {
            let words: Vec<_> = items
                .iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect();
            *items = redact::words(&words).into_iter().map(Value::from).collect();
        }
        Value::String(text) if redact::is_secret(name) => REDACTED.clone_into(text),
        _ => without_secrets(value),
    }
}

fn hide(fields: &mut Map<String, Value>, name: &str) {
    if let Some(value) = fields.get_mut(name) {
        *value = json!(REDACTED);
    }
}

/// Name, labels and keys of a Secret, from its metadata: who wrote which key is told there.
fn secret(metadata: &kube::core::ObjectMeta) -> Value {
    let mut keys = Vec::new();
    for entry in metadata.managed_fields.iter().flatten() {
        let owned = entry
            .fields_v1
            .as_ref()
            .and_then(|fields| fields.0.get("f:data"));
        let names = owned
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys);
        keys.extend(names.filter_map(|name| name.strip_prefix("f:").map(str::to_owned)));
    }
    keys.sort();
    keys.dedup();
    json!({
        "name": metadata.name,
        "labels": metadata.labels,
        "created": metadata.creation_timestamp,
        "resourceVersion": metadata.resource_version,
        "keys": keys,
    })
}

#[cfg(test)]
mod tests;
