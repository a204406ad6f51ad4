//! What is broken on the test cluster, and how.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::e2e::cluster::Cluster;
use crate::testbed::fault::{self, Fault, Switch, Treatment};
use crate::testbed::layout::Host;
use crate::testbed::load::CONTROLLER;
use crate::testbed::network::Line;
use crate::testbed::show::MOCO_NAMESPACE;

/// How long something stays broken, milliseconds.
const HOLD_MS: (u64, u64) = (200, 6_000);
/// One event of so many does not wait for the one before to be mended.
const IMPATIENT: u64 = 4;

/// One kind of event.
pub(super) struct Blow {
    pub(super) name: &'static str,
    /// How often it is chosen.
    weight: u64,
    /// Does it, and says to whom.
    pub(super) strike: fn(&Stage<'_>, &Draw) -> Result<String>,
}

/// What is drawn for one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Draw {
    pick: u64,
    hold: Duration,
    /// The cluster is waited for afterwards.
    pub(super) patient: bool,
}

/// The cluster that is broken.
pub(super) struct Stage<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) name: &'static str,
}

const fn blow(
    name: &'static str,
    weight: u64,
    strike: fn(&Stage<'_>, &Draw) -> Result<String>,
) -> Blow {
    Blow {
        name,
        weight,
        strike,
    }
}

const BLOWS: &[Blow] = &[
    blow("kill-primary", 10, |stage, _| {
        Ok(stage.process(stage.primary()?, Treatment::Kill, "mysqld"))
    }),
    blow("kill-replica", 4, |stage, draw| {
        Ok(stage.process(stage.replica(draw)?, Treatment::Kill, "mysqld"))
    }),
    blow("kill-agent", 4, |stage, _| {
        Ok(stage.process(stage.primary()?, Treatment::Kill, "agent"))
    }),
    blow("kill-primary-container", 5, |stage, _| {
        Ok(stage.process(stage.primary()?, Treatment::Kill, "supervise"))
    }),
    blow("freeze-primary", 5, |stage, draw| {
        Ok(stage.freeze(stage.primary()?, &["mysqld"], draw))
    }),
    blow("freeze-primary-container", 4, |stage, draw| {
        Ok(stage.freeze(stage.primary()?, &["supervise", "agent", "mysqld"], draw))
    }),
    blow("cut-primary-node", 6, |stage, draw| {
        let host = stage.node(stage.primary()?)?;
        stage.held(draw, |line| vec![Fault::Cable { host, line }])
    }),
    blow("replica-deaf-to-primary", 4, |stage, draw| {
        stage.oneway(stage.primary()?, stage.replica(draw)?, draw)
    }),
    blow("primary-deaf-to-replica", 4, |stage, draw| {
        stage.oneway(stage.replica(draw)?, stage.primary()?, draw)
    }),
    blow("api-deaf-to-primary-node", 3, |stage, draw| {
        let from = stage.node(stage.primary()?)?;
        stage.held(draw, |line| vec![oneway(from, Host::Api, line)])
    }),
    blow("primary-node-deaf-to-api", 3, |stage, draw| {
        let to = stage.node(stage.primary()?)?;
        stage.held(draw, |line| vec![oneway(Host::Api, to, line)])
    }),
    blow("kubelet-away", 4, |stage, draw| {
        let host = stage.node(stage.primary()?)?;
        stage.away(draw, |switch| Fault::Kubelet { host, switch })
    }),
    blow("api-away", 3, |stage, draw| {
        stage.away(draw, |switch| Fault::Apiserver { switch })
    }),
    blow("kill-while-api-away", 3, |stage, draw| {
        let primary = stage.primary()?;
        let pids = fault::find(&stage.cluster.testbed, &stage.pod(primary), "mysqld")?;
        stage.fault(&Fault::Apiserver {
            switch: Switch::Stop,
        })?;
        fault::signal(&pids, Treatment::Kill)?;
        sleep(draw.hold);
        stage.fault(&Fault::Apiserver {
            switch: Switch::Start,
        })?;
        Ok(format!("member {primary}, pids {pids:?}"))
    }),
    blow("delete-primary-pod", 5, |stage, _| {
        stage.delete(&stage.pod_name(stage.primary()?))
    }),
    blow("delete-replica-pod", 3, |stage, draw| {
        stage.delete(&stage.pod_name(stage.replica(draw)?))
    }),
    blow("switchover", 6, |stage, _| {
        let pod = stage.pod_name(stage.primary()?);
        let words = ["annotate", "--overwrite", "pod", &pod];
        let call = stage.cluster.kubectl(words);
        match call.arg("moco.cybozu.com/demote=true").run() {
            // What was done before may have taken the pod away.
            Err(error) if format!("{error:#}").contains("NotFound") => {
                Ok(format!("there is no pod {pod} to ask"))
            }
            asked => asked.map(|()| format!("pod {pod} shall not be the primary")),
        }
    }),
    blow("kill-leader", 4, |stage, _| {
        let pod = stage.leader()?;
        let pod = format!("{MOCO_NAMESPACE}/{pod}");
        stage.treat(&pod, Treatment::Kill, "controller")?;
        Ok(pod)
    }),
    blow("freeze-leader", 4, |stage, draw| {
        let pod = format!("{MOCO_NAMESPACE}/{}", stage.leader()?);
        stage.treat(&pod, Treatment::Freeze, "controller")?;
        sleep(draw.hold * 3);
        stage.treat(&pod, Treatment::Thaw, "controller")?;
        Ok(pod)
    }),
];

const fn oneway(from: Host, to: Host, line: Line) -> Fault {
    Fault::Oneway { from, to, line }
}

impl Stage<'_> {
    /// The primary by the register.
    fn primary(&self) -> Result<u64> {
        let seen = self.cluster.must_get(&["mysqlcluster", self.name])?;
        let primary = seen.pointer("/status/register/primary");
        primary.and_then(Value::as_u64).context("no primary yet")
    }

    fn replica(&self, draw: &Draw) -> Result<u64> {
        let seen = self.cluster.must_get(&["mysqlcluster", self.name])?;
        let register = |path: &str| seen.pointer(&format!("/status/register/{path}"));
        let primary = register("primary").and_then(Value::as_u64);
        let members = register("membership/members").and_then(Value::as_array);
        let members = members.into_iter().flatten().filter_map(Value::as_u64);
        let replicas: Vec<_> = members.filter(|id| Some(*id) != primary).collect();
        let at = usize::try_from(draw.pick)? % replicas.len().max(1);
        replicas.get(at).copied().context("no replica")
    }

    fn pod_name(&self, member: u64) -> String {
        format!("moco-{}-{member}", self.name)
    }

    fn pod(&self, member: u64) -> String {
        format!("{}/{}", self.cluster.namespace, self.pod_name(member))
    }

    fn node(&self, member: u64) -> Result<Host> {
        let pod = self.cluster.must_get(&["pod", &self.pod_name(member)])?;
        let node = pod.pointer("/spec/nodeName").and_then(Value::as_str);
        node.context("the pod is on no node")?.parse()
    }

    fn leader(&self) -> Result<String> {
        let namespace = format!("--namespace={MOCO_NAMESPACE}");
        let kubectl = self.cluster.testbed.kubectl();
        let lease = kubectl.get(&["lease", CONTROLLER, &namespace])?;
        let holder = lease.and_then(|lease| {
            let holder = lease.pointer("/spec/holderIdentity")?.as_str()?;
            Some(holder.to_owned())
        });
        let holder = holder.context("nobody holds the lease")?;
        let pods = kubectl.get(&["pods", &namespace])?.unwrap_or_default();
        let items = pods.pointer("/items").and_then(Value::as_array);
        let names = items
            .into_iter()
            .flatten()
            .filter_map(|pod| pod.pointer("/metadata/name")?.as_str());
        let mut leaders = names.filter(|name| holder.starts_with(*name));
        let leader = leaders.next();
        Ok(leader
            .with_context(|| format!("no pod of {holder}"))?
            .to_owned())
    }

    fn fault(&self, fault: &Fault) -> Result<()> {
        fault::inject(&self.cluster.testbed, fault)
    }

    fn treat(&self, pod: &str, treatment: Treatment, name: &str) -> Result<()> {
        self.fault(&Fault::Process {
            pod: pod.to_owned(),
            treatment,
            name: name.to_owned(),
        })
    }

    /// One that does not run is told, and no error: events do not wait for each other.
    fn process(&self, member: u64, treatment: Treatment, name: &str) -> String {
        match self.treat(&self.pod(member), treatment, name) {
            Ok(()) => format!("{name} of member {member}"),
            Err(error) => format!("{error:#}"),
        }
    }

    /// Those that were frozen are thawed by their ids: whatever else happens, none stays as it is.
    fn freeze(&self, member: u64, names: &[&str], draw: &Draw) -> String {
        let find = |name: &&str| fault::find(&self.cluster.testbed, &self.pod(member), name);
        let pids: Vec<_> = names.iter().filter_map(|name| find(name).ok()).collect();
        let pids = pids.concat();
        // One that has ended meanwhile needs neither.
        let signal = |treatment| {
            let done = |pid: &&i32| fault::signal(&[**pid], treatment).is_ok();
            pids.iter().filter(done).count()
        };
        let frozen = signal(Treatment::Freeze);
        sleep(draw.hold);
        let thawed = signal(Treatment::Thaw);
        let what = format!("member {member}, {frozen} processes frozen and {thawed} thawed");
        held(&what, draw)
    }

    /// Cuts lines, and heals them after a while.
    fn held(&self, draw: &Draw, faults: impl Fn(Line) -> Vec<Fault>) -> Result<String> {
        for fault in faults(Line::Cut) {
            self.fault(&fault)?;
        }
        sleep(draw.hold);
        let mut told = String::new();
        for fault in faults(Line::Heal) {
            self.fault(&fault)?;
            told = fault.to_string();
        }
        Ok(held(&told, draw))
    }

    fn oneway(&self, from: u64, to: u64, draw: &Draw) -> Result<String> {
        let (from, to) = (self.node(from)?, self.node(to)?);
        if from == to {
            return Ok("both are on one node".to_owned());
        }
        self.held(draw, |line| vec![oneway(from, to, line)])
    }

    fn away(&self, draw: &Draw, fault: impl Fn(Switch) -> Fault) -> Result<String> {
        self.fault(&fault(Switch::Stop))?;
        sleep(draw.hold);
        let back = fault(Switch::Start);
        self.fault(&back)?;
        Ok(held(&back.to_string(), draw))
    }

    fn delete(&self, pod: &str) -> Result<String> {
        let words = ["delete", "pod", pod, "--wait=false", "--ignore-not-found"];
        self.cluster.kubectl(words).run()?;
        Ok(format!("pod {pod}"))
    }
}

