//! Peers that do not answer, and too many of them.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moco_model::command::Answer;
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::certificates::{Ca, fixed};
use super::world::*;
use crate::client::{ClientError, PING_EVERY, PING_TIME_MAX};
use crate::server::Limits;
use crate::tls::AcceptLimits;

const SHORT: Duration = Duration::from_millis(300);
/// Far below what an order may take, 12 s.
const SECONDS: Duration = Duration::from_secs(6);

#[tokio::test]
async fn silent_peers_delay_no_other() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(agent.address).await.unwrap());
    }
    let begun = Instant::now();
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    client.report().await.unwrap();
    // Less than the time that one silent peer is given.
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_silent_peer_is_closed_when_its_time_is_over() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let limits = Limits {
        accept: AcceptLimits {
            // Also enough for the handshake of the second, on a busy machine.
            handshake: Duration::from_secs(1),
            handshakes: 1,
            ..limits(8, 8).accept
        },
        shutdown_grace: SHORT,
    };
    let credentials = fixed(ca.cluster("ns", "a"));
    let agent = agent_within(limits, "127.0.0.1:0", credentials, &handler).await;
    let mut silent = TcpStream::connect(agent.address).await.unwrap();
    // It holds the only turn; this call gets the next one.
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    client.report().await.unwrap();
    assert_eq!(in_time(silent.read(&mut [0; 16])).await.unwrap(), 0);
}

#[tokio::test]
async fn connections_beyond_an_identitys_bound_are_closed_until_a_place_is_free() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let credentials = fixed(ca.cluster("ns", "a"));
    let agent = agent_within(limits(1, 8), "127.0.0.1:0", credentials, &handler).await;
    let first = calls_agent(agent.address, "a", fixed(ca.controller()));
    first.report().await.unwrap();
    let second = calls_agent(agent.address, "a", fixed(ca.controller()));
    let error = second.report().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    // Another identity has places of its own.
    let cluster = calls_agent(agent.address, "a", fixed(ca.cluster("ns", "a")));
    let error = cluster.report().await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
    drop(first);
    let freed = async { while second.report().await.is_err() {} };
    in_time(freed).await;
}

#[tokio::test]
async fn a_call_ends_with_its_deadline_when_the_handler_hangs() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_agent_for(SHORT, agent.address, "a", fixed(ca.controller()));
    let begun = Instant::now();
    let error = client.report().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Timeout { call: "report", .. }),
        "{error:?}"
    );
    assert!(
        (SHORT..PATIENT / 2).contains(&begun.elapsed()),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn who_works_long_on_an_order_is_waited_for_and_who_has_gone_without_a_word_is_not() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let (address, silence) = gateway(agent.address).await;
    let client = calls_agent_for(100 * PATIENT, address, "a", fixed(ca.controller()));
    let mut call = tokio::spawn(async move { client.carry(&order()).await });
    wait_for(&handler.begun, |begun| *begun == 1).await;
    let signs = PING_EVERY + PING_TIME_MAX;
    tokio::time::timeout(signs + SHORT, &mut call)
        .await
        .expect_err("it works on it");
    let gone = Instant::now();
    silence.notify_waiters();
    let error = in_time(call).await.unwrap().unwrap_err();
    assert!(gone.elapsed() < SECONDS, "{:?}", gone.elapsed());
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(!error.nobody_listens());
}

#[tokio::test]
async fn an_order_is_carried_to_its_end_when_the_caller_is_gone() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    let caller = tokio::spawn(async move { client.carry(&order()).await });
    wait_for(&handler.begun, |begun| *begun == 1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    // Without a caller left, the connection ends and the service with it.
    agent.stop().await.unwrap();
    assert!(handler.carried.borrow().is_empty());
    handler.released.send_replace(true);
    wait_for(&handler.carried, |carried| carried.len() == 1).await;
}

#[tokio::test]
async fn orders_do_not_pile_up_behind_a_handler_that_hangs() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let client = calls_agent(agent.address, "a", fixed(ca.controller()));
        waiting.push(tokio::spawn(async move { client.carry(&order()).await }));
    }
    wait_for(&handler.begun, |begun| *begun == 8).await;
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    let answer = client.carry(&order()).await.unwrap();
    assert!(matches!(answer, Answer::Busy { .. }), "{answer:?}");
    handler.released.send_replace(true);
    for one in waiting {
        let answer = in_time(one).await.unwrap().unwrap();
        assert!(matches!(answer, Answer::StaleEpoch { .. }), "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_is_a_timeout() {
    let ca = Ca::new(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = calls_agent_for(SHORT, address, "a", fixed(ca.controller()));
    let error = client.report().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_call_can_have_a_shorter_deadline_than_the_others() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_agent_for(3 * PATIENT, agent.address, "a", fixed(ca.controller()));
    let error = in_time(client.report_within(SHORT)).await.unwrap_err();
    let of_the_call = |error: &ClientError| matches!(error, ClientError::Timeout { after, .. } if *after == SHORT);
    assert!(of_the_call(&error), "{error:?}");
    let error = in_time(client.carry_within(&order(), SHORT))
        .await
        .unwrap_err();
    assert!(of_the_call(&error), "{error:?}");
}

/// Passes connections on to `target` until it is told to be silent; then it keeps those that it
/// has, passes nothing on, and serves new ones.
pub(super) async fn gateway(target: SocketAddr) -> (SocketAddr, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let silence = Arc::new(Notify::new());
    let silenced = Arc::clone(&silence);
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let silenced = Arc::clone(&silenced);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    () = silenced.notified() => pending().await,
                }
            });
        }
    });
    (address, silence)
}

#[tokio::test]
async fn a_connection_that_went_silent_is_not_used_again() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let (address, silence) = gateway(agent.address).await;
    let deadline = Duration::from_secs(2);
    let client = calls_agent_for(deadline, address, "a", fixed(ca.controller()));
    client.report().await.unwrap();
    silence.notify_waiters();
    let error = client.report().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    client.report().await.unwrap();
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable_at_once() {
    let ca = Ca::new(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = calls_agent(address, "a", fixed(ca.controller()));
    let error = client.report().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(error.to_string(), format!("cannot reach {address}"));
}

#[tokio::test]
async fn a_service_ends_although_a_handler_hangs() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Hangs);
    let limits = Limits {
        shutdown_grace: SHORT,
        ..limits(8, 8)
    };
    let credentials = fixed(ca.cluster("ns", "a"));
    let agent = agent_within(limits, "127.0.0.1:0", credentials, &handler).await;
    // It would wait longer than this test does.
    let client = calls_agent_for(3 * PATIENT, agent.address, "a", fixed(ca.controller()));
    let hanging = tokio::spawn(async move { client.carry(&order()).await });
    wait_for(&handler.begun, |begun| *begun == 1).await;
    agent.stop().await.unwrap();
    hanging.abort();
}
