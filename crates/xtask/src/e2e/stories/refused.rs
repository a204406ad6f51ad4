//! What cannot work is refused by the API server with a sentence, or shown by the operator; mending it heals the
//! cluster. Every sentence is compared with the stored one in `refused.txt`.

mod kept;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::e2e::cluster::Cluster;
use crate::e2e::operator::{SETTLE, install, manifest, sentence, uninstall, wait_healthy};
use crate::images;
use crate::say::Watch;
use crate::testbed::fault::{Fault, Treatment};

/// One case a paragraph: its name, a line feed, the sentence.
const STORED: &str = include_str!("refused.txt");
/// How long a sentence may take to be shown.
const SHOWN: Duration = Duration::from_secs(120);

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    install(cluster)?;
    by_the_api_server(cluster)?;
    begin_bad_clusters(cluster)?;
    for (name, _) in BAD_IMAGES {
        shown(cluster, name, name)?;
    }
    shown(cluster, OPTION, OPTION)?;
    mend(cluster)?;
    neighbours(cluster)?;
    secrets(cluster)?;
    kept::run(cluster)?;
    volume_not_writable(cluster)?;
    foreign_volume(cluster)?;
    one_event_each(cluster)?;
    cluster
        .kubectl(["delete", "mysqlclusters", "--all", "--timeout=200s"])
        .within(SETTLE)
        .run()?;
    uninstall(cluster)
}

/// The stored sentence of a case.
fn stored(case: &str) -> Result<&'static str> {
    let mut paragraphs = STORED
        .split("\n\n")
        .filter_map(|text| text.trim().split_once('\n'));
    let found = paragraphs.find(|(name, _)| *name == case);
    found
        .map(|(_, sentence)| sentence)
        .with_context(|| format!("no sentence is stored for {case}"))
}

fn compare(case: &str, found: &str) -> Result<()> {
    let wanted = stored(case)?;
    ensure!(
        found == wanted,
        "{case}: stored\n  {wanted}\nfound\n  {found}"
    );
    Ok(())
}

fn by_the_api_server(cluster: &Cluster) -> Result<()> {
    let without = |path: &str| {
        let mut object = manifest("bad", 1);
        if let Some(list) = object.pointer_mut(path) {
            *list = json!([]);
        }
        object
    };
    let with = |path: &str, value: Value| {
        let mut object = manifest("bad", 1);
        if let Some(place) = object.pointer_mut(path) {
            *place = value;
        }
        object
    };
    let agent = json!([{"name": "mysqld", "image": "x"}, {"name": "agent", "image": "x"}]);
    let cases = [
        ("api-no-members", with("/spec/replicas", json!(0))),
        (
            "api-long-name",
            with("/metadata/name", json!("a".repeat(41))),
        ),
        (
            "api-no-mysqld",
            with("/spec/podTemplate/spec/containers/0/name", json!("other")),
        ),
        (
            "api-reserved-container",
            with("/spec/podTemplate/spec/containers", agent),
        ),
        ("api-no-volume", without("/spec/volumeClaimTemplates")),
    ];
    for (case, object) in cases {
        let said = cluster.refused(&object)?;
        compare(case, reason(&said)).with_context(|| said.clone())?;
    }
    cluster.step("the API server refuses five manifests, each with its sentence");
    Ok(())
}

/// The part of the API server's answer that names the field, or what a policy says.
fn reason(said: &str) -> &str {
    let after = ["is invalid: ", "denied request: "].into_iter();
    let mut after = after.filter_map(|before| said.split_once(before));
    after.next().map_or(said, |(_, reason)| reason).trim()
}

/// Clusters whose image cannot work; each is called as its case.
const BAD_IMAGES: [(&str, &str); 3] = [
    ("no-mysqld", images::NO_MYSQLD),
    ("old-version", images::MYSQL_8_0),
    ("no-plugins", images::NO_PLUGINS),
];
/// A cluster with an option that mysqld does not know.
const OPTION: &str = "bad-option";

