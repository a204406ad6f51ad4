use std::io::Cursor;

use jiff::Timestamp;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::ServerSessionMemoryCache;
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError as RustlsCertificateError, ClientConnection, Error,
    HandshakeKind, ProtocolVersion, ServerConnection,
};

use super::*;
use crate::authority::Authority;
use crate::certificate::{PemError, peer_identity};
use crate::identity::Namespace;
use crate::key::KeyPem;
use crate::leaf::{Leaf, LeafRequest, issue};
use crate::testing::{authority, days, leaf_of, now};
use crate::validity;

const MEMBER: &str = "moco-db-0.moco-db.app.svc";

/// Lets a handshake happen at a chosen time.
#[derive(Debug)]
struct At(UnixTime);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

fn credentials(bundle: &Bundle, leaf: &Leaf) -> Credentials {
    Credentials::from_pem(TlsPem {
        bundle: &bundle.to_pem(),
        certificate: &leaf.cert_pem,
        key: leaf.key_pem.expose(),
    })
    .unwrap()
}

fn controller_leaf(authority: &Authority) -> Leaf {
    let bundle = Bundle::from(authority.certificate().clone());
    let request = LeafRequest::controller(&Namespace::new("moco-system").unwrap());
    issue(authority, &bundle, &request, now()).unwrap()
}

/// Which side gave up, and why.
#[derive(Debug)]
enum Refused {
    ByServer(Error),
    ByClient(Error),
}

/// A whole handshake in memory.
fn connect(
    client: ClientConfig,
    server: ServerConfig,
    name: &str,
    at: Timestamp,
) -> Result<(ClientConnection, ServerConnection), Refused> {
    let (mut client, mut server) = (client, server);
    let clock = Arc::new(At(validity::unix_time(at)));
    client.time_provider = Arc::clone(&clock) as Arc<dyn TimeProvider>;
    server.time_provider = clock;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = Cursor::new(wire);
        while server.read_tls(&mut wire).unwrap() > 0 {
            server.process_new_packets().map_err(Refused::ByServer)?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = Cursor::new(wire);
        while client.read_tls(&mut wire).unwrap() > 0 {
            client.process_new_packets().map_err(Refused::ByClient)?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

fn between(
    client: &Credentials,
    server: &Credentials,
    name: &str,
    at: Timestamp,
) -> Result<(ClientConnection, ServerConnection), Refused> {
    let alpn: &[&[u8]] = &[ALPN_H2];
    connect(
        client.client_config(alpn).unwrap(),
        server.server_config(alpn).unwrap(),
        name,
        at,
    )
}

#[test]
fn controller_and_agent_know_each_other_after_the_handshake() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let controller = credentials(&bundle, &controller_leaf(&made));
    let agent = credentials(&bundle, &leaf_of(&made, now()));
    for name in [MEMBER, "moco-db-primary.app.svc", "127.0.3.1"] {
        let (client, server) = between(&controller, &agent, name, now()).unwrap();
        let seen_by_client = peer_identity(&client.peer_certificates().unwrap()[0]).unwrap();
        let seen_by_server = peer_identity(&server.peer_certificates().unwrap()[0]).unwrap();
        assert_eq!(seen_by_client, Identity::cluster("app", "db").unwrap());
        assert_eq!(seen_by_server, Identity::Controller);
        assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(client.alpn_protocol(), Some(ALPN_H2));
    }
}

#[test]
fn a_client_that_only_speaks_1_2_is_served_and_still_needs_its_certificate() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let agent = credentials(&bundle, &leaf_of(&made, now()));
    let old = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(Arc::clone(&agent.roots));
    let known = old.clone().with_client_cert_resolver(agent.resolver());
    let server = agent.server_config(&[]).unwrap();
    let (client, _) = connect(known, server.clone(), MEMBER, now()).unwrap();
    assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    let refused = connect(old.with_no_client_auth(), server, MEMBER, now()).unwrap_err();
    assert!(
        matches!(refused, Refused::ByServer(Error::NoCertificatesPresented)),
        "{refused:?}"
    );
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let agent = credentials(&bundle, &leaf_of(&made, now()));
    let anonymous = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .unwrap()
        .with_root_certificates(Arc::clone(&agent.roots))
        .with_no_client_auth();
    let server = agent.server_config(&[]).unwrap();
    let refused = connect(anonymous, server, MEMBER, now()).unwrap_err();
    assert!(
        matches!(refused, Refused::ByServer(Error::NoCertificatesPresented)),
        "{refused:?}"
    );
}

#[test]
fn a_leaf_of_a_foreign_authority_is_refused_by_either_side_as_unknown() {
    let (ours, foreign) = (authority(1), authority(1));
    let our_bundle = Bundle::from(ours.certificate().clone());
    let foreign_bundle = Bundle::from(foreign.certificate().clone());
    let mut both = our_bundle.clone();
    both.add(foreign.certificate().clone()).unwrap();

    let good = credentials(&our_bundle, &leaf_of(&ours, now()));
    // Trusts both, so that only the other side has a reason to refuse.
    let intruder = credentials(&both, &leaf_of(&foreign, now()));
    let as_client = between(&intruder, &good, MEMBER, now()).unwrap_err();
    assert!(is_unknown_issuer(&as_client), "{as_client:?}");
    let as_server = between(&good, &intruder, MEMBER, now()).unwrap_err();
    assert!(matches!(as_server, Refused::ByClient(_)) && is_unknown_issuer(&as_server));

    // The same leaf among those who trust its authority is fine: the test can fail.
    let at_home = credentials(&foreign_bundle, &leaf_of(&foreign, now()));
    between(&intruder, &at_home, MEMBER, now()).unwrap();
}

fn is_unknown_issuer(refused: &Refused) -> bool {
    let (Refused::ByClient(error) | Refused::ByServer(error)) = refused;
    *error == Error::InvalidCertificate(RustlsCertificateError::UnknownIssuer)
}

#[test]
fn an_expired_leaf_is_refused_and_so_is_one_not_good_yet() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let fresh = credentials(&bundle, &leaf_of(&made, now()));
    let expired = credentials(&bundle, &leaf_of(&made, now() - days(91)));
    let future = credentials(&bundle, &leaf_of(&made, now() + days(2)));
    for bad in [&expired, &future] {
        let as_client = between(bad, &fresh, MEMBER, now()).unwrap_err();
        assert!(is_bad_date(&as_client), "{as_client:?}");
        let as_server = between(&fresh, bad, MEMBER, now()).unwrap_err();
        assert!(is_bad_date(&as_server), "{as_server:?}");
    }
    between(&fresh, &fresh, MEMBER, now() + days(90)).unwrap();
    between(&fresh, &fresh, MEMBER, now() + days(90) + days(1)).unwrap_err();
}

