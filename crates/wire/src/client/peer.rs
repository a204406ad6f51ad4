//! Calling the other agents of one's own cluster.

use std::sync::Arc;
use std::time::Duration;

use moco_model::{ClusterId, MemberId};
use tokio::time::Instant;
use tonic::{Request, Response};

use super::error::ClientError;
use super::line::Line;
use crate::beat::{Beat, BeatAnswer};
use crate::convert::{Problem, ReadError, write_beat};
use crate::proto::peer_client::PeerClient as GeneratedPeerClient;
use crate::protocol::MESSAGE_BYTES_MAX;
use crate::tls::{CredentialsSource, Expected};

/// The agent of another member, as an agent of the same cluster calls it. Connects as
/// [`AgentClient`](super::AgentClient) does; all heartbeats go over one connection.
#[derive(Clone, Debug)]
pub struct PeerClient {
    line: Arc<Line>,
    member: MemberId,
}

impl PeerClient {
    /// Calls the agent of `member` at `address` (`host:port`), which must hold a certificate of
    /// `cluster`. `deadline` is the time for each heartbeat, connecting included: usually 1 s.
    pub fn new(
        address: String,
        cluster: ClusterId,
        member: MemberId,
        credentials: CredentialsSource,
        deadline: Duration,
    ) -> Self {
        let expected = Expected::Cluster(cluster);
        let line = Arc::new(Line::new(address, expected, credentials, deadline));
        Self { line, member }
    }

    /// Says that member `from`, the caller, is there, and hears how the other one is.
    ///
    /// An error is one of three things:
    ///
    /// - [`ClientError::nobody_listens`]: the other end of the connection was closed, and a new one
    ///   is refused. The agent that was there has ended.
    /// - [`ClientError::Timeout`]: silence. It may be dead, slow, or cut off.
    /// - All else says nothing about whether it lives: another member answered at this address, the
    ///   network could not carry the call, or one side does not accept the other.
    ///
    /// When the connection breaks under the heartbeat, a new one is tried at once, within the same
    /// deadline: so one call tells an agent that ended from one that closed a connection.
    pub async fn heartbeat(&self, from: MemberId, beat: Beat) -> Result<BeatAnswer, ClientError> {
        let begun = Instant::now();
        let deadline = self.line.deadline();
        let answer = match self.heartbeat_within(from, beat, deadline).await {
            Err(error) if error.broke_off() => {
                let left = deadline.saturating_sub(begun.elapsed());
                self.heartbeat_within(from, beat, left).await?
            }
            outcome => outcome?,
        };
        self.must_be_the_one_called(answer)
    }

    async fn heartbeat_within(
        &self,
        from: MemberId,
        beat: Beat,
        deadline: Duration,
    ) -> Result<BeatAnswer, ClientError> {
        let request = Request::new(write_beat(from, beat));
        let make = |channel, request| async move {
            GeneratedPeerClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .heartbeat(request)
                .await
                .map(Response::into_inner)
        };
        let answer = self.line.call("heartbeat", deadline, request, make).await?;
        self.line.read(answer.protocol, answer)
    }

    /// An address may have passed to another member, whose life says nothing about this one's.
    fn must_be_the_one_called(&self, answer: BeatAnswer) -> Result<BeatAnswer, ClientError> {
        if answer.member == self.member {
            return Ok(answer);
        }
        Err(ClientError::Answer {
            address: self.line.address().to_owned(),
            source: ReadError {
                field: "member".to_owned(),
                problem: Problem::OutOfRange {
                    value: answer.member.0.into(),
                    expected: "the member that was called",
                },
            },
        })
    }
}
