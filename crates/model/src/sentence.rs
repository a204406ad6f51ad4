//! Errors as sentences for people.

use std::error::Error;

/// The error and all its causes, joined by colons. A cause that the sentence already holds is left
/// out: libraries repeat their causes' words in their own.
pub fn with_causes(error: &dyn Error) -> String {
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !sentence.contains(&words) {
            sentence.push_str(": ");
            sentence.push_str(&words);
        }
        cause = error.source();
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        cause: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let mut inner = None;
        for text in texts.iter().rev() {
            inner = Some(Box::new(Layer { text, cause: inner }));
        }
        *inner.unwrap()
    }

    #[test]
    fn every_cause_is_told_once() {
        let error = layers(&[
            "cannot reach a",
            "transport error",
            "cannot connect: refused",
            "refused",
        ]);
        assert_eq!(
            with_causes(&error),
            "cannot reach a: transport error: cannot connect: refused"
        );
    }
}
