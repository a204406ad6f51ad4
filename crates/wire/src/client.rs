//! Calling agents and controllers.

use std::sync::Arc;
use std::time::Duration;

use moco_model::command::{Answer, Order};
use moco_model::{ClusterId, MemberReport};
use tonic::{Request, Response, Status};

use crate::convert::ReadError;
use crate::notice::{Notice, NoticeAnswer};
use crate::proto::agent_client::AgentClient as GeneratedAgentClient;
use crate::proto::controller_client::ControllerClient as GeneratedControllerClient;
use crate::proto::{self, ReportRequest};
use crate::protocol::{self, MESSAGE_BYTES_MAX, PROTOCOL};
use crate::tls::{CredentialsSource, Expected};

mod error;
mod line;
mod peer;

pub use error::ClientError;
use line::Line;
#[cfg(test)]
pub(crate) use line::{PING_EVERY, PING_TIME_MAX};
pub use peer::PeerClient;

/// The agent of one member, as the controller calls it.
///
/// It connects when it is first called and again when the connection broke, the credentials
/// changed, or a call was not answered in time. Clones share the connection; it is closed when the
/// last of them is dropped.
#[derive(Clone, Debug)]
pub struct AgentClient(Arc<Line>);

impl AgentClient {
    /// Calls the agent at `address` (`host:port`), which must hold a certificate of `cluster`.
    /// `deadline` is the time for each call, connecting included.
    pub fn new(
        address: String,
        cluster: ClusterId,
        credentials: CredentialsSource,
        deadline: Duration,
    ) -> Self {
        let expected = Expected::Cluster(cluster);
        Self(Arc::new(Line::new(
            address,
            expected,
            credentials,
            deadline,
        )))
    }

    /// Asks what the agent knows about its member.
    pub async fn report(&self) -> Result<MemberReport, ClientError> {
        self.report_within(self.0.deadline()).await
    }

    /// [`AgentClient::report`] with another deadline for this call, connecting included.
    pub async fn report_within(&self, deadline: Duration) -> Result<MemberReport, ClientError> {
        let request = Request::new(ReportRequest {
            protocol: Some(PROTOCOL),
        });
        let answer = self
            .0
            .call("report", deadline, request, |channel, request| async move {
                GeneratedAgentClient::new(channel)
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .report(request)
                    .await
                    .map(Response::into_inner)
            })
            .await?;
        self.0.read(answer.protocol, answer)
    }

    /// Gives the agent an order. When the answer is lost the order may have been taken on all the
    /// same; orders may be repeated.
    pub async fn carry(&self, order: &Order) -> Result<Answer, ClientError> {
        self.carry_within(order, self.0.deadline()).await
    }

    /// [`AgentClient::carry`] with another deadline for this call, connecting included.
    pub async fn carry_within(
        &self,
        order: &Order,
        deadline: Duration,
    ) -> Result<Answer, ClientError> {
        let request = Request::new(proto::OrderRequest::from(order));
        let answer = self
            .0
            .call("carry", deadline, request, |channel, request| async move {
                GeneratedAgentClient::new(channel)
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .carry(request)
                    .await
                    .map(Response::into_inner)
            })
            .await?;
        self.0.read(answer.protocol, answer)
    }
}

/// A controller, as an agent calls it. Connects as [`AgentClient`] does.
#[derive(Clone, Debug)]
pub struct ControllerClient(Arc<Line>);

impl ControllerClient {
    /// Calls the controller at `address` (`host:port`), which must hold the controller's
    /// certificate. `deadline` is the time for each call, connecting included.
    pub fn new(address: String, credentials: CredentialsSource, deadline: Duration) -> Self {
        let expected = Expected::Controller;
        Self(Arc::new(Line::new(
            address,
            expected,
            credentials,
            deadline,
        )))
    }

    /// Tells the controller the state of a member.
    pub async fn notify(&self, notice: &Notice) -> Result<NoticeAnswer, ClientError> {
        let request = Request::new(proto::NotifyRequest::from(notice));
        let deadline = self.0.deadline();
        let answer = self
            .0
            .call("notify", deadline, request, |channel, request| async move {
                GeneratedControllerClient::new(channel)
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .notify(request)
                    .await
                    .map(Response::into_inner)
            })
            .await?;
        self.0.read(answer.protocol, answer)
    }
}

impl Line {
    /// Reads an answer of a peer whose version of the protocol is not too old.
    fn read<P, T>(&self, peer_protocol: Option<u32>, answer: P) -> Result<T, ClientError>
    where
        T: TryFrom<P, Error = ReadError>,
    {
        protocol::check(peer_protocol)
            .and_then(|()| T::try_from(answer))
            .map_err(|source| ClientError::Answer {
                address: self.address().to_owned(),
                source,
            })
    }
}

/// What a generated client returns, without its envelope.
type Called<T> = Result<T, Status>;
