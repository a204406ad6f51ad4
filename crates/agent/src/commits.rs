//! How commits of an open primary go: a heartbeat transaction that takes the same way as every
//! client's.
//!
//! It is sent when nothing else was committed lately. It finds a primary that answers and cannot
//! commit, and it sets free a commit whose acknowledgement was lost, since a later one counts for all
//! before it. A second one is sent when the first waits, and never a third.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moco_model::report::{CommitFailure, CommitProbe};
use moco_model::sentence::with_causes;
use moco_model::{Epoch, GtidSet, Role};
use moco_mysql::Session as _;
use moco_mysql::heartbeat::{self, BeatError};

use crate::host::{As, Host, within};
use crate::member::Member;
use crate::state::State;

/// How often it is looked whether something was committed.
const LOOK: Duration = Duration::from_millis(500);
/// While one has waited for so long, a second one is sent.
const SECOND: Duration = Duration::from_secs(1);
/// When clients have committed nothing for so long, heartbeat transactions become rare.
const IDLE: Duration = Duration::from_secs(60);
/// How rare.
const IDLE_PAUSE: Duration = Duration::from_secs(5);
/// Transactions under way, and connections kept for them, at most.
const BEATS_MAX: usize = 2;
/// How long one may take before its connection is given up: far longer than a stuck primary is left
/// alone. The commit itself cannot be taken back.
const LIMIT: Duration = Duration::from_secs(3600);
/// How long a login may take. They are made before they are needed.
const LOGIN: Duration = Duration::from_secs(2);

/// The heartbeat transactions that are under way.
#[derive(Debug, Default)]
pub struct Beats {
    /// Whether the member was the open primary at the last look.
    open: bool,
    /// When those under way were begun, by their numbers.
    under_way: Vec<(u64, Duration)>,
    /// How many were begun, but for those that failed.
    own: u64,
    numbers: u64,
    error: Option<CommitFailure>,
}

