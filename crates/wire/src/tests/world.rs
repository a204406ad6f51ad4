//! Servers that run for the length of a test, and handlers that remember.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moco_model::command::{Answer, Order};
use moco_model::{
    ClusterId, ClusterUid, Command, Epoch, GtidSet, MemberId, MemberReport, Membership, Phase, Role,
};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::beat::{Beat, BeatAnswer};
use crate::client::{AgentClient, ControllerClient, PeerClient};
use crate::notice::{Notice, NoticeAnswer};
use crate::server::{
    AgentHandler, ControllerHandler, Limits, PeerHandler, ServeError, serve_agent_within,
    serve_controller,
};
use crate::tls::{CredentialsSource, PlaceLimits};

/// Long enough for a slow machine; no test waits for it to pass.
pub(super) const PATIENT: Duration = Duration::from_secs(20);

/// How handlers behave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    Answers,
    /// Reports and answers to heartbeats never come; orders wait until they are released.
    Hangs,
    Panics,
}

pub(super) struct Agent {
    pub(super) report: MemberReport,
    pub(super) temper: Temper,
    pub(super) begun: watch::Sender<usize>,
    pub(super) released: watch::Sender<bool>,
    pub(super) carried: watch::Sender<Vec<Order>>,
    pub(super) beats: watch::Sender<Vec<(MemberId, Beat)>>,
}

impl Agent {
    pub(super) fn new(temper: Temper) -> Arc<Self> {
        Self::with_report(temper, report())
    }

    pub(super) fn with_report(temper: Temper, report: MemberReport) -> Arc<Self> {
        Arc::new(Self {
            report,
            temper,
            begun: watch::Sender::default(),
            released: watch::Sender::default(),
            carried: watch::Sender::default(),
            beats: watch::Sender::default(),
        })
    }
}

impl AgentHandler for Agent {
    async fn report(&self) -> MemberReport {
        if self.temper == Temper::Hangs {
            pending::<()>().await;
        }
        self.report.clone()
    }

    async fn carry(&self, order: Order) -> Answer {
        self.begun.send_modify(|begun| *begun += 1);
        match self.temper {
            Temper::Answers => {}
            Temper::Hangs => wait_for(&self.released, |released| *released).await,
            Temper::Panics => panic!("on purpose"),
        }
        let held = order.epoch;
        self.carried.send_modify(|carried| carried.push(order));
        Answer::StaleEpoch { held }
    }
}

impl PeerHandler for Agent {
    async fn heartbeat(&self, from: MemberId, beat: Beat) -> BeatAnswer {
        self.beats.send_modify(|beats| beats.push((from, beat)));
        if self.temper == Temper::Hangs {
            pending::<()>().await;
        }
        beat_answer()
    }
}

#[derive(Default)]
pub(super) struct Controller {
    pub(super) taken: Mutex<Vec<Notice>>,
}

impl ControllerHandler for Controller {
    async fn notify(&self, notice: Notice) -> NoticeAnswer {
        let answer = match notice.sequence {
            0 => NoticeAnswer::Leader("moco-controller.moco-system.svc:9080".to_owned()),
            1 => NoticeAnswer::NoLeader,
            _ => NoticeAnswer::Taken,
        };
        self.taken.lock().unwrap().push(notice);
        answer
    }
}

/// A service that ends with the test.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// Ends it and waits until it has ended.
    pub(super) async fn stop(self) -> Result<(), ServeError> {
        self.stop.send(()).unwrap();
        in_time(self.served).await.unwrap()
    }
}

pub(super) async fn agent(credentials: CredentialsSource, handler: &Arc<Agent>) -> Running {
    agent_within(limits(64, 64), "127.0.0.1:0", credentials, handler).await
}

/// So many connections of the controller and of each cluster, and of all strangers together.
pub(super) fn limits(each: usize, of_strangers: usize) -> Limits {
    Limits::with_places(PlaceLimits {
        controller: each,
        own_cluster: each,
        each_cluster: each,
        of_clusters: of_strangers,
    })
}

