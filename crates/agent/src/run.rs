//! The agent's process: connects its tasks and ends when one of them cannot go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use moco_model::command::{Answer, Order};
use moco_model::ids::NameError;
use moco_model::{MemberId, MemberReport};
use moco_wire::pages::{Page, serve_pages};
use moco_wire::{
    AgentHandler, Beat, BeatAnswer, CredentialsError, CredentialsSource, PeerHandler, ServeError,
};
use tokio::net::TcpListener;

use crate::host::real::RealHost;
use crate::host::real::link::{self, LinkError};
use crate::member::Member;
use crate::options::Options;
use crate::work::settle::settle;
use crate::{alone, commits, exits, leave, metrics, notify, orders, peers, probes, watch};

/// Why the agent ended. supervise starts it again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A name on the command line is not one.
    #[error("the command line does not name a cluster")]
    Name(#[source] NameError),
    /// The line to supervise broke.
    #[error("the line to supervise is of no use")]
    Link(#[source] LinkError),
    /// The certificate files cannot be used.
    #[error("cannot use the certificate files in {folder}")]
    Credentials {
        /// Where they are.
        folder: String,
        /// Why.
        #[source]
        source: CredentialsError,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The member could not be stopped or let go.
    #[error("cannot leave: {0}")]
    Leave(String),
    /// The agent protocol is not served any more.
    #[error("cannot serve the agent protocol")]
    Serve(#[source] ServeError),
}

/// How often the certificate files are looked at for new ones.
const CERTIFICATES: Duration = Duration::from_secs(5);

/// Runs the agent until supervise lets it go or a task cannot go on.
pub async fn run(options: Options) -> Result<(), RunError> {
    let cluster = options.cluster().map_err(RunError::Name)?;
    let credentials =
        CredentialsSource::from_folder(&options.tls_dir, CERTIFICATES).map_err(|source| {
            RunError::Credentials {
                folder: options.tls_dir.display().to_string(),
                source,
            }
        })?;
    let agent_listener = listen(options.listen).await?;
    let health_listener = listen(options.health_listen).await?;
    let metrics_listener = listen(options.metrics_listen).await?;
    let (link, listener) = link::connect().await.map_err(RunError::Link)?;
    let host = RealHost::new(options, cluster, link, credentials.clone());
    let settings = host.settings();
    let member = Arc::new(Member::begin(host, settings).await);
    let settings = &member.settings;
    tracing::info!(cluster = %settings.cluster, member = %settings.member, "agent begins");
    // A mysqld that outlived the last agent is known again before anybody asks.
    settle(&member).await;

    tokio::spawn(exits::run(Arc::clone(&member)));
    tokio::spawn(watch::run(Arc::clone(&member)));
    tokio::spawn(notify::run(Arc::clone(&member)));
    tokio::spawn(peers::run(Arc::clone(&member)));
    tokio::spawn(commits::run(Arc::clone(&member)));
    tokio::spawn(alone::run(Arc::clone(&member)));
    tokio::spawn(health_pages(health_listener, Arc::clone(&member)));
    tokio::spawn(metrics_pages(metrics_listener, Arc::clone(&member)));
    let handler = Arc::new(Handler(Arc::clone(&member)));
    let never = std::future::pending();
    tokio::select! {
        error = listener.run() => Err(RunError::Link(error)),
        served = moco_wire::serve_agent(agent_listener, credentials, handler, never) => {
            served.map_err(RunError::Serve)
        }
        left = leave::run(member) => left.map_err(|fault| RunError::Leave(fault.sentence)),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| RunError::Listen { address, source })
}

struct Handler(Arc<Member<RealHost>>);

impl PeerHandler for Handler {
    async fn heartbeat(&self, from: MemberId, beat: Beat) -> BeatAnswer {
        self.0.beat(from, &beat)
    }
}

impl AgentHandler for Handler {
    async fn report(&self) -> MemberReport {
        self.0.controller_called();
        self.0.report().await
    }

    async fn carry(&self, order: Order) -> Answer {
        orders::carry(&self.0, order).await
    }
}

async fn health_pages(listener: TcpListener, member: Arc<Member<RealHost>>) {
    let page = move |path: String| {
        let member = Arc::clone(&member);
        async move {
            match path.as_str() {
                "/healthz" => Page::Fine("the agent answers\n".to_owned()),
                "/readyz" => match probes::readyz(member).await {
                    Ok(()) => Page::Fine("ready\n".to_owned()),
                    Err(because) => Page::NotNow(format!("{because}\n")),
                },
                _ => Page::Unknown,
            }
        }
    };
    serve_pages(listener, page).await;
}

async fn metrics_pages(listener: TcpListener, member: Arc<Member<RealHost>>) {
    let page = move |path: String| {
        let member = Arc::clone(&member);
        async move {
            if path != "/metrics" {
                return Page::Unknown;
            }
            let report = member.report().await;
            let counters = member.shared.read(|state| state.counters);
            let name = &member.settings.cluster.name;
            Page::Metrics(metrics::page(name, &report, counters))
        }
    };
    serve_pages(listener, page).await;
}
