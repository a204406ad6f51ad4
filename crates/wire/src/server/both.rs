//! Two services on one listener.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};

use crate::proto::peer_server::SERVICE_NAME;

/// Gives the calls of the service `Peer` to one, and all others to the other, which also answers
/// those that nobody knows. That is all of a router that is needed here.
#[derive(Clone)]
pub(super) struct Both<A, P> {
    pub(super) agent: A,
    pub(super) peer: P,
}

type Call = http::Request<Body>;
type Answer = http::Response<Body>;
type Answering = BoxFuture<Answer, Infallible>;

impl<A, P> Service<Call> for Both<A, P>
where
    A: Service<Call, Response = Answer, Error = Infallible, Future = Answering>,
    P: Service<Call, Response = Answer, Error = Infallible, Future = Answering>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self.agent.poll_ready(context) {
            Poll::Ready(Ok(())) => self.peer.poll_ready(context),
            waits => waits,
        }
    }

    fn call(&mut self, call: Call) -> Answering {
        // The path of a call is `/SERVICE/METHOD`.
        let service = call.uri().path().split('/').nth(1);
        if service == Some(SERVICE_NAME) {
            self.peer.call(call)
        } else {
            self.agent.call(call)
        }
    }
}
