//! Requests to the API server: each has a deadline, and an error says what was attempted.

use std::fmt;
use std::time::Duration;

use kube::core::response::reason;

/// How long a request may take. The API server itself gives up after 60 s; a pass should not wait
/// that long for one answer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// What is attempted, for errors.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    verb: &'static str,
    target: String,
}

impl Attempt {
    /// `verb` is Kubernetes' own word, so that it can be found in a role; `kind` as people write it.
    pub(crate) fn new(verb: &'static str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            verb,
            target: format!("{kind} {namespace}/{name}"),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.target)
    }
}

/// Why a request to the API server failed, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer in time. Whether it was carried out is unknown.
    #[error("the API server did not answer within {} s: {attempt}", .after.as_secs())]
    Timeout {
        /// What was attempted.
        attempt: Attempt,
        /// The time that it had.
        after: Duration,
    },
    /// The controller's role does not allow it.
    #[error("the controller's role does not allow it to {attempt}: {message}")]
    Forbidden {
        /// What was attempted.
        attempt: Attempt,
        /// The API server's answer, which names verb, resource and group.
        message: String,
    },
    /// The object was changed since it was read.
    #[error("cannot {attempt}: it was changed by somebody else")]
    Conflict {
        /// What was attempted.
        attempt: Attempt,
    },
    /// There is no such object.
    #[error("cannot {attempt}: there is none")]
    NotFound {
        /// What was attempted.
        attempt: Attempt,
    },
    /// An object of that name exists.
    #[error("cannot {attempt}: it exists already")]
    AlreadyExists {
        /// What was attempted.
        attempt: Attempt,
    },
    /// The API server, a webhook or a policy refuses the object.
    #[error("the API server refuses to {attempt}: {message}")]
    Refused {
        /// What was attempted.
        attempt: Attempt,
        /// The API server's answer.
        message: String,
    },
    /// Anything else: no connection, an answer that cannot be read, a server in trouble.
    #[error("cannot {attempt}")]
    Failed {
        /// What was attempted.
        attempt: Attempt,
        /// What happened.
        #[source]
        source: Box<kube::Error>,
    },
}

impl CallError {
    pub(crate) const fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    pub(crate) const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    pub(crate) const fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }

    fn of(attempt: Attempt, error: kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::Failed {
                attempt,
                source: Box::new(error),
            };
        };
        match (status.code, status.reason.as_str()) {
            (_, reason::ALREADY_EXISTS) => Self::AlreadyExists { attempt },
            (409, _) => Self::Conflict { attempt },
            (404, _) => Self::NotFound { attempt },
            (401 | 403, _) if status.code == 401 || names_a_missing_right(&status.message) => {
                Self::Forbidden {
                    attempt,
                    message: status.message,
                }
            }
            (400 | 403 | 413 | 415 | 422, _) => Self::Refused {
                attempt,
                message: status.message,
            },
            _ => Self::Failed {
                attempt,
                source: Box::new(kube::Error::Api(status)),
            },
        }
    }
}

/// A quota and an admission rule forbid with the same code as a role; only the latter speaks of the user
/// (`User "…" cannot patch resource …`).
fn names_a_missing_right(message: &str) -> bool {
    message.contains("User \"") && message.contains(" cannot ")
}

/// Waits for a request, at most [`DEADLINE`].
pub(crate) async fn call<T>(
    attempt: Attempt,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    call_within(DEADLINE, attempt, request).await
}

/// Waits for a request, at most `after`.
pub(crate) async fn call_within<T>(
    after: Duration,
    attempt: Attempt,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(after, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(CallError::of(attempt, error)),
        Err(_) => Err(CallError::Timeout { attempt, after }),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn error(code: u16, reason: &str, message: &str) -> CallError {
        let status = Status::failure(message, reason).with_code(code);
        CallError::of(
            Attempt::new("patch", "Service", "app", "moco-db"),
            kube::Error::Api(Box::new(status)),
        )
    }

    #[test]
    fn the_answer_of_the_api_server_says_what_can_be_done() {
        assert!(error(409, "AlreadyExists", "").is_already_exists());
        assert!(error(409, "Conflict", "").is_conflict());
        assert!(error(404, "NotFound", "").is_not_found());
        assert!(matches!(
            error(422, "Invalid", ""),
            CallError::Refused { .. }
        ));
        assert!(matches!(
            error(500, "InternalError", ""),
            CallError::Failed { .. }
        ));
    }

    #[test]
    fn a_missing_right_is_named_with_verb_and_object() {
        let denied =
            "services \"moco-db\" is forbidden: User \"x\" cannot patch resource \"services\"";
        assert_eq!(
            error(403, "Forbidden", denied).to_string(),
            format!(
                "the controller's role does not allow it to patch Service app/moco-db: {denied}"
            )
        );
    }

    #[test]
    fn a_quota_is_not_taken_for_a_missing_right() {
        let full = "services \"moco-db\" is forbidden: exceeded quota: small";
        assert_eq!(
            error(403, "Forbidden", full).to_string(),
            format!("the API server refuses to patch Service app/moco-db: {full}")
        );
    }

    #[test]
    fn a_request_without_a_user_is_a_missing_right() {
        assert!(matches!(
            error(401, "Unauthorized", "Unauthorized"),
            CallError::Forbidden { .. }
        ));
    }
}