fn with_image(name: &str, image: &str) -> Value {
    let mut object = manifest(name, 1);
    if let Some(place) = object.pointer_mut("/spec/podTemplate/spec/containers/0/image") {
        *place = json!(image);
    }
    object
}

fn options(value: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "options"}, "data": value,
    })
}

fn begin_bad_clusters(cluster: &Cluster) -> Result<()> {
    for (name, image) in BAD_IMAGES {
        cluster.apply(&with_image(name, image))?;
    }
    cluster.apply(&options(&json!({"no_such_option": "1"})))?;
    cluster.apply(&with_options())
}

fn with_options() -> Value {
    let mut object = manifest(OPTION, 1);
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("mysqlConfigMapName".to_owned(), json!("options"));
    }
    object
}

/// Waits until the verdict of a cluster is the stored one.
fn shown(cluster: &Cluster, name: &str, case: &str) -> Result<()> {
    let wanted = stored(case)?;
    cluster.wait(&format!("{name} to say: {wanted}"), SHOWN, || {
        let found = sentence(&cluster.must_get(&["mysqlcluster", name])?);
        let found = found.split(" (and ").next().unwrap_or_default().to_owned();
        Ok((found != wanted).then_some(found))
    })?;
    cluster.step(&format!("{name}: {wanted}"));
    Ok(())
}

fn mend(cluster: &Cluster) -> Result<()> {
    for (name, _) in BAD_IMAGES {
        cluster.apply(&manifest(name, 1))?;
    }
    cluster.apply(&options(&json!({"max_connections": "99"})))?;
    for (name, _) in BAD_IMAGES {
        wait_healthy(cluster, name, 1)?;
    }
    wait_healthy(cluster, OPTION, 1)?;
    cluster
        .step("the mended manifests and the mended ConfigMap heal all four without further help");
    let names = BAD_IMAGES.map(|(name, _)| name);
    let delete = ["delete", "mysqlcluster", "--timeout=120s", OPTION];
    cluster
        .kubectl(delete.into_iter().chain(names))
        .within(SETTLE)
        .run()
}

/// The longest name, two whose objects' names share a prefix, and the same name in another namespace.
fn neighbours(cluster: &Cluster) -> Result<()> {
    let longest = "a".repeat(40);
    let names = ["twin", "twin-b", longest.as_str()];
    let other = Cluster::new(
        cluster.testbed.clone(),
        &format!("{}-b", cluster.namespace),
        Watch::start(),
    );
    other.begin()?;
    other.apply(&manifest("twin", 1))?;
    for name in names {
        cluster.apply(&manifest(name, 1))?;
    }
    for name in names {
        wait_healthy(cluster, name, 1)?;
    }
    wait_healthy(&other, "twin", 1)?;
    ensure!(
        password(cluster)? != password(&other)?,
        "two clusters have the same password"
    );
    cluster.step(
        "a name of 40 characters, `twin` beside `twin-b`, and `twin` of another namespace are healthy",
    );
    other
        .kubectl(["delete", "mysqlcluster", "twin", "--timeout=120s"])
        .within(SETTLE)
        .run()?;
    other.end()?;
    cluster
        .kubectl([
            "delete",
            "mysqlcluster",
            "twin-b",
            &longest,
            "--timeout=120s",
        ])
        .within(SETTLE)
        .run()
}

fn password(cluster: &Cluster) -> Result<Option<String>> {
    let secret = cluster.get(&["secret", "moco-twin"])?;
    let value = secret.and_then(|s| Some(s.pointer("/data/ADMIN_PASSWORD")?.as_str()?.to_owned()));
    Ok(value)
}

fn secrets(cluster: &Cluster) -> Result<()> {
    let before = password(cluster)?.context("the Secret moco-twin has no password")?;
    let back = |what: &str| {
        cluster.wait(&format!("the {what} Secret to be mended"), SHOWN, || {
            let now = password(cluster)?;
            Ok((now.as_ref() != Some(&before)).then(|| "not yet".to_owned()))
        })
    };
    cluster.kubectl(["delete", "secret", "moco-twin"]).run()?;
    back("deleted")?;
    let edit = r#"--patch={"data":{"ADMIN_PASSWORD":"eA=="}}"#;
    cluster
        .kubectl(["patch", "secret", "moco-twin", "--type=merge", edit])
        .run()?;
    back("edited")?;
    wait_healthy(cluster, "twin", 1)?;
    cluster.step("a deleted and an edited Secret are back with the same passwords");
    Ok(())
}

