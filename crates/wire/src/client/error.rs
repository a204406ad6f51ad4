//! Why a call has no answer.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status, TimeoutExpired};

use crate::convert::ReadError;
use crate::tls::DialError;

/// Why a call has no answer, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no connection, or it broke. Whether the call arrived is unknown.
    #[error("cannot reach {address}")]
    Unreachable {
        /// Who was called.
        address: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No answer within the time for the call. Whether the call arrived is unknown.
    #[error("{address} did not answer the call {call} within {after:?}")]
    Timeout {
        /// Who was called.
        address: String,
        /// Which call.
        call: &'static str,
        /// The time that it had.
        after: Duration,
    },
    /// One side refuses the other's certificate or identity. Repeating it helps only after
    /// certificates changed.
    #[error("{address} and this program do not accept each other: {because}")]
    Refused {
        /// Who was called.
        address: String,
        /// Which side refused what.
        because: String,
    },
    /// The peer answered something else than an answer: it could not read the request, the message
    /// was too large, or its handler broke.
    #[error("{address} rejects the call {call}: {because}")]
    Protocol {
        /// Who was called.
        address: String,
        /// Which call.
        call: &'static str,
        /// What it said.
        because: String,
    },
    /// The request is larger than a peer would take, and was not sent.
    #[error("the call {call} has {length} bytes; at most {max} are allowed")]
    TooLarge {
        /// Which call.
        call: &'static str,
        /// Its size.
        length: usize,
        /// The bound.
        max: usize,
    },
    /// The answer cannot be read.
    #[error("cannot read the answer of {address}")]
    Answer {
        /// Who was called.
        address: String,
        /// What is wrong with it.
        #[source]
        source: ReadError,
    },
}

impl ClientError {
    /// Whether the connection was refused by the peer's machine: nobody listens at the address. There
    /// is then no open connection to it either, so an agent that was there has ended; at least for
    /// now, for it may be started again. A peer that is silent, however long, is not meant: its
    /// machine goes on accepting connections.
    pub fn nobody_listens(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => {
                cause::<DialError>(source.as_ref()).is_some_and(DialError::nobody_listens)
            }
            _ => false,
        }
    }

    /// Whether a connection that had been made broke under the call.
    pub(super) fn broke_off(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => cause::<DialError>(source.as_ref()).is_none(),
            _ => false,
        }
    }
}

/// A call, for its errors.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) address: &'a str,
    pub(super) name: &'static str,
    pub(super) deadline: Duration,
}

impl Call<'_> {
    pub(super) fn timed_out(self) -> ClientError {
        ClientError::Timeout {
            address: self.address.to_owned(),
            call: self.name,
            after: self.deadline,
        }
    }

    /// No connection was made.
    pub(super) fn not_connected(self, error: tonic::transport::Error) -> ClientError {
        self.refused(&error)
            .unwrap_or_else(|| self.unreachable(error))
    }

    /// The call was made and failed.
    pub(super) fn failed(self, status: Status) -> ClientError {
        if let Some(refused) = self.refused(&status) {
            return refused;
        }
        if cause::<TimeoutExpired>(&status).is_some() {
            return self.timed_out();
        }
        let address = self.address.to_owned();
        // A status that has a cause was made on this side, from a connection that failed.
        let local = status.source().is_some();
        match status.code() {
            Code::DeadlineExceeded => self.timed_out(),
            // What a server says that gave up because the time was over.
            Code::Cancelled if !local => self.timed_out(),
            Code::PermissionDenied | Code::Unauthenticated => ClientError::Refused {
                address,
                because: status.message().to_owned(),
            },
            Code::Unavailable => self.unreachable(status),
            _ if local => self.unreachable(status),
            _ => ClientError::Protocol {
                address,
                call: self.name,
                because: status.message().to_owned(),
            },
        }
    }

    fn unreachable(self, error: impl Error + Send + Sync + 'static) -> ClientError {
        ClientError::Unreachable {
            address: self.address.to_owned(),
            source: Box::new(error),
        }
    }

    /// Whether one side refused the other.
    fn refused(self, error: &(dyn Error + 'static)) -> Option<ClientError> {
        let because = cause::<DialError>(error)?.refusal()?;
        Some(ClientError::Refused {
            address: self.address.to_owned(),
            because,
        })
    }
}

/// The first cause of a type, the error itself included.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call<'_> = Call {
        address: "a:1",
        name: "report",
        deadline: Duration::from_secs(1),
    };

    fn is_timeout(error: &ClientError) -> bool {
        matches!(error, ClientError::Timeout { .. })
    }

    #[test]
    fn whichever_side_gives_up_first_it_is_a_timeout() {
        let here = Status::from_error(Box::new(TimeoutExpired(())));
        assert!(is_timeout(&CALL.failed(here)));
        let by_the_server = Status::cancelled("Timeout expired");
        assert!(is_timeout(&CALL.failed(by_the_server)));
        assert!(is_timeout(&CALL.failed(Status::deadline_exceeded(""))));
    }

    #[test]
    fn a_connection_that_broke_is_not_the_peers_answer() {
        let mut broken = Status::internal("h2 protocol error");
        broken.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
        let error = CALL.failed(broken);
        assert!(
            matches!(error, ClientError::Unreachable { .. }),
            "{error:?}"
        );
        let error = CALL.failed(Status::internal("the handler broke"));
        assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    }
}
