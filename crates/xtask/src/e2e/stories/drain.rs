//! The primary's node is drained as `kubectl drain` does it, while clients write: the primary hands over first, the
//! budget lets only so many go that commits are acknowledged, and everything is whole again afterwards.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cmd::Cmd;
use crate::e2e::client::LABEL;
use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::Manner;
use crate::e2e::operator::condition;
use crate::e2e::stage::{SOME, Stage, WRITES};
use crate::testbed::layout::Host;

/// Longest for a node to be empty.
const LIMIT: Duration = Duration::from_secs(90);

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 3)?;
    let told = drained(&stage);
    // Whatever happened, the nodes take pods again.
    for node in cluster.testbed.nodes().map(Host::Node) {
        kubectl(cluster, &["uncordon", &node.to_string()]).run()?;
    }
    told
}

fn kubectl(cluster: &Cluster, words: &[&str]) -> Cmd {
    let kubectl = cluster.testbed.kubectl();
    kubectl.call(words.iter().copied()).within(LIMIT + LIMIT)
}

fn drain(cluster: &Cluster, node: Host, limit: Duration) -> Cmd {
    let node = node.to_string();
    let words = [
        "drain",
        &node,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
    ];
    kubectl(cluster, &words)
        // The story's clients are no part of what is drained.
        .arg(format!("--pod-selector={}!={}", LABEL.0, LABEL.1))
        .arg(format!("--timeout={}s", limit.as_secs()))
}

fn drained(stage: &Stage<'_>) -> Result<()> {
    let cluster = stage.cluster;
    let before = stage.record()?;
    let primary = before.primary()?;
    let node = stage.node(primary)?;
    let ledger = stage.ledger(&[Manner::Eager, Manner::Patient, Manner::Patient])?;
    drain(cluster, node, LIMIT).run()?;
    let change = stage.wait_for_change(&before, LIMIT)?;
    change.is_explained("switchover")?;
    ledger.goes_on(SOME, WRITES)?;
    let now = stage.record()?;
    ensure!(
        condition(now.object(), "Available").0 == "True",
        "not Available with two of three members"
    );
    cluster.step(&format!(
        "{node} is drained: member {primary} handed over to member {} first, and writing goes on",
        now.primary()?
    ));
    let next = stage.node(now.primary()?)?;
    let refused = drain(cluster, next, Duration::from_secs(8)).finish()?;
    ensure!(
        !refused.status.success() && refused.stderr.contains("disruption budget"),
        "a second member was evicted: {}{}",
        refused.stdout,
        refused.stderr
    );
    ensure!(
        stage.record()?.epoch()? == now.epoch()?,
        "an eviction that was refused changed the primary"
    );
    ledger.goes_on(SOME, WRITES)?;
    cluster.step("a second node cannot be drained meanwhile: the budget refuses it");
    for node in [node, next] {
        kubectl(cluster, &["uncordon", &node.to_string()]).run()?;
    }
    stage.wait_whole(3)?;
    let notes = stage.judge(&ledger, &before)?;
    let errors = notes.most_errors();
    ensure!(
        errors <= 1,
        "a client had {errors} errors: {:?}",
        notes.refused()
    );
    stage.services_follow(now.primary()?)?;
    cluster.step(&format!(
        "uncordoned, all are whole again: {} writes acknowledged, none lost, nobody acknowledged for {} ms, \
         {errors} error a client at most",
        notes.acknowledged(),
        notes.longest_gap().as_millis()
    ));
    Ok(())
}
