//! Somebody writes into a replica by hand: the member is put out at once, shown, and rebuilt when that is allowed.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::Manner;
use crate::e2e::operator::condition;
use crate::e2e::stage::{Clones, NAME, SOME, Stage, WRITES};

/// Longest for the member to be shown, or rebuilt.
const LIMIT: Duration = Duration::from_secs(90);
/// What an administrator should not do.
const BY_HAND: &str = "SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0; \
                       CREATE DATABASE by_hand; CREATE TABLE by_hand.t (a INT PRIMARY KEY)";

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 3)?;
    annotate(cluster, "moco.cybozu.com/rebuild=never")?;
    let before = stage.record()?;
    // A stray writer at the replica would be acknowledged there until the replica is put out.
    let ledger = stage.ledger_without_strays(&[Manner::Eager, Manner::Patient])?;
    let primary = before.primary()?;
    let mut replicas = before.members();
    replicas.retain(|member| *member != primary);
    let [first, second] = replicas.as_slice() else {
        anyhow::bail!("not two replicas: {replicas:?}");
    };
    write_by_hand(&stage, *first)?;
    shown(&stage, *first)?;
    ledger.goes_on(SOME, WRITES)?;
    ensure!(
        holds_by_hand(&stage, *first)?,
        "what was written by hand is gone"
    );
    cluster.step(&format!(
        "member {first} is put out and shown, nothing of it is touched, writing goes on"
    ));
    let clones = stage.clones(*first)?;
    annotate(cluster, "moco.cybozu.com/rebuild-")?;
    rebuilt(&stage, *first, &clones)?;
    let clones = stage.clones(*second)?;
    write_by_hand(&stage, *second)?;
    rebuilt(&stage, *second, &clones)?;
    cluster.step(&format!(
        "without the annotation member {second} is rebuilt at once"
    ));
    let notes = stage.judge(&ledger, &before)?;
    let errors = notes.most_errors();
    ensure!(errors == 0, "clients were told {:?}", notes.refused());
    ensure!(
        !holds_by_hand(&stage, primary)?,
        "what was written by hand is everywhere"
    );
    cluster.step(&format!(
        "{} writes acknowledged, none lost, no error, nobody acknowledged for {} ms",
        notes.acknowledged(),
        notes.longest_gap().as_millis()
    ));
    Ok(())
}

fn annotate(cluster: &Cluster, what: &str) -> Result<()> {
    cluster
        .kubectl(["annotate", "mysqlcluster", NAME, what])
        .run()
}

/// As the administrator in the member's pod.
fn write_by_hand(stage: &Stage<'_>, member: u64) -> Result<()> {
    let index = member.to_string();
    let words = [
        "mysql",
        NAME,
        "-u",
        "moco-admin",
        "--index",
        &index,
        "--",
        "-e",
        BY_HAND,
    ];
    // The session may be ended before it is through: a member that takes writes is put out at once.
    let done = stage.plugin.call(stage.cluster, &words).finish()?;
    let how = if done.status.success() {
        ""
    } else {
        ", and was cut short"
    };
    stage
        .cluster
        .step(&format!("somebody writes into replica {member}{how}"));
    Ok(())
}

fn shown(stage: &Stage<'_>, member: u64) -> Result<()> {
    let wanted = format!("member {member} has");
    stage
        .cluster
        .wait("the member to be shown and not to count", LIMIT, || {
            let record = stage.record()?;
            let said = condition(record.object(), "Healthy").1;
            let counted = record.object().pointer("/status/register/counted");
            let counts = counted
                .and_then(|counted| counted.get(member.to_string()))
                .is_some();
            let told =
                said.contains(&wanted) && said.contains("transactions that the primary lacks");
            Ok((counts || !told).then(|| format!("counted: {counts}; {said}")))
        })?;
    let errant = stage.record()?;
    let errant = errant
        .object()
        .pointer("/status/errantReplicas")
        .and_then(Value::as_u64);
    ensure!(errant == Some(1), "status.errantReplicas is {errant:?}");
    let said = stage.plugin.no(stage.cluster, &["status", NAME])?;
    ensure!(
        said.contains("ErrantTransactions"),
        "kubectl moco status says: {said}"
    );
    Ok(())
}

/// Waits until a member was cloned, which it had not been at the time of `before`, and the cluster is whole.
fn rebuilt(stage: &Stage<'_>, member: u64, before: &Clones) -> Result<()> {
    let what = format!("member {member} to be cloned");
    stage.cluster.wait(&what, LIMIT, || {
        let cloned = stage.clones(member)?.none_since(before).is_err();
        Ok((!cloned).then(|| "it was not".to_owned()))
    })?;
    stage.wait_whole(3)?;
    let held = holds_by_hand(stage, member)?;
    ensure!(!held, "member {member} holds what was written by hand");
    Ok(())
}

/// Whether a member holds what was written by hand.
fn holds_by_hand(stage: &Stage<'_>, member: u64) -> Result<bool> {
    let statement = "SHOW DATABASES LIKE 'by_hand'";
    let said = stage.member_says(member, "moco-readonly", statement)?;
    Ok(said.contains("by_hand"))
}
