//! The file with the changed manifest.

use std::collections::BTreeMap;

use moco_api::MySQLCluster;
use moco_api::constants::{API_VERSION, KIND};
use serde_json::Value;

/// The longest file that is read, in bytes.
pub(super) const BYTES_MAX: u64 = 16 << 20;

/// What a file holds that matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Manifests {
    /// Each cluster, and places of it that are lost because MOCO does not know them.
    pub(super) clusters: Vec<(MySQLCluster, Vec<String>)>,
    config_maps: Vec<Value>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// No YAML.
    #[error("it is no YAML: {0}")]
    Yaml(String),
    /// A cluster that cannot be read.
    #[error("the MySQLCluster {name} cannot be read")]
    Cluster {
        /// Its name.
        name: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Another version.
    #[error("the MySQLCluster {name} has the version {found}; MOCO knows {API_VERSION}")]
    Version {
        /// Its name.
        name: String,
        /// Its version.
        found: String,
    },
    /// No cluster.
    #[error("it holds no MySQLCluster")]
    Empty,
}

impl Manifests {
    /// Reads YAML documents, or JSON; lists are taken apart.
    pub(super) fn read(text: &str) -> Result<Self, FileError> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| FileError::Yaml(error.to_string()))?;
        let mut read = Self::default();
        for document in documents.into_iter().flat_map(items) {
            match document.get("kind").and_then(Value::as_str) {
                Some(kind) if kind == KIND => read.clusters.push(cluster(&document)?),
                Some("ConfigMap") => read.config_maps.push(document),
                _ => {}
            }
        }
        if read.clusters.is_empty() {
            return Err(FileError::Empty);
        }
        Ok(read)
    }

    /// The data of a ConfigMap of the file; one without a namespace is in every one.
    pub(super) fn config_map(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<BTreeMap<String, String>> {
        let text =
            |map: &Value, at: &str| map.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let mut all = self.config_maps.iter();
        let found = all.find(|map| {
            text(map, "/metadata/name").as_deref() == Some(name)
                && text(map, "/metadata/namespace").is_none_or(|found| found == namespace)
        })?;
        let data = found.get("data").and_then(Value::as_object);
        let pairs = data.into_iter().flatten();
        let pair =
            |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        Some(pairs.filter_map(pair).collect())
    }
}

fn items(document: Value) -> Vec<Value> {
    match document.get("items").and_then(Value::as_array) {
        Some(items) => items.clone(),
        None => vec![document],
    }
}

fn cluster(document: &Value) -> Result<(MySQLCluster, Vec<String>), FileError> {
    let text = |at: &str| {
        document
            .pointer(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let name = text("/metadata/name");
    let found = text("/apiVersion");
    if found != API_VERSION {
        return Err(FileError::Version { name, found });
    }
    let cluster: MySQLCluster = serde_json::from_value(document.clone())
        .map_err(|source| FileError::Cluster { name, source })?;
    let kept = serde_json::to_value(&cluster.spec).unwrap_or_default();
    let given = document.get("spec").cloned().unwrap_or_default();
    let mut lost = Vec::new();
    missing("spec", &given, &kept, &mut lost);
    Ok((cluster, lost))
}

/// Places that were given and are not kept: the API server would drop them, too.
fn missing(at: &str, given: &Value, kept: &Value, lost: &mut Vec<String>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (name, inner) in given {
                let at = format!("{at}.{name}");
                match kept.get(name) {
                    Some(kept) => missing(&at, inner, kept, lost),
                    None if inner.is_null() => {}
                    None => lost.push(at),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (at_item, (inner, kept)) in given.iter().zip(kept).enumerate() {
                missing(&format!("{at}[{at_item}]"), inner, kept, lost);
            }
        }
        _ => {}
    }
}

/// The places as a sentence; none when nothing is lost.
pub(super) fn lost_sentence(lost: &[String]) -> Option<String> {
    let s = if lost.len() == 1 { "" } else { "s" };
    (!lost.is_empty()).then(|| {
        format!(
            "MOCO does not know the field{s} {}, and the API server drops what it does not know; is it misspelt?",
            lost.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: options }
data: { max_connections: \"500\" }
---
apiVersion: moco.cybozu.com/v1beta2
kind: MySQLCluster
metadata: { name: orders }
spec:
  replcas: 3
  podTemplate: { spec: { containers: [] }, metdata: {} }
  volumeClaimTemplates: []
";

    #[test]
    fn clusters_and_their_config_maps_are_found_and_misspelt_fields_named() {
        let read = Manifests::read(TWO).unwrap();
        let (cluster, lost) = &read.clusters[0];
        assert_eq!(cluster.metadata.name.as_deref(), Some("orders"));
        assert_eq!(lost, &["spec.podTemplate.metdata", "spec.replcas"]);
        assert!(lost_sentence(lost).unwrap().contains("spec.replcas"));
        let options = read.config_map("shop", "options").unwrap();
        assert_eq!(options["max_connections"], "500");
        assert_eq!(read.config_map("shop", "others"), None);
    }

    #[test]
    fn a_file_without_a_cluster_or_with_another_version_is_refused_by_name() {
        let refused = |text: &str| Manifests::read(text).unwrap_err().to_string();
        assert_eq!(refused("kind: Pod"), "it holds no MySQLCluster");
        let old = TWO.replace("v1beta2", "v1beta1");
        assert!(refused(&old).contains("orders has the version moco.cybozu.com/v1beta1"));
        assert!(refused("a: [").starts_with("it is no YAML"));
    }

    #[test]
    fn lists_as_kubectl_prints_them_are_taken_apart() {
        let one = TWO.split("---").nth(1).unwrap().replace('\n', "\n  ");
        let list = format!(
            "kind: List\nitems:\n-{}",
            one.replacen("  apiVersion", " apiVersion", 1)
                .trim_start_matches('\n')
        );
        assert_eq!(Manifests::read(&list).unwrap().clusters.len(), 1);
    }
}
