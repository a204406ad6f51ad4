//! `kubectl moco report`: everything that helps to find out what is wrong, in one archive, and nothing secret.
//!
//! Data of Secrets is not even read: names and keys come from the metadata. What of other objects, of
//! my.cnf and of logs may be secret is told by its name and left out ([`crate::redact`]).

use serde_json::{Map, Value, json};

use crate::redact;

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
    }
    redact::value(&mut object);
    object
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
