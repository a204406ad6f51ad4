//! The primary is lost in every way that it can be lost, while clients write: another member takes over, nothing
//! acknowledged is lost, only one of them acknowledges, and the former primary comes back without a clone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::{Ledger, Manner};
use crate::e2e::operator::{controllers_elsewhere, sentence};
use crate::e2e::record::{Change, Record};
use crate::e2e::stage::{NAME, SOME, Stage, WRITES};
use crate::testbed::fault::{Fault, Treatment};
use crate::testbed::network::Line;

/// Longest for another primary to take writes.
const LIMIT: Duration = Duration::from_secs(90);
/// What runs in the container of a member.
const PROCESSES: [&str; 3] = ["supervise", "agent", "mysqld"];

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 3)?;
    lose(&stage, "the cable of its node is pulled", "silent", cable)?;
    lose(&stage, "mysqld is killed", "ended", |trial| {
        trial.treat(Treatment::Kill, &["mysqld"])?;
        trial.replaced().map(drop)
    })?;
    lose(&stage, "its pod is deleted by force", "", |trial| {
        let uid = stage.pod_uid(trial.primary)?;
        let pod = Stage::pod(trial.primary);
        cluster
            .kubectl(["delete", "pod", &pod, "--force", "--grace-period=0"])
            .run()?;
        trial.replaced()?;
        stage.wait_for_new_pod(trial.primary, &uid)
    })?;
    // A guess, as the cable was: guesses that follow each other within half a minute are not acted upon at once.
    lose(&stage, "all its processes are frozen", "silent", frozen)?;
    lose(&stage, "its container is killed", "", |trial| {
        trial.treat(Treatment::Kill, &["supervise"])?;
        trial.replaced().map(drop)
    })?;
    remembered(&stage)
}

/// A primary that is about to be lost.
struct Trial<'a> {
    stage: &'a Stage<'a>,
    before: &'a Record,
    ledger: &'a Ledger<'a>,
    primary: u64,
}

impl Trial<'_> {
    fn treat(&self, treatment: Treatment, names: &[&str]) -> Result<()> {
        let cluster = self.stage.cluster;
        for name in names {
            cluster.fault(&Fault::Process {
                pod: format!("{}/{}", cluster.namespace, Stage::pod(self.primary)),
                treatment,
                name: (*name).to_owned(),
            })?;
        }
        Ok(())
    }

    /// Waits until another member took over and is written to.
    fn replaced(&self) -> Result<Change> {
        let change = self.stage.wait_for_change(self.before, LIMIT)?;
        self.ledger.goes_on(SOME, WRITES)?;
        Ok(change)
    }
}

/// Loses the primary by `fault`, which also mends what it broke once another member is written to.
fn lose(
    stage: &Stage<'_>,
    how: &str,
    cause: &str,
    fault: impl FnOnce(&Trial<'_>) -> Result<()>,
) -> Result<()> {
    let before = stage.record()?;
    let primary = before.primary()?;
    let clones = stage.clones(primary)?;
    let ledger = stage.ledger(&[Manner::Eager, Manner::Eager])?;
    let trial = Trial {
        stage,
        before: &before,
        ledger: &ledger,
        primary,
    };
    fault(&trial)?;
    stage.wait_whole(3)?;
    ledger.goes_on(SOME, WRITES)?;
    let notes = stage.judge(&ledger, &before)?;
    stage.clones(primary)?.none_since(&clones)?;
    let changes = stage.record()?.changes_since(before.epoch()?);
    let [change] = changes.as_slice() else {
        anyhow::bail!("{} changes of the primary instead of one", changes.len());
    };
    change.is_explained("failover")?;
    let found = change.text("cause");
    ensure!(
        cause.is_empty() || found == cause,
        "the cause is `{found}`, not `{cause}`"
    );
    stage.services_follow(stage.record()?.primary()?)?;
    let [decided, opened] = change.took_ms()?;
    stage.cluster.step(&format!(
        "{how}: {} writes acknowledged, none lost, nobody acknowledged for {:.2} s; {found}, decided \
         after {decided} ms, open after {opened} ms; member {primary} is back without a clone",
        notes.acknowledged(),
        notes.longest_gap().as_secs_f64(),
    ));
    Ok(())
}

/// The node of the primary is cut off from everybody, and healed once another member is written to. The controller is
/// elsewhere: what happens when it is not is another story's.
fn cable(trial: &Trial<'_>) -> Result<()> {
    let (stage, cluster) = (trial.stage, trial.stage.cluster);
    let host = stage.node(trial.primary)?;
    controllers_elsewhere(cluster, host)?;
    cluster.fault(&Fault::Cable {
        host,
        line: Line::Cut,
    })?;
    trial.replaced()?;
    cluster.fault(&Fault::Cable {
        host,
        line: Line::Heal,
    })
}

/// Supervise, agent and mysqld do nothing and hold their connections. When they wake, another member is primary, and
/// whatever they believe, they acknowledge nothing: a stray writer tries.
fn frozen(trial: &Trial<'_>) -> Result<()> {
    trial.treat(Treatment::Freeze, &PROCESSES)?;
    trial.replaced()?;
    trial.treat(Treatment::Thaw, &PROCESSES)
}

/// Every failover is remembered: by `kubectl moco failovers` with its proof, by an event, and in the status of the
/// cluster.
fn remembered(stage: &Stage<'_>) -> Result<()> {
    let cluster = stage.cluster;
    let told = stage.plugin.json(cluster, &["failovers", NAME])?;
    let told = told.as_array().context("failovers are no list")?;
    let failovers = told.iter().filter(|one| one["kind"] == "failover");
    ensure!(failovers.count() == 5, "not five failovers: {told:?}");
    let proven = |one: &Value| {
        one["proof"]
            .as_str()
            .is_some_and(|proof| proof.contains("promised"))
    };
    ensure!(told.iter().all(proven), "a proof is missing: {told:?}");
    ensure!(
        stage.events("FailOver")? >= 5,
        "five failovers, and fewer events"
    );
    let said = stage.plugin.yes(cluster, &["status", NAME])?;
    ensure!(said.contains("Healthy"), "kubectl moco status says: {said}");
    let verdict = sentence(stage.record()?.object());
    cluster.step(&format!(
        "five failovers are remembered with their proofs; {verdict}"
    ));
    Ok(())
}
