//! Reading Kubernetes' types as the API server does, and noticing what would be lost.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Error;

/// Maps whose values are quantities; users write these as numbers too.
const QUANTITY_MAPS: [&str; 4] = ["requests", "limits", "overhead", "capacity"];

/// Reads a value, and lists the paths in it that the type does not know.
pub(super) fn read<T>(value: &Value) -> Result<(T, Vec<String>), Error<serde_json::Error>>
where
    T: DeserializeOwned + Serialize,
{
    let mut value = value.clone();
    quantities_to_text(&mut value);
    let read: T = serde_path_to_error::deserialize(&value)?;
    let mut unknown = Vec::new();
    if let Ok(written) = serde_json::to_value(&read) {
        unknown = missing("", &value, &written);
    }
    Ok((read, unknown))
}

/// `cpu: 1` is a quantity to Kubernetes, and a number to JSON.
fn quantities_to_text(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                match inner {
                    Value::Object(quantities) if QUANTITY_MAPS.contains(&name.as_str()) => {
                        quantities.values_mut().for_each(number_to_text);
                    }
                    Value::Number(_) if matches!(name.as_str(), "sizeLimit" | "divisor") => {
                        number_to_text(inner);
                    }
                    _ => quantities_to_text(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities_to_text),
        _ => {}
    }
}

fn number_to_text(value: &mut Value) {
    if let Value::Number(number) = value {
        *value = Value::String(number.to_string());
    }
}

/// The paths of `given` that are not in `kept`, each after `root`. A null is nothing that could be lost.
pub fn missing(root: &str, given: &Value, kept: &Value) -> Vec<String> {
    let mut lost = Vec::new();
    collect_missing(root, given, kept, &mut lost);
    lost
}

fn collect_missing(path: &str, given: &Value, kept: &Value, lost: &mut Vec<String>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (name, inner) in given {
                let path = format!("{path}.{name}");
                match kept.get(name) {
                    Some(kept) => collect_missing(&path, inner, kept, lost),
                    None if inner.is_null() => {}
                    None => lost.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (at, (inner, kept)) in given.iter().zip(kept).enumerate() {
                collect_missing(&format!("{path}[{at}]"), inner, kept, lost);
            }
        }
        _ => {}
    }
}
