//! Annotations: how a person's wish reaches the controller.

use serde_json::{Value, json};

/// The value that switches an annotation on.
pub(crate) const TRUE: &str = "true";

/// Where kubectl keeps a manifest as it was applied last, whatever is in it.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The merge patch (RFC 7396) that sets an annotation, or takes it away.
pub(crate) fn patch(key: &str, value: Option<&str>) -> Value {
    json!({ "metadata": { "annotations": { key: value } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_set_by_its_value_and_taken_away_by_null() {
        let set = patch("a/b", Some("true")).to_string();
        assert_eq!(set, r#"{"metadata":{"annotations":{"a/b":"true"}}}"#);
        let gone = patch("a/b", None).to_string();
        assert_eq!(gone, r#"{"metadata":{"annotations":{"a/b":null}}}"#);
    }
}
