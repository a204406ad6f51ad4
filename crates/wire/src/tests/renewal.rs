//! New certificates without a restart.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::certificates::{Ca, fixed};
use super::world::*;
use crate::client::ClientError;
use crate::tls::{CredentialsSource, PemFiles};

fn write(folder: &Path, pem: &PemFiles) {
    fs::write(folder.join("ca.crt"), &pem.bundle).unwrap();
    fs::write(folder.join("tls.crt"), &pem.certificate).unwrap();
    fs::write(folder.join("tls.key"), pem.key.expose()).unwrap();
}

#[tokio::test]
async fn a_running_server_shows_a_renewed_certificate() {
    let ca = Ca::new(1);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &ca.cluster("ns", "a"));
    let credentials = CredentialsSource::from_folder(folder.path(), Duration::ZERO).unwrap();
    let handler = Agent::new(Temper::Answers);
    let agent = agent(credentials, &handler).await;
    let before = calls_agent(agent.address, "a", fixed(ca.controller()));
    before.report().await.unwrap();

    write(folder.path(), &ca.cluster("ns", "b"));
    let after = calls_agent(agent.address, "b", fixed(ca.controller()));
    after.report().await.unwrap();
    let late = calls_agent(agent.address, "a", fixed(ca.controller()));
    let error = late.report().await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
    // What was connected before goes on undisturbed.
    before.report().await.unwrap();
}

#[tokio::test]
async fn a_broken_renewal_leaves_a_running_server_as_it_was() {
    let ca = Ca::new(1);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &ca.cluster("ns", "a"));
    let credentials = CredentialsSource::from_folder(folder.path(), Duration::ZERO).unwrap();
    let handler = Agent::new(Temper::Answers);
    let agent = agent(credentials.clone(), &handler).await;

    fs::write(folder.path().join("tls.crt"), "no certificate").unwrap();
    let client = calls_agent(agent.address, "a", fixed(ca.controller()));
    client.report().await.unwrap();
    assert!(credentials.trouble().is_some());
}

#[tokio::test]
async fn a_client_connects_anew_with_its_renewed_certificate() {
    let ca = Ca::new(1);
    let handler = Agent::new(Temper::Answers);
    let agent = agent(fixed(ca.cluster("ns", "a")), &handler).await;
    let (put, channel) = watch::channel(ca.controller());
    let credentials = CredentialsSource::from_channel(channel).unwrap();
    let client = calls_agent(agent.address, "a", credentials);
    client.report().await.unwrap();
    put.send(ca.cluster("ns", "a")).unwrap();
    // The server sees the new certificate, which may not call it.
    let error = client.report().await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
    put.send(ca.controller()).unwrap();
    client.report().await.unwrap();
}

#[tokio::test]
async fn both_sides_move_to_another_authority() {
    let (old, new) = (Ca::new(1), Ca::new(2));
    let both = format!("{}{}", old.bundle_pem(), new.bundle_pem());
    let trusting_both = |pem: PemFiles| PemFiles {
        bundle: both.clone(),
        ..pem
    };
    let handler = Agent::new(Temper::Answers);
    let (serves, channel) = watch::channel(trusting_both(old.cluster("ns", "a")));
    let agent = agent(CredentialsSource::from_channel(channel).unwrap(), &handler).await;
    let (calls, channel) = watch::channel(trusting_both(old.controller()));
    let client = CredentialsSource::from_channel(channel).unwrap();
    let client = calls_agent(agent.address, "a", client);
    client.report().await.unwrap();

    serves.send(trusting_both(new.cluster("ns", "a"))).unwrap();
    calls.send(trusting_both(new.controller())).unwrap();
    client.report().await.unwrap();
    serves.send(new.cluster("ns", "a")).unwrap();
    calls.send(new.controller()).unwrap();
    client.report().await.unwrap();
    let late = calls_agent(agent.address, "a", fixed(trusting_both(old.controller())));
    let error = late.report().await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
}
