use super::*;
use crate::testing::{SYSTEM, Server};

const CA: &str = "/api/v1/namespaces/moco-system/secrets/moco-ca";
const LEAF: &str = "/api/v1/namespaces/moco-system/secrets/moco-controller-grpc";

fn certificates(server: &Server) -> Certificates {
    Certificates::new(server.client(), &Namespace::new(SYSTEM).unwrap())
}

#[tokio::test]
async fn two_controllers_that_begin_at_once_agree_on_one_authority() {
    let server = Server::default();
    let (one, two) = (certificates(&server), certificates(&server));
    // The second one makes its own just before the first one's request to create arrives.
    let other = Server::default();
    let theirs = two_of(&other).await;
    server.meanwhile(move |method, path, store| {
        if *method == "POST" && path.ends_with("/secrets") && store.objects.is_empty() {
            store.put(CA, theirs.0.clone());
            store.put(LEAF, theirs.1.clone());
        }
    });
    let first = one.look(May::Create).await.unwrap();
    let second = two.look(May::Create).await.unwrap();
    assert!(first == second, "both read what was made first");
    assert_eq!(one.hierarchy().unwrap().bundle(), first.bundle);
    assert_eq!(server.get(CA), server.get(CA));
    assert_eq!(
        server.take_writes().len(),
        1,
        "the one request that came too late"
    );
}

/// What another controller makes for itself.
async fn two_of(server: &Server) -> (serde_json::Value, serde_json::Value) {
    certificates(server).look(May::Create).await.unwrap();
    (server.get(CA).unwrap(), server.get(LEAF).unwrap())
}

#[tokio::test]
async fn a_look_at_what_is_good_writes_nothing() {
    let server = Server::default();
    let certificates = certificates(&server);
    let made = certificates.look(May::Create).await.unwrap();
    assert_eq!(server.take_writes().len(), 2);
    let again = certificates.look(May::Change).await.unwrap();
    assert!(made == again);
    assert_eq!(server.take_writes(), []);
}

#[tokio::test]
async fn a_deleted_authority_is_written_again_from_memory() {
    let server = Server::default();
    let certificates = certificates(&server);
    let made = certificates.look(May::Create).await.unwrap();
    server.remove(CA);
    let again = certificates.look(May::Change).await.unwrap();
    assert!(made == again);
    assert!(server.get(CA).is_some());
    let bundle = Hierarchy::read(&secret_texts(&server, CA))
        .unwrap()
        .bundle();
    assert_eq!(bundle, made.bundle);
}

fn secret_texts(server: &Server, path: &str) -> BTreeMap<String, String> {
    let data = server.get(path).unwrap()["data"].clone();
    let data: BTreeMap<String, k8s_openapi::ByteString> = serde_json::from_value(data).unwrap();
    data.into_iter()
        .map(|(key, text)| (key, String::from_utf8(text.0).unwrap()))
        .collect()
}

#[tokio::test]
async fn a_deleted_leaf_is_issued_anew_and_a_damaged_authority_is_left_to_a_person() {
    let server = Server::default();
    let certificates = certificates(&server);
    let made = certificates.look(May::Create).await.unwrap();
    server.remove(LEAF);
    let again = certificates.look(May::Create).await.unwrap();
    assert!(made.certificate != again.certificate && made.bundle == again.bundle);
    let mut damaged = server.get(CA).unwrap();
    damaged["data"]["ca.crt"] = "eA==".into();
    server.put(CA, damaged.clone());
    server.take_requests();
    let error = with_causes(&certificates.look(May::Change).await.unwrap_err());
    assert!(
        error.contains("moco-ca") && error.contains("ca.crt"),
        "{error}"
    );
    assert_eq!(server.take_writes(), []);
    assert!(
        certificates.hierarchy().is_some(),
        "the last good one is used meanwhile"
    );
}

#[tokio::test]
async fn only_the_leader_changes_what_is_there() {
    let server = Server::default();
    let certificates = certificates(&server);
    certificates.look(May::Create).await.unwrap();
    // A successor that was made and not yet published.
    let successor = moco_pki::Authority::create(2, Timestamp::now())
        .unwrap()
        .to_pem();
    let mut stored = server.get(CA).unwrap();
    for (key, text) in [
        ("authority-2.crt", successor.certificate.as_str()),
        ("authority-2.key", successor.key.expose()),
    ] {
        let bytes = k8s_openapi::ByteString(text.as_bytes().to_vec());
        stored["data"][key] = serde_json::to_value(bytes).unwrap();
    }
    server.put(CA, stored);
    server.take_requests();
    certificates.look(May::Create).await.unwrap();
    assert_eq!(server.take_writes(), []);
    let files = certificates.look(May::Change).await.unwrap();
    assert_eq!(
        server.take_writes().len(),
        2,
        "the authority, and the bundle beside the leaf"
    );
    assert_eq!(files.bundle.matches("BEGIN CERTIFICATE").count(), 2);
}
