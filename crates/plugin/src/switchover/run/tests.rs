use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Response;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::testing::{dynamic, handover, healthy};

/// An API server that answers each request with what a test says, and keeps what was asked.
struct Answers {
    calls: Calls,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    /// `answers`: an answer for each request in turn; further requests are never answered.
    fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let asked = Arc::clone(&seen);
        let service = tower::service_fn(move |request: hyper::Request<Body>| {
            let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                if head
                    .uri
                    .query()
                    .is_some_and(|query| query.contains("watch=true"))
                {
                    return futures::future::pending().await; // nothing changes any more
                }
                let path = head.uri.path().rsplit('/').next().unwrap_or_default();
                let line = format!("{} {path} {}", head.method, String::from_utf8_lossy(&body));
                asked.lock().unwrap().push(line.trim_end().to_owned());
                let Some((code, answer)) = answers.lock().unwrap().pop_front() else {
                    return futures::future::pending().await;
                };
                let body = Body::from(answer.to_string().into_bytes());
                let response = Response::builder().status(code).body(body).unwrap();
                Ok::<_, Infallible>(response)
            }
        });
        let client = Client::new(service, "shop");
        Self {
            calls: Calls::new(client, "shop".to_owned(), Some(Duration::from_secs(5))),
            seen,
        }
    }

    async fn switch(&self, asked: &Switchover) -> anyhow::Result<Answer> {
        let id = self.calls.id("orders").unwrap();
        run(&self.calls, &id, asked).await
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn asked(to: Option<u32>, timeout_ms: u64) -> Switchover {
    Switchover {
        cluster: "orders".to_owned(),
        to,
        timeout: Duration::from_millis(timeout_ms),
        no_wait: false,
    }
}

fn got(object: Value) -> (u16, Value) {
    (200, json!(dynamic(object)))
}

/// What a watch lists first.
fn listed(object: Value) -> (u16, Value) {
    let list = json!({
        "apiVersion": "moco.cybozu.com/v1beta2", "kind": "MySQLClusterList",
        "metadata": { "resourceVersion": "1" }, "items": [dynamic(object)],
    });
    (200, list)
}

fn patched() -> (u16, Value) {
    let meta =
        json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {} });
    (200, meta)
}

fn refused(code: u16, message: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": "Forbidden", "message": message,
    });
    (code, status)
}

fn switched() -> Value {
    let mut object = healthy();
    let register = &mut object["status"]["register"];
    register["epoch"] = json!(8);
    register["primary"] = json!(1);
    register["handovers"] = json!([handover(8, "switchover", true)]);
    object
}

const ASK: &str =
    r#"PATCH moco-orders-1 {"metadata":{"annotations":{"moco.cybozu.com/promote":"true"}}}"#;
const TAKE_BACK: &str =
    r#"PATCH moco-orders-1 {"metadata":{"annotations":{"moco.cybozu.com/promote":null}}}"#;

#[tokio::test]
async fn the_wish_is_taken_back_when_it_has_come_true() {
    let server = Answers::new([got(healthy()), patched(), listed(switched()), patched()]);
    let answer = server.switch(&asked(Some(1), 60_000)).await.unwrap();
    assert_eq!(answer, Answer::Yes);
    let seen = server.seen();
    assert_eq!((seen[0].as_str(), seen[1].as_str()), ("GET orders", ASK));
    assert_eq!(seen.last().unwrap(), TAKE_BACK);
}

#[tokio::test]
async fn the_wish_is_taken_back_when_the_time_is_over() {
    let server = Answers::new([got(healthy()), patched(), listed(healthy()), patched()]);
    let call = server.switch(&asked(Some(1), 50)).await;
    assert_eq!(call.unwrap(), Answer::No);
    assert_eq!(server.seen().last().unwrap(), TAKE_BACK);
}

#[tokio::test]
async fn the_wish_is_taken_back_when_the_cluster_cannot_be_watched() {
    let forbidden = refused(403, "mysqlclusters is forbidden");
    let server = Answers::new([got(healthy()), patched(), forbidden, patched()]);
    let error = server.switch(&asked(Some(1), 60_000)).await.unwrap_err();
    assert!(error.to_string().contains("forbidden"), "{error}");
    assert_eq!(server.seen().last().unwrap(), TAKE_BACK);
}

#[tokio::test]
async fn who_does_not_wait_leaves_the_wish() {
    let server = Answers::new([got(healthy()), patched()]);
    let no_wait = Switchover {
        no_wait: true,
        ..asked(Some(1), 1)
    };
    assert_eq!(server.switch(&no_wait).await.unwrap(), Answer::Yes);
    assert_eq!(server.seen(), ["GET orders", ASK]);
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_not_written() {
    let server = Answers::new([got(healthy())]);
    assert_eq!(server.switch(&asked(Some(9), 1)).await.unwrap(), Answer::No);
    assert_eq!(server.seen(), ["GET orders"]);
}

#[tokio::test]
async fn a_pod_that_may_not_be_patched_is_an_error() {
    let server = Answers::new([got(healthy()), refused(403, "pods is forbidden")]);
    let error = server.switch(&asked(Some(1), 1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot patch Pod shop/moco-orders-1: pods is forbidden"
    );
}
