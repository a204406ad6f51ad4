//! Everything that MOCO ever says to mysqld, as typed functions.
//!
//! This is the only crate that holds SQL text. Each module is one group of statements: the first
//! set-up of an empty server ([`prepare`], with its plugins, time zones and accounts), what a server
//! says about itself ([`status`], [`pinned`]), following a source ([`replication`], [`semisync`]),
//! taking and giving up writes ([`open`], [`close`]), handing the primary over ([`fence`],
//! [`promote`], [`retire`]), showing that commits go through ([`heartbeat`]), copying a donor
//! ([`clone`]), passwords ([`passwords`]) and the way to a stop that loses nothing ([`shutdown`]).
//! The statements are those of MySQL 8.4 and 9.7. Functions take any [`Session`]; the one that
//! speaks to a real mysqld is [`Server`].
//!
//! What this crate deliberately does not do: it does not decide (who is primary, when to clone), it
//! does not retry, it starts no process and keeps no connection pool. It speaks over the local unix
//! socket only. One module speaks to nobody: [`binlog`] reads the binary log of a mysqld that does
//! not run, and cuts off the tail that nobody acknowledged.
//!
//! Invariants:
//! * Every wait has a deadline, but that of a running clone. A connection whose statement timed out,
//!   broke off or was cancelled is closed and never used again ([`connect::Server`]).
//! * No error, log line or stored replication setting holds a password.
//! * A received transaction that is not executed is never thrown away: no function re-points or
//!   drops a channel unless the relay logs outlive it or are drained.
//! * Semi-sync is on and verified before a server takes writes, and is never switched off under a
//!   waiting commit of a server that may have clients.
//!
//! Facts about mysqld that the code relies on are listed in `docs/mysql-facts.md`, each with the
//! contract test that proves it on a real server.
//!
//! Start reading at [`connect::Server`], then [`replication::follow`].

mod accounts;
pub mod binlog;
pub mod clone;
pub mod close;
pub mod connect;
pub mod error;
pub mod fence;
pub mod heartbeat;
mod literal;
pub mod open;
pub mod passwords;
pub mod pinned;
pub mod plugins;
pub mod prepare;
pub mod promote;
pub mod record;
pub mod replication;
pub mod retire;
pub mod semisync;
pub mod session;
pub mod shutdown;
pub mod status;
mod timezone;

pub use connect::{Login, Server};
pub use error::{Error, ErrorClass};
pub use record::Record;
pub use session::Session;
