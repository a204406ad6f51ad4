//! What goes wrong, and what people and Kubernetes do.

use std::sync::Arc;
use std::time::Duration;

use moco_model::MemberId;
use moco_planner::observation::Ask;
use tokio::sync::Notify;

use super::controller;
use super::executor::{Frozen, Owner};
use super::kind::Kind;
use super::moment::MIDST;
use super::network::{Cut, Node, Wire};
use super::pod::{kill_agent, pod_ends, scale, start_agent_later};
use super::scene::{ApiMode, ControllerProcess, Scene};
use crate::mysqld::{Health, Loss, ServerId, Signal};

/// One of them. Times are how long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL to mysqld.
    KillMysqld(u32),
    /// SIGKILL to the agent; supervise starts another.
    KillAgent(u32),
    /// The whole pod dies and is made again, with another uid.
    KillPod(u32),
    /// Power fails: what was not synced is lost.
    PowerCut(u32),
    /// The pod comes back with an empty volume.
    LoseVolume(u32),
    /// SIGSTOP to mysqld, then SIGCONT.
    FreezeMysqld(u32, Duration),
    /// SIGSTOP to the agent, then SIGCONT.
    FreezeAgent(u32, Duration),
    /// A controller stands still, then goes on where it was.
    FreezeController(u32, Duration),
    /// A controller dies; another one leads.
    KillController,
    /// Two controllers lead.
    Overlap(Duration),
    /// Nothing passes in one direction.
    Cut(Node, Node, Wire, Duration),
    /// A member is cut from everybody.
    Isolate(u32, Duration),
    /// Of so many calls one is lost.
    LoseCalls(u64, Duration),
    /// Calls take up to so many milliseconds.
    SlowCalls(u64, Duration),
    /// The API server fails.
    Api(ApiMode, Duration),
    /// An applier is slow.
    SlowApplier(u32, Duration),
    /// No fsync returns.
    HungDisk(u32, Duration),
    /// The volume is full.
    FullDisk(u32, Duration),
    /// Somebody asks for this primary.
    Lead(u32),
    /// The pod is evicted.
    Evict(u32),
    /// So many members are wanted.
    Want(u32),
}

/// Lets it happen.
pub fn happen(scene: &Scene, nature: Owner, fault: Fault) {
    scene.tell(format!("! {}", super::story::words(fault)));
    let now = scene.executor.now();
    scene.with(|stage| {
        let last = stage
            .moment
            .filter(|(_, at)| now.saturating_sub(*at) <= MIDST);
        let met = (last.map(|(moment, _)| moment), Kind::from(fault));
        *stage.record.met.entry(met).or_default() += 1;
    });
    match fault {
        Fault::KillMysqld(id) => signal(scene, id, Signal::Kill),
        Fault::KillAgent(id) => {
            kill_agent(scene, id);
            start_agent_later(scene, nature, id);
        }
        Fault::KillPod(id) => pod_ends(scene, id),
        Fault::PowerCut(id) => power_cut(scene, nature, id),
        Fault::LoseVolume(id) => lose_volume(scene, id),
        Fault::FreezeMysqld(id, time) => {
            signal(scene, id, Signal::Freeze);
            after(scene, nature, time, move |scene| {
                signal(scene, id, Signal::Thaw);
            });
        }
        Fault::FreezeAgent(id, time) => {
            let agent = scene.with(|stage| stage.machines.get(&id).and_then(|m| m.agent));
            freeze(scene, nature, agent, time);
        }
        Fault::FreezeController(id, time) => {
            let owner = scene.with(|stage| stage.controllers.get(&id).map(|c| c.owner));
            freeze(scene, nature, owner, time);
        }
        Fault::KillController => next_controller(scene),
        Fault::Overlap(time) => overlap(scene, nature, time),
        Fault::Api(mode, time) => {
            scene.with(|stage| stage.api.mode = mode);
            after(scene, nature, time, |scene| {
                scene.with(|stage| stage.api.mode = ApiMode::Good);
            });
        }
        Fault::SlowApplier(id, time) => {
            let until = scene.executor.now() + time;
            scene.with(|stage| stage.slow_appliers.insert(id, until));
        }
        Fault::HungDisk(id, time) => disk(scene, nature, id, Health::Hung, time),
        Fault::FullDisk(id, time) => disk(scene, nature, id, Health::Full, time),
        Fault::Cut(..) | Fault::Isolate(..) | Fault::LoseCalls(..) | Fault::SlowCalls(..) => {
            of_network(scene, nature, fault);
        }
        Fault::Lead(id) => ask(
            scene,
            id,
            Ask::Lead {
                because: "a person".to_owned(),
            },
        ),
        Fault::Evict(id) => evict(scene, id),
        Fault::Want(n) => {
            scene.with(|stage| stage.api.wanted = n);
            scale(scene);
            scene.wake_controllers();
        }
    }
}

/// Does something later.
pub(super) fn after(
    scene: &Scene,
    nature: Owner,
    time: Duration,
    then: impl FnOnce(&Scene) + Send + 'static,
) {
    let world = scene.clone();
    scene.executor.spawn(nature, async move {
        world.executor.sleep(time).await;
        then(&world);
    });
}

/// Sends a signal to a mysqld.
pub(super) fn signal(scene: &Scene, id: u32, signal: Signal) {
    let now = scene.executor.now();
    scene
        .fleet
        .at(now, |fleet| fleet.signal(ServerId(id), signal, now));
}

fn freeze(scene: &Scene, nature: Owner, owner: Option<Owner>, time: Duration) {
    let Some(owner) = owner else { return };
    scene.executor.set_frozen(owner, Frozen::Yes);
    after(scene, nature, time, move |scene| {
        scene.executor.set_frozen(owner, Frozen::No);
    });
}

