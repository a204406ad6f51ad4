//! One run: its plan, its course, its verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use moco_model::guard::DataState;
use moco_model::{ClusterId, ClusterUid};

use super::client::{self, Finds};
use super::executor::{Executor, Owner};
use super::fault::{self, Fault};
use super::judge::{self, Record};
use super::kind::Kind;
use super::moment::{Aimed, Moment};
use super::motions::Motions;
use super::network::Network;
use super::pod;
use super::rng::Rng;
use super::scene::{Api, Scene, Stage};
use crate::mutation::Mutation;
use crate::mysqld::{Address, Fleet, Pace, ServerId, Settings, SharedFleet};
use crate::property::{Property, Violation};

/// Members at most.
pub const MEMBERS_MAX: u32 = 5;

/// What a run is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Draws everything that the plan does not say.
    pub seed: u64,
    /// Members at the beginning.
    pub members: u32,
    /// Until when faults happen; then everything is mended.
    pub faults_until: Duration,
    /// What goes wrong, and when.
    pub faults: Vec<(Duration, Fault)>,
    /// What goes wrong at a step.
    pub aimed: Vec<Aimed>,
    /// The seeded bug.
    pub mutation: Option<Mutation>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What does not hold.
    pub violation: Option<Violation>,
    /// What happened, a line each.
    pub transcript: Vec<String>,
    /// Writes that were answered OK.
    pub acked: usize,
    /// Changes of the primary.
    pub handovers: u64,
    /// How often each kind of fault came in the midst of each step.
    pub met: BTreeMap<(Option<Moment>, Kind), u64>,
    /// Only a person could have helped.
    pub beyond_help: bool,
    /// Polls and motions.
    pub steps: u64,
    /// The time that passed in the world.
    pub lasted: Duration,
}

/// How long a mended cluster may take to be healthy.
const HEALING: Duration = Duration::from_secs(180);
/// How long a cluster must be healthy to be called so.
const SETTLED: Duration = Duration::from_millis(1_500);
/// How long a healthy cluster is watched.
const QUIET: Duration = Duration::from_secs(3);
/// Steps within one moment, at most: more is a task that spins.
const SPIN: u64 = 200_000;

/// Runs a plan to its verdict.
pub fn run(plan: &Plan) -> Outcome {
    let mut course = Course::begin(plan);
    let scene = course.scene.clone();
    course.until(plan.faults_until, |_| false);
    course.mend();
    let healthy = course.heal();
    let beyond_help = !healthy && is_beyond_help(&scene);
    if !healthy && !beyond_help && scene.with(|stage| stage.record.violation.is_none()) {
        let verdict = scene.with(|stage| stage.api.verdict.clone());
        let because = verdict.map_or_else(
            || "no pass ever ended".to_owned(),
            |verdict| format!("{}: {}", verdict.code, verdict.sentence),
        );
        scene.violated(Property::BecomesHealthy, because);
    }
    if healthy {
        course.watch_quiet();
        judge::end(&scene);
    }
    Outcome {
        beyond_help,
        ..course.end()
    }
}

/// The primary's volume is gone, and too few others count: only a person can say that nothing is lost.
fn is_beyond_help(scene: &Scene) -> bool {
    scene.with(|stage| {
        let Some(register) = &stage.api.register else {
            return false;
        };
        let machine = stage.machines.get(&register.primary.0);
        let guard = machine.and_then(|machine| machine.guard.as_ref());
        register.initialised && guard.is_none_or(|guard| guard.data != DataState::Holding)
    })
}

/// The last pass found nothing to do, and everybody who writes is done.
fn is_healthy(scene: &Scene) -> bool {
    scene.with(|stage| {
        let healthy =
            stage.api.verdict.as_ref().is_some_and(|verdict| {
                verdict.code == moco_planner::verdict::HEALTHY && verdict.idle
            });
        let wanted = usize::try_from(stage.api.wanted).unwrap_or(usize::MAX);
        let complete = stage.api.register.as_ref().is_some_and(|register| {
            register.membership.members.len() == wanted && register.membership.old.is_none()
        });
        healthy && complete
    })
}

struct Course {
    scene: Scene,
    nature: Owner,
    faults: Vec<(Duration, Fault)>,
    motions: Motions,
    steps: u64,
    spun: u64,
}

impl Course {
    fn begin(plan: &Plan) -> Self {
        let executor = Executor::new(Rng::new(plan.seed));
        let cluster = ClusterId {
            namespace: "sim".to_owned(),
            name: "c".to_owned(),
        };
        let mut fleet = Fleet::new(Pace::AtOnce);
        for id in 0..MEMBERS_MAX {
            let host = cluster.pod_host(moco_model::MemberId(id));
            let address = Address { host, port: 3306 };
            fleet.add(ServerId(id), address, id + 1, settings(plan.mutation));
        }
        let stage = Stage {
            cluster,
            uid: ClusterUid("uid".to_owned()),
            api: Api {
                wanted: plan.members,
                ..Api::default()
            },
            machines: BTreeMap::new(),
            controllers: BTreeMap::new(),
            leaders: [0].into(),
            network: Network::default(),
            record: Record::default(),
            transcript: Vec::new(),
            slow_appliers: BTreeMap::new(),
            orders: 0,
            moment: None,
            aimed: plan.aimed.clone(),
            calm: false,
            mutation: plan.mutation,
        };
        let scene = Scene::new(executor, SharedFleet::new(fleet), stage);
        pod::scale(&scene);
        fault::start_controller(&scene, 0);
        fault::start_controller(&scene, 1);
        for finds in [Finds::Label, Finds::Label, Finds::Sticky] {
            scene
                .executor
                .spawn(Owner(0), client::write(scene.clone(), finds));
        }
        scene.executor.spawn(Owner(0), client::read(scene.clone()));
        let mut faults = plan.faults.clone();
        faults.sort();
        faults.reverse();
        Self {
            scene,
            nature: Owner(0),
            faults,
            motions: Motions::default(),
            steps: 0,
            spun: 0,
        }
    }

