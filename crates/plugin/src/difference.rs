//! Where two JSON values differ.

use moco_api::quantity;
use serde::Serialize;
use serde_json::Value;

use crate::redact;

/// Longest text that is shown of a value, in characters.
const SHOWN_MAX: usize = 60;

/// One place where two values differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Difference {
    /// The place, as `spec.containers[mysqld].image`: an item of a list has its name, or its number.
    pub(crate) field: String,
    /// What was there, short; a dash for nothing.
    pub(crate) before: String,
    /// What is there, short; a dash for nothing.
    pub(crate) after: String,
}

impl Difference {
    /// One line for people.
    pub(crate) fn line(&self) -> String {
        format!("{}: {} -> {}", self.field, self.before, self.after)
    }
}

/// Every place where `before` and `after` differ. Null is the same as absent, and `1000m` the same as `1` where
/// quantities are.
pub(crate) fn differences(root: &str, before: &Value, after: &Value) -> Vec<Difference> {
    let mut all = Vec::new();
    compare(root, before, after, &mut all);
    all
}

fn compare(at: &str, before: &Value, after: &Value, all: &mut Vec<Difference>) {
    match (before, after) {
        _ if before == after || same_quantity(at, before, after) => {}
        (Value::Object(old), Value::Object(new)) => {
            let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let of = |map: &serde_json::Map<String, Value>| map.get(name).cloned();
                let (old, new) = (of(old).unwrap_or_default(), of(new).unwrap_or_default());
                compare(&format!("{at}.{name}"), &old, &new, all);
            }
        }
        (Value::Array(old), Value::Array(new)) => lists(at, old, new, all),
        _ => all.push(Difference {
            field: at.to_owned(),
            before: shown(at, before),
            after: shown(at, after),
        }),
    }
}

/// Items with a name are compared with the item of that name, others with the one at their place.
fn lists(at: &str, old: &[Value], new: &[Value], all: &mut Vec<Difference>) {
    let by_name = old.iter().chain(new).all(|item| name(item).is_some());
    if !by_name {
        for place in 0..old.len().max(new.len()) {
            let of = |list: &[Value]| list.get(place).cloned().unwrap_or_default();
            compare(&format!("{at}[{place}]"), &of(old), &of(new), all);
        }
        return;
    }
    let find = |list: &[Value], wanted: &str| {
        let mut items = list.iter();
        let found = items.find(|item| name(item) == Some(wanted));
        found.cloned().unwrap_or_default()
    };
    let mut names: Vec<_> = old.iter().chain(new).filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        compare(
            &format!("{at}[{name}]"),
            &find(old, name),
            &find(new, name),
            all,
        );
    }
}

fn name(item: &Value) -> Option<&str> {
    let own = item.get("name").and_then(Value::as_str);
    own.or_else(|| item.pointer("/metadata/name").and_then(Value::as_str))
}

fn same_quantity(at: &str, before: &Value, after: &Value) -> bool {
    let is_quantity = [".requests.", ".limits."]
        .iter()
        .any(|part| at.contains(part));
    let millis = |value: &Value| match value {
        Value::String(text) => quantity::millis(text),
        Value::Number(number) => quantity::millis(&number.to_string()),
        _ => None,
    };
    is_quantity && millis(before).is_some() && millis(before) == millis(after)
}

/// What programs are given is never shown: the names around it say little about what is in it.
fn shown(at: &str, value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        _ if is_hidden(at) => return "(not shown)".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => redact::text(text),
        Value::Object(_) | Value::Array(_) => {
            let mut shown = value.clone();
            redact::field(at.rsplit('.').next().unwrap_or(at), &mut shown);
            shown.to_string()
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text,
    }
}

/// Whether nothing at this place is shown: it is given to a program, or has the name of what is secret.
fn is_hidden(at: &str) -> bool {
    let mut parts = at.split('.');
    parts.any(|part| redact::is_given(part.split('[').next().unwrap_or(part)))
        || redact::is_secret(at.rsplit('.').next().unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let all = differences("spec", before, after);
        all.iter().map(Difference::line).collect()
    }

    #[test]
    fn items_of_lists_are_known_by_their_names_and_not_by_their_order() {
        let before =
            json!({ "c": [{ "name": "a", "v": 1 }, { "name": "b", "v": 2 }], "l": [1, 2] });
        let after = json!({ "c": [{ "name": "b", "v": 3 }, { "name": "a", "v": 1 }], "l": [1] });
        assert_eq!(
            lines(&before, &after),
            ["spec.c[b].v: 2 -> 3", "spec.l[1]: 2 -> -"]
        );
    }

    #[test]
    fn two_spellings_of_the_same_are_no_difference() {
        let before = json!({ "resources": { "requests": { "cpu": "1000m" } }, "x": null });
        let after = json!({ "resources": { "requests": { "cpu": 1 } } });
        assert!(lines(&before, &after).is_empty());
        let more = json!({ "resources": { "requests": { "cpu": "1001m" } } });
        assert_eq!(lines(&before, &more).len(), 1);
    }

    #[test]
    fn nothing_that_is_given_to_a_program_and_no_password_is_shown() {
        let containers = json!([{
            "name": "a",
            "env": [{ "name": "DSN", "value": "hunter2" }],
            "args": ["--init-password=hunter2", "--token", "hunter2"],
            "command": ["sh", "-c", "mysql -phunter2"],
            "livenessProbe": { "httpGet": { "httpHeaders": [{ "name": "A", "value": "hunter2" }] } },
        }]);
        let after = json!({
            "containers": containers,
            "env": [{ "name": "X", "value": "hunter2" }],
            "adminPassword": "hunter2",
            "annotations": { "note": "password: hunter2" },
            "_include": "report_password = hunter2\n",
        });
        // As a whole, and at each place.
        let mut empty = after.clone();
        empty["containers"] = json!([{
            "name": "a", "env": [{ "name": "DSN", "value": "x" }], "args": ["x", "x", "x"],
            "command": ["sh", "-c", "x"],
            "livenessProbe": { "httpGet": { "httpHeaders": [{ "name": "A", "value": "x" }] } },
        }]);
        empty["annotations"] = json!({ "note": "" });
        empty["_include"] = json!("");
        for before in [json!({}), empty] {
            let all = lines(&before, &after).join("\n");
            assert!(!all.contains("hunter2"), "{all}");
            assert!(all.contains("_include"), "{all}");
            let all = lines(&after, &before).join("\n");
            assert!(!all.contains("hunter2"), "{all}");
        }
        let changed = differences(
            "spec",
            &json!({ "env": [{ "name": "X", "value": "hunter1" }] }),
            &json!({ "env": [{ "name": "X", "value": "hunter2" }] }),
        );
        assert_eq!(
            changed[0].line(),
            "spec.env[X].value: (not shown) -> (not shown)"
        );
    }

    #[test]
    fn long_values_are_cut() {
        let all = lines(&json!({}), &json!({ "a": "x".repeat(200) }));
        assert!(all[0].chars().count() < 100, "{all:?}");
    }
}
