//! The life of a controller, from start to end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use moco_api::constants::FIELD_MANAGER;
use moco_pki::{IdentityError, Namespace};
use moco_wire::pages::serve_pages;
use moco_wire::{CredentialsSource, ServeError, serve_controller};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Options;
use crate::authority::Certificates;
use crate::clusters::Clusters;
use crate::context::Context;
use crate::http::page;
use crate::lease::{Keeper, Leadership, Loss, Tenure};
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::ready::Readiness;
use crate::wake::Bells;
use crate::watch::{Sights, Watches};
use moco_model::sentence::with_causes;

/// How long the tasks may take to end.
const END_WITHIN: Duration = Duration::from_secs(3);

/// Why a controller ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The namespace cannot be one.
    #[error("{0:?} is no namespace")]
    Namespace(String, #[source] IdentityError),
    /// There is no API server to talk to.
    #[error("cannot find the API server")]
    Config(#[source] kube::config::InferConfigError),
    /// The client cannot be made.
    #[error("cannot make a client of the API server")]
    Client(#[source] kube::Error),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {what}")]
    Listen {
        /// For what.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be received.
    #[error("cannot receive signals")]
    Signals(#[source] io::Error),
    /// Agents' notices are not taken any more.
    #[error("agents' notices are not taken any more")]
    Serve(#[source] ServeError),
    /// Another controller leads now; this one starts anew, knowing nothing.
    #[error("this controller leads no more: {0}")]
    LeaseLost(String),
}

/// What lives as long as the controller.
struct Controller {
    options: Options,
    client: Client,
    stop: CancellationToken,
    tasks: TaskTracker,
    readiness: Readiness,
    metrics: Metrics,
    bells: Bells,
    certificates: Certificates,
}

/// Runs a controller until it is told to end (SIGTERM, SIGINT) or cannot go on.
pub async fn run(options: Options) -> Result<(), RunError> {
    let controller = Controller::new(options).await?;
    controller.serve_pages().await?;
    let Some((credentials, leadership)) = controller.begin().await? else {
        return Ok(());
    };
    let mut notices = controller
        .serve_notices(&credentials, leadership.subscribe())
        .await?;
    let mut keeper = controller.keeper(leadership);
    let (mut lease, tenure) = tokio::select! {
        taken = keeper.acquire() => taken,
        ended = &mut notices => return ended,
        () = controller.stop.cancelled() => return Ok(()),
    };
    tracing::info!("this controller leads");
    controller.lead(credentials, tenure.clone());
    let ended = tokio::select! {
        loss = keeper.hold(&mut lease, &tenure) => return Err(lost(&loss)),
        ended = &mut notices => ended,
        () = controller.stop.cancelled() => Ok(()),
    };
    controller.end().await;
    match keeper.release().await {
        Ok(()) => tracing::info!("gave up the lease"),
        Err(error) => tracing::warn!("cannot give up the lease: {}", with_causes(&error)),
    }
    ended
}

fn lost(loss: &Loss) -> RunError {
    RunError::LeaseLost(loss.to_string())
}

type Notified<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), RunError>> + Send + 'a>>;

impl Controller {
    async fn new(options: Options) -> Result<Self, RunError> {
        let namespace = Namespace::new(options.namespace.as_str())
            .map_err(|source| RunError::Namespace(options.namespace.clone(), source))?;
        let config = kube::Config::infer().await.map_err(RunError::Config)?;
        let client = Client::try_from(config).map_err(RunError::Client)?;
        let stop = CancellationToken::new();
        cancel_on_signals(stop.clone()).map_err(RunError::Signals)?;
        Ok(Self {
            certificates: Certificates::new(client.clone(), &namespace),
            options,
            client,
            stop,
            tasks: TaskTracker::new(),
            readiness: Readiness::default(),
            metrics: Metrics::new(),
            bells: Bells::default(),
        })
    }

    async fn serve_pages(&self) -> Result<(), RunError> {
        for (what, address) in [
            ("probes", self.options.health_listen),
            ("metrics", self.options.metrics_listen),
        ] {
            let listener = listen(what, address).await?;
            let (readiness, metrics) = (self.readiness.clone(), self.metrics.clone());
            let answer = move |path: String| {
                let answer = page(&path, &readiness, &metrics);
                async move { answer }
            };
            tokio::spawn(serve_pages(listener, answer));
        }
        Ok(())
    }

    /// Waits for the own certificate, and keeps it from then on. None when told to end meanwhile.
    async fn begin(
        &self,
    ) -> Result<Option<(CredentialsSource, watch::Sender<Leadership>)>, RunError> {
        let expected = self.readiness.expect("certificates");
        let (credentials, files) = tokio::select! {
            found = self.certificates.credentials() => found,
            () = self.stop.cancelled() => return Ok(None),
        };
        expected.met();
        let leadership = watch::Sender::new(Leadership::Unknown);
        let certificates = self.certificates.clone();
        tokio::spawn(certificates.keep(files, leadership.subscribe()));
        Ok(Some((credentials, leadership)))
    }

    async fn serve_notices(
        &self,
        credentials: &CredentialsSource,
        leadership: watch::Receiver<Leadership>,
    ) -> Result<Notified<'static>, RunError> {
        let listener = listen("agents' notices", self.options.listen).await?;
        let handler = Arc::new(Notices::new(leadership, self.bells.clone()));
        let stop = self.stop.clone();
        let serving = serve_controller(listener, credentials.clone(), handler, async move {
            stop.cancelled().await;
        });
        let serving = tokio::spawn(serving);
        Ok(Box::pin(async move {
            match serving.await {
                Ok(ended) => ended.map_err(RunError::Serve),
                // It panicked: without notices the controller would look only once a minute.
                Err(_) => Err(RunError::LeaseLost(
                    "its service for notices broke".to_owned(),
                )),
            }
        }))
    }

    fn keeper(&self, leadership: watch::Sender<Leadership>) -> Keeper {
        Keeper::new(
            self.client.clone(),
            &self.options.namespace,
            &self.options.pod_name,
            self.options.own_address(),
            leadership,
        )
    }

    /// Begins to watch, and the tasks of the clusters once their pods are known.
    fn lead(&self, credentials: CredentialsSource, tenure: Tenure) {
        self.metrics.lead();
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(self.options.pod_name.clone()),
        };
        let context = Context {
            client: self.client.clone(),
            namespace: self.options.namespace.clone(),
            images: self.options.images(),
            sights: Sights::default(),
            bells: self.bells.clone(),
            metrics: self.metrics.clone(),
            recorder: Recorder::new(self.client.clone(), reporter),
            certificates: self.certificates.clone(),
            credentials,
            tenure,
        };
        let watches = Watches {
            client: self.client.clone(),
            namespace: self.options.watch_namespace.clone(),
            sights: context.sights.clone(),
            bells: self.bells.clone(),
            readiness: self.readiness.clone(),
        };
        let (told, heard) = mpsc::unbounded_channel();
        watches.begin(told);
        let clusters = Clusters::new(context, self.tasks.clone(), self.stop.clone());
        let readiness = self.readiness.clone();
        self.tasks.spawn(async move {
            readiness.until(&["Pods", "StatefulSets"]).await;
            clusters.run(heard).await;
        });
    }

    /// Ends the tasks of the clusters: what another controller does next must not meet theirs.
    async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(END_WITHIN, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some tasks did not end in time");
        }
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| RunError::Listen {
            what,
            address,
            source,
        })
}

fn cancel_on_signals(stop: CancellationToken) -> io::Result<()> {
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("told to end");
        stop.cancel();
    });
    Ok(())
}
