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
    /// All processes of a replica stand still.
    FreezeReplicaContainer,
    /// The agent of any member stands still.
    FreezeAgent,
    /// The primary and everybody else do not hear each other, as when its cable is cut.
    CutPrimary,
    /// The primary and the replicas do not hear each other; clients and the background process hear all.
    PartPrimary,
    /// The primary does not hear the replicas, which hear it.
    DeafenPrimary,
    /// The replicas do not hear the primary, which hears them.
    MutePrimary,
    /// The background process does not hear the primary's agent, which hears it.
    HidePrimary,
    /// The primary's agent does not hear the background process, which hears it.
    ForsakePrimary,
    /// Every fourth packet from and to the primary is lost: what is sent again comes late.
    LossyPrimary,
    /// A replica and everybody else do not hear each other.
    CutReplica,
    /// The primary's volume is full.
    FillPrimary,
    /// A replica's volume is full.
    FillReplica,
    /// A replica is killed, and its volume is empty when it comes back.
    LoseVolume,
    /// Somebody asks for another primary.
    Switchover,
    /// Somebody asks for another primary, and the old one's mysqld is killed meanwhile.
    KillDuringSwitchover,
    /// SIGKILL for the background process, which is started again.
    KillDaemon,
    /// The background process stands still, and goes on with what it believed.
    FreezeDaemon,
    /// The manifest asks for two members more, or for two less where it did before.
    Resize,
}

/// Each kind with its name and its weight: how often it is chosen.
const KINDS: [(Kind, &str, u64); 27] = [
    (Kind::KillPrimary, "kill-primary", 20),
    (Kind::KillReplica, "kill-replica", 8),
    (Kind::KillAll, "kill-all", 5),
    (Kind::KillAgent, "kill-agent", 8),
    (Kind::KillPrimaryContainer, "kill-primary-container", 10),
    (Kind::KillReplicaContainer, "kill-replica-container", 5),
    (Kind::FreezePrimary, "freeze-primary", 8),
    (Kind::FreezePrimaryContainer, "freeze-primary-container", 8),
    (Kind::FreezeReplica, "freeze-replica", 4),
    (Kind::FreezeReplicaContainer, "freeze-replica-container", 4),
    (Kind::FreezeAgent, "freeze-agent", 5),
    (Kind::CutPrimary, "cut-primary", 8),
    (Kind::PartPrimary, "part-primary", 6),
    (Kind::DeafenPrimary, "deafen-primary", 5),
    (Kind::MutePrimary, "mute-primary", 5),
    (Kind::HidePrimary, "hide-primary", 4),
    (Kind::ForsakePrimary, "forsake-primary", 4),
    (Kind::LossyPrimary, "lossy-primary", 4),
    (Kind::CutReplica, "cut-replica", 5),
    (Kind::FillPrimary, "fill-primary", 5),
    (Kind::FillReplica, "fill-replica", 4),
    (Kind::LoseVolume, "lose-volume", 3),
    (Kind::Switchover, "switchover", 12),
    (Kind::KillDuringSwitchover, "kill-during-switchover", 5),
    (Kind::KillDaemon, "kill-daemon", 5),
    (Kind::FreezeDaemon, "freeze-daemon", 5),
    (Kind::Resize, "resize", 4),
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

    /// Whether it needs members in network namespaces of their own.
    pub(crate) fn cuts_wires(self) -> bool {
        matches!(
            self,
            Self::CutPrimary
                | Self::PartPrimary
                | Self::DeafenPrimary
                | Self::MutePrimary
                | Self::HidePrimary
                | Self::ForsakePrimary
                | Self::LossyPrimary
                | Self::CutReplica
        )
    }

    /// The kind with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }
}

/// The events of a seed, of the kinds that are wanted.
pub(crate) fn plan(seed: u64, count: u32, wanted: impl Fn(Kind) -> bool) -> Vec<Event> {
    let mut seed = Seed::new(seed);
    let kinds: Vec<_> = KINDS.iter().filter(|(kind, _, _)| wanted(*kind)).collect();
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
        assert_eq!(plan(5, 100, |_| true), plan(5, 100, |_| true));
        assert_ne!(plan(5, 100, |_| true), plan(6, 100, |_| true));
        assert_eq!(
            plan(5, 50, |_| true),
            plan(5, 100, |_| true)[..50],
            "longer runs begin the same"
        );
    }

    #[test]
    fn five_hundred_events_are_of_every_kind() {
        let kinds: BTreeSet<_> = plan(1, 500, |_| true)
            .iter()
            .map(|event| event.kind)
            .collect();
        assert_eq!(kinds.len(), KINDS.len());
        let without: Vec<_> = plan(1, 500, |kind| !kind.cuts_wires());
        assert!(without.iter().all(|event| event.kind != Kind::CutPrimary));
        let only = plan(1, 50, |kind| kind == Kind::Switchover);
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
