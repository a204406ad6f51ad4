//! Heartbeats between agents: who may send them, and what is learned when none is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use moco_model::MemberId;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::certificates::{Ca, fixed};
use super::silence::gateway;
use super::world::*;
use crate::client::{ClientError, PeerClient};
use crate::convert::Problem;
use crate::server::{AgentHandler as _, Limits};
use crate::tls::PlaceLimits;

const SHORT: Duration = Duration::from_millis(300);
/// The caller in these tests; member 1 is called.
const FROM: MemberId = MemberId(2);

#[tokio::test]
async fn members_of_a_cluster_hear_each_other() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_peer(PATIENT, agent.address, "a", fixed(ca.cluster("ns", "a")));
    let answer = client.heartbeat(FROM, beat()).await.unwrap();
    assert_eq!(answer, beat_answer());
    assert_eq!(*handler.beats.borrow(), vec![(FROM, beat())]);
    // The other service is still there, for the controller.
    let controller = calls_agent(agent.address, "a", fixed(ca.controller()));
    assert_eq!(controller.report().await.unwrap(), handler.report().await);
}

#[tokio::test]
async fn only_members_of_the_same_cluster_are_heard() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    for (certificate, found) in [
        (ca.controller(), "moco:controller"),
        (ca.cluster("ns", "b"), "moco:cluster/ns/b"),
        (ca.cluster("other", "a"), "moco:cluster/other/a"),
    ] {
        let client = calls_peer(PATIENT, agent.address, "a", fixed(certificate));
        let error = client.heartbeat(FROM, beat()).await.unwrap_err();
        assert!(!error.nobody_listens());
        let expected = "expected a certificate of moco:cluster/ns/a, found one of";
        match error {
            ClientError::Refused { because, .. } => {
                assert_eq!(because, format!("{expected} {found}"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(handler.beats.borrow().is_empty());
}

#[tokio::test]
async fn nothing_is_said_to_an_agent_of_another_cluster() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "b")), &handler).await;
    let client = calls_peer(PATIENT, agent.address, "a", fixed(ca.cluster("ns", "a")));
    let error = client.heartbeat(FROM, beat()).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
    assert!(handler.beats.borrow().is_empty());
}

