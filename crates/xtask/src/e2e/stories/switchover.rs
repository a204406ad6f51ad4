//! Another member becomes primary on demand, in every way that it can be asked for, while clients write.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::Manner;
use crate::e2e::record::Record;
use crate::e2e::stage::{NAME, SOME, Stage, WRITES};

/// The annotation that asks a primary's pod to hand over.
const DEMOTE: &str = "moco.cybozu.com/demote";
/// Longest for a switchover, the waiting for the new primary's Service included.
const LIMIT: Duration = Duration::from_secs(60);
/// One writer sees how long nobody can write, the others how many errors an application has.
const WRITERS: [Manner; 4] = [
    Manner::Eager,
    Manner::Patient,
    Manner::Patient,
    Manner::Patient,
];

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 3)?;
    refusals(&stage)?;
    switch(&stage, "kubectl moco switchover", |stage, _| {
        let said = stage.plugin.yes(cluster, &["switchover", NAME])?;
        ensure!(said.contains("it took writes"), "the plugin said: {said}");
        Ok(())
    })?;
    switch(&stage, "kubectl moco switchover --to", |stage, before| {
        let to = other(before)?.to_string();
        let said = stage
            .plugin
            .yes(cluster, &["switchover", NAME, "--to", &to])?;
        let wanted = format!("Member {to} is primary");
        ensure!(said.contains(&wanted), "the plugin said: {said}");
        Ok(())
    })?;
    switch(&stage, "the annotation", |stage, before| {
        let pod = Stage::pod(before.primary()?);
        let demote = format!("{DEMOTE}=true");
        cluster.kubectl(["annotate", "pod", &pod, &demote]).run()?;
        stage.wait_for_change(before, LIMIT)?;
        cluster.wait("the annotation to be taken away", LIMIT, || {
            let seen = cluster.must_get(&["pod", &pod])?;
            let asked = seen.pointer("/metadata/annotations/moco.cybozu.com~1demote");
            Ok(asked.map(|_| "it is still there".to_owned()))
        })
    })?;
    switch(&stage, "deleting the primary's pod", |stage, before| {
        let (primary, pod) = (before.primary()?, Stage::pod(before.primary()?));
        let uid = stage.pod_uid(primary)?;
        cluster
            .kubectl(["delete", "pod", &pod, "--wait=false"])
            .run()?;
        stage.wait_for_new_pod(primary, &uid)
    })?;
    switch(&stage, "evicting the primary's pod", |stage, before| {
        let primary = before.primary()?;
        let uid = stage.pod_uid(primary)?;
        evict(cluster, &Stage::pod(primary))?;
        stage.wait_for_new_pod(primary, &uid)
    })?;
    ensure!(
        stage.events("SwitchOver")? >= 5,
        "five switchovers, and fewer events"
    );
    Ok(())
}

/// What cannot be done is refused with the reason and changes nothing.
fn refusals(stage: &Stage<'_>) -> Result<()> {
    let before = stage.record()?;
    let said = stage
        .plugin
        .no(stage.cluster, &["switchover", NAME, "--to", "7"])?;
    ensure!(
        said.contains("member 7 is no member"),
        "the plugin said: {said}"
    );
    let primary = before.primary()?.to_string();
    let said = stage
        .plugin
        .yes(stage.cluster, &["switchover", NAME, "--to", &primary])?;
    ensure!(
        said.contains("is primary already"),
        "the plugin said: {said}"
    );
    ensure!(
        stage.record()?.epoch()? == before.epoch()?,
        "a refusal changed the epoch"
    );
    stage
        .cluster
        .step("a member that does not exist is refused, the primary is primary already");
    Ok(())
}

/// Another primary, asked for by `ask`: nothing is lost, clients have one error at most, labels and Services follow.
fn switch<'a>(
    stage: &Stage<'a>,
    how: &str,
    ask: impl FnOnce(&Stage<'a>, &Record) -> Result<()>,
) -> Result<()> {
    let before = stage.record()?;
    let ledger = stage.ledger(&WRITERS)?;
    ask(stage, &before)?;
    let change = stage.wait_for_change(&before, LIMIT)?;
    change.is_explained("switchover")?;
    ledger.goes_on(SOME, WRITES)?;
    stage.wait_whole(3)?;
    let notes = stage.judge(&ledger, &before)?;
    let errors = notes.most_errors();
    ensure!(
        errors <= 1,
        "a client had {errors} errors: {:?}",
        notes.refused()
    );
    stage.services_follow(stage.record()?.primary()?)?;
    let [_, opened] = change.took_ms()?;
    stage.cluster.step(&format!(
        "{how}: {} writes acknowledged, none lost; open after {opened} ms, nobody acknowledged for {} ms, \
         {errors} error a client at most",
        notes.acknowledged(),
        notes.longest_gap().as_millis()
    ));
    Ok(())
}

/// A member that is not the primary.
fn other(record: &Record) -> Result<u64> {
    let primary = record.primary()?;
    let mut others = record
        .members()
        .into_iter()
        .filter(|member| *member != primary);
    others
        .next_back()
        .ok_or_else(|| anyhow::anyhow!("there is no other member"))
}

/// Asks for an eviction, as `kubectl drain` does.
fn evict(cluster: &Cluster, pod: &str) -> Result<()> {
    let namespace = &cluster.namespace;
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
    cluster
        .kubectl(["create", "--raw", &path, "--filename=-"])
        .input(eviction.to_string())
        .run()
}
