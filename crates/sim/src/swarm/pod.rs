//! Pods and their agents: what Kubernetes, the kubelet and supervise do.

use std::sync::Arc;
use std::time::Duration;

use moco_agent::host::Process;
use moco_agent::{Member, Settings, alone, commits, exits, leave, notify, peers, watch};
use moco_model::MemberId;
use moco_mysql::replication::TlsFiles;
use tokio::sync::watch::Sender;

use super::executor::Owner;
use super::fault::{after, signal};
use super::host::SimHost;
use super::machine::Machine;
use super::scene::Scene;
use crate::mysqld::Signal;

/// SIGKILL to an agent.
pub fn kill_agent(scene: &Scene, id: u32) {
    let (owner, member) = scene.with(|stage| {
        let machine = stage.machines.entry(id).or_default();
        machine.turn += 1;
        (machine.agent.take(), machine.member.take())
    });
    if let Some(owner) = owner {
        scene.executor.kill(owner);
    }
    drop(member);
}

/// A pod ends: everything in it dies. It comes back if the member is wanted.
pub fn pod_ends(scene: &Scene, id: u32) {
    let nature = Owner(0);
    let later = scene.clone();
    // By nature's hand, for an agent may be the one that asked for it.
    scene.executor.spawn(nature, async move {
        signal(&later, id, Signal::Kill);
        kill_agent(&later, id);
        later.with(|stage| {
            let machine = stage.machines.entry(id).or_default();
            machine.there = false;
            machine.process = Sender::new(Process::Absent(None));
            machine.leave = Sender::new(None);
            stage.api.asks.remove(&MemberId(id));
        });
        let away = later
            .executor
            .with_rng(|rng| rng.micros(300_000, 3_000_000));
        later.executor.sleep(away).await;
        make_pod(&later, id);
    });
    signal(scene, id, Signal::Kill);
}

/// A pod is made, if it is wanted and not there.
pub fn make_pod(scene: &Scene, id: u32) {
    let made = scene.with(|stage| {
        let recorded = stage
            .api
            .register
            .as_ref()
            .is_some_and(|register| register.membership.all().contains(&MemberId(id)));
        let wanted = id < stage.api.wanted || recorded;
        let machine = stage.machines.entry(id).or_insert_with(Machine::new);
        let make = wanted && !machine.there;
        if make {
            machine.there = true;
            machine.pod += 1;
        }
        make
    });
    if made {
        start_agent(scene, id);
        scene.wake_controllers();
    }
}

/// Pods that are wanted are made; those of members that are neither wanted nor recorded go away.
pub fn scale(scene: &Scene) {
    let wanted = scene.with(|stage| stage.api.wanted);
    for id in 0..wanted {
        make_pod(scene, id);
    }
}

/// supervise starts another agent, after a while.
pub fn start_agent_later(scene: &Scene, nature: Owner, id: u32) {
    let pause = scene.executor.with_rng(|rng| rng.micros(50_000, 800_000));
    let turn = scene.with(|stage| stage.machines.get(&id).map(|machine| machine.turn));
    after(scene, nature, pause, move |scene| {
        let now = scene.with(|stage| {
            let machine = stage.machines.get(&id).filter(|machine| machine.there)?;
            Some(machine.turn)
        });
        if now.is_some() && now == turn {
            start_agent(scene, id);
        }
    });
}

/// supervise starts an agent.
pub fn start_agent(scene: &Scene, id: u32) {
    kill_agent(scene, id);
    let owner = scene.executor.owner();
    scene.with(|stage| {
        let machine = stage.machines.entry(id).or_default();
        machine.agent = Some(owner);
        machine.member = None;
    });
    let host = SimHost::new(scene.clone(), id, owner);
    let settings = settings(scene, id);
    let (executor, scene) = (scene.executor.clone(), scene.clone());
    let spawner = executor.clone();
    executor.spawn(owner, async move {
        let member = Arc::new(Member::begin(host, settings).await);
        spawner.spawn(owner, exits::run(Arc::clone(&member)));
        spawner.spawn(owner, watch::run(Arc::clone(&member)));
        spawner.spawn(owner, notify::run(Arc::clone(&member)));
        spawner.spawn(owner, peers::run(Arc::clone(&member)));
        spawner.spawn(owner, commits::run(Arc::clone(&member)));
        spawner.spawn(owner, alone::run(Arc::clone(&member)));
        let leaving = leave::run(Arc::clone(&member));
        spawner.spawn(owner, async move { drop(leaving.await) });
        scene.with(|stage| {
            if let Some(machine) = stage
                .machines
                .get_mut(&id)
                .filter(|m| m.agent == Some(owner))
            {
                machine.member = Some(member);
            }
        });
    });
}

/// What an agent of the world knows of its command line.
fn settings(scene: &Scene, id: u32) -> Settings {
    let (cluster, uid) = scene.with(|stage| (stage.cluster.clone(), stage.uid.clone()));
    Settings {
        cluster,
        uid,
        member: MemberId(id),
        startup_wait: Duration::from_secs(60),
        max_delay: Duration::from_secs(60),
        volume: "/volume".into(),
        tls: TlsFiles {
            ca: "ca".into(),
            certificate: "cert".into(),
            key: "key".into(),
        },
    }
}
