//! An API server in memory, which keeps what was asked of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::calls::Calls;

/// One request, in the words of Kubernetes' rules of access.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// `pods`, `pods/log`, or `moco-system/pods` in another namespace than the cluster's.
    pub(crate) resource: String,
    pub(crate) verb: String,
}

/// The server.
#[derive(Clone, Default)]
pub(crate) struct Server {
    /// Objects by resource.
    objects: Arc<Mutex<BTreeMap<String, Vec<Value>>>>,
    /// What is answered for a log.
    log: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The parts of a path.
struct Place {
    namespace: String,
    resource: String,
    name: Option<String>,
    below: Option<String>,
}

impl Server {
    /// Adds an object.
    pub(crate) fn put(&self, resource: &str, object: Value) {
        let mut objects = self.objects.lock().unwrap();
        objects.entry(resource.to_owned()).or_default().push(object);
    }

    /// Sets what every log holds.
    pub(crate) fn set_log(&self, log: &str) {
        log.clone_into(&mut self.log.lock().unwrap());
    }

    /// What was asked, each once.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked.dedup();
        asked
    }

    /// Calls of the namespace `shop`.
    pub(crate) fn calls(&self) -> Calls {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let answer = server.answer(&head, &body);
                let Some((code, text)) = answer else {
                    return futures::future::pending().await; // nothing changes any more
                };
                let response = Response::builder().status(code);
                let body = Body::from(text.into_bytes());
                Ok::<_, Infallible>(response.body(body).unwrap())
            }
        });
        let client = Client::new(service, "shop");
        Calls::new(client, "shop".to_owned(), Some(Duration::from_secs(5)))
    }

    fn answer(&self, head: &hyper::http::request::Parts, body: &[u8]) -> Option<(u16, String)> {
        let place = place(head.uri.path());
        let query = query(head.uri.query().unwrap_or_default());
        let watch = query.get("watch").is_some_and(|watch| watch == "true");
        self.note(&place, &head.method, watch);
        if watch {
            return None;
        }
        if matches!(head.method, Method::PUT | Method::POST) {
            // Only a dry run asks so.
            let dry_run = query.get("dryRun").map(String::as_str);
            assert_eq!(dry_run, Some("All"), "{} {}", head.method, head.uri);
        }
        let accept = head
            .headers
            .get("accept")
            .map(|value| value.to_str().unwrap().to_owned());
        let bare = accept.is_some_and(|accept| accept.contains("PartialObjectMetadata"));
        let shown = |object: &Value| {
            let kind = "PartialObjectMetadata";
            if bare {
                json!({ "apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": object["metadata"] })
            } else {
                object.clone()
            }
        };
        let objects = self.objects.lock().unwrap();
        let all = objects.get(&place.resource).map_or(&[][..], Vec::as_slice);
        let found = all
            .iter()
            .find(|one| one["metadata"]["name"].as_str() == place.name.as_deref());
        Some(match (&head.method, &place.below, &place.name) {
            (_, Some(below), _) if below == "log" => (200, self.log.lock().unwrap().clone()),
            (_, Some(_), _) => (200, "moco_instance_writable{index=\"0\"} 1.0\n".to_owned()),
            (&(Method::PUT | Method::POST), ..) => (200, String::from_utf8(body.to_vec()).unwrap()),
            (_, _, Some(name)) => match found {
                Some(found) => (200, shown(found).to_string()),
                None => (
                    404,
                    status(404, &format!("{} {name:?} not found", place.resource)),
                ),
            },
            (_, _, None) => {
                let selector = query.get("labelSelector").map_or("", String::as_str);
                let number = |name: &str| query.get(name).map(|text| text.parse().unwrap());
                let (from, limit) = (number("continue").unwrap_or(0), number("limit"));
                let to = limit.map_or(usize::MAX, |limit| from + limit);
                let picked = all.iter().filter(|one| is_picked(one, selector));
                let mut picked = picked.skip(from);
                let items: Vec<_> = picked.by_ref().take(to - from).map(shown).collect();
                let next = picked.next().map(|_| to.to_string());
                let list = json!({
                    "apiVersion": "v1", "kind": "List", "items": items,
                    "metadata": { "resourceVersion": "1", "continue": next },
                });
                (200, list.to_string())
            }
        })
    }

    fn note(&self, place: &Place, method: &Method, watch: bool) {
        let verb = match (method, &place.name) {
            (&Method::GET, _) if watch => "watch",
            (&Method::GET, Some(_)) => "get",
            (&Method::GET, None) => "list",
            (&Method::PUT, _) => "update",
            (&Method::POST, _) => "create",
            (&Method::PATCH, _) => "patch",
            other => panic!("{other:?}"),
        };
        let mut resource = place.resource.clone();
        if let Some(below) = &place.below {
            resource = format!("{resource}/{below}");
        }
        if place.namespace != "shop" {
            resource = format!("{}/{resource}", place.namespace);
        }
        self.asked.lock().unwrap().push(Asked {
            resource,
            verb: verb.to_owned(),
        });
    }
}

/// `/api/v1/namespaces/N/R…` or `/apis/G/V/namespaces/N/R…`.
fn place(path: &str) -> Place {
    let mut parts = path
        .split('/')
        .skip_while(|part| *part != "namespaces")
        .skip(1);
    let mut next = || parts.next().map(str::to_owned);
    Place {
        namespace: next().unwrap(),
        resource: next().unwrap(),
        name: next(),
        below: next(),
    }
}

/// The parts of a query, by name.
fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let plain = |value: &str| {
        let escapes = [("%3D", "="), ("%2C", ","), ("%2F", "/")];
        let text = escapes.iter().fold(value.to_owned(), |text, (code, sign)| {
            text.replace(code, sign)
        });
        assert!(!text.contains(['%', '+']), "{text} is escaped otherwise");
        text
    };
    pairs
        .map(|(name, value)| (name.to_owned(), plain(value)))
        .collect()
}

/// Whether an object has all labels of a selector `KEY=VALUE,KEY=VALUE`.
fn is_picked(object: &Value, selector: &str) -> bool {
    let mut wanted = selector.split(',').filter(|part| !part.is_empty());
    wanted.all(|part| {
        let (key, value) = part.split_once('=').unwrap();
        object["metadata"]["labels"][key] == value
    })
}

fn status(code: u16, message: &str) -> String {
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": "NotFound", "message": message,
    })
    .to_string()
}
