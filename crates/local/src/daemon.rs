//! The background process of a cluster: passes, fronts, notices.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use moco_model::Millis;
use moco_pass::{Lines, Pilot, now};
use moco_wire::{ControllerHandler, CredentialsSource, Notice, NoticeAnswer};
use rustix::fs::FlockOperation;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

use crate::fronts::{self, Front, Targets};
use crate::home::Home;
use crate::manifest::Settings;
use crate::members;
use crate::world::LocalWorld;

/// After a step that was taken, its effect is looked for this soon.
const AFTER_STEP: Millis = 2;
/// After a pass that failed.
const AFTER_FAILURE: Millis = 1_000;
/// How often changed certificate files are looked for.
const CERTIFICATES: Duration = Duration::from_secs(60);

/// Runs until SIGTERM. The members go on without it.
pub(crate) async fn run(home: Home) -> anyhow::Result<()> {
    let _lock = lock(&home)?;
    let settings = Settings::read(&home)?.context("the cluster was never started")?;
    let credentials = CredentialsSource::from_folder(&home.authority(), CERTIFICATES)
        .context("cannot use the certificate of the background process")?;
    let (targets, led) = watch::channel(Targets::default());
    let world = LocalWorld::new(home, settings.clone(), targets)?;
    let wake = Arc::new(Notify::new());

    for (front, address) in [
        (Front::Primary, settings.primary_front()),
        (Front::Replica, settings.replica_front()),
    ] {
        tokio::spawn(fronts::serve(listen(address).await?, front, led.clone()));
    }
    let notices = listen(settings.notices()).await?;
    let handler = Arc::new(Notices {
        wake: Arc::clone(&wake),
    });
    tokio::spawn(moco_wire::serve_controller(
        notices,
        credentials.clone(),
        handler,
        std::future::pending(),
    ));
    let mut terminated = signal(SignalKind::terminate()).context("cannot hear SIGTERM")?;
    let mut hung_up = signal(SignalKind::hangup()).context("cannot hear SIGHUP")?;
    let mut pilot = Pilot::new(world, Lines::new(credentials));
    loop {
        let next = match pilot.pass().await {
            Ok(passed) if passed.acted => now() + AFTER_STEP,
            Ok(passed) => passed.wake_at,
            Err(error) => {
                tracing::warn!("{error}");
                now() + AFTER_FAILURE
            }
        };
        let pause = Duration::from_millis(u64::try_from(next - now()).unwrap_or(0));
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = hung_up.recv() => {} // the manifest changed, or a terminal was closed
            _ = terminated.recv() => return Ok(()),
        }
    }
}

fn lock(home: &Home) -> anyhow::Result<File> {
    let path = home.path().join("daemon.lock");
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("another background process runs for this cluster");
    }
    Ok(file)
}

async fn listen(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

struct Notices {
    wake: Arc<Notify>,
}

impl ControllerHandler for Notices {
    async fn notify(&self, notice: Notice) -> NoticeAnswer {
        tracing::debug!(member = %notice.report.member, phase = %notice.report.phase, "notice");
        self.wake.notify_one();
        NoticeAnswer::Taken
    }
}

/// Whether every port that a member needs is free on the address of member 0 of a network.
pub(crate) fn network_is_free(settings: &Settings) -> bool {
    let member = members::agent_address(settings, moco_model::MemberId(0));
    let wanted = [
        settings.primary_front(),
        settings.replica_front(),
        settings.notices(),
        member,
    ];
    wanted
        .into_iter()
        .all(|address| std::net::TcpListener::bind(address).is_ok())
}
