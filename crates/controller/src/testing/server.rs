//! An API server in memory, as much of one as the tests need: versions and their conflicts, uids,
//! generations, the status subresource, create, replace, merge patch, apply (as a merge that records
//! its fields), delete with finalizers, lists by label. No watches: tests carry what is stored into
//! the sights themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, StatusCode};
use kube::client::Body;
use serde_json::{Map, Value, json};

use crate::watch::{Mark, ObjectKey, Sights};

type Answer = Result<Value, (StatusCode, &'static str)>;
/// Changes what is stored just before a request is handled: what somebody else does meanwhile.
type Meanwhile = Box<dyn FnMut(&Method, &str, &mut Store) + Send>;

/// What is stored, by path.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) objects: BTreeMap<String, Value>,
    version: u64,
}

#[derive(Default)]
struct Inner {
    store: Store,
    requests: Vec<(Method, String)>,
    drops_register: bool,
    meanwhile: Option<Meanwhile>,
}

/// The server. Clones are the same server.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<Inner>>);

impl Server {
    pub(crate) fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.handle(request).await) }
        });
        kube::Client::new(service, "default")
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Stores an object as it is.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.lock().store.put(path, object);
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.lock().store.objects.get(path).cloned()
    }

    pub(crate) fn remove(&self, path: &str) {
        self.lock().store.objects.remove(path);
    }

    /// From now on the status loses its register when it is written.
    pub(crate) fn drop_register(&self) {
        self.lock().drops_register = true;
    }

    /// Does something before requests are handled.
    pub(crate) fn meanwhile(&self, doing: impl FnMut(&Method, &str, &mut Store) + Send + 'static) {
        self.lock().meanwhile = Some(Box::new(doing));
    }

    /// The requests that would change something, since the last time they were taken.
    pub(crate) fn take_writes(&self) -> Vec<(Method, String)> {
        let requests = std::mem::take(&mut self.lock().requests);
        requests
            .into_iter()
            .filter(|(method, _)| *method != Method::GET)
            .collect()
    }

    /// All requests since the last time they were taken.
    pub(crate) fn take_requests(&self) -> Vec<(Method, String)> {
        std::mem::take(&mut self.lock().requests)
    }

    /// Shows the sights everything that is stored, as the watches would.
    pub(crate) fn show(&self, sights: &Sights) {
        let mut named = BTreeSet::new();
        for object in self.lock().store.objects.values() {
            let text = |pointer: &str| {
                object
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let key = ObjectKey {
                kind: text("/kind"),
                namespace: text("/metadata/namespace"),
                name: text("/metadata/name"),
            };
            if key.kind == "Pod" {
                sights.put_pod(serde_json::from_value(object.clone()).unwrap());
                continue;
            }
            if key.kind == "StatefulSet" {
                sights.put_set(key.clone(), serde_json::from_value(object.clone()).unwrap());
            }
            let meta = serde_json::from_value(object["metadata"].clone()).unwrap();
            let mark = Mark::of(&key.kind, &meta);
            named.insert(key.clone());
            sights.put_mark(key, mark);
        }
        for kind in [
            "StatefulSet",
            "Service",
            "Secret",
            "ConfigMap",
            "ServiceAccount",
        ] {
            sights.keep_objects(kind, &named);
        }
    }

    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let apply = head
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.to_str().unwrap().contains("apply"));
        let mut inner = self.lock();
        inner.requests.push((head.method.clone(), path.clone()));
        let Inner {
            store,
            meanwhile,
            drops_register,
            ..
        } = &mut *inner;
        if let Some(meanwhile) = meanwhile {
            meanwhile(&head.method, &path, store);
        }
        let (path, status) = match path.strip_suffix("/status") {
            Some(path) => (path.to_owned(), true),
            None => (path, false),
        };
        let answer = match (&head.method, status) {
            (&Method::GET, _) => store.read(&path, &query),
            (&Method::POST, _) => store.create(&path, body),
            (&Method::PUT, true) => store.write_status(&path, &body, false, *drops_register),
            (&Method::PUT, false) => store.replace(&path, body),
            (&Method::PATCH, true) => store.write_status(&path, &body, true, *drops_register),
            (&Method::PATCH, false) if query.contains("dryRun") => {
                let before = (store.objects.clone(), store.version);
                let answer = store.patch(&path, &body, apply);
                (store.objects, store.version) = before;
                answer
            }
            (&Method::PATCH, false) => store.patch(&path, &body, apply),
            (&Method::DELETE, _) => store.delete(&path),
            _ => Err((StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed")),
        };
        respond(answer)
    }
}

fn respond(answer: Answer) -> Response<Body> {
    let (code, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err((code, reason)) => {
            let body = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": reason, "reason": reason, "code": code.as_u16(),
            });
            (code, body)
        }
    };
    let body = Body::from(serde_json::to_vec(&body).unwrap());
    Response::builder().status(code).body(body).unwrap()
}

const NOT_FOUND: (StatusCode, &str) = (StatusCode::NOT_FOUND, "NotFound");
const CONFLICT: (StatusCode, &str) = (StatusCode::CONFLICT, "Conflict");

