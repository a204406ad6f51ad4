//! The manifest, and what else of a cluster is settled when it is first started.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use moco_api::TrustedCluster;
use moco_api::trusted::{Overwrites, SlowLog};
use moco_model::{ClusterUid, MemberId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::home::Home;

/// A manifest that passed validation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// As it was read.
    pub(crate) text: String,
    /// The cluster.
    pub(crate) cluster: TrustedCluster,
    /// The data of the ConfigMap that the cluster names.
    pub(crate) user_options: BTreeMap<String, String>,
    /// Fields that have no effect, in sentences.
    pub(crate) without_effect: Vec<String>,
}

impl Manifest {
    /// Reads a file of YAML documents: one `MySQLCluster`, and the ConfigMap that it names, if any.
    pub(crate) fn read(file: &Path, uid: &ClusterUid) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read the manifest {}", file.display()))?;
        Self::parse(&text, uid)
            .with_context(|| format!("cannot use the manifest {}", file.display()))
    }

    fn parse(text: &str, uid: &ClusterUid) -> anyhow::Result<Self> {
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        let of_kind = |kind: &str| {
            documents
                .iter()
                .filter(|document| document.get("kind").is_some_and(|k| k == kind))
                .collect::<Vec<_>>()
        };
        let clusters = of_kind("MySQLCluster");
        let [document] = clusters.as_slice() else {
            bail!("it must hold one MySQLCluster and holds {}", clusters.len());
        };
        let metadata = document.get("metadata").and_then(Value::as_object);
        let mut metadata = metadata.cloned().unwrap_or_default();
        metadata.entry("namespace").or_insert("default".into());
        metadata.insert("uid".to_owned(), uid.0.as_str().into());
        let metadata = serde_json::from_value(metadata.into())
            .context("the metadata of the MySQLCluster cannot be read")?;
        let spec = document.get("spec").unwrap_or(&Value::Null);
        let cluster = moco_api::read(&metadata, spec).map_err(|invalid| {
            let sentences: Vec<_> = invalid.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", sentences.join("; "))
        })?;
        if let Some(field) = cluster.must_not_start() {
            bail!("{}", field.sentence);
        }
        let user_options = match &cluster.mysql_config_map {
            Some(name) => config_map(&of_kind("ConfigMap"), name)?,
            None => BTreeMap::new(),
        };
        let fields = cluster.not_yet.iter().map(|field| field.sentence.clone());
        let offline = cluster.offline.then(|| OFFLINE.to_owned());
        let asked = [
            (!cluster.collectors.is_empty(), "spec.collectors"),
            (
                cluster.pod.overwrites != Overwrites::default(),
                "spec.podTemplate.overwriteContainers",
            ),
            (
                matches!(cluster.slow_log, SlowLog::Configured(_)),
                "spec.slowQueryLogConfigTmpl",
            ),
        ];
        let asked = asked.into_iter().filter(|(asked, _)| *asked);
        let sidecars: Vec<_> = asked
            .map(|(_, field)| format!("{field} {NO_SIDECARS}"))
            .collect();
        Ok(Self {
            text: text.to_owned(),
            user_options,
            without_effect: fields.chain(offline).chain(sidecars).collect(),
            cluster,
        })
    }

    /// A short mark of the text: what is seen later carries it, so that nothing old is taken for new.
    pub(crate) fn mark(&self) -> String {
        format!("{:08x}", moco_api::names::fnv32a(self.text.as_bytes()))
    }
}

/// What `spec.offline` means here.
const OFFLINE: &str = "spec.offline has no effect on one machine: `moco-local down` stops the cluster and keeps its data";

/// What fields about containers beside `mysqld` mean here.
const NO_SIDECARS: &str =
    "has no effect on one machine: members run without containers beside them";

fn config_map(found: &[&Value], name: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let named = found
        .iter()
        .find(|map| map.pointer("/metadata/name").is_some_and(|n| n == name));
    let map = named.with_context(|| {
        format!("spec.mysqlConfigMapName names the ConfigMap {name}, which is not in the file")
    })?;
    let data = map.get("data").cloned().unwrap_or_default();
    serde_json::from_value::<Option<BTreeMap<String, String>>>(data)
        .map(Option::unwrap_or_default)
        .with_context(|| format!("the data of the ConfigMap {name} is not a map of strings"))
}

