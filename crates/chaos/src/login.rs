//! Connections: TLS with the cluster's own authority, bounded in time.

use std::net::SocketAddr;
use std::time::Duration;

use moco_model::Account;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder, SslOpts};
use tokio::time::timeout;

use crate::home::Home;

/// The largest packet, bytes; given so that no statement is spent on asking for it.
const PACKET_BYTES: usize = 64 << 20;
/// Seconds for which the server keeps an idle connection; given for the same reason.
const IDLE_SECONDS: usize = 28_800;

/// An address and who logs in there.
#[derive(Clone, Debug)]
pub(crate) struct Login(Opts);

/// A connection, and whose server it ended at.
pub(crate) struct Session {
    /// The connection.
    pub(crate) conn: Conn,
    /// `@@server_id`: behind a front only the server itself knows which one it is.
    pub(crate) server: u32,
}

impl Login {
    /// An account at an address. The server's certificate must be of the cluster's authority. It names
    /// the address, or what the cluster's folder says: on Kubernetes the addresses are not in it.
    pub(crate) fn new(home: &Home, account: Account, address: SocketAddr) -> anyhow::Result<Self> {
        let tls = SslOpts::default()
            .with_root_certs(vec![home.authority()?.into()])
            .with_disable_built_in_roots(true)
            .with_danger_tls_hostname_override(home.server_name());
        let options = OptsBuilder::default()
            .ip_or_hostname(address.ip().to_string())
            .tcp_port(address.port())
            .user(Some(account.user()))
            .pass(Some(home.password(account)?.reveal()))
            .prefer_socket(false)
            .max_allowed_packet(Some(PACKET_BYTES))
            .wait_timeout(Some(IDLE_SECONDS))
            .stmt_cache_size(0)
            .ssl_opts(tls);
        Ok(Self(options.into()))
    }

    /// An account over a server's socket.
    pub(crate) fn over_socket(
        home: &Home,
        account: Account,
        socket: String,
    ) -> anyhow::Result<Self> {
        let options = OptsBuilder::default()
            .socket(Some(socket))
            .user(Some(account.user()))
            .pass(Some(home.password(account)?.reveal()))
            .max_allowed_packet(Some(PACKET_BYTES))
            .wait_timeout(Some(IDLE_SECONDS))
            .stmt_cache_size(0);
        Ok(Self(options.into()))
    }

    /// Connects, logs in and asks who answers, all within `limit`.
    pub(crate) async fn connect(&self, limit: Duration) -> Result<Session, Failure> {
        let connecting = async {
            let mut conn = Conn::new(self.0.clone()).await?;
            let server: Option<u32> = conn.query_first("SELECT @@server_id").await?;
            Ok(Session {
                conn,
                server: server.unwrap_or_default(),
            })
        };
        within(limit, connecting).await
    }
}

/// Why there is no answer, or not the wanted one.
#[derive(Debug)]
pub(crate) enum Failure {
    /// None came in time.
    Late,
    /// The server or the connection said so.
    Said(Error),
}

/// Runs a call of the client library for no longer than `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match timeout(limit, call).await {
        Ok(answer) => answer.map_err(Failure::Said),
        Err(_) => Err(Failure::Late),
    }
}

impl Failure {
    /// The server's number of the error; none if the server said nothing.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Said(Error::Server(error)) => Some(error.code),
            Self::Said(_) | Self::Late => None,
        }
    }

    /// A short name to count it by.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Late => "no answer in time".to_owned(),
            Self::Said(Error::Server(error)) => format!("error {}", error.code),
            Self::Said(Error::Io(_)) => "connection broken".to_owned(),
            Self::Said(Error::Driver(_)) => "connection closed".to_owned(),
            Self::Said(_) => "other".to_owned(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Late => f.write_str("no answer in time"),
            Self::Said(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Failure {}
