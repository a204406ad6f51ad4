//! How the controller and the agents speak with each other.
//!
//! gRPC over mutual TLS. The controller dials an agent to ask for its report and to give it orders
//! ([`AgentClient`], [`serve_agent`]); an agent dials the controller to say that its state has
//! changed ([`ControllerClient`], [`serve_controller`]); the agents of a cluster dial each other to
//! hear whether the others are there ([`PeerClient`], [`PeerHandler`]). Certificates are taken from
//! a [`CredentialsSource`], which takes new ones without a restart. Probes and metrics, which are
//! neither secret nor gRPC, are served as plain [`pages`].
//!
//! What this crate deliberately does not do: it decides nothing. It does not choose whom to call,
//! how often to repeat, or what an order means; it holds no state of a cluster.
//!
//! Invariants:
//!
//! - Nothing is handed to a handler unless the peer's certificate chains to the bundle and carries
//!   the identity that may make that call: the controller for orders and reports, a cluster for its
//!   own notices, the same cluster for heartbeats.
//! - A client says nothing to a server whose certificate does not carry the expected identity. The
//!   name or address that was dialled proves nothing and is not compared.
//! - Whatever a peer sends is read into bounded, checked types or refused with the field's name.
//! - Every handshake, call and connection attempt ends within a time limit. One silent peer delays
//!   no other, and no cluster can take the places of the controller or of all other clusters; the
//!   members of a cluster have places of their own at each other's agents.
//! - A connection that is refused, a call that is not answered in time, and an answer are told apart:
//!   only the first says that the peer has ended.
//! - Credentials that cannot be used never replace those that can.
//!
//! Start reading at `proto/agent.proto`, then [`mod@server`] and [`mod@client`].

pub mod beat;
pub mod client;
pub mod convert;
pub mod notice;
pub mod pages;
pub mod protocol;
pub mod server;
pub mod tls;

#[cfg(test)]
mod tests;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "written by tonic-prost-build; the documentation is in proto/agent.proto"
)]
mod proto {
    tonic::include_proto!("moco.agent.v1");
}

pub use beat::{Beat, BeatAnswer};
pub use client::{AgentClient, ClientError, ControllerClient, PeerClient};
pub use convert::{Problem, ReadError};
pub use notice::{Notice, NoticeAnswer};
pub use server::{
    AgentHandler, ControllerHandler, PeerHandler, ServeError, serve_agent, serve_controller,
};
pub use tls::{CredentialsError, CredentialsSource, PemFiles};
