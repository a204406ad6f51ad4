//! The words that every other crate speaks.
//!
//! Here are the values that describe a cluster: who its members are ([`ids`]), which transactions
//! they hold ([`gtid`]), which decision is in force ([`epoch`], [`register`]), what a member has
//! promised on its own disk ([`guard`]), what it reports ([`report`]) and what it can be told to do
//! ([`command`]). The arithmetic of semi-synchronous acknowledgement is in [`quorum`].
//!
//! What this crate deliberately does not do: no input or output, no clock, no randomness, no async.
//! Times come in as numbers that somebody else read ([`Millis`]).
//!
//! Invariants: every type is a plain value that can be cloned, compared, printed, stored and read
//! again; iteration order is always written down (B-trees, never hash maps).
//!
//! Start reading at [`register::Register`].

pub mod command;
pub mod epoch;
pub mod gtid;
pub mod guard;
pub mod ids;
pub mod passwords;
pub mod quorum;
pub mod register;
pub mod report;
pub mod role;
pub mod sentence;
pub mod version;

pub use command::{Command, Endpoint};
pub use epoch::Epoch;
pub use gtid::GtidSet;
pub use guard::Guard;
pub use ids::{ClusterId, ClusterUid, MemberId, ServerUuid};
pub use passwords::{Account, Password, Passwords};
pub use register::{Membership, Register};
pub use report::{MemberReport, Phase, ServerReport};
pub use role::Role;
pub use version::ServerVersion;

/// Milliseconds since the Unix epoch, read by somebody else.
pub type Millis = i64;