/// How commits go, for the report; none but on an open primary.
pub fn probe(state: &State, now: Duration) -> Option<CommitProbe> {
    let beats = &state.beats;
    if !beats.open || !state.may_be_open() {
        return None;
    }
    Some(CommitProbe {
        waiting_ms: millis(beats.oldest(now)),
        error: beats.error,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Beats {
    /// How long the oldest one has been under way.
    fn oldest(&self, now: Duration) -> Duration {
        let begun = self.under_way.iter().map(|(_, begun)| *begun).min();
        begun.map_or(Duration::ZERO, |begun| now.saturating_sub(begun))
    }
}

/// Connections for heartbeat transactions, each with the pid of its mysqld.
pub(crate) struct Lines<H: Host>(Mutex<Vec<(i32, H::Session)>>);

impl<H: Host> Default for Lines<H> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<H: Host> Lines<H> {
    fn lock(&self) -> MutexGuard<'_, Vec<(i32, H::Session)>> {
        // Nothing is done while it is held that could break off half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, pid: i32, session: H::Session) {
        if session.is_usable() {
            self.lock().push((pid, session));
        }
    }

    /// Drops those to other servers than `pid`, and tells how many are left.
    pub(crate) fn keep(&self, pid: Option<i32>) -> usize {
        let mut lines = self.lock();
        lines.retain(|(of, _)| Some(*of) == pid);
        lines.len()
    }
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub struct Commits {
    /// The GTID set of the last look.
    executed: Option<GtidSet>,
    /// The most transactions ever seen that are not heartbeats.
    others: u64,
    /// When they last became more.
    clients: Duration,
    /// When the last heartbeat transaction was begun.
    begun: Duration,
}

/// Looks for as long as the agent lives.
pub async fn run<H: Host>(member: Arc<Member<H>>) {
    let mut commits = Commits::default();
    loop {
        look(&member, &mut commits).await;
        member.host.sleep(LOOK).await;
    }
}

/// Looks once whether something was committed, and begins a heartbeat transaction if not. None is ever
/// begun on a server that is closed or being closed.
pub async fn look<H: Host>(member: &Arc<Member<H>>, commits: &mut Commits) {
    let pid = member.pid();
    let primary = member.shared.read(|state| {
        state.work.is_none()
            && !state.stops()
            && state.guard.as_ref().and_then(|guard| guard.role) == Some(Role::Primary)
    });
    let Some(pid) = pid.filter(|_| primary) else {
        member.lines.keep(None);
        member.shared.note(|state| state.beats.open = false);
        *commits = Commits::default();
        return;
    };
    connect(member, pid).await;
    let now = member.host.now();
    let due = member.shared.note(|state| due(state, commits, pid, now));
    if let Some(epoch) = due
        && let Some((_, session)) = member.lines.lock().pop()
    {
        commits.begun = now;
        begin(member, pid, session, epoch);
    }
}

/// Opens the connections that are missing, before they are needed.
async fn connect<H: Host>(member: &Arc<Member<H>>, pid: i32) {
    let under_way = member.shared.read(|state| state.beats.under_way.len());
    let there = member.lines.keep(Some(pid)) + under_way;
    for _ in there..BEATS_MAX {
        let opened = member.host.connect(As::Administrator, LIMIT);
        // What cannot be opened now is tried again at the next look.
        if let Some(Ok(session)) = within(&*member.host, LOGIN, opened).await {
            member.lines.put(pid, session);
        }
    }
}

/// Whether to begin a heartbeat transaction, and in which epoch.
fn due(state: &mut State, commits: &mut Commits, pid: i32, now: Duration) -> Option<Epoch> {
    state.beats.open = state.is_open() && state.settled == Some(pid);
    if !state.beats.open {
        state.beats.error = None;
        return None;
    }
    let executed = &state.seen.as_ref()?.server.executed;
    let others = executed.count().saturating_sub(state.beats.own);
    if others > commits.others {
        commits.others = others;
        commits.clients = now;
    }
    let moved = commits.executed.replace(executed.clone()).as_ref() != Some(executed);
    let idle = now.saturating_sub(commits.clients) >= IDLE;
    let rested = now.saturating_sub(commits.begun) >= IDLE_PAUSE;
    let wanted = match state.beats.under_way.len() {
        0 => !moved && (!idle || rested),
        1 => state.beats.oldest(now) >= SECOND,
        _ => false,
    };
    wanted.then(|| state.guard.as_ref().map(|guard| guard.epoch))?
}

/// Begins one over `session`, which is given back at its end.
fn begin<H: Host>(member: &Arc<Member<H>>, pid: i32, mut session: H::Session, epoch: Epoch) {
    let now = member.host.now();
    let number = member.shared.note(|state| {
        let beats = &mut state.beats;
        beats.numbers += 1;
        beats.own += 1;
        beats.under_way.push((beats.numbers, now));
        beats.numbers
    });
    let task = {
        let member = Arc::clone(member);
        async move {
            let outcome = heartbeat::beat(&mut session, epoch).await;
            member.lines.put(pid, session);
            ended(&member, number, outcome.err());
        }
    };
    member.host.spawn(task);
}

fn ended<H: Host>(member: &Member<H>, number: u64, error: Option<BeatError>) {
    let failure = error.map(|error| {
        let failure = kind(&error);
        // A server that is closed meanwhile refuses it, which is no failure.
        tracing::debug!(?failure, "{}", with_causes(&error));
        failure
    });
    // The next look tells it. When mysqld has just died its end is told, which must not wait behind
    // this.
    member.shared.note(|state| {
        let may_be_open = state.may_be_open();
        let beats = &mut state.beats;
        beats.under_way.retain(|(begun, _)| *begun != number);
        if failure.is_some() {
            beats.own = beats.own.saturating_sub(1);
        }
        beats.error = failure.filter(|_| may_be_open);
    });
}

const fn kind(error: &BeatError) -> CommitFailure {
    match error {
        BeatError::DiskFull(_) => CommitFailure::DiskFull,
        BeatError::Statement(_) => CommitFailure::Other,
    }
}

#[cfg(test)]
mod tests;
