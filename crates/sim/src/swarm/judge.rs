//! What must hold, judged by the truth that no client can see.

use std::collections::{BTreeMap, BTreeSet};

use moco_model::{Guard, MemberId, Register, Role};

use super::kind::Kind;
use super::moment::Moment;
use super::scene::Scene;
use crate::mysqld::{Fleet, ServerId};
use crate::property::{Property, Violation};

/// The clients' table.
pub const TABLE: &str = "app.t";

/// What is written down in a run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Keys that were given out.
    pub keys: i64,
    /// Keys whose writer was told OK.
    pub acked: BTreeSet<i64>,
    /// Keys whose writer was told no.
    pub failed: BTreeSet<i64>,
    /// Keys whose writer was told nothing.
    pub unknown: u64,
    /// Keys that a reader of the primary saw.
    pub seen: BTreeSet<i64>,
    /// The highest epoch in which somebody was told OK.
    pub ok_epoch: u64,
    /// Servers that take writes.
    pub open: Vec<u32>,
    /// Changes of the primary.
    pub handovers: u64,
    /// How often each kind of fault came in the midst of each step.
    pub met: BTreeMap<(Option<Moment>, Kind), u64>,
    /// What does not hold.
    pub violation: Option<Violation>,
}

/// A client is told OK.
pub fn told_ok(scene: &Scene, key: i64, member: u32) {
    let (register, guard) = scene.with(|stage| {
        stage.record.acked.insert(key);
        let guard = stage
            .machines
            .get(&member)
            .and_then(|machine| machine.guard.clone());
        (stage.api.register.clone(), guard)
    });
    let holders = holders(scene, key, member);
    let of_it = |register: &&Register| register.primary == MemberId(member);
    let membership = register
        .as_ref()
        .filter(of_it)
        .map(|register| register.membership.clone())
        .or_else(|| guard.as_ref()?.membership.clone());
    // Who acknowledged and lost its volume since is a fault that the acknowledgement cannot know.
    let lost = scene.with(|stage| {
        stage
            .machines
            .values()
            .filter(|machine| machine.volume > 1)
            .count()
    });
    let kept = |members: &BTreeSet<MemberId>| {
        members.intersection(&holders).count() + lost >= members.len() / 2
    };
    let held = membership.is_some_and(|membership| {
        kept(&membership.members) || membership.old.as_ref().is_some_and(kept)
    });
    if !held {
        let because = format!("key {key} at member {member}: held by {holders:?}");
        scene.violated(Property::HeldByOthers, because);
    }
    let other = register.filter(|register| register.primary != MemberId(member));
    if let Some(register) = other {
        let primary = register.primary.0;
        if !scene.fleet.look(|fleet| holds(fleet, primary, key)) {
            let because = format!(
                "member {member} answered key {key} OK, and primary {primary} of epoch {} lacks it",
                register.epoch
            );
            scene.violated(Property::NothingLost, because);
        }
    }
    let epoch = guard.map_or(0, |guard| guard.epoch.0);
    scene.with(|stage| stage.record.ok_epoch = stage.record.ok_epoch.max(epoch));
}

/// Members but `writer` that hold a key so that a power cut would leave it.
fn holders(scene: &Scene, key: i64, writer: u32) -> BTreeSet<MemberId> {
    scene.fleet.look(|fleet| {
        let others = fleet.ids().filter(|id| id.0 != writer);
        others
            .filter(|id| fleet.holds_durably(*id, TABLE, key))
            .map(|id| MemberId(id.0))
            .collect()
    })
}

fn holds(fleet: &Fleet, id: u32, key: i64) -> bool {
    fleet.visible(ServerId(id), TABLE, key).is_some()
        || fleet
            .transactions(ServerId(id))
            .any(|one| one.writes(TABLE, key))
}

/// Keys whose writers were told OK and that are in a member's logs.
pub fn acked_at(scene: &Scene, id: u32) -> BTreeSet<i64> {
    let acked = scene.with(|stage| stage.record.acked.clone());
    let logged = |key: &i64| {
        scene.fleet.look(|fleet| {
            let mut all = fleet.transactions(ServerId(id));
            all.any(|one| one.writes(TABLE, *key))
        })
    };
    acked.into_iter().filter(logged).collect()
}