pub(super) async fn agent_within(
    limits: Limits,
    address: &str,
    credentials: CredentialsSource,
    handler: &Arc<Agent>,
) -> Running {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = Arc::clone(handler);
    let (stop, stopped) = oneshot::channel();
    let serving = async move {
        let stopped = async {
            let _ = stopped.await;
        };
        serve_agent_within(limits, listener, credentials, handler, stopped).await
    };
    let served = tokio::spawn(serving);
    Running {
        address,
        stop,
        served,
    }
}

pub(super) async fn controller(
    credentials: CredentialsSource,
    handler: &Arc<Controller>,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = Arc::clone(handler);
    let (stop, stopped) = oneshot::channel();
    let serving = async move {
        let stopped = async {
            let _ = stopped.await;
        };
        serve_controller(listener, credentials, handler, stopped).await
    };
    let served = tokio::spawn(serving);
    Running {
        address,
        stop,
        served,
    }
}

/// A client of the agent of a member of cluster `ns/NAME`.
pub(super) fn calls_agent(
    address: SocketAddr,
    name: &str,
    credentials: CredentialsSource,
) -> AgentClient {
    calls_agent_for(PATIENT, address, name, credentials)
}

pub(super) fn calls_agent_for(
    deadline: Duration,
    address: SocketAddr,
    name: &str,
    credentials: CredentialsSource,
) -> AgentClient {
    let cluster = ClusterId::new("ns", name).unwrap();
    AgentClient::new(address.to_string(), cluster, credentials, deadline)
}

/// A client of member 1 of cluster `ns/NAME`, as another member calls it.
pub(super) fn calls_peer(
    deadline: Duration,
    address: SocketAddr,
    name: &str,
    credentials: CredentialsSource,
) -> PeerClient {
    let cluster = ClusterId::new("ns", name).unwrap();
    let address = address.to_string();
    PeerClient::new(address, cluster, MemberId(1), credentials, deadline)
}

pub(super) fn calls_controller(
    address: SocketAddr,
    credentials: CredentialsSource,
) -> ControllerClient {
    ControllerClient::new(address.to_string(), credentials, PATIENT)
}

pub(super) fn report() -> MemberReport {
    MemberReport {
        cluster: ClusterUid("uid".to_owned()),
        member: MemberId(1),
        agent_version: "0.1.0".to_owned(),
        phase: Phase::AtGate,
        guard: None,
        server: None,
        fault: None,
        mysqld_pid: None,
        leaving: false,
        hearing: None,
        commits: None,
        evidence: Vec::new(),
    }
}

pub(super) fn beat() -> Beat {
    Beat {
        epoch: Epoch(6),
        follows: true,
    }
}

pub(super) fn beat_answer() -> BeatAnswer {
    BeatAnswer {
        member: MemberId(1),
        epoch: Epoch(7),
        role: Some(Role::Primary),
        mysqld_runs: true,
        open: true,
    }
}

pub(super) fn order() -> Order {
    Order {
        cluster: ClusterUid("uid".to_owned()),
        member: MemberId(1),
        epoch: Epoch(7),
        promise: Epoch(7),
        role: Role::Primary,
        membership: Membership::first(3),
        command: Command::Open { acks: 1 },
    }
}

pub(super) fn notice(name: &str, sequence: u64) -> Notice {
    Notice {
        cluster: ClusterId::new("ns", name).unwrap(),
        sequence,
        report: report(),
    }
}

/// A set whose text has about so many bytes.
pub(super) fn gtid_set(bytes: usize) -> GtidSet {
    let all: Vec<_> = (0..bytes / 39)
        .map(|n| format!("00000000-0000-0000-0000-{n:012x}:1"))
        .collect();
    all.join(",").parse().unwrap()
}

/// Fails the test when it takes too long, instead of hanging.
pub(super) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENT, future)
        .await
        .expect("it took too long")
}

pub(super) async fn wait_for<T>(sender: &watch::Sender<T>, good: impl FnMut(&T) -> bool) {
    in_time(sender.subscribe().wait_for(good)).await.unwrap();
}
