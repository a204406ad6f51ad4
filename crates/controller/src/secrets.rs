//! Reading and writing Secrets.
//!
//! They are read as plain JSON and not as their type: an error of a parser may quote what it
//! stumbled on, and the client logs answers that it cannot parse. `Debug` shows no value.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use serde_json::json;

use crate::call::{Attempt, CallError, call};

/// A Secret, or one to be written.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct SecretTexts {
    /// Its metadata, with the version that was read.
    pub(crate) metadata: ObjectMeta,
    /// Its values that are texts.
    pub(crate) texts: BTreeMap<String, String>,
}

impl fmt::Debug for SecretTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretTexts")
            .field("name", &self.metadata.name)
            .field("keys", &self.texts.keys())
            .finish_non_exhaustive()
    }
}

impl SecretTexts {
    /// One to be written, without values.
    pub(crate) fn named(name: &str, labels: BTreeMap<String, String>) -> Self {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        };
        Self {
            metadata,
            texts: BTreeMap::new(),
        }
    }

    fn of(object: DynamicObject) -> Self {
        let data = object.data.get("data").cloned().unwrap_or_default();
        let data: BTreeMap<String, ByteString> = serde_json::from_value(data).unwrap_or_default();
        let text = |(key, value): (String, ByteString)| {
            String::from_utf8(value.0).ok().map(|text| (key, text))
        };
        Self {
            metadata: object.metadata,
            texts: data.into_iter().filter_map(text).collect(),
        }
    }

    fn object(&self) -> DynamicObject {
        let bytes = |text: &String| ByteString(text.clone().into_bytes());
        let data: BTreeMap<_, _> = self
            .texts
            .iter()
            .map(|(key, text)| (key, bytes(text)))
            .collect();
        let mut object = DynamicObject::new("", &ApiResource::erase::<Secret>(&()));
        object.metadata = self.metadata.clone();
        object.data = json!({ "data": data, "type": "Opaque" });
        object
    }
}

/// The Secrets of a namespace.
#[derive(Clone)]
pub(crate) struct Secrets {
    api: Api<DynamicObject>,
    namespace: String,
}

impl Secrets {
    pub(crate) fn new(client: kube::Client, namespace: &str) -> Self {
        let kind = ApiResource::erase::<Secret>(&());
        let api = Api::namespaced_with(client, namespace, &kind);
        Self {
            api,
            namespace: namespace.to_owned(),
        }
    }

    fn attempt(&self, verb: &'static str, name: &str) -> Attempt {
        Attempt::new(verb, "Secret", &self.namespace, name)
    }

    /// Reads one, with a quorum.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<SecretTexts>, CallError> {
        let found = call(self.attempt("get", name), self.api.get_opt(name)).await?;
        Ok(found.map(SecretTexts::of))
    }

    /// Creates one; fails if there is one.
    pub(crate) async fn create(&self, secret: &SecretTexts) -> Result<SecretTexts, CallError> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let object = secret.object();
        let params = PostParams::default();
        let request = self.api.create(&params, &object);
        call(self.attempt("create", name), request)
            .await
            .map(SecretTexts::of)
    }

    /// Replaces the one that was read; fails if it was changed since.
    pub(crate) async fn replace(&self, secret: &SecretTexts) -> Result<SecretTexts, CallError> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let object = secret.object();
        let params = PostParams::default();
        let request = self.api.replace(name, &params, &object);
        call(self.attempt("update", name), request)
            .await
            .map(SecretTexts::of)
    }

    /// Writes one by compare-and-swap: creates it when it was never read, else replaces it.
    pub(crate) async fn write(&self, secret: &SecretTexts) -> Result<SecretTexts, CallError> {
        if secret.metadata.resource_version.is_some() {
            self.replace(secret).await
        } else {
            self.create(secret).await
        }
    }

    /// Deletes one, if there is one.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), CallError> {
        let params = DeleteParams::default();
        let request = self.api.delete(name, &params);
        match call(self.attempt("delete", name), request).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_they_are_read_and_never_shown() {
        let mut secret = SecretTexts::named("x", BTreeMap::new());
        secret
            .texts
            .insert("key".to_owned(), "hunter2 ä".to_owned());
        assert_eq!(SecretTexts::of(secret.object()), secret);
        assert!(!format!("{secret:?}").contains("hunter2"));
        let odd = json!({ "data": { "key": 7 } });
        let mut object = secret.object();
        object.data = odd;
        assert!(SecretTexts::of(object).texts.is_empty());
    }
}