/// The end of a member's binary log was cut off.
pub fn tail_cut(scene: &Scene, id: u32, before: &BTreeSet<i64>) {
    let after = acked_at(scene, id);
    if after.len() < before.len() {
        let lost: Vec<_> = before.difference(&after).collect();
        scene.violated(
            Property::AckedIsNotCut,
            format!("the keys {lost:?} at {id}"),
        );
    }
}

/// A guard file is replaced.
pub fn guard_written(scene: &Scene, id: u32, new: &Guard) {
    let old = scene.with(|stage| {
        stage
            .machines
            .get(&id)
            .and_then(|machine| machine.guard.clone())
    });
    let Some(old) = old else { return };
    if new.epoch < old.epoch || new.promised < old.promised {
        let because = format!(
            "the guard of {id} went from {}/{} to {}/{}",
            old.epoch, old.promised, new.epoch, new.promised
        );
        scene.violated(Property::EpochsRise, because);
    }
}

/// The register is replaced.
pub fn recorded(scene: &Scene, controller: u32, new: &Register) {
    scene.tell(format!(
        "controller {controller} records epoch {}, primary {}, members {:?}{}: {:?}, {}",
        new.epoch,
        new.primary,
        new.membership
            .members
            .iter()
            .map(|id| id.0)
            .collect::<Vec<_>>(),
        new.membership
            .old
            .as_ref()
            .map_or(String::new(), |old| format!(" (before {})", old.len())),
        new.basis.kind,
        new.basis.because,
    ));
    let old = scene.with(|stage| stage.api.register.clone());
    let Some(old) = old else { return };
    if new.epoch < old.epoch {
        let because = format!(
            "the register went from epoch {} to {}",
            old.epoch, new.epoch
        );
        scene.violated(Property::EpochsRise, because);
    }
    if new.primary == old.primary {
        return;
    }
    scene.with(|stage| stage.record.handovers += 1);
    let primary = new.primary.0;
    let (acked, there) = scene.with(|stage| {
        let there = stage
            .machines
            .get(&primary)
            .is_some_and(|machine| machine.guard.is_some());
        (stage.record.acked.clone(), there)
    });
    let lost = scene.fleet.look(|fleet| {
        acked
            .iter()
            .copied()
            .filter(|key| !holds(fleet, primary, *key))
            .collect::<Vec<_>>()
    });
    if there && !lost.is_empty() {
        let because = format!("member {primary} becomes primary and lacks keys {lost:?}");
        scene.violated(Property::NothingLost, because);
    }
}

/// An empty data directory is made.
pub fn initialised(scene: &Scene, id: u32) {
    let (primary, written) = scene.with(|stage| {
        let guard = stage
            .machines
            .get(&id)
            .and_then(|machine| machine.guard.as_ref());
        let primary = guard.is_some_and(|guard| guard.role == Some(Role::Primary));
        (primary, stage.api.initialised)
    });
    if primary && written {
        let because = format!("primary {id} is made empty although the cluster was open");
        scene.violated(Property::InitialisedOnce, because);
    }
}

/// A data directory is about to be removed.
pub fn wiped(scene: &Scene, id: u32) {
    let acked = scene.with(|stage| stage.record.acked.clone());
    let gone = scene.fleet.look(|fleet| {
        let others: Vec<_> = fleet.ids().filter(|other| other.0 != id).collect();
        let kept = |key: &i64| others.iter().any(|other| holds(fleet, other.0, *key));
        acked
            .iter()
            .copied()
            .filter(|key| holds(fleet, id, *key) && !kept(key))
            .collect::<Vec<_>>()
    });
    if !gone.is_empty() {
        let because = format!("member {id} was the last that held keys {gone:?}");
        scene.violated(Property::LastCopyKept, because);
    }
}

