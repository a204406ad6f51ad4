//! The primary and a replica are lost: nobody can prove that the last member holds everything, so the cluster stays
//! closed and says who is missing. The primary back, and it goes on without loss; none of them back, and a person may
//! force it, and is told before what that costs.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::Manner;
use crate::e2e::operator::{condition, sentence};
use crate::e2e::record::Record;
use crate::e2e::stage::{NAME, SOME, Stage, WRITES};
use crate::testbed::layout::Host;
use crate::testbed::process::argv;

/// Longest for the loss to be shown.
const LIMIT: Duration = Duration::from_secs(60);

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 3)?;
    let told = pods(&stage).and_then(|()| volumes(&stage));
    for node in cluster.testbed.nodes().map(Host::Node) {
        turn(cluster, "uncordon", node)?;
    }
    told
}

fn turn(cluster: &Cluster, word: &str, node: Host) -> Result<()> {
    let kubectl = cluster.testbed.kubectl();
    kubectl.call([word, &node.to_string()]).run()
}

/// The primary and the replica that goes with it; the third stays.
fn victims(record: &Record) -> Result<[u64; 3]> {
    let primary = record.primary()?;
    let mut others = record
        .members()
        .into_iter()
        .filter(|member| *member != primary);
    let replica = others.next().context("no replica")?;
    Ok([
        primary,
        replica,
        others.next().context("no second replica")?,
    ])
}

/// Takes the pods of members away and lets no new ones start.
fn take_away(stage: &Stage<'_>, members: &[u64]) -> Result<()> {
    let cluster = stage.cluster;
    for member in members {
        turn(cluster, "cordon", stage.node(*member)?)?;
    }
    let pods: Vec<_> = members.iter().map(|member| Stage::pod(*member)).collect();
    let mut servers = Vec::new();
    for pod in &pods {
        servers.extend(cluster.processes(pod, "mysqld")?);
    }
    cluster
        .kubectl(["delete", "pod", "--force", "--grace-period=0"])
        .args(&pods)
        .run()?;
    // The pods are forgotten at once; until their servers end, these acknowledge each other's writes.
    cluster.wait("the servers of the deleted pods to end", LIMIT, || {
        let left = servers.iter().filter(|pid| !argv(**pid).is_empty());
        let left: Vec<_> = left.collect();
        Ok((!left.is_empty()).then(|| format!("{left:?} run")))
    })
}

/// It stays closed, and says who is missing.
fn closed(stage: &Stage<'_>, before: &Record, replica: u64) -> Result<()> {
    let wanted = format!("nobody can take over: member {replica} cannot be reached");
    stage
        .cluster
        .wait(&format!("the verdict to say `{wanted}`"), LIMIT, || {
            let record = stage.record()?;
            let said = sentence(record.object());
            let available = condition(record.object(), "Available").0;
            Ok((!said.contains(&wanted) || available != "False")
                .then(|| format!("Available={available}; {said}")))
        })?;
    let now = stage.record()?;
    ensure!(
        now.epoch()? == before.epoch()?,
        "somebody took over: epoch {}",
        now.epoch()?
    );
    stage.cluster.step(&sentence(now.object()));
    Ok(())
}

/// Two pods are gone and come back, the primary first.
fn pods(stage: &Stage<'_>) -> Result<()> {
    let cluster = stage.cluster;
    let before = stage.record()?;
    let [primary, replica, _] = victims(&before)?;
    let [of_primary, of_replica] = [stage.node(primary)?, stage.node(replica)?];
    let ledger = stage.ledger(&[Manner::Eager])?;
    take_away(stage, &[primary, replica])?;
    closed(stage, &before, replica)?;
    let acknowledged = ledger.notes()?.acknowledged();
    let said = stage.plugin.no(cluster, &["force", NAME])?;
    for wanted in [
        "NOT PROVEN",
        &format!(
            "members {} and {}",
            primary.min(replica),
            primary.max(replica)
        ),
    ] {
        ensure!(
            said.contains(wanted),
            "kubectl moco force does not say `{wanted}`: {said}"
        );
    }
    cluster.step("kubectl moco force says what would be lost, and does nothing");
    ensure!(
        ledger.notes()?.acknowledged() == acknowledged,
        "a write was acknowledged while two of three members were gone"
    );
    turn(cluster, "uncordon", of_primary)?;
    ledger.goes_on(SOME, WRITES)?;
    ensure!(
        stage.record()?.primary()? == primary,
        "another member took over without a proof"
    );
    cluster.step(&format!(
        "member {primary}, the primary, is back, and goes on by itself"
    ));
    turn(cluster, "uncordon", of_replica)?;
    stage.wait_whole(3)?;
    let notes = stage.judge(&ledger, &before)?;
    cluster.step(&format!(
        "all are back: {} writes acknowledged, none lost",
        notes.acknowledged()
    ));
    Ok(())
}

/// Two volumes are gone for good, and a person decides.
fn volumes(stage: &Stage<'_>) -> Result<()> {
    let cluster = stage.cluster;
    let before = stage.record()?;
    let [primary, replica, last] = victims(&before)?;
    let ledger = stage.ledger(&[Manner::Eager])?;
    let notes = ledger.stop()?;
    stage.wait_whole(3)?;
    for member in [primary, replica] {
        let claim = format!("mysql-data-{}", Stage::pod(member));
        cluster
            .kubectl(["delete", "pvc", &claim, "--wait=false"])
            .run()?;
    }
    take_away(stage, &[primary, replica])?;
    closed(stage, &before, replica)?;
    let epoch = before.epoch()?.to_string();
    let said = stage
        .plugin
        .yes(cluster, &["force", NAME, "--epoch", &epoch])?;
    ensure!(
        said.contains("NOT PROVEN"),
        "kubectl moco force says: {said}"
    );
    for node in cluster.testbed.nodes().map(Host::Node) {
        turn(cluster, "uncordon", node)?;
    }
    stage.wait_whole(3)?;
    let now = stage.record()?;
    let changes = now.changes_since(before.epoch()?);
    let change = changes.first().context("no change is recorded")?;
    ensure!(
        change.text("kind") == "forced" && now.primary()? == last,
        "recorded: {change:?}"
    );
    ensure!(
        change.text("proof").contains("nothing is proven"),
        "the record claims a proof: {change:?}"
    );
    let client = stage.client_off(&[stage.node(last)?])?;
    ledger.verify(&notes, client, &stage.own_login(last))?;
    cluster.step(&format!(
        "forced: member {last}, the last one, is primary and the others were cloned from it; its {} rows were all \
         there, and the record says that nobody could know",
        notes.acknowledged()
    ));
    Ok(())
}
