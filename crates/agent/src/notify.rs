//! Events: the agent tells the controller when something changed, and repeats it until answered.

use std::sync::Arc;
use std::time::Duration;

use moco_model::report::{FaultCode, ThreadState};
use moco_model::{ClusterId, MemberReport, Phase};
use moco_wire::{ControllerClient, CredentialsSource, Notice, NoticeAnswer};
use tokio::time::{Instant, sleep, timeout};

use crate::member::Member;
use moco_model::sentence::with_causes;

/// How often mysqld is looked at for changes that the agent did not make itself.
const LOOK: Duration = Duration::from_secs(1);
/// How long a controller may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// How soon an event that was not answered is repeated: 0.2 s, doubling up to 5 s.
const FIRST_REPEAT: Duration = Duration::from_millis(200);
const LONGEST_REPEAT: Duration = Duration::from_secs(5);

/// The part of a report whose change is an event. GTID sets and lag change all the time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Digest {
    phase: Phase,
    fault: Option<FaultCode>,
    epoch: u64,
    server: Option<ServerDigest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ServerDigest {
    writable: bool,
    offline: bool,
    acknowledges: bool,
    clients: u32,
    threads: Option<(ThreadState, ThreadState)>,
    error: Option<String>,
}

impl Digest {
    fn of(report: &MemberReport) -> Self {
        let server = report.server.as_ref().map(|server| {
            let channel = server.replication.as_ref();
            ServerDigest {
                writable: server.writable,
                offline: server.offline,
                acknowledges: server.semi_sync.replica_active,
                clients: server.semi_sync.clients,
                threads: channel.map(|channel| (channel.receiver, channel.applier)),
                error: channel.and_then(|channel| channel.last_error.clone()),
            }
        });
        Self {
            phase: report.phase,
            fault: report.fault.as_ref().map(|fault| fault.code),
            epoch: report.guard.as_ref().map_or(0, |guard| guard.epoch.0),
            server,
        }
    }
}

/// Tells the controller about every change, for as long as the agent lives.
pub async fn run(member: Arc<Member>, cluster: ClusterId, mut controllers: Controllers) {
    let mut changes = member.shared.changes();
    let mut process = member.link.process();
    let mut told = None;
    let mut sequence = 0;
    loop {
        changes.borrow_and_update();
        process.borrow_and_update();
        let report = member.report().await;
        let digest = Digest::of(&report);
        if told.as_ref() != Some(&digest) {
            sequence += 1;
            let notice = Notice {
                cluster: cluster.clone(),
                sequence,
                report,
            };
            tell(&member, &mut controllers, notice).await;
            told = Some(digest);
        }
        let next_look = Instant::now() + LOOK;
        tokio::select! {
            _ = changes.changed() => {}
            _ = process.changed() => {}
            () = tokio::time::sleep_until(next_look) => {}
        }
    }
}

/// The controllers that can be told: the Service, and the leader that one of them named.
pub struct Controllers {
    service: ControllerClient,
    leader: Option<(String, ControllerClient)>,
    credentials: CredentialsSource,
}

impl Controllers {
    /// Begins with the Service at `address`, `host:port`.
    pub fn new(address: String, credentials: CredentialsSource) -> Self {
        let service = ControllerClient::new(address, credentials.clone(), DEADLINE);
        Self {
            service,
            leader: None,
            credentials,
        }
    }

    /// Tells the leader as far as it is known. True once the notice was taken.
    async fn tell(&mut self, notice: &Notice) -> bool {
        let client = self
            .leader
            .as_ref()
            .map_or(&self.service, |(_, leader)| leader);
        match client.notify(notice).await {
            Ok(NoticeAnswer::Taken) => true,
            Ok(NoticeAnswer::Leader(address)) => {
                if self
                    .leader
                    .as_ref()
                    .is_none_or(|(known, _)| *known != address)
                {
                    let credentials = self.credentials.clone();
                    let client = ControllerClient::new(address.clone(), credentials, DEADLINE);
                    self.leader = Some((address, client));
                }
                false
            }
            Ok(NoticeAnswer::NoLeader) => {
                self.leader = None;
                false
            }
            Err(error) => {
                tracing::debug!("{}", with_causes(&error));
                self.leader = None;
                false
            }
        }
    }
}

/// Repeats the newest state until it is taken.
async fn tell(member: &Member, controllers: &mut Controllers, mut notice: Notice) {
    let mut wait = FIRST_REPEAT;
    let mut changes = member.shared.changes();
    loop {
        changes.borrow_and_update();
        let redirected = controllers.leader.is_some();
        if controllers.tell(&notice).await {
            return;
        }
        if !redirected && controllers.leader.is_some() {
            continue; // a leader was named: ask it at once
        }
        // A change shortens the pause, but does not end it: changes may come fast.
        let _ = timeout(wait, changes.changed()).await;
        sleep(FIRST_REPEAT).await;
        wait = wait.saturating_mul(2).min(LONGEST_REPEAT);
        notice.report = member.report().await;
    }
}
