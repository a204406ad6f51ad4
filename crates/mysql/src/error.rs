//! Why a statement, or the way to it, failed.

use std::time::Duration;

use moco_model::Password;

/// A statement failed, or the connection that it needs.
///
/// No variant holds the statement itself, so none can hold a password; what mysqld answered is
/// scrubbed before it is kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// mysqld could not be reached, or the connection broke off.
    #[error("cannot {attempted}: mysqld is not reachable")]
    Unreachable {
        /// What was attempted.
        attempted: &'static str,
        /// What the socket said.
        #[source]
        cause: std::io::Error,
    },
    /// mysqld answers and does not let this account in.
    #[error("mysqld does not let {user:?} in: {message}")]
    AccessDenied {
        /// The account.
        user: String,
        /// mysqld's error number. None when it asked for a way to log in that MOCO does not know, as
        /// it does for some accounts that do not exist.
        code: Option<u16>,
        /// mysqld's words.
        message: String,
    },
    /// There was no answer in time. The connection is closed; the statement may still run.
    #[error("cannot {attempted}: no answer within {limit:?}")]
    Timeout {
        /// What was attempted.
        attempted: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// mysqld refused or failed the statement.
    #[error("cannot {attempted}: {message} (error {code})")]
    Server {
        /// What was attempted.
        attempted: &'static str,
        /// mysqld's error number.
        code: u16,
        /// mysqld's words, without passwords.
        message: String,
    },
    /// The answer is not one that MOCO understands.
    #[error("cannot {attempted}: {because}")]
    Malformed {
        /// What was attempted.
        attempted: &'static str,
        /// What was wrong with the answer.
        because: String,
    },
    /// An earlier statement on this connection timed out, broke off or was cancelled.
    #[error("cannot {attempted}: the connection was given up before")]
    GivenUp {
        /// What was attempted.
        attempted: &'static str,
    },
}

/// What an error means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// mysqld does not run, or went away.
    Unreachable,
    /// The account or its password is not accepted.
    AccessDenied,
    /// mysqld did not answer in time.
    Timeout,
    /// mysqld answered with an error.
    Server,
    /// mysqld answered something unexpected.
    Malformed,
}

/// Errors with which mysqld ends a login of a known, healthy server: wrong password (1045), no right
/// to the schema (1044), unknown authentication plugin (1524), insecure transport (3159), locked or
/// expired account (3118, 1862), no such account on this host (1130, 1698).
const ACCESS_CODES: [u16; 8] = [1044, 1045, 1130, 1524, 1698, 1862, 3118, 3159];

/// A parse error quotes the statement from the place it did not understand.
const PARSE_ERROR: u16 = 1064;

impl Error {
    /// What it means for the caller.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable { .. } | Self::GivenUp { .. } => ErrorClass::Unreachable,
            Self::AccessDenied { .. } => ErrorClass::AccessDenied,
            Self::Timeout { .. } => ErrorClass::Timeout,
            Self::Server { .. } => ErrorClass::Server,
            Self::Malformed { .. } => ErrorClass::Malformed,
        }
    }

    /// mysqld's error number, when it sent one.
    pub const fn code(&self) -> Option<u16> {
        match self {
            Self::AccessDenied { code, .. } => *code,
            Self::Server { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Sorts what the client library reports. `secrets` are the passwords in the statement.
    pub(crate) fn of_statement(
        attempted: &'static str,
        cause: mysql_async::Error,
        secrets: &[&Password],
    ) -> Self {
        match cause {
            mysql_async::Error::Server(server) => Self::Server {
                attempted,
                code: server.code,
                message: scrub(server.code, &server.message, secrets),
            },
            mysql_async::Error::Io(mysql_async::IoError::Io(cause)) => {
                Self::Unreachable { attempted, cause }
            }
            mysql_async::Error::Io(other) => Self::Unreachable {
                attempted,
                cause: std::io::Error::other(other.to_string()),
            },
            mysql_async::Error::Driver(mysql_async::DriverError::ConnectionClosed) => {
                Self::Unreachable {
                    attempted,
                    cause: std::io::ErrorKind::ConnectionAborted.into(),
                }
            }
            // The other driver errors may print values or packets; their kind is all that is kept.
            mysql_async::Error::Driver(_) => Self::Malformed {
                attempted,
                because: "the answer breaks the protocol".to_owned(),
            },
            mysql_async::Error::Other(_) | mysql_async::Error::Url(_) => Self::Malformed {
                attempted,
                because: "the client library failed".to_owned(),
            },
        }
    }

    /// Sorts what the client library reports about a login.
    pub(crate) fn of_login(user: &str, cause: mysql_async::Error, secrets: &[&Password]) -> Self {
        let denied = |code, message| Self::AccessDenied {
            user: user.to_owned(),
            code,
            message,
        };
        if let mysql_async::Error::Driver(mysql_async::DriverError::UnknownAuthPlugin { name }) =
            &cause
        {
            return denied(None, format!("it asks for the plugin {name:?}"));
        }
        match Self::of_statement("connect", cause, secrets) {
            Self::Server { code, message, .. } if ACCESS_CODES.contains(&code) => {
                denied(Some(code), format!("{message} (error {code})"))
            }
            other => other,
        }
    }

    /// An answer that MOCO does not understand.
    pub const fn malformed(attempted: &'static str, because: String) -> Self {
        Self::Malformed { attempted, because }
    }
}

/// mysqld's words about a statement that held `secrets`, without them. The words of a parse error
/// are dropped: they quote the statement and may cut a password in two.
fn scrub(code: u16, message: &str, secrets: &[&Password]) -> String {
    if code == PARSE_ERROR && !secrets.is_empty() {
        return "the statement was not understood".to_owned();
    }
    let revealed = secrets.iter().map(|secret| secret.reveal());
    revealed
        .filter(|secret| !secret.is_empty())
        .fold(message.to_owned(), |text, secret| {
            text.replace(secret, "(password)")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> mysql_async::Error {
        mysql_async::Error::Server(mysql_async::ServerError {
            code,
            message: message.to_owned(),
            state: "HY000".to_owned(),
        })
    }

    #[test]
    fn what_the_server_says_is_kept_without_the_password() {
        let secret = Password::new("hunter2".to_owned());
        let scrubbed = Error::of_statement("x", server(3862, "bad 'hunter2' of donor"), &[&secret]);
        assert_eq!(
            scrubbed.to_string(),
            "cannot x: bad '(password)' of donor (error 3862)"
        );
        let parse = Error::of_statement("x", server(1064, "near 'BY 'hunt"), &[&secret]);
        assert!(!parse.to_string().contains("hunt"), "{parse}");
        assert_eq!(parse.code(), Some(1064));
    }

    #[test]
    fn a_refused_login_is_told_from_a_failed_one() {
        let refused = Error::of_login("moco-admin", server(1045, "Access denied"), &[]);
        assert_eq!(refused.class(), ErrorClass::AccessDenied);
        let unknown = mysql_async::DriverError::UnknownAuthPlugin {
            name: "sha256_password".to_owned(),
        };
        let refused = Error::of_login("root", mysql_async::Error::Driver(unknown), &[]);
        assert_eq!(refused.class(), ErrorClass::AccessDenied);
        let busy = Error::of_login("moco-admin", server(1040, "Too many connections"), &[]);
        assert_eq!(busy.class(), ErrorClass::Server);
    }
}
