//! The operator and what it stands on are broken while the primary is lost: the API server, the controllers, the
//! kubelet, the processor time of a member.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::e2e::cluster::Cluster;
use crate::e2e::ledger::{Ledger, Manner, uptime};
use crate::e2e::operator::{controllers_elsewhere, leader};
use crate::e2e::record::Record;
use crate::e2e::stage::{NAME, SOME, Stage, WRITES};
use crate::testbed::fault::{self, Fault, Switch, Treatment};
use crate::testbed::layout::Host;
use crate::testbed::network::Line;
use crate::testbed::show::MOCO_NAMESPACE;

/// Longest for a failover when the controllers' lease has to run out first, or watches have to come back.
const LIMIT: Duration = Duration::from_secs(120);
/// How long the API server is away before the primary is lost, and afterwards; longer than the lease.
const AWAY: [f64; 2] = [20.0, 10.0];
/// Seconds after an event in which writes that were under way may still be noted.
const EDGE: f64 = 1.5;
/// What the starved member may use of a processor, in percent, and for how long it is kept so.
const STARVED: (u32, f64) = (20, 20.0);

/// Tells the story.
pub(crate) fn run(cluster: &Cluster) -> Result<()> {
    let stage = Stage::set(cluster, 3)?;
    told(&stage, "without an API server", api_server_away)?;
    told(&stage, "the leading controller is killed", |trial| {
        trial.lose_primary()?;
        fault::signal(&trial.leader()?, Treatment::Kill)
    })?;
    told(&stage, "the leading controller is frozen", frozen_leader)?;
    cut_off_leader(&stage)?;
    told(
        &stage,
        "the kubelet of the primary's node is stopped",
        |trial| {
            let host = stage.node(trial.primary)?;
            cluster.fault(&Fault::Kubelet {
                host,
                switch: Switch::Stop,
            })?;
            trial.lose_primary()?;
            trial.replaced()?;
            cluster.fault(&Fault::Kubelet {
                host,
                switch: Switch::Start,
            })
        },
    )?;
    starved(&stage)
}

struct Trial<'a> {
    stage: &'a Stage<'a>,
    before: &'a Record,
    ledger: &'a Ledger<'a>,
    primary: u64,
    /// mysqld of the primary.
    mysqld: Vec<i32>,
}

impl Trial<'_> {
    fn lose_primary(&self) -> Result<()> {
        fault::signal(&self.mysqld, Treatment::Kill)?;
        let primary = self.primary;
        self.stage.cluster.step(&format!(
            "mysqld of member {primary}, the primary, is killed"
        ));
        Ok(())
    }

    /// The process of the controller that leads.
    fn leader(&self) -> Result<Vec<i32>> {
        let (pod, _) = leader(self.stage.cluster)?;
        let pod = format!("{MOCO_NAMESPACE}/{pod}");
        fault::find(&self.stage.cluster.testbed, &pod, "controller")
    }

    /// Waits until another member took over and is written to.
    fn replaced(&self) -> Result<()> {
        self.stage.wait_for_change(self.before, LIMIT)?;
        self.ledger.goes_on(SOME, WRITES)
    }
}

/// Loses the primary in the middle of `fault`, which also mends what it broke.
fn told(stage: &Stage<'_>, how: &str, fault: impl FnOnce(&Trial<'_>) -> Result<()>) -> Result<()> {
    told_off(stage, &[], how, fault)
}

