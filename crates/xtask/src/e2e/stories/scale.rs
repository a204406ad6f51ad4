//! The number of members changes up and down while clients write; the primary is among those who leave; volumes of
//! those who left are kept, and members who return use them.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::Manner;
use crate::e2e::operator::manifest;
use crate::e2e::stage::{NAME, SOME, Stage, WRITES};

/// One after the other; even numbers included. Before a fall the highest member, which has to leave, is made primary.
const SIZES: [u32; 7] = [3, 5, 3, 2, 4, 2, 1];

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 1)?;
    let (mut size, mut most) = (1, 1);
    for next in SIZES {
        if next < size {
            let highest = (size - 1).to_string();
            stage
                .plugin
                .yes(cluster, &["switchover", NAME, "--to", &highest])?;
            stage.wait_whole(size as usize)?;
        }
        let before = stage.record()?;
        let ledger = stage.ledger(&[Manner::Eager, Manner::Eager])?;
        cluster.apply(&manifest(NAME, next))?;
        stage.wait_whole(next as usize)?;
        ledger.goes_on(SOME, WRITES)?;
        let now = stage.record()?;
        ensure!(
            now.members().into_iter().eq(0..u64::from(next)),
            "the members are {:?}",
            now.members()
        );
        let notes = stage.judge(&ledger, &before)?;
        most = most.max(next);
        volumes_are_kept(cluster, most)?;
        pods_are_gone(cluster, next)?;
        stage.services_follow(now.primary()?)?;
        cluster.step(&format!(
            "{size} → {next}: {} writes acknowledged, none lost, nobody acknowledged for {:.2} s; the primary \
             is member {}, {most} volumes",
            notes.acknowledged(),
            notes.longest_gap().as_secs_f64(),
            now.primary()?
        ));
        size = next;
    }
    Ok(())
}

fn names(cluster: &Cluster, kind: &str) -> Result<BTreeSet<String>> {
    let selector = "--selector=app.kubernetes.io/created-by=moco";
    let seen = cluster.must_get(&[kind, selector])?;
    let items = seen.get("items").and_then(Value::as_array).cloned();
    let name = |item: &Value| Some(item.pointer("/metadata/name")?.as_str()?.to_owned());
    Ok(items.unwrap_or_default().iter().filter_map(name).collect())
}

/// Every member that ever was has its volume.
fn volumes_are_kept(cluster: &Cluster, most: u32) -> Result<()> {
    let found = names(cluster, "persistentvolumeclaims")?;
    let wanted = (0..most).map(|member| format!("mysql-data-moco-{NAME}-{member}"));
    ensure!(
        wanted.eq(found.iter().cloned()),
        "the volumes are {found:?}"
    );
    Ok(())
}

fn pods_are_gone(cluster: &Cluster, members: u32) -> Result<()> {
    let wanted: BTreeSet<_> = (0..u64::from(members)).map(Stage::pod).collect();
    cluster.wait("the pods of those who left to be gone", WRITES, || {
        let found = names(cluster, "pods")?;
        Ok((found != wanted).then(|| format!("{found:?}")))
    })
}