/// What is settled when a cluster is first started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Drawn once; volumes carry it.
    pub(crate) uid: ClusterUid,
    /// The network of the cluster's addresses: the first three bytes of each.
    pub(crate) network: Ipv4Addr,
    /// The program mysqld.
    pub(crate) mysqld: PathBuf,
    /// The program moco.
    pub(crate) moco: PathBuf,
    /// What starts members, if they are not simply started: it is given the member's number and the
    /// command line, and becomes the member.
    #[serde(default)]
    pub(crate) launcher: Option<PathBuf>,
}

/// Members begin at this address of the cluster's network.
const FIRST_MEMBER: u8 = 10;

impl Settings {
    /// The settings of a cluster that was started before.
    pub(crate) fn read(home: &Home) -> anyhow::Result<Option<Self>> {
        crate::home::read_json(&home.settings())
    }

    fn host(&self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.network.octets();
        Ipv4Addr::new(a, b, c, last)
    }

    /// Where clients reach the primary.
    pub(crate) fn primary_front(&self) -> SocketAddr {
        (self.host(1), 3306).into()
    }

    /// Where clients reach the replicas.
    pub(crate) fn replica_front(&self) -> SocketAddr {
        (self.host(2), 3306).into()
    }

    /// Where agents tell their news.
    pub(crate) fn notices(&self) -> SocketAddr {
        (self.host(3), 9443).into()
    }

    /// A command that runs `program` as a member.
    pub(crate) fn run_as(&self, member: MemberId, program: &Path) -> Command {
        match &self.launcher {
            None => Command::new(program),
            Some(launcher) => {
                let mut command = Command::new(launcher);
                command.arg(member.to_string()).arg(program);
                command
            }
        }
    }

    /// The address of a member.
    pub(crate) fn member(&self, member: MemberId) -> Ipv4Addr {
        self.host(FIRST_MEMBER.saturating_add(u8::try_from(member.0).unwrap_or(u8::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<Manifest> {
        Manifest::parse(text, &ClusterUid("u".into()))
    }

    const CLUSTER: &str = "
apiVersion: moco.cybozu.com/v1beta2
kind: MySQLCluster
metadata: {name: test}
spec:
  replicas: 3
  mysqlConfigMapName: options
  podTemplate:
    spec:
      containers: [{name: mysqld, image: mysql}]
  volumeClaimTemplates:
  - metadata: {name: mysql-data}
    spec:
      resources: {requests: {storage: 1Gi}}
";

    #[test]
    fn the_config_map_that_is_named_is_taken_from_the_same_file() {
        let map =
            "---\nkind: ConfigMap\nmetadata: {name: options}\ndata: {max_connections: '50'}\n";
        let manifest = parse(&format!("{CLUSTER}{map}")).unwrap();
        assert_eq!(manifest.user_options["max_connections"], "50");
        assert_eq!(manifest.cluster.id.to_string(), "default/test");
        let missing = format!("{:#}", parse(CLUSTER).unwrap_err());
        assert!(
            missing.contains("ConfigMap options, which is not in the file"),
            "{missing}"
        );
    }

    #[test]
    fn fields_that_have_no_effect_are_named() {
        let without = CLUSTER.replace("  mysqlConfigMapName: options\n", "");
        assert_eq!(
            parse(&without).unwrap().without_effect,
            Vec::<String>::new()
        );
        let with = without.replace(
            "spec:\n  replicas",
            "spec:\n  offline: true\n  collectors: [x]\n  replicas",
        );
        let with = with.replace(
            "  podTemplate:\n",
            "  podTemplate:\n    overwriteContainers: [{name: mysqld-exporter, securityContext: {runAsUser: 1}}]\n",
        );
        let told = parse(&with).unwrap().without_effect.join("; ");
        assert!(told.contains("spec.offline has no effect"), "{told}");
        assert!(told.contains("spec.collectors has no effect"), "{told}");
        let overwrites = "spec.podTemplate.overwriteContainers has no effect";
        assert!(told.contains(overwrites), "{told}");
    }

    #[test]
    fn a_file_without_a_cluster_or_with_a_bad_one_is_refused_with_a_sentence() {
        assert!(format!("{:#}", parse("kind: Pod").unwrap_err()).contains("holds 0"));
        let bad = CLUSTER.replace("name: mysqld", "name: other");
        let error = format!("{:#}", parse(&bad).unwrap_err());
        assert!(error.contains("mysqld"), "{error}");
        let unreadable = CLUSTER.replace("replicas: 3", "replicas: three");
        let error = format!("{:#}", parse(&unreadable).unwrap_err());
        assert!(error.contains("spec.replicas cannot be read"), "{error}");
    }
}
