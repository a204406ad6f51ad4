//! Objects as one YAML text.

use std::fmt;

use serde_json::Value;

/// One document an object, separated by `---`. Long lines stay lines: a rule that is folded is hard to
/// read and harder to compare.
pub fn to_yaml(objects: &[Value]) -> Result<String, fmt::Error> {
    let mut options = serde_saphyr::SerializerOptions::default();
    options.prefer_block_scalars = false;
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        let document = serde_saphyr::to_string_with_options(object, options.clone());
        text.push_str(&document.map_err(|_| fmt::Error)?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_the_same() {
        let long = "a rule that is longer than a line of a terminal is wide, ".repeat(3);
        let object = json!({
            "bool": true, "text": "true", "off": "off", "number": 1, "digits": "0123", "null": null,
            "empty": {}, "none": [], "long": long, "lines": "a\nb\n", "odd": "- x: #y", "list": [{ "a": "1:30" }],
        });
        let text = to_yaml(std::slice::from_ref(&object)).unwrap();
        let back: Value = serde_saphyr::from_str(text.strip_prefix("---\n").unwrap()).unwrap();
        assert_eq!(back, object);
        assert!(
            !text.contains("off: off"),
            "YAML 1.1 readers take that for a boolean"
        );
    }
}
