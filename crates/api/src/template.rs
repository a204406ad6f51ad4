//! Templates of the slow query log's configuration, in the part of Go's language that they need:
//! `{{ .Path }}`, with or without the marks that take blanks away, and comments.

/// Why a text is no such template. Together with the field that holds it, a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// Something between the braces that is not understood.
    #[error("holds {{{{ {0} }}}}; only {{{{ .Path }}}} and comments are understood")]
    Unknown(String),
    /// Braces without an end.
    #[error("holds an opening {{{{ without its closing }}}}")]
    Open,
}

/// The text with `path` in its place.
pub(crate) fn render(template: &str, path: &str) -> Result<String, TemplateError> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, after) = after.split_once("}}").ok_or(TemplateError::Open)?;
        // A blank belongs to the mark: `{{-1}}` is a number to Go.
        let (trim_before, action) = match action.strip_prefix("- ") {
            Some(inner) => (true, inner),
            None => (false, action),
        };
        let (trim_after, action) = match action.strip_suffix(" -") {
            Some(inner) => (true, inner),
            None => (false, action),
        };
        text.push_str(if trim_before {
            before.trim_end()
        } else {
            before
        });
        let action = action.trim();
        match action {
            ".Path" => text.push_str(path),
            _ if action.starts_with("/*") && action.ends_with("*/") => {}
            _ => {
                let shown = action.chars().take(64).collect();
                return Err(TemplateError::Unknown(shown));
            }
        }
        rest = if trim_after {
            after.trim_start()
        } else {
            after
        };
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_put_in_however_it_is_written() {
        for (template, expected) in [
            ("Path {{ .Path }}\n", "Path /x\n"),
            ("Path {{.Path}}", "Path /x"),
            ("Path   {{- .Path -}}  \n end", "Path/xend"),
            ("{{/* why */}}Template {log}", "Template {log}"),
            ("no path", "no path"),
            ("{{ .Path }}{{ .Path }}", "/x/x"),
        ] {
            assert_eq!(
                render(template, "/x").as_deref(),
                Ok(expected),
                "{template}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let error = render("{{ if .Path }}x{{ end }}", "/x").unwrap_err();
        assert!(error.to_string().contains("{{ if .Path }}"), "{error}");
        assert_eq!(render("a {{ .Path", "/x"), Err(TemplateError::Open));
        assert!(render("{{-.Path}}", "/x").is_err());
        assert!(render("{{}}", "/x").is_err());
    }
}
