//! One connection to one peer, made when it is needed.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use prost::Message;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use super::Called;
use super::error::{Call, ClientError};
use crate::protocol::MESSAGE_BYTES_MAX;
use crate::tls::{CredentialsSource, Dialler, Expected};

/// Longest time for a connection attempt: name, TCP, handshake. It is within the time for the call.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);

/// How often an open connection is asked for a sign of life while a call waits, and for how long.
/// Agents may take long for an order; one that has gone without a word keeps nobody waiting.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(1);
pub(crate) const PING_TIME_MAX: Duration = Duration::from_secs(2);

/// The way to one peer.
pub(super) struct Line {
    address: String,
    expected: Expected,
    credentials: CredentialsSource,
    deadline: Duration,
    held: Mutex<Option<Held>>,
    /// Taken while connecting, so that calls at the same time make one connection.
    connecting: tokio::sync::Mutex<()>,
}

/// An open connection, and with which credentials it was made.
struct Held {
    generation: u64,
    channel: Channel,
}

impl Line {
    pub(super) fn new(
        address: String,
        expected: Expected,
        credentials: CredentialsSource,
        deadline: Duration,
    ) -> Self {
        Self {
            address,
            expected,
            credentials,
            deadline,
            held: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The time for a call that is given no other.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Makes a call within the deadline. `make` is given an open connection.
    pub(super) async fn call<P, T, F>(
        &self,
        name: &'static str,
        deadline: Duration,
        mut request: Request<P>,
        make: impl FnOnce(Channel, Request<P>) -> F,
    ) -> Result<T, ClientError>
    where
        P: Message,
        F: Future<Output = Called<T>>,
    {
        let length = request.get_ref().encoded_len();
        if length > MESSAGE_BYTES_MAX {
            return Err(ClientError::TooLarge {
                call: name,
                length,
                max: MESSAGE_BYTES_MAX,
            });
        }
        let call = Call {
            address: &self.address,
            name,
            deadline,
        };
        request.set_timeout(deadline);
        let answered = async {
            let channel = self.connected(call).await?;
            make(channel, request)
                .await
                .map_err(|status| call.failed(status))
        };
        let outcome = tokio::time::timeout(deadline, answered)
            .await
            .unwrap_or_else(|_| Err(call.timed_out()));
        if matches!(
            outcome,
            Err(ClientError::Unreachable { .. } | ClientError::Timeout { .. })
        ) {
            // Who does not answer may be gone without a word; the next call asks anew.
            self.hold(None);
        }
        outcome
    }

    /// The open connection, or a new one when there is none or the credentials have changed.
    async fn connected(&self, call: Call<'_>) -> Result<Channel, ClientError> {
        let loaded = self.credentials.current();
        let generation = loaded.generation;
        if let Some(channel) = self.open_channel(generation) {
            return Ok(channel);
        }
        let _turn = self.connecting.lock().await;
        if let Some(channel) = self.open_channel(generation) {
            return Ok(channel);
        }
        let dialler = Arc::new(Dialler {
            address: self.address.clone(),
            expected: self.expected.clone(),
            loaded,
            time_limit: CONNECT_TIME_MAX,
        });
        let connector = tower::service_fn(move |_| {
            let dialler = Arc::clone(&dialler);
            async move { dialler.dial().await.map(TokioIo::new) }
        });
        let channel = endpoint()
            .connect_with_connector(connector)
            .await
            .map_err(|error| call.not_connected(error))?;
        self.hold(Some(Held {
            generation,
            channel: channel.clone(),
        }));
        Ok(channel)
    }

    fn open_channel(&self, generation: u64) -> Option<Channel> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let open = held.as_ref().filter(|open| open.generation == generation)?;
        Some(open.channel.clone())
    }

    fn hold(&self, channel: Option<Held>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = channel;
    }
}

/// The name in it is written into requests and means nothing; the dialler knows the address.
fn endpoint() -> Endpoint {
    Endpoint::from_static("http://moco")
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIME_MAX)
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("address", &self.address)
            .field("expected", &self.expected)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