fn disk(scene: &Scene, nature: Owner, id: u32, health: Health, time: Duration) {
    let set = move |scene: &Scene, health| {
        let now = scene.executor.now();
        scene
            .fleet
            .at(now, |fleet| fleet.set_health(ServerId(id), health, now));
    };
    set(scene, health);
    after(scene, nature, time, move |scene| set(scene, Health::Good));
}

fn of_network(scene: &Scene, nature: Owner, fault: Fault) {
    match fault {
        Fault::Cut(from, to, wire, time) => {
            let cut = Cut { from, to, wire };
            scene.with(|stage| stage.network.cut(cut));
            after(scene, nature, time, move |scene| {
                scene.with(|stage| stage.network.mend(cut));
            });
        }
        Fault::Isolate(id, time) => {
            let cuts = around(scene, id);
            scene.with(|stage| cuts.iter().for_each(|cut| stage.network.cut(*cut)));
            after(scene, nature, time, move |scene| {
                scene.with(|stage| cuts.iter().for_each(|cut| stage.network.mend(*cut)));
            });
        }
        Fault::LoseCalls(one_of, time) => {
            scene.with(|stage| stage.network.lost_one_of = one_of);
            after(scene, nature, time, |scene| {
                scene.with(|stage| stage.network.lost_one_of = 0);
            });
        }
        Fault::SlowCalls(ms, time) => {
            scene.with(|stage| stage.network.slow_us = ms * 1_000);
            after(scene, nature, time, |scene| {
                scene.with(|stage| stage.network.slow_us = 0);
            });
        }
        _ => {}
    }
}

/// Both directions between a member and everybody else.
fn around(scene: &Scene, id: u32) -> Vec<Cut> {
    let me = Node::Member(id);
    let members = scene.with(|stage| stage.machines.keys().copied().collect::<Vec<_>>());
    let others = members
        .into_iter()
        .filter(|other| *other != id)
        .map(Node::Member);
    let controllers = (0..CONTROLLERS).map(Node::Controller);
    let both = |other| {
        [
            Cut {
                from: me,
                to: other,
                wire: Wire::All,
            },
            Cut {
                from: other,
                to: me,
                wire: Wire::All,
            },
        ]
    };
    others.chain(controllers).flat_map(both).collect()
}

fn ask(scene: &Scene, id: u32, ask: Ask) {
    scene.with(|stage| stage.api.asks.insert(MemberId(id), ask));
    scene.wake_controllers();
}

/// The pod is deleted: SIGTERM, and SIGKILL after the grace period.
fn evict(scene: &Scene, id: u32) {
    let grace = Duration::from_secs(40);
    ask(
        scene,
        id,
        Ask::Leave {
            because: "its pod is deleted".to_owned(),
        },
    );
    let turn = scene.with(|stage| {
        let machine = stage.machines.get(&id)?;
        machine.leave.send_replace(Some(grace));
        Some(machine.pod)
    });
    let Some(pod) = turn else { return };
    let nature = Owner(0);
    after(scene, nature, grace, move |scene| {
        let same = scene.with(|stage| stage.machines.get(&id).is_some_and(|m| m.pod == pod));
        if same {
            pod_ends(scene, id);
        }
    });
}

fn lose_volume(scene: &Scene, id: u32) {
    pod_ends(scene, id);
    let now = scene.executor.now();
    scene.with(|stage| {
        if let Some(machine) = stage.machines.get_mut(&id) {
            machine.volume += 1;
            machine.guard = None;
            machine.synced = None;
            machine.evidence.clear();
        }
    });
    // It does not run: the pod has just ended.
    let _ = scene.fleet.at(now, |fleet| fleet.wipe(ServerId(id)));
}

fn power_cut(scene: &Scene, nature: Owner, id: u32) {
    let now = scene.executor.now();
    kill_agent(scene, id);
    scene.fleet.at(now, |fleet| {
        fleet.lose_unsynced(ServerId(id), Loss::Unsynced);
    });
    scene.with(|stage| {
        if let Some(machine) = stage.machines.get_mut(&id) {
            machine.boot += 1;
            machine.guard.clone_from(&machine.synced);
        }
    });
    scene.supervise();
    start_agent_later(scene, nature, id);
}

/// Controllers at most; they take turns.
const CONTROLLERS: u32 = 2;

/// Starts a controller's process.
pub fn start_controller(scene: &Scene, id: u32) {
    let (owner, wake) = (scene.executor.owner(), Arc::new(Notify::new()));
    let process = ControllerProcess {
        owner,
        wake: Arc::clone(&wake),
    };
    scene.with(|stage| stage.controllers.insert(id, process));
    scene
        .executor
        .spawn(owner, controller::run(scene.clone(), id, wake));
}

/// The leader dies, and the other one leads.
fn next_controller(scene: &Scene) {
    let leader = scene
        .with(|stage| stage.leaders.first().copied())
        .unwrap_or(0);
    if let Some(process) = scene.with(|stage| stage.controllers.remove(&leader)) {
        scene.executor.kill(process.owner);
    }
    start_controller(scene, leader);
    scene.with(|stage| stage.leaders = [(leader + 1) % CONTROLLERS].into());
}

fn overlap(scene: &Scene, nature: Owner, time: Duration) {
    scene.with(|stage| stage.leaders.extend(0..CONTROLLERS));
    after(scene, nature, time, |scene| {
        scene.with(|stage| {
            let last = stage.leaders.last().copied();
            stage.leaders = last.into_iter().collect();
        });
    });
}