fn is_bad_date(refused: &Refused) -> bool {
    let (Refused::ByClient(error) | Refused::ByServer(error)) = refused;
    matches!(
        error,
        Error::InvalidCertificate(
            RustlsCertificateError::ExpiredContext { .. }
                | RustlsCertificateError::NotValidYetContext { .. }
        )
    )
}

#[test]
fn a_server_under_another_name_is_refused() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let agent = credentials(&bundle, &leaf_of(&made, now()));
    for name in [
        "moco-other-0.moco-other.app.svc",
        "moco-db-0.moco-db.other.svc",
        "127.0.3.2",
    ] {
        let refused = between(&agent, &agent, name, now()).unwrap_err();
        assert!(
            matches!(
                refused,
                Refused::ByClient(Error::InvalidCertificate(
                    RustlsCertificateError::NotValidForNameContext { .. }
                ))
            ),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn while_rotating_leaves_of_both_generations_meet() {
    let (old, new) = (authority(1), authority(2));
    let mut bundle = Bundle::from(old.certificate().clone());
    bundle.add(new.certificate().clone()).unwrap();
    let before = credentials(&bundle, &leaf_of(&old, now()));
    let after = credentials(&bundle, &leaf_of(&new, now()));
    between(&before, &after, MEMBER, now()).unwrap();
    between(&after, &before, MEMBER, now()).unwrap();
}

#[test]
fn no_session_is_resumed_whichever_side_would_like_to() {
    let made = authority(1);
    let bundle = Bundle::from(made.certificate().clone());
    let agent = credentials(&bundle, &leaf_of(&made, now()));
    let (client, server) = (
        agent.client_config(&[]).unwrap(),
        agent.server_config(&[]).unwrap(),
    );
    let mut eager_client = client.clone();
    eager_client.resumption = Resumption::default();
    let mut eager_server = server.clone();
    eager_server.session_storage = ServerSessionMemoryCache::new(16);
    eager_server.send_tls13_tickets = 2;
    let kinds = |client: &ClientConfig, server: &ServerConfig| {
        connect(client.clone(), server.clone(), MEMBER, now()).unwrap();
        connect(client.clone(), server.clone(), MEMBER, now())
            .unwrap()
            .0
            .handshake_kind()
    };
    assert_eq!(kinds(&eager_client, &server), Some(HandshakeKind::Full));
    assert_eq!(kinds(&client, &eager_server), Some(HandshakeKind::Full));
    // Two eager sides do resume: the test can fail.
    assert_eq!(
        kinds(&eager_client, &eager_server),
        Some(HandshakeKind::Resumed)
    );
}

#[test]
fn the_wrong_part_is_named() {
    let made = authority(1);
    let bundle = made.certificate().to_pem();
    let (leaf, other) = (leaf_of(&made, now()), leaf_of(&made, now()));
    let key = leaf.key_pem.expose();
    let joined = key.replace('\n', "");
    let good = TlsPem {
        bundle: &bundle,
        certificate: &leaf.cert_pem,
        key,
    };
    Credentials::from_pem(good).unwrap();

    let error = |pem| Credentials::from_pem(pem).unwrap_err();
    let bundle_error = error(TlsPem { bundle: "", ..good });
    assert!(matches!(
        bundle_error,
        TlsError::Bundle(BundleError::Pem(PemError::Missing))
    ));
    let certificate_error = error(TlsPem {
        certificate: key,
        ..good
    });
    assert!(matches!(certificate_error, TlsError::Certificate(_)));
    let authority_as_leaf = error(TlsPem {
        certificate: &bundle,
        ..good
    });
    assert!(matches!(authority_as_leaf, TlsError::KeyDoesNotMatch));
    let key_error = error(TlsPem {
        key: &leaf.cert_pem,
        ..good
    });
    assert!(matches!(key_error, TlsError::Key(KeyError::Missing)));
    let joined_error = error(TlsPem {
        key: &joined,
        ..good
    });
    assert!(
        matches!(joined_error, TlsError::Key(KeyError::Malformed)),
        "{joined_error:?}"
    );
    let pair_error = error(TlsPem {
        key: other.key_pem.expose(),
        ..good
    });
    assert!(matches!(pair_error, TlsError::KeyDoesNotMatch));
    let not_a_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let unsupported = error(TlsPem {
        key: not_a_key,
        ..good
    });
    assert!(matches!(unsupported, TlsError::Key(KeyError::Unsupported)));
}

#[test]
fn no_error_and_no_debug_output_shows_key_text() {
    let made = authority(1);
    let bundle = made.certificate().to_pem();
    let leaf = leaf_of(&made, now());
    let key = leaf.key_pem.expose();
    let secret = &key.lines().nth(1).unwrap()[..24];
    let damaged = [
        key.replace('\n', ""),
        key.replace("-----\n", "-----"),
        key.replace("PRIVATE KEY-----\n", "PRIVATE KEY\n"),
        key.replace("-----END", ""),
        key.replacen('M', "%", 1),
    ];
    for text in &damaged {
        for pem in [
            TlsPem {
                bundle: &bundle,
                certificate: &leaf.cert_pem,
                key: text,
            },
            TlsPem {
                bundle: &bundle,
                certificate: text,
                key,
            },
            TlsPem {
                bundle: text,
                certificate: &leaf.cert_pem,
                key,
            },
        ] {
            let error = Credentials::from_pem(pem).unwrap_err();
            let shown = format!("{error} {error:?} {pem:?} {:?}", KeyPem::new(text.as_str()));
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let good = TlsPem {
        bundle: &bundle,
        certificate: &leaf.cert_pem,
        key,
    };
    assert!(!format!("{:?}", Credentials::from_pem(good).unwrap()).contains(secret));
}

#[test]
fn a_refused_client_is_told_by_an_alert_and_not_by_silence() {
    let (ours, foreign) = (authority(1), authority(1));
    let mut both = Bundle::from(ours.certificate().clone());
    both.add(foreign.certificate().clone()).unwrap();
    let good = credentials(
        &Bundle::from(ours.certificate().clone()),
        &leaf_of(&ours, now()),
    );
    let intruder = credentials(&both, &leaf_of(&foreign, now()));
    let mut server_config = good.server_config(&[]).unwrap();
    let mut client_config = intruder.client_config(&[]).unwrap();
    let clock = Arc::new(At(validity::unix_time(now())));
    server_config.time_provider = Arc::clone(&clock) as Arc<dyn TimeProvider>;
    client_config.time_provider = clock;
    let name = ServerName::try_from(MEMBER).unwrap();
    let mut client = ClientConnection::new(Arc::new(client_config), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server_config)).unwrap();
    let mut told = None;
    for _ in 0..10 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut Cursor::new(wire)).unwrap();
        // The refusal is what this test waits for, at the other end.
        let _ = server.process_new_packets();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut Cursor::new(wire)).unwrap();
        if let Err(error) = client.process_new_packets() {
            told = Some(error);
            break;
        }
    }
    assert_eq!(
        told,
        Some(Error::AlertReceived(AlertDescription::UnknownCA))
    );
}
