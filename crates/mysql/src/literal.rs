//! Values inside SQL text.
//!
//! Most of the statements here cannot be prepared (`CHANGE REPLICATION SOURCE`, `CREATE USER`,
//! `CLONE`), so values are written into them. Every connection sets an empty `sql_mode`, under which
//! a backslash escapes.

/// `value` as a string literal.
pub(crate) fn text(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('\'');
    for c in value.chars() {
        match c {
            '\'' => literal.push_str("''"),
            '\\' => literal.push_str("\\\\"),
            '\0' => literal.push_str("\\0"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

/// `ON` or `OFF`, as variables are set.
pub(crate) const fn switch(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_own_literal() {
        assert_eq!(text("plain"), "'plain'");
        assert_eq!(text("a'b"), "'a''b'");
        assert_eq!(text("a\\'; DROP"), "'a\\\\''; DROP'");
    }
}