/// The same with all writers off some nodes.
fn told_off(
    stage: &Stage<'_>,
    off: &[Host],
    how: &str,
    fault: impl FnOnce(&Trial<'_>) -> Result<()>,
) -> Result<()> {
    let before = stage.record()?;
    let primary = before.primary()?;
    let ledger = stage.ledger_off(off, &[Manner::Eager, Manner::Eager])?;
    let trial = Trial {
        stage,
        before: &before,
        ledger: &ledger,
        primary,
        mysqld: stage.cluster.processes(&Stage::pod(primary), "mysqld")?,
    };
    fault(&trial)?;
    trial.replaced()?;
    stage.wait_whole(3)?;
    let notes = stage.judge(&ledger, &before)?;
    let changes = stage.record()?.changes_since(before.epoch()?);
    ensure!(
        changes.len() == 1,
        "{} changes of the primary instead of one",
        changes.len()
    );
    stage.cluster.step(&format!(
        "{how}: {} writes acknowledged, none lost, nobody acknowledged for {:.1} s",
        notes.acknowledged(),
        notes.longest_gap().as_secs_f64()
    ));
    Ok(())
}

/// Waits for a time to pass: what is shown is that something lasts, or does not happen, so long.
fn lasts(cluster: &Cluster, what: &str, from: f64, seconds: f64) -> Result<()> {
    cluster.wait(what, Duration::from_secs(60), || {
        let passed = uptime()? - from;
        Ok((passed < seconds).then(|| format!("{passed:.0} s of {seconds} s")))
    })
}

/// The primary goes on by itself; when it is lost, nobody is promoted, because nobody can write the record.
fn api_server_away(trial: &Trial<'_>) -> Result<()> {
    let cluster = trial.stage.cluster;
    cluster.fault(&Fault::Apiserver {
        switch: Switch::Stop,
    })?;
    let gone = uptime()?;
    lasts(
        cluster,
        "the primary to go on without an API server",
        gone,
        AWAY[0],
    )?;
    trial.lose_primary()?;
    let lost = uptime()?;
    lasts(cluster, "nobody to take over", lost, AWAY[1])?;
    let back = uptime()?;
    cluster.fault(&Fault::Apiserver {
        switch: Switch::Start,
    })?;
    trial.replaced()?;
    let notes = trial.ledger.notes()?;
    let served = notes.acknowledged_between(gone + EDGE, lost);
    ensure!(
        served > SOME,
        "{served} writes were acknowledged without an API server"
    );
    let promoted = notes.acknowledged_between(lost + EDGE, back);
    ensure!(
        promoted == 0,
        "{promoted} writes were acknowledged by nobody who is recorded"
    );
    cluster.step(&format!(
        "{served} writes were acknowledged without an API server, and none without a primary"
    ));
    Ok(())
}

/// The frozen one wakes when another one leads and has failed over: it must not act on what it knew.
fn frozen_leader(trial: &Trial<'_>) -> Result<()> {
    let controller = trial.leader()?;
    fault::signal(&controller, Treatment::Freeze)?;
    trial.lose_primary()?;
    let done = trial.replaced();
    fault::signal(&controller, Treatment::Thaw)?;
    done
}

/// The leading controller's node is another one than the primary's: what is cut from the API server is taken for lost
/// and its pods out of the Services, and a primary there is not what is meant.
fn cut_off_leader(stage: &Stage<'_>) -> Result<()> {
    controllers_elsewhere(stage.cluster, stage.node(stage.record()?.primary()?)?)?;
    let (pod, from) = leader(stage.cluster)?;
    let how = "the leading controller cannot reach the API server";
    told_off(stage, &[from], how, |trial| cut_leader(trial, &pod, from))
}

/// The way from its node to the API server is cut, one way: it still reaches every agent, and must not use that.
fn cut_leader(trial: &Trial<'_>, pod: &str, from: Host) -> Result<()> {
    let cluster = trial.stage.cluster;
    let way = |line| Fault::Oneway {
        from,
        to: Host::Api,
        line,
    };
    cluster.fault(&way(Line::Cut))?;
    cluster.wait("another controller to lead", LIMIT, || {
        let now = leader(cluster)?.0;
        Ok((now == pod).then(|| format!("{now} leads")))
    })?;
    trial.lose_primary()?;
    let done = trial.replaced();
    cluster.fault(&way(Line::Heal))?;
    done
}

/// A primary whose processor time is used up is slow and not lost; whatever is decided, nothing is lost.
fn starved(stage: &Stage<'_>) -> Result<()> {
    let cluster = stage.cluster;
    let before = stage.record()?;
    let primary = before.primary()?;
    let ledger = stage.ledger(&[Manner::Eager, Manner::Patient])?;
    let limit = |percent| Fault::Cpu {
        pod: format!("{}/{}", cluster.namespace, Stage::pod(primary)),
        percent,
    };
    let client = stage.client_off(&[stage.node(primary)?])?;
    client.burn(&stage.writer, 4)?;
    cluster.fault(&limit(STARVED.0))?;
    let from = uptime()?;
    lasts(cluster, "the primary to starve", from, STARVED.1)?;
    cluster.fault(&limit(0))?;
    let to = uptime()?;
    client.stop_burning()?;
    ledger.goes_on(SOME, WRITES)?;
    stage.wait_whole(3)?;
    let notes = stage.judge(&ledger, &before)?;
    let changes = stage.record()?.changes_since(before.epoch()?);
    ensure!(
        changes.is_empty(),
        "a slow primary was taken for lost: {changes:?}"
    );
    cluster.step(&format!(
        "a primary with {} % of a processor and four busy clients: {} writes acknowledged meanwhile, none lost, \
         no failover; nobody acknowledged for {:.1} s; see `kubectl moco status {NAME}`",
        STARVED.0,
        notes.acknowledged_between(from, to),
        notes.longest_gap().as_secs_f64()
    ));
    Ok(())
}