impl Store {
    pub(crate) fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let version = self.version.to_string();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata
                .entry("uid")
                .or_insert_with(|| json!(format!("uid {version}")));
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    /// Stores what differs; the generation rises with the spec.
    fn change(&mut self, path: &str, before: &Value, mut after: Value) -> Value {
        if after == *before {
            return after;
        }
        if before["spec"] != after["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
            after["metadata"]["generation"] = json!(generation + 1);
        }
        let finalizers = after["metadata"]["finalizers"]
            .as_array()
            .map_or(0, Vec::len);
        if after["metadata"]["deletionTimestamp"].is_string() && finalizers == 0 {
            self.objects.remove(path);
            return after;
        }
        self.put(path, after)
    }

    fn read(&self, path: &str, query: &str) -> Answer {
        if let Some(object) = self.objects.get(path) {
            return Ok(object.clone());
        }
        if !query.contains("labelSelector") {
            return Err(NOT_FOUND);
        }
        let within = format!("{path}/");
        let items: Vec<_> = self
            .objects
            .iter()
            .filter(|(at, _)| at.starts_with(&within))
            .map(|(_, one)| one)
            .collect();
        Ok(json!({ "kind": "List", "apiVersion": "v1", "metadata": {}, "items": items }))
    }

    fn create(&mut self, path: &str, mut body: Value) -> Answer {
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{path}/{name}");
        if self.objects.contains_key(&path) {
            return Err((StatusCode::CONFLICT, "AlreadyExists"));
        }
        name_it(&path, &mut body);
        Ok(self.put(&path, body))
    }

    /// The stored object, if a request that names a version or uid means it.
    fn meant(&self, path: &str, body: &Value) -> Answer {
        let before = self.objects.get(path).cloned().ok_or(NOT_FOUND)?;
        for field in ["resourceVersion", "uid"] {
            let given = &body["metadata"][field];
            if !given.is_null() && *given != before["metadata"][field] {
                return Err(CONFLICT);
            }
        }
        Ok(before)
    }

    fn replace(&mut self, path: &str, mut body: Value) -> Answer {
        let before = self.meant(path, &body)?;
        for field in ["uid", "resourceVersion", "generation"] {
            body["metadata"][field] = before["metadata"][field].clone();
        }
        body["status"] = before["status"].clone();
        Ok(self.change(path, &before, body))
    }

    fn write_status(&mut self, path: &str, body: &Value, is_patch: bool, drops: bool) -> Answer {
        let before = self.meant(path, body)?;
        let mut after = before.clone();
        if is_patch {
            merge(&mut after["status"], &body["status"]);
        } else {
            after["status"] = body["status"].clone();
        }
        if let Some(status) = after["status"].as_object_mut().filter(|_| drops) {
            status.remove("register");
        }
        Ok(self.change(path, &before, after))
    }

    fn patch(&mut self, path: &str, body: &Value, apply: bool) -> Answer {
        if apply && !self.objects.contains_key(path) {
            let mut object = body.clone();
            name_it(path, &mut object);
            object["metadata"]["managedFields"] = json!([managed(body)]);
            object["metadata"]["generation"] = json!(1);
            return Ok(self.put(path, object));
        }
        let before = self.meant(path, body)?;
        let mut after = before.clone();
        let mut change = body.clone();
        if let Some(fields) = change.as_object_mut() {
            fields.remove("status");
        }
        merge(&mut after, &change);
        after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if apply {
            after["metadata"]["managedFields"] = json!([managed(body)]);
        }
        Ok(self.change(path, &before, after))
    }

    fn delete(&mut self, path: &str) -> Answer {
        let before = self.objects.get(path).cloned().ok_or(NOT_FOUND)?;
        let mut after = before.clone();
        after["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        Ok(self.change(path, &before, after))
    }
}

/// Puts in what the path says.
fn name_it(path: &str, object: &mut Value) {
    let parts: Vec<_> = path.split('/').collect();
    if let Some(at) = parts.iter().position(|part| *part == "namespaces") {
        object["metadata"]["namespace"] = json!(parts[at + 1]);
    }
    object["metadata"]["name"] = json!(parts.last());
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// The record of an apply. Lists are owned as a whole.
fn managed(applied: &Value) -> Value {
    fn fields(value: &Value) -> Value {
        let Value::Object(object) = value else {
            return json!({});
        };
        let own: Map<String, Value> = object
            .iter()
            .map(|(name, value)| (format!("f:{name}"), fields(value)))
            .collect();
        Value::Object(own)
    }
    let mut body = applied.clone();
    for name in ["apiVersion", "kind"] {
        body.as_object_mut().unwrap().remove(name);
    }
    for name in ["name", "namespace"] {
        body["metadata"].as_object_mut().unwrap().remove(name);
    }
    json!({
        "manager": "moco-controller", "operation": "Apply", "apiVersion": applied["apiVersion"],
        "fieldsType": "FieldsV1", "fieldsV1": fields(&body),
    })
}