    /// Goes on until `end`, or until `done`, which is asked whenever time passes. True when it was.
    fn until(&mut self, end: Duration, done: impl Fn(&Scene) -> bool) -> bool {
        loop {
            if self.scene.with(|stage| stage.record.violation.is_some()) {
                return false;
            }
            let motions = self.motions.due(&self.scene);
            let ready = self.scene.executor.ready();
            if motions.is_empty() && ready == 0 {
                if done(&self.scene) {
                    return true;
                }
                if !self.pass_time(end) {
                    return false;
                }
                self.spun = 0;
                continue;
            }
            self.steps += 1;
            self.spun += 1;
            if self.spun > SPIN {
                self.scene
                    .violated(Property::BecomesHealthy, "a task spins without end");
                return false;
            }
            let at = self
                .scene
                .executor
                .with_rng(|rng| rng.place(motions.len() + ready));
            match motions.get(at) {
                Some(motion) => self.motions.perform(&self.scene, *motion),
                None => self.scene.executor.poll(at - motions.len()),
            }
            if self.motions.are_outdated(&self.scene) {
                self.scene.supervise();
                judge::look(&self.scene);
            }
        }
    }

    /// Lets time pass to the next thing that happens; false at the end.
    fn pass_time(&mut self, end: Duration) -> bool {
        let now = self.scene.executor.now();
        let motion = self.motions.next_after(now);
        let timer = self.scene.executor.next_timer();
        let fault = self.faults.last().map(|(at, _)| *at);
        let next = [motion, timer, fault]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(end);
        if next > end || now >= end {
            self.scene.executor.advance(end);
            return false;
        }
        self.scene.executor.advance(next);
        while let Some((_, fault)) = self.faults.pop_if(|(at, _)| *at <= next) {
            fault::happen(&self.scene, self.nature, fault);
            self.scene.supervise();
            judge::look(&self.scene);
        }
        true
    }

    /// The last fault is over: everything works again, and clients stop.
    fn mend(&mut self) {
        self.scene.tell("everything is mended");
        self.faults.clear();
        let now = self.scene.executor.now();
        self.scene.with(|stage| {
            stage.network.mend_all();
            stage.api.mode = super::scene::ApiMode::Good;
            stage.slow_appliers.clear();
            stage.calm = true;
            // What was said before the last fault says nothing any more.
            stage.api.verdict = None;
        });
        if self.scene.executor.with_rng(|rng| rng.below(32)) > 0 {
            // Otherwise the controllers have only what agents tell them, and their own clocks.
            self.scene.wake_controllers();
        }
        self.scene.fleet.at(now, |fleet| {
            let ids: Vec<_> = fleet.ids().collect();
            for id in ids {
                fleet.set_health(id, crate::mysqld::Health::Good, now);
            }
        });
    }

    /// Goes on until the cluster is healthy for good; false when it does not become so.
    fn heal(&mut self) -> bool {
        let deadline = self.scene.executor.now() + HEALING;
        while self.scene.executor.now() < deadline {
            if !self.until(deadline, is_healthy) {
                return false;
            }
            // A member that has just caught up is still to be written down.
            let before = self.scene.with(|stage| stage.api.writes);
            let end = self.scene.executor.now() + SETTLED;
            self.until(end, |_| false);
            let after = self.scene.with(|stage| stage.api.writes);
            if before == after && is_healthy(&self.scene) {
                return true;
            }
        }
        false
    }

    /// A healthy cluster is left alone.
    fn watch_quiet(&mut self) {
        let count = |scene: &Scene| scene.with(|stage| (stage.api.writes, stage.orders));
        let before = count(&self.scene);
        let end = self.scene.executor.now() + QUIET;
        self.until(end, |_| false);
        let after = count(&self.scene);
        if before != after && self.scene.with(|stage| stage.record.violation.is_none()) {
            let because = format!(
                "a healthy cluster saw {} writes of the register and {} orders",
                after.0 - before.0,
                after.1 - before.1
            );
            self.scene.violated(Property::StaysQuiet, because);
        }
    }

    fn end(self) -> Outcome {
        let lasted = self.scene.executor.now();
        let steps = self.steps;
        let outcome = self.scene.with(|stage| Outcome {
            violation: stage.record.violation.clone(),
            transcript: std::mem::take(&mut stage.transcript),
            acked: stage.record.acked.len(),
            handovers: stage.record.handovers,
            beyond_help: false,
            met: std::mem::take(&mut stage.record.met),
            steps,
            lasted,
        });
        // Machines, tasks and agents hold each other.
        self.scene.executor.end();
        let machines = self.scene.with(|stage| std::mem::take(&mut stage.machines));
        drop(machines);
        outcome
    }
}

fn settings(mutation: Option<Mutation>) -> Settings {
    Settings {
        sync_relay_log: mutation != Some(Mutation::RelayLogUnsynced),
        relay_log_recovery: mutation == Some(Mutation::RelayLogRecovery),
        semi_sync_timeout_ms: (mutation == Some(Mutation::FiniteTimeout)).then_some(1_000),
        ..Settings::default()
    }
}
