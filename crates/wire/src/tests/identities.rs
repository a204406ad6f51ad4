//! Who may speak with whom.

use std::sync::Arc;

use moco_pki::tls::provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::certificates::{Ca, fixed};
use super::world::*;
use crate::client::ClientError;
use crate::tls::PemFiles;

/// Why one side refused the other.
fn refusal(error: &ClientError) -> &str {
    match error {
        ClientError::Refused { because, .. } => because,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_agent_obeys_the_controller_only() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_agent(agent.address, "a", fixed(ca.cluster("ns", "a")));
    let because = "expected a certificate of moco:controller, found one of moco:cluster/ns/a";
    assert_eq!(refusal(&client.report().await.unwrap_err()), because);
    assert_eq!(refusal(&client.carry(&order()).await.unwrap_err()), because);
    assert!(handler.carried.borrow().is_empty());
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_cluster_only() {
    let ca = Ca::new(1);
    let handler = Arc::new(Controller::default());
    let controller = controller(fixed(ca.controller()), &handler).await;
    for (certificate, found) in [
        (ca.cluster("ns", "b"), "moco:cluster/ns/b"),
        (ca.cluster("other", "a"), "moco:cluster/other/a"),
        (ca.controller(), "moco:controller"),
    ] {
        let client = calls_controller(controller.address, fixed(certificate));
        let error = client.notify(&notice("a", 2)).await.unwrap_err();
        assert_eq!(
            refusal(&error),
            format!("expected a certificate of cluster ns/a, found one of {found}")
        );
    }
    assert!(handler.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_says_nothing_to_a_member_of_another_cluster() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    for other in [
        ca.cluster("ns", "b"),
        ca.cluster("other", "a"),
        ca.controller(),
    ] {
        let agent = agent(fixed(other), &handler).await;
        let client = calls_agent(agent.address, "a", fixed(ca.controller()));
        let error = client.carry(&order()).await.unwrap_err();
        let because = refusal(&error);
        assert!(
            because.contains("expected a member of cluster ns/a"),
            "{because}"
        );
    }
    assert_eq!(*handler.begun.borrow(), 0);
}

#[tokio::test]
async fn an_agent_does_not_take_a_cluster_for_the_controller() {
    let ca = Ca::new(1);
    let handler = Arc::new(Controller::default());
    let impostor = controller(fixed(ca.cluster("ns", "a")), &handler).await;
    let client = calls_controller(impostor.address, fixed(ca.cluster("ns", "a")));
    let error = client.notify(&notice("a", 2)).await.unwrap_err();
    assert!(
        refusal(&error).contains("expected the controller"),
        "{error}"
    );
    assert!(handler.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_of_a_foreign_authority_is_refused() {
    let (ours, foreign) = (Ca::new(1), Ca::new(1));
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(foreign.cluster("ns", "a")), &handler).await;
    let client = calls_agent(agent.address, "a", fixed(ours.controller()));
    let error = client.report().await.unwrap_err();
    assert!(refusal(&error).contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_client_of_a_foreign_authority_is_refused_and_told_so() {
    let (ours, foreign) = (Ca::new(1), Ca::new(1));
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ours.cluster("ns", "a")), &handler).await;
    let intruder = PemFiles {
        bundle: ours.bundle_pem(),
        ..foreign.controller()
    };
    let client = calls_agent(agent.address, "a", fixed(intruder));
    for _ in 0..20 {
        let error = client.report().await.unwrap_err();
        assert!(
            refusal(&error).contains("refuses this program's certificate"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(ca.bundle_pem().as_bytes()) {
        roots.add(der.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(agent.address).await.unwrap();
    // A name of the certificate, so that this side has nothing to complain about.
    let name = ServerName::try_from("moco-a-0.moco-a.ns.svc").unwrap();
    let mut tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .unwrap();
    let error = in_time(tls.read(&mut [0; 16])).await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_harms_nobody() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let mut tcp = TcpStream::connect(agent.address).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Closed by the server, possibly with an alert before.
    let _ = in_time(tcp.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"));
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    client.report().await.unwrap();
}