/// The folder on this machine behind the volume of `moco-twin-0`.
fn volume(cluster: &Cluster) -> Result<String> {
    let claim = cluster.must_get(&["persistentvolumeclaim", "mysql-data-moco-twin-0"])?;
    let name = claim
        .pointer("/spec/volumeName")
        .and_then(Value::as_str)
        .context("unbound")?;
    let volume = cluster
        .testbed
        .kubectl()
        .get(&["persistentvolume", name])?
        .context("no volume")?;
    let path = ["/spec/local/path", "/spec/hostPath/path"]
        .iter()
        .find_map(|p| volume.pointer(p));
    Ok(path
        .and_then(Value::as_str)
        .context("a volume without a path")?
        .to_owned())
}

fn chmod(mode: &str, path: &str) -> Result<()> {
    let done = Command::new("chmod")
        .args([mode, path])
        .status()
        .context("run chmod")?;
    ensure!(done.success(), "chmod {mode} {path}: {done}");
    Ok(())
}

fn volume_not_writable(cluster: &Cluster) -> Result<()> {
    let path = volume(cluster)?;
    chmod("a-w", &path)?;
    let pod = format!("{}/moco-twin-0", cluster.namespace);
    let kill = Fault::Process {
        pod,
        treatment: Treatment::Kill,
        name: "mysqld".to_owned(),
    };
    let seen = cluster
        .fault(&kill)
        .and_then(|()| shown(cluster, "twin", "volume-not-writable"));
    chmod("ug+w", &path)?;
    seen?;
    wait_healthy(cluster, "twin", 1)?;
    cluster.step("the volume is writable again, and the cluster healthy");
    Ok(())
}

/// The cluster is deleted while its volume is kept, and made again.
fn foreign_volume(cluster: &Cluster) -> Result<()> {
    let claim = "mysql-data-moco-twin-0";
    let keep = r#"--patch={"metadata":{"ownerReferences":null}}"#;
    cluster
        .kubectl([
            "patch",
            "persistentvolumeclaim",
            claim,
            "--type=merge",
            keep,
        ])
        .run()?;
    cluster
        .kubectl(["delete", "mysqlcluster", "twin", "--timeout=120s"])
        .within(SETTLE)
        .run()?;
    cluster.wait_for_end(["pod", "moco-twin-0"], SETTLE)?;
    cluster.apply(&manifest("twin", 1))?;
    cluster.wait("the foreign volume to be shown", SHOWN, || {
        let found = sentence(&cluster.must_get(&["mysqlcluster", "twin"])?);
        Ok((!found.starts_with(stored("foreign-volume")?)).then_some(found))
    })?;
    cluster.step("a volume of the deleted cluster of the same name is not touched");
    cluster
        .kubectl(["delete", "persistentvolumeclaim", claim, "--wait=false"])
        .run()?;
    cluster.kubectl(["delete", "pod", "moco-twin-0"]).run()?;
    wait_healthy(cluster, "twin", 1)?;
    cluster.step("with a fresh volume the cluster is healthy");
    Ok(())
}

/// A problem that lasts is told once, not once a second.
fn one_event_each(cluster: &Cluster) -> Result<()> {
    let events = cluster.must_get(&["events", "--field-selector=reason=ForeignVolumes"])?;
    let items = events
        .get("items")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let told: u64 = items
        .iter()
        .map(|event| event.get("count").and_then(Value::as_u64).unwrap_or(1))
        .sum();
    ensure!(
        (1..=2).contains(&told),
        "the foreign volume was told {told} times"
    );
    cluster.step("and it was told by one event");
    Ok(())
}
