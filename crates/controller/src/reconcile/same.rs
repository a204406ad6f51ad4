//! Whether an object in the cluster is already as we would apply it.
//!
//! Three things must hold: every value that we want is there, every field that we want is owned by
//! us, and we own no field that we do not want any more (`metadata.managedFields`, "Server-Side
//! Apply" in the Kubernetes documentation). Any doubt is a no: applying an object that is as wanted
//! changes nothing, it only costs a request.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moco_api::constants::FIELD_MANAGER;
use serde_json::{Map, Value, json};

/// Whether `live`, with its metadata, is as `wanted`.
pub(super) fn is_as_wanted(wanted: &Value, live: &Value, meta: &ObjectMeta) -> bool {
    let owned = meta.managed_fields.iter().flatten().find(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.is_none()
    });
    let Some(owned) = owned.and_then(|entry| entry.fields_v1.as_ref()) else {
        return false;
    };
    let (mut wanted, mut live, owned) = (body(wanted), live.clone(), &owned.0);
    quantities_to_numbers(&mut wanted);
    quantities_to_numbers(&mut live);
    agrees(&wanted, Some(&live), Some(owned)) && covers(Some(&wanted), owned)
}

/// `1000m` is stored as `1`: quantities are compared by their value, in thousandths.
fn quantities_to_numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                match inner {
                    Value::Object(all) if matches!(name.as_str(), "requests" | "limits") => {
                        all.values_mut().for_each(to_number);
                    }
                    _ if matches!(name.as_str(), "sizeLimit" | "divisor") => to_number(inner),
                    _ => quantities_to_numbers(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities_to_numbers),
        _ => {}
    }
}

fn to_number(value: &mut Value) {
    if let Some(millis) = value.as_str().and_then(moco_api::quantity::millis) {
        *value = json!(millis);
    }
}

/// The part of an object that has owners: not its kind and name.
fn body(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("name");
            metadata.remove("namespace");
            if metadata.is_empty() {
                fields.remove("metadata");
            }
        }
    }
    object
}

/// Whether every value in `wanted` is in `live`, and owned.
fn agrees(wanted: &Value, live: Option<&Value>, owned: Option<&Value>) -> bool {
    let (Some(live), Some(owned)) = (live, owned.and_then(Value::as_object)) else {
        return live.is_none() && is_void(wanted); // empty lists are not stored
    };
    if owned.is_empty() {
        return is_within(wanted, live); // owned as a whole
    }
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => given(wanted)
            .all(|(name, value)| agrees(value, live.get(name), owned.get(&format!("f:{name}")))),
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.iter().all(|item| agrees_in_list(item, live, owned))
        }
        _ => is_within(wanted, live),
    }
}

/// Whether an item of a list that is merged by keys or as a set is in `live`, and owned.
fn agrees_in_list(item: &Value, live: &[Value], owned: &Map<String, Value>) -> bool {
    if !item.is_object() {
        return live.contains(item) && owned.contains_key(&format!("v:{item}"));
    }
    let entry = owned
        .iter()
        .find(|(key, _)| key_of(key).is_some_and(|key| has_key(item, &key)));
    let Some((key, fields)) = entry else {
        return false;
    };
    let Some(key) = key_of(key) else { return false };
    let live = live.iter().find(|live| has_key(live, &key));
    agrees(item, live, Some(fields))
}

/// Whether everything that is owned is wanted.
fn covers(wanted: Option<&Value>, owned: &Value) -> bool {
    let Some(owned) = owned.as_object() else {
        return false;
    };
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_null()) else {
        return false;
    };
    owned
        .iter()
        .filter(|(path, _)| *path != ".")
        .all(|(path, inner)| {
            if let Some(name) = path.strip_prefix("f:") {
                covers(wanted.get(name), inner)
            } else if let Some(key) = key_of(path) {
                let items = wanted.as_array();
                covers(
                    items.and_then(|items| items.iter().find(|item| has_key(item, &key))),
                    inner,
                )
            } else if let Some(value) = path.strip_prefix("v:") {
                let value: Option<Value> = serde_json::from_str(value).ok();
                wanted
                    .as_array()
                    .zip(value)
                    .is_some_and(|(items, value)| items.contains(&value))
            } else {
                false
            }
        })
}

/// The key in a path element `k:{...}`.
fn key_of(path: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(path.strip_prefix("k:")?).ok()
}

/// Whether an item of a list has a key; a protocol that is left out is TCP.
fn has_key(item: &Value, key: &Map<String, Value>) -> bool {
    key.iter().all(|(name, value)| match item.get(name) {
        Some(found) => found == value,
        None => name == "protocol" && *value == json!("TCP"),
    })
}

/// Whether every value in `wanted` is in `live`, which may have defaults beside them. Lists are equal
/// in length and order.
fn is_within(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => given(wanted)
            .all(|(name, value)| live.get(name).is_some_and(|live| is_within(value, live))),
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len()
                && wanted
                    .iter()
                    .zip(live)
                    .all(|(wanted, live)| is_within(wanted, live))
        }
        _ => wanted == live,
    }
}

fn is_void(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The fields that say something: null is the same as absent.
fn given(fields: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    fields.iter().filter(|(_, value)| !value.is_null())
}

#[cfg(test)]
mod tests;
