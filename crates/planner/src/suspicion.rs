//! Whether the primary is lost, and how sure that is. The problem table and the failover ask here, so
//! that what is shown and what is acted upon are the same.

use std::collections::BTreeSet;

use moco_model::register::Cause;
use moco_model::report::{CommitFailure, ThreadState};
use moco_model::{MemberId, MemberReport, Millis, Phase, Register, quorum};

use crate::observation::{Member, Observation, Seen};

/// Silence of a primary, towards a replica, from which on the replica calls it lost, milliseconds.
/// Heartbeats come four times a second; what stalls a healthy machine for longer than this is rare
/// (CPU throttling and disk stalls take hundreds of milliseconds), and a false alarm costs less
/// than a second of writes and loses nothing.
pub const SILENT_MS: u64 = 1_000;

/// How long the primary's own heartbeat transaction may wait before it counts as stuck, milliseconds.
pub const STUCK_MS: u64 = 1_500;

/// How long a primary with attached replicas has to be seen stuck before it is replaced,
/// milliseconds: replicas that have just come back may release its commits at any moment.
pub const STUCK_WITH_REPLICAS_MS: Millis = 1_000;

/// A failover by a guess is not followed by another one for so long, milliseconds; it doubles with
/// each one up to [`CALM_MAX_MS`]. A death that is a fact is never held up.
pub const CALM_MS: Millis = 10_000;
/// The longest that guesses are held up, milliseconds.
pub const CALM_MAX_MS: Millis = 600_000;

/// What speaks against the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) cause: Cause,
    pub(crate) sentence: String,
    /// Whether enough replicas agree, so that a failover may be begun.
    pub(crate) corroborated: bool,
    /// Whether it has to last first: replicas that have just come back may set the primary free at any moment.
    pub(crate) must_last: bool,
}

/// Why the primary is thought to be lost, if it is.
pub(crate) fn suspicion(seen: &Observation) -> Option<Suspicion> {
    let (register, primary) = seen.primary()?;
    if !register.initialised {
        return None;
    }
    match &primary.report {
        Seen::Silent { because, .. } => Some(silent(seen, register, because)),
        Seen::Fresh(report) => ended(register, report).or_else(|| stuck(seen, register, report)),
    }
}

/// Its agent says that mysqld does not run although it was told to, in this epoch. A primary that was
/// only just recorded is told to start first. A volume without data is a loss at once.
fn ended(register: &Register, report: &MemberReport) -> Option<Suspicion> {
    if report.phase != Phase::AtGate {
        return None;
    }
    let told = report
        .guard
        .as_ref()
        .is_none_or(|guard| guard.epoch >= register.epoch);
    told.then(|| Suspicion {
        cause: Cause::Ended,
        sentence: format!("mysqld of primary {} has ended", register.primary),
        corroborated: true,
        must_last: false,
    })
}

fn silent(seen: &Observation, register: &Register, because: &str) -> Suspicion {
    let deaf = deaf(seen, |member| {
        !hears_agent(member, register.primary) && !hears_mysqld(member)
    });
    let corroborated = quorum::suffices(&register.membership, register.primary, &deaf);
    let replicas = if corroborated {
        format!("; {} replicas do not hear it either", deaf.len())
    } else {
        let hearing = able_replicas(seen) - deaf.len();
        format!("; {hearing} replicas still hear it, or too few replicas can be asked")
    };
    Suspicion {
        cause: Cause::Silent,
        sentence: format!(
            "primary {} cannot be reached: {because}{replicas}",
            register.primary
        ),
        corroborated,
        must_last: false,
    }
}

fn stuck(seen: &Observation, register: &Register, report: &MemberReport) -> Option<Suspicion> {
    if report.phase != Phase::Running || register.switchover.is_some() {
        return None;
    }
    let commits = report.commits.unwrap_or_default();
    let full = commits.error == Some(CommitFailure::DiskFull);
    let sentence = if full {
        "its volume is full"
    } else if commits.waiting_ms >= STUCK_MS {
        "its own commits do not come to an end"
    } else if report.server.is_none() {
        "its mysqld does not answer"
    } else {
        return None;
    };
    let deaf = deaf(seen, |member| misses_mysqld(register, member));
    let lost = quorum::suffices(&register.membership, register.primary, &deaf);
    let attached = attached(seen);
    let enough = attached >= quorum::acks_under(&register.membership);
    // Without either, the replicas are the trouble: another primary would be as stuck.
    let stalled = full || commits.waiting_ms >= STUCK_MS;
    // A mysqld that says nothing to its own agent and nothing to its replicas stands still.
    let stands_still = lost && report.server.is_none();
    Some(Suspicion {
        cause: Cause::Stuck,
        sentence: format!("primary {}: {sentence}", register.primary),
        corroborated: lost || (enough && stalled),
        must_last: attached > 0 && !stands_still,
    })
}

fn attached(seen: &Observation) -> u32 {
    let count = seen
        .replicas()
        .filter(|(_, member)| {
            member
                .server()
                .is_some_and(|server| server.semi_sync.replica_active)
                && seen.follows_primary(member)
        })
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Replicas whose word counts and who would be asked.
fn able_replicas(seen: &Observation) -> usize {
    deaf(seen, |_| true).len()
}

fn deaf(seen: &Observation, is_deaf: impl Fn(&Member) -> bool) -> BTreeSet<MemberId> {
    seen.replicas()
        .filter(|(id, member)| {
            seen.counts(*id) && member.runs_with_data() && member.server().is_some()
        })
        .filter(|(_, member)| is_deaf(member))
        .map(|(id, _)| id)
        .collect()
}

/// Whether the member's agent hears the primary's agent.
fn hears_agent(member: &Member, primary: MemberId) -> bool {
    let hearing = member
        .report
        .fresh()
        .and_then(|report| report.hearing.as_ref());
    hearing.is_some_and(|hearing| {
        hearing.member == primary && !hearing.refused && hearing.silent_ms < SILENT_MS
    })
}

/// Whether the member's receiver hears its source.
fn hears_mysqld(member: &Member) -> bool {
    let channel = member
        .server()
        .and_then(|server| server.replication.as_ref());
    channel
        .is_some_and(|channel| channel.receiver == ThreadState::On && channel.silent_ms < SILENT_MS)
}

/// Whether the member's receiver tries to hear its source and does not, or was stopped by a promise. One
/// that was never told to listen says nothing about its source.
fn misses_mysqld(register: &Register, member: &Member) -> bool {
    let promised = member
        .guard()
        .is_some_and(|guard| guard.promised > register.epoch);
    let channel = member
        .server()
        .and_then(|server| server.replication.as_ref());
    promised
        || channel.is_some_and(|channel| {
            channel.receiver != ThreadState::Off && channel.silent_ms >= SILENT_MS
        })
}

/// Until when no failover is begun on a guess: guesses that follow each other closely mean that the
/// ground shakes, not that primaries die.
pub(crate) fn calm_until(register: &Register, now: Millis) -> Option<Millis> {
    let guesses = register
        .handovers
        .iter()
        .rev()
        .filter(|handover| handover.cause.is_guess());
    let mut times = guesses.map(|handover| handover.decided_at).peekable();
    let last = *times.peek()?;
    let mut calm = CALM_MS;
    let mut later = times.next()?;
    for earlier in times {
        if later - earlier > CALM_MAX_MS {
            break;
        }
        calm = (calm * 2).min(CALM_MAX_MS);
        later = earlier;
    }
    let until = last + calm;
    (now < until).then_some(until)
}
