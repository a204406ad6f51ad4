//! `cargo xtask chaos --on k8s`: the same on the test cluster, with what only Kubernetes can do: pods deleted, kubelets
//! stopped, nodes that do not hear each other or the API server, two controllers.
//!
//! The writers and readers are `moco-chaos`, on node n0: they reach the Services through its kube-proxy, and members at
//! their own pod addresses. A node that is cut off is cut off from them, too, unless it is their own.

mod blows;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::mirror::Mirror;
use super::{Load, Report, summary};
use crate::e2e::cluster::Cluster;
use crate::e2e::operator::{condition, install, manifest, sentence, wait_healthy};
use crate::e2e::{Afterwards, with_cluster};
use crate::paths;
use crate::say::{say, wait_until};
use crate::testbed::fault::{self, Fault};
use crate::testbed::layout::Host;
use blows::{Draws, Stage, plan};

/// The cluster's name, and the namespace it is in.
const NAME: &str = "hello";
const NAMESPACE: &str = "chaos";
/// Members of the cluster.
const MEMBERS: usize = 3;
/// Where the clients are.
const CLIENTS: Host = Host::Node(0);
/// How long the cluster may take to be whole again: a node that was cut off is believed again late.
const WHOLE: Duration = Duration::from_secs(240);
/// For so long it has to be seen whole without a break: what was broken a moment ago is not yet told.
const LASTS: Duration = Duration::from_millis(1_500);
/// Writes go on when the last acknowledgement is no older than this.
const GOES_ON_MS: f64 = 1_000.0;

/// Runs the events of a seed on the test cluster of this name.
pub(super) fn run(testbed: &str, events: u32, seed: u64, rate: u32) -> Result<()> {
    let program = super::program()?;
    with_cluster(testbed, NAMESPACE, Afterwards::Keep, |cluster| {
        install(cluster)?;
        cluster.apply(&manifest(NAME, u32::try_from(MEMBERS)?))?;
        wait_healthy(cluster, NAME, MEMBERS)?;
        let home = paths::state()?
            .join("chaos-k8s")
            .join(format!("{NAMESPACE}.{NAME}"));
        let mirror = Mirror::start(cluster, NAME, home)?;
        let mut command = Command::new("nsenter");
        let netns = cluster.testbed.layout.netns(CLIENTS);
        command
            .arg(format!("--net={}", netns.display()))
            .arg(&program);
        let kubectl = cluster.testbed.layout.kubectl();
        let words = ["--rate", &rate.to_string()];
        let load = Load::spawn(command, mirror.home(), &kubectl, &words)?;
        let told = break_things(cluster, &mirror, load, events, seed);
        // Whatever happened, the test cluster is left whole.
        let healed = fault::inject(&cluster.testbed, &Fault::HealAll);
        let report = told?;
        healed?;
        judge(&report, seed)
    })
}

fn break_things(
    cluster: &Cluster,
    mirror: &Mirror,
    mut load: Load,
    events: u32,
    seed: u64,
) -> Result<Report> {
    let stage = Stage {
        cluster,
        name: NAME,
    };
    let began = Instant::now();
    for (number, (blow, draw)) in (1..).zip(plan(&mut Draws::new(seed), events)) {
        load.tell(&format!("mark {number:03} {}", blow.name))?;
        let told = (blow.strike)(&stage, &draw).with_context(|| format!("do {}", blow.name))?;
        let seconds = began.elapsed().as_secs_f64();
        say(&format!(
            "[{seconds:6.1} s] {number:03} {}: {told}",
            blow.name
        ));
        if draw.patient {
            whole(cluster, mirror, &mut load)?;
        }
    }
    load.tell("mark end")?;
    whole(cluster, mirror, &mut load)?;
    load.stop_with_report()
}

/// Waits until the cluster is whole and writes go on.
fn whole(cluster: &Cluster, mirror: &Mirror, load: &mut Load) -> Result<()> {
    let mut since = None;
    wait_until("the cluster to be whole", WHOLE, || {
        let missing =
            missing(cluster, mirror, load).unwrap_or_else(|error| Some(format!("{error:#}")));
        if missing.is_some() {
            since = None;
            return Ok(missing);
        }
        let since: &Instant = since.get_or_insert_with(Instant::now);
        Ok((since.elapsed() < LASTS).then(|| "it has to last".to_owned()))
    })
}

fn missing(cluster: &Cluster, mirror: &Mirror, load: &mut Load) -> Result<Option<String>> {
    let seen = cluster.must_get(&["mysqlcluster", NAME])?;
    if condition(&seen, "Healthy").0 != "True" {
        return Ok(Some(sentence(&seen)));
    }
    mirror.look_at_pods(cluster, NAME)?;
    let look = load.look()?;
    let goes_on = look.quiet_ms.is_some_and(|quiet| quiet < GOES_ON_MS);
    Ok((!goes_on).then(|| format!("the last write was acknowledged {:?} ms ago", look.quiet_ms)))
}

fn judge(report: &Report, seed: u64) -> Result<()> {
    say(&format!("seed {seed}: {}", summary::line(report)));
    for line in summary::kinds(&report.marks) {
        say(&line);
    }
    for broken in &report.violations {
        say(&format!("  BROKEN: {broken}"));
    }
    ensure!(
        report.violations.is_empty(),
        "seed {seed}: a promise was broken"
    );
    Ok(())
}