#[tokio::test]
async fn another_member_at_the_address_is_not_the_one_called() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = PeerClient::new(
        agent.address.to_string(),
        moco_model::ClusterId::new("ns", "a").unwrap(),
        MemberId(0),
        fixed(ca.cluster("ns", "a")),
        PATIENT,
    );
    let error = client.heartbeat(FROM, beat()).await.unwrap_err();
    assert!(!error.nobody_listens());
    match error {
        ClientError::Answer { source, .. } => {
            assert_eq!(source.field, "member");
            assert!(matches!(
                source.problem,
                Problem::OutOfRange { value: 1, .. }
            ));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn heartbeats_go_over_one_connection() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let (address, connections) = counting_gateway(agent.address).await;
    let client = calls_peer(PATIENT, address, "a", fixed(ca.cluster("ns", "a")));
    for _ in 0..50 {
        client.heartbeat(FROM, beat()).await.unwrap();
    }
    assert_eq!(handler.beats.borrow().len(), 50);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// Passes connections on and counts them.
async fn counting_gateway(target: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (address, count)
}

/// The way to one agent after the other, each for one connection. With the last connection nobody
/// listens any more, as when a process ends: its listener goes before its connections.
struct Door {
    address: SocketAddr,
    cut: Arc<Notify>,
    closed: JoinHandle<()>,
}

impl Door {
    async fn to<const N: usize>(agents: [SocketAddr; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(Notify::new());
        let told = Arc::clone(&cut);
        let closed = tokio::spawn(async move {
            let mut listener = Some(listener);
            for (n, agent) in agents.into_iter().enumerate() {
                let (mut near, _) = listener.as_ref().unwrap().accept().await.unwrap();
                listener = listener.filter(|_| n + 1 < N);
                let mut far = TcpStream::connect(agent).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    () = told.notified() => {}
                }
            }
        });
        Self {
            address,
            cut,
            closed,
        }
    }
}

#[tokio::test]
async fn a_listener_that_vanished_is_refused_and_not_silent() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let door = Door::to([agent.address]).await;
    let client = calls_peer(PATIENT, door.address, "a", fixed(ca.cluster("ns", "a")));
    client.heartbeat(FROM, beat()).await.unwrap();
    door.cut.notify_one();
    in_time(door.closed).await.unwrap();
    for _ in 0..3 {
        let error = client.heartbeat(FROM, beat()).await.unwrap_err();
        assert!(error.nobody_listens(), "{error:?}");
    }
}

#[tokio::test]
async fn an_agent_that_ends_under_a_heartbeat_is_known_by_the_same_call() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let door = Door::to([agent.address]).await;
    let client = calls_peer(PATIENT, door.address, "a", fixed(ca.cluster("ns", "a")));
    let call = tokio::spawn(async move { client.heartbeat(FROM, beat()).await });
    wait_for(&handler.beats, |beats| beats.len() == 1).await;
    door.cut.notify_one();
    let error = in_time(call).await.unwrap().unwrap_err();
    assert!(error.nobody_listens(), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_broke_under_a_heartbeat_is_made_anew_by_the_same_call() {
    let ca = Ca::new(1);
    let (first, second) = (Agent::new(Temper::Hangs), Agent::new(Temper::Answers));
    let hanging = agent(fixed(ca.cluster("ns", "a")), &first).await;
    let living = agent(fixed(ca.cluster("ns", "a")), &second).await;
    let door = Door::to([hanging.address, living.address]).await;
    let client = calls_peer(PATIENT, door.address, "a", fixed(ca.cluster("ns", "a")));
    let call = tokio::spawn(async move { client.heartbeat(FROM, beat()).await });
    wait_for(&first.beats, |beats| beats.len() == 1).await;
    door.cut.notify_one();
    assert_eq!(in_time(call).await.unwrap().unwrap(), beat_answer());
}

#[tokio::test]
async fn silence_is_a_timeout_and_no_evidence_of_death() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let (address, silence) = gateway(agent.address).await;
    let deadline = Duration::from_secs(2);
    let client = calls_peer(deadline, address, "a", fixed(ca.cluster("ns", "a")));
    client.heartbeat(FROM, beat()).await.unwrap();
    silence.notify_waiters();
    let error = client.heartbeat(FROM, beat()).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert!(!error.nobody_listens());
    // It answers again over a new connection.
    client.heartbeat(FROM, beat()).await.unwrap();
}

#[tokio::test]
async fn a_peer_whose_machine_accepts_and_that_says_nothing_is_silent() {
    let ca = Ca::new(1);
    // As a stopped process: its kernel goes on accepting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = calls_peer(SHORT, address, "a", fixed(ca.cluster("ns", "a")));
    for _ in 0..3 {
        let error = client.heartbeat(FROM, beat()).await.unwrap_err();
        assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
        assert!(!error.nobody_listens());
    }
}

#[tokio::test]
async fn a_handler_that_hangs_is_silence_within_the_deadline() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_peer(SHORT, agent.address, "a", fixed(ca.cluster("ns", "a")));
    let begun = Instant::now();
    let error = client.heartbeat(FROM, beat()).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert!(begun.elapsed() < PATIENT / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_closes_connections_is_not_taken_for_dead() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let credentials = fixed(ca.cluster("ns", "a"));
    let agent = agent_within(limits(1, 1), "127.0.0.1:0", credentials, &handler).await;
    let first = calls_peer(PATIENT, agent.address, "a", fixed(ca.cluster("ns", "a")));
    first.heartbeat(FROM, beat()).await.unwrap();
    let second = calls_peer(PATIENT, agent.address, "a", fixed(ca.cluster("ns", "a")));
    let error = second.heartbeat(FROM, beat()).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(!error.nobody_listens());
}

#[tokio::test]
async fn peers_and_strangers_take_no_place_of_the_controller_nor_of_each_other() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let limits = Limits::with_places(PlaceLimits {
        controller: 1,
        own_cluster: 2,
        each_cluster: 1,
        of_clusters: 1,
    });
    let credentials = fixed(ca.cluster("ns", "a"));
    let agent = agent_within(limits, "127.0.0.1:0", credentials, &handler).await;
    let stranger = calls_peer(PATIENT, agent.address, "a", fixed(ca.cluster("ns", "b")));
    let error = stranger.heartbeat(FROM, beat()).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
    let own = || calls_peer(PATIENT, agent.address, "a", fixed(ca.cluster("ns", "a")));
    let peers = [own(), own()];
    for peer in &peers {
        peer.heartbeat(FROM, beat()).await.unwrap();
    }
    assert!(own().heartbeat(FROM, beat()).await.is_err());
    let controller = calls_agent(agent.address, "a", fixed(ca.controller()));
    controller.report().await.unwrap();
}
