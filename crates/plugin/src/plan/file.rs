//! The file with the changed manifest.

use std::collections::BTreeMap;

use moco_api::MySQLCluster;
use moco_api::constants::{API_VERSION, KIND};
use moco_api::validate::missing;
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
    /// A ConfigMap that the API server would refuse.
    #[error("the data of the ConfigMap {name} is not a map of strings")]
    ConfigMap {
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
    ) -> Result<Option<BTreeMap<String, String>>, FileError> {
        let text =
            |map: &Value, at: &str| map.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let mut all = self.config_maps.iter();
        let found = all.find(|map| {
            text(map, "/metadata/name").as_deref() == Some(name)
                && text(map, "/metadata/namespace").is_none_or(|found| found == namespace)
        });
        let data = match found {
            None => return Ok(None),
            Some(map) => map.get("data").cloned().unwrap_or_default(),
        };
        serde_json::from_value::<Option<BTreeMap<String, String>>>(data)
            .map(|data| Some(data.unwrap_or_default()))
            .map_err(|source| FileError::ConfigMap {
                name: name.to_owned(),
                source,
            })
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
    let lost = missing("spec", &given, &kept);
    Ok((cluster, lost))
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
        let options = read.config_map("shop", "options").unwrap().unwrap();
        assert_eq!(options["max_connections"], "500");
        assert_eq!(read.config_map("shop", "others").unwrap(), None);
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
    fn a_value_of_a_config_map_that_is_no_string_is_an_error_and_not_left_out() {
        let number = TWO.replace("\"500\"", "500");
        let read = Manifests::read(&number).unwrap();
        let error = read.config_map("shop", "options").unwrap_err();
        let said = "the data of the ConfigMap options is not a map of strings";
        assert_eq!(error.to_string(), said);
        let empty = TWO.replace("data: { max_connections: \"500\" }", "data:");
        let read = Manifests::read(&empty).unwrap();
        assert_eq!(
            read.config_map("shop", "options").unwrap(),
            Some(BTreeMap::new())
        );
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
