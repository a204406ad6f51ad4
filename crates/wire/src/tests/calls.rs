//! Calls between peers that accept each other.

use std::sync::Arc;

use moco_model::command::Answer;
use moco_model::report::SemiSyncReport;
use moco_model::{ClusterId, Epoch, MemberReport, ServerReport, ServerUuid, ServerVersion};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use super::certificates::{Ca, fixed};
use super::world::*;
use crate::client::ClientError;
use crate::notice::NoticeAnswer;
use crate::proto;
use crate::proto::agent_client::AgentClient as Generated;
use crate::protocol::PROTOCOL;
use crate::tls::{CredentialsSource, Dialler, Expected};

#[tokio::test]
async fn an_agent_reports_and_carries_orders() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    assert_eq!(client.report().await.unwrap(), report());
    assert_eq!(
        client.carry(&order()).await.unwrap(),
        Answer::StaleEpoch { held: Epoch(7) }
    );
    assert_eq!(*handler.carried.borrow(), vec![order()]);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_controller_takes_notices_or_names_the_leader() {
    let ca = Ca::new(1);
    let handler = Arc::new(Controller::default());
    let controller = controller(fixed(ca.controller()), &handler).await;
    let client = calls_controller(controller.address, fixed(ca.cluster("ns", "a")));
    assert_eq!(
        client.notify(&notice("a", 0)).await.unwrap(),
        NoticeAnswer::Leader("moco-controller.moco-system.svc:9080".to_owned())
    );
    assert_eq!(
        client.notify(&notice("a", 1)).await.unwrap(),
        NoticeAnswer::NoLeader
    );
    assert_eq!(
        client.notify(&notice("a", 2)).await.unwrap(),
        NoticeAnswer::Taken
    );
    let taken = handler.taken.lock().unwrap().clone();
    assert_eq!(taken, vec![notice("a", 0), notice("a", 1), notice("a", 2)]);
    controller.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_connects_again_when_the_server_was_away() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let credentials = fixed(ca.cluster("ns", "a"));
    let first = agent(credentials.clone(), &handler).await;
    let address = first.address;
    let client = calls_agent(address, "a", fixed(ca.controller()));
    client.report().await.unwrap();
    first.stop().await.unwrap();
    let gone = client.report().await.unwrap_err();
    assert!(matches!(gone, ClientError::Unreachable { .. }), "{gone:?}");
    let second = agent_within(limits(64, 64), &address.to_string(), credentials, &handler).await;
    client.report().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_report_that_is_too_large_is_an_error_and_not_half_a_report() {
    let ca = Ca::new(1);
    let handler = Agent::with_report(Temper::Answers, large_report());
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    let error = client.report().await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    assert!(error.to_string().contains("too large"), "{error}");
    // The connection is still good.
    client.carry(&order()).await.unwrap();
}

#[tokio::test]
async fn a_notice_that_is_too_large_is_not_sent() {
    let ca = Ca::new(1);
    let handler = Arc::new(Controller::default());
    let controller = controller(fixed(ca.controller()), &handler).await;
    let client = calls_controller(controller.address, fixed(ca.cluster("ns", "a")));
    let mut large = notice("a", 2);
    large.report = large_report();
    let error = client.notify(&large).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { .. }), "{error:?}");
    assert!(handler.taken.lock().unwrap().is_empty());
    client.notify(&notice("a", 3)).await.unwrap();
}

#[tokio::test]
async fn a_server_refuses_messages_that_no_client_of_ours_sends() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let channel = raw_channel(&agent, fixed(ca.controller())).await;
    let mut client = Generated::new(channel);
    let good = proto::OrderRequest::from(&order());
    let mut refused = async |message: proto::OrderRequest| {
        let status = client.carry(Request::new(message)).await.unwrap_err();
        (status.code(), status.message().to_owned())
    };

    let mut large = good.clone();
    large.cluster_uid = Some("x".repeat(7 * 1024 * 1024));
    assert_eq!(refused(large).await.0, Code::OutOfRange);

    let mut old = good.clone();
    old.protocol = Some(0);
    let (code, because) = refused(old).await;
    assert_eq!(code, Code::InvalidArgument);
    assert!(because.starts_with("field protocol: is 0"), "{because}");

    let mut no_epoch = good;
    no_epoch.epoch = None;
    assert_eq!(
        refused(no_epoch).await,
        (Code::InvalidArgument, "field epoch: is missing".to_owned())
    );
    assert!(handler.carried.borrow().is_empty());

    let request = proto::ReportRequest {
        protocol: Some(PROTOCOL + 1),
    };
    client.report(Request::new(request)).await.unwrap();
}

#[tokio::test]
async fn a_handler_that_breaks_ends_one_call_only() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Panics);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    let error = client.carry(&order()).await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    client.report().await.unwrap();
}

/// Three sets of 2.5 MiB each.
fn large_report() -> MemberReport {
    let set = gtid_set(5 * 512 * 1024);
    let mut report = report();
    report.server = Some(ServerReport {
        server_uuid: ServerUuid::from_u128(1),
        version: ServerVersion {
            major: 9,
            minor: 7,
            patch: 4,
        },
        executed: set.clone(),
        purged: set.clone(),
        writable: false,
        offline: false,
        replication: Some(moco_model::report::ReplicationReport {
            source_host: "a".to_owned(),
            source_port: 3306,
            receiver: moco_model::report::ThreadState::On,
            applier: moco_model::report::ThreadState::On,
            last_error: None,
            received: set,
            lag_ms: 0,
            silent_ms: 0,
        }),
        semi_sync: SemiSyncReport::default(),
        drift: Vec::new(),
    });
    report
}

/// A connection without the manners of our client.
async fn raw_channel(agent: &Running, credentials: CredentialsSource) -> Channel {
    let dialler = Arc::new(Dialler {
        address: agent.address.to_string(),
        expected: Expected::Cluster(ClusterId::new("ns", "a").unwrap()),
        loaded: credentials.current(),
        time_limit: PATIENT,
    });
    let connector = tower::service_fn(move |_| {
        let dialler = Arc::clone(&dialler);
        async move { dialler.dial().await.map(hyper_util::rt::TokioIo::new) }
    });
    Endpoint::from_static("http://moco")
        .connect_with_connector(connector)
        .await
        .unwrap()
}