fn held(what: &str, draw: &Draw) -> String {
    format!("{what}, after {:.1} s", draw.hold.as_secs_f64())
}

/// The events of a seed.
pub(super) fn plan(draws: &mut Draws, events: u32) -> Vec<(&'static Blow, Draw)> {
    let whole: u64 = BLOWS.iter().map(|blow| blow.weight).sum();
    let mut next = || {
        let mut left = draws.within(1, whole);
        let blow = BLOWS.iter().find(|blow| {
            let chosen = left <= blow.weight;
            left = left.saturating_sub(blow.weight);
            chosen
        })?;
        let draw = Draw {
            pick: draws.within(0, 5),
            hold: Duration::from_millis(draws.within(HOLD_MS.0, HOLD_MS.1)),
            patient: draws.within(1, IMPATIENT) > 1,
        };
        Some((blow, draw))
    };
    (0..events).filter_map(|_| next()).collect()
}

/// Numbers that a seed repeats: SplitMix64, as in `moco-chaos`.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from `low` to `high`, both included.
    fn within(&mut self, low: u64, high: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (z ^ (z >> 31)) % (high - low + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_plans_the_same_and_many_events_are_of_every_kind() {
        let names = |seed| -> Vec<_> {
            let events = plan(&mut Draws::new(seed), 400);
            events
                .into_iter()
                .map(|(blow, draw)| (blow.name, draw))
                .collect()
        };
        assert_eq!(names(3), names(3));
        assert_ne!(names(3), names(4));
        let kinds: BTreeSet<_> = names(3).into_iter().map(|(name, _)| name).collect();
        assert_eq!(kinds.len(), BLOWS.len());
    }
}
