//! What is broken when: chosen from a seed, before anything is seen of the cluster.

use std::time::Duration;

use anyhow::Context as _;

use crate::seed::Seed;

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// SIGKILL for the primary's mysqld.
    KillPrimary,
    /// SIGKILL for a replica's mysqld.
    KillReplica,
    /// SIGKILL for every mysqld at once.
    KillAll,
    /// SIGKILL for the agent of any member.
    KillAgent,
    /// SIGKILL for all processes of the primary, as when its container is killed.
    KillPrimaryContainer,
    /// The same for a replica.
    KillReplicaContainer,
    /// The primary's mysqld stands still for some seconds.
    FreezePrimary,
    /// All processes of the primary stand still, as when its host hangs.
    FreezePrimaryContainer,
    /// A replica's mysqld stands still.
    FreezeReplica,
    /// Somebody asks for another primary.
    Switchover,
    /// Somebody asks for another primary, and the old one's mysqld is killed meanwhile.
    KillDuringSwitchover,
    /// SIGKILL for the background process, which is started again.
    KillDaemon,
    /// The manifest asks for two members more, or for two less where it did before.
    Resize,
}

/// Each kind with its name and its weight: how often it is chosen.
const KINDS: [(Kind, &str, u64); 13] = [
    (Kind::KillPrimary, "kill-primary", 20),
    (Kind::KillReplica, "kill-replica", 8),
    (Kind::KillAll, "kill-all", 5),
    (Kind::KillAgent, "kill-agent", 8),
    (Kind::KillPrimaryContainer, "kill-primary-container", 10),
    (Kind::KillReplicaContainer, "kill-replica-container", 5),
    (Kind::FreezePrimary, "freeze-primary", 8),
    (Kind::FreezePrimaryContainer, "freeze-primary-container", 8),
    (Kind::FreezeReplica, "freeze-replica", 4),
    (Kind::Switchover, "switchover", 12),
    (Kind::KillDuringSwitchover, "kill-during-switchover", 5),
    (Kind::KillDaemon, "kill-daemon", 5),
    (Kind::Resize, "resize", 2),
];

/// How long something stands still: long enough that a silent primary is replaced meanwhile, and
/// short enough that it sometimes is not.
const FREEZE_MS: (u64, u64) = (200, 8_000);
/// How long the next event waits where it does not wait until the cluster is healthy.
const PAUSE_MS: (u64, u64) = (10, 3_000);
/// One event of so many does not wait for the one before to be mended.
const IMPATIENT: u64 = 4;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// What is done.
    pub(crate) kind: Kind,
    /// To whom, where there is a choice: the remainder by the number of candidates.
    pub(crate) pick: u64,
    /// For how long, where it ends.
    pub(crate) hold: Duration,
    /// What is waited for afterwards.
    pub(crate) then: Then,
}

/// What is waited for after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Until the cluster is healthy.
    Healthy,
    /// For this long, whatever the cluster is.
    After(Duration),
}

impl Event {
    /// Reads `KIND` or `KIND MILLISECONDS`: an event that is asked for.
    pub(crate) fn read(words: &str) -> anyhow::Result<Self> {
        let (name, millis) = words.split_once(' ').unwrap_or((words, "0"));
        let kind = Kind::named(name).with_context(|| format!("there is no kind {name}"))?;
        let millis = millis
            .parse()
            .with_context(|| format!("{millis} is no number of milliseconds"))?;
        Ok(Self {
            kind,
            pick: 0,
            hold: Duration::from_millis(millis),
            then: Then::Healthy,
        })
    }
}

impl Kind {
    /// Every kind.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|(kind, _, _)| *kind)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|(kind, _, _)| *kind == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The kind with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }
}

/// The events of a seed. Without `only`, of all kinds.
pub(crate) fn plan(seed: u64, count: u32, only: &[Kind]) -> Vec<Event> {
    let mut seed = Seed::new(seed);
    let kinds: Vec<_> = KINDS
        .iter()
        .filter(|(kind, _, _)| only.is_empty() || only.contains(kind))
        .collect();
    (0..count)
        .filter_map(|_| event(&mut seed, &kinds))
        .collect()
}

fn event(seed: &mut Seed, kinds: &[&(Kind, &str, u64)]) -> Option<Event> {
    let whole: u64 = kinds.iter().map(|(_, _, weight)| weight).sum();
    let mut left = seed.within(1, whole);
    let kind = kinds.iter().find_map(|(kind, _, weight)| {
        let chosen = left <= *weight;
        left = left.saturating_sub(*weight);
        chosen.then_some(*kind)
    })?;
    let millis = |seed: &mut Seed, (low, high)| Duration::from_millis(seed.within(low, high));
    let (pick, hold) = (seed.next(), millis(seed, FREEZE_MS));
    let impatient = seed.within(1, IMPATIENT) == 1;
    let pause = millis(seed, PAUSE_MS);
    let then = if impatient {
        Then::After(pause)
    } else {
        Then::Healthy
    };
    Some(Event {
        kind,
        pick,
        hold,
        then,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_plans_the_same_and_another_one_something_else() {
        assert_eq!(plan(5, 100, &[]), plan(5, 100, &[]));
        assert_ne!(plan(5, 100, &[]), plan(6, 100, &[]));
        assert_eq!(
            plan(5, 50, &[]),
            plan(5, 100, &[])[..50],
            "longer runs begin the same"
        );
    }

    #[test]
    fn two_hundred_events_are_of_every_kind() {
        let kinds: BTreeSet<_> = plan(1, 200, &[]).iter().map(|event| event.kind).collect();
        assert_eq!(kinds.len(), KINDS.len());
        let only = plan(1, 50, &[Kind::Switchover]);
        assert!(only.iter().all(|event| event.kind == Kind::Switchover));
        assert!(only.iter().any(|event| event.then == Then::Healthy));
        assert!(only.iter().any(|event| event.then != Then::Healthy));
    }

    #[test]
    fn an_event_is_asked_for_by_its_name() {
        let event = Event::read("freeze-primary 1500").unwrap();
        assert_eq!(event.kind, Kind::FreezePrimary);
        assert_eq!(event.hold, Duration::from_millis(1500));
        assert!(Event::read("switchover").is_ok());
        assert!(Event::read("nothing").is_err() && Event::read("switchover x").is_err());
    }

    #[test]
    fn every_kind_is_named_once() {
        for kind in Kind::all() {
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
        assert_eq!(Kind::named("nothing"), None);
    }
}