/// A mysqld was started.
pub fn started(scene: &Scene, id: u32) {
    if scene.fleet.look(|fleet| fleet.is_open(ServerId(id))) {
        scene.violated(
            Property::FreshIsClosed,
            format!("mysqld {id} takes writes at its start"),
        );
    }
}

/// After every step: servers that were just opened must hold everything.
pub fn look(scene: &Scene) {
    let open: Vec<u32> = scene.fleet.look(|fleet| {
        let open = fleet.ids().filter(|id| fleet.is_open(*id));
        open.map(|id| id.0).collect()
    });
    let new: Vec<u32> = scene.with(|stage| {
        let before = &stage.record.open;
        let new = open.iter().filter(|id| !before.contains(id));
        let new = new.copied().collect();
        stage.record.open = open;
        new
    });
    for id in new {
        opened(scene, id);
    }
}

fn opened(scene: &Scene, id: u32) {
    scene.tell(format!("mysqld {id} takes writes"));
    let (acked, seen) = scene.with(|stage| (stage.record.acked.clone(), stage.record.seen.clone()));
    let rows = scene.fleet.look(|fleet| fleet.rows_of(ServerId(id), TABLE));
    let lacks = |keys: &BTreeSet<i64>| {
        keys.iter()
            .copied()
            .filter(|key| !rows.contains_key(key))
            .collect::<Vec<_>>()
    };
    let lost = lacks(&acked);
    if !lost.is_empty() {
        let because = format!("member {id} is opened and lacks the acknowledged keys {lost:?}");
        scene.violated(Property::NothingLost, because);
    }
    let vanished = lacks(&seen);
    if !vanished.is_empty() {
        let because = format!("member {id} is opened and lacks keys {vanished:?} that were read");
        scene.violated(Property::NothingVanishes, because);
    }
}

/// At the end: the cluster is healthy, and everybody holds the same.
pub fn end(scene: &Scene) {
    let unknown = scene
        .fleet
        .look(|fleet| fleet.unknown_statements().to_vec());
    if let Some(statement) = unknown.first() {
        scene.violated(Property::StatementsKnown, statement.clone());
    }
    same_content(scene);
    let Some(register) = scene.with(|stage| stage.api.register.clone()) else {
        return;
    };
    let record = scene.with(|stage| stage.record.clone());
    let rows = |id: MemberId| {
        scene
            .fleet
            .look(|fleet| fleet.rows_of(ServerId(id.0), TABLE))
    };
    let all = rows(register.primary);
    let lost: Vec<_> = record
        .acked
        .iter()
        .filter(|key| !all.contains_key(key))
        .collect();
    if !lost.is_empty() {
        scene.violated(
            Property::NothingLost,
            format!("at the end keys {lost:?} are gone"),
        );
    }
    let ghosts: Vec<_> = record
        .failed
        .iter()
        .filter(|key| all.contains_key(key))
        .collect();
    if !ghosts.is_empty() {
        let because = format!("keys {ghosts:?} were refused and are there");
        scene.violated(Property::NothingLost, because);
    }
    for id in &register.membership.members {
        if rows(*id) != all {
            let own = rows(*id);
            let lacks: Vec<_> = all.keys().filter(|key| !own.contains_key(key)).collect();
            let more: Vec<_> = own.keys().filter(|key| !all.contains_key(key)).collect();
            let because = format!(
                "member {id} lacks keys {lacks:?} of primary {} and has {more:?} more",
                register.primary
            );
            scene.violated(Property::StaysQuiet, because);
        }
    }
}

/// The same GTID is the same transaction everywhere.
fn same_content(scene: &Scene) {
    let different = scene.fleet.look(|fleet| {
        let mut known = BTreeMap::new();
        for id in fleet.ids() {
            for one in fleet.transactions(id) {
                let first = known
                    .entry(one.gtid.clone())
                    .or_insert_with(|| (id, one.changes.clone()));
                if first.1 != one.changes {
                    return Some(format!("{:?} differs on {} and {id}", one.gtid, first.0));
                }
            }
        }
        None
    });
    if let Some(because) = different {
        scene.violated(Property::OneContent, because);
    }
}
