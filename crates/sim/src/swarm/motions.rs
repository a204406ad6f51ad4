//! What happens by itself inside mysqlds and between them, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::network::{Node, Wire};
use super::scene::Scene;
use crate::mysqld::{Fleet, Motion, Possible, ServerId, Way};

/// What may happen, each with the moment that was drawn for it.
#[derive(Debug, Default)]
pub struct Motions {
    listed: Vec<(Possible, Duration)>,
    /// The fleet's version that was listed.
    version: Option<u64>,
}

impl Motions {
    /// Whether the fleet has changed since it was listed.
    pub fn are_outdated(&self, scene: &Scene) -> bool {
        self.version != Some(scene.fleet.version())
    }

    /// Those that are due now, and that the network lets through.
    pub fn due(&mut self, scene: &Scene) -> Vec<Motion> {
        let now = scene.executor.now();
        if self.are_outdated(scene) {
            self.list_anew(scene, now);
        }
        let whole = scene.with(|stage| stage.network.is_whole());
        let due = self.listed.iter().filter(|(_, at)| *at <= now);
        due.filter(|(possible, _)| whole || passes(scene, possible))
            .map(|(possible, _)| possible.motion)
            .collect()
    }

    /// Lets one happen.
    pub fn perform(&mut self, scene: &Scene, motion: Motion) {
        self.listed.retain(|(listed, _)| listed.motion != motion);
        scene.fleet.perform(motion, scene.executor.now());
    }

    /// The moment of the first that is due later than now.
    pub fn next_after(&self, now: Duration) -> Option<Duration> {
        let later = self.listed.iter().map(|(_, at)| *at);
        later.filter(|at| *at > now).min()
    }

    fn list_anew(&mut self, scene: &Scene, now: Duration) {
        self.version = Some(scene.fleet.version());
        let listed = scene.fleet.look(Fleet::motions);
        let before: BTreeMap<_, _> = self
            .listed
            .iter()
            .map(|(possible, at)| (possible.motion, *at))
            .collect();
        let timed = listed.into_iter().map(|possible| {
            let known = before.get(&possible.motion).copied();
            let at =
                known.unwrap_or_else(|| now.max(possible.at) + delay(scene, possible.motion, now));
            // A motion's own time may have moved on since.
            (possible, at.max(possible.at))
        });
        self.listed = timed.collect();
    }
}

fn delay(scene: &Scene, motion: Motion, now: Duration) -> Duration {
    if let Motion::Apply(ServerId(id)) = motion {
        let until = scene.with(|stage| stage.slow_appliers.get(&id).copied());
        if until.is_some_and(|until| until > now) {
            return scene.executor.with_rng(|rng| rng.micros(50_000, 1_500_000));
        }
    }
    let at_their_time = matches!(
        motion,
        Motion::GiveUp(_) | Motion::Wake(_) | Motion::SemiSyncTimeout(_)
    );
    if at_their_time {
        return Duration::ZERO;
    }
    scene.executor.with_rng(|rng| match rng.below(60) {
        0 => rng.micros(2_000, 150_000),
        _ => rng.micros(20, 1_500),
    })
}

fn passes(scene: &Scene, possible: &Possible) -> bool {
    let way = |from: ServerId, to: ServerId| {
        let (from, to) = (Node::Member(from.0), Node::Member(to.0));
        scene.with(|stage| stage.network.passes(from, to, Wire::Sql))
    };
    match possible.way {
        Way::Local => true,
        Way::OneWay { from, to } => way(from, to),
        Way::Both(one, other) => way(one, other) && way(other, one),
    }
}
