//! How commits of an open primary go: a heartbeat transaction that takes the same way as every
//! client's.
//!
//! It is sent when nothing else was committed lately. It finds a primary that answers and cannot
//! commit, and it sets free a commit whose acknowledgement was lost, since a later one counts for all
//! before it. A second one is sent when the first waits, and never a third.
//!
//! Commits go one after the other into the binary log, so they wait while a large one is written there, synced and sent
//! to the replicas. That is no primary that is stuck: bytes written since the last commit came to an end excuse the time
//! they may need.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moco_model::report::{CommitFailure, CommitProbe};
use moco_model::sentence::with_causes;
use moco_model::{Epoch, GtidSet, Role, ServerReport};
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

/// Bytes a second at which a large transaction gets through the disks of two members and the wire between them, at
/// least.
const SLOW_BYTES: u64 = 4 << 20;
/// How long a large transaction excuses a commit that waits, at most.
const EXCUSE_MAX: Duration = Duration::from_secs(600);

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
    /// For how many acknowledgements commits waited when the last one that went through was begun.
    through: Option<u32>,
    /// How often that number was, or may have been, changed.
    changes: u64,
    /// The size of the binary logs at the last look.
    bytes: Option<u64>,
    /// What was written to them since a commit last came to an end, and in the last looks: the end of a commit is seen
    /// late, when the next one may have been written already.
    written: u64,
    lately: [u64; 2],
}

/// How many acknowledgements commits wait for; 0 when semi-sync is off.
pub fn rule(server: &ServerReport) -> u32 {
    if server.semi_sync.source_enabled {
        server.semi_sync.wait_for
    } else {
        0
    }
}

/// The number of acknowledgements is about to be changed, or was: whatever was begun until now says nothing about what
/// was written before it.
pub fn unsettle<H: Host>(member: &Member<H>) {
    member.shared.note(|state| {
        state.beats.changes += 1;
        state.beats.through = None;
    });
}

/// How commits go, for the report in which commits wait by `rule`; none but on an open primary.
pub fn probe(state: &State, now: Duration, rule: Option<u32>) -> Option<CommitProbe> {
    let beats = &state.beats;
    if !beats.open || !state.may_be_open() {
        return None;
    }
    Some(CommitProbe {
        waiting_ms: millis(beats.oldest(now).saturating_sub(beats.excuse())),
        error: beats.error,
        settled: beats.through.is_some() && beats.through == rule,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Beats {
    /// What the size of the binary logs is now.
    fn weigh(&mut self, bytes: u64) {
        let before = self.bytes.replace(bytes);
        let more = bytes.saturating_sub(before.unwrap_or(bytes));
        self.written = self.written.saturating_add(more);
        let [_, last] = self.lately;
        self.lately = [last, more];
    }

    /// A commit came to an end.
    fn moved(&mut self) {
        let [one, other] = self.lately;
        self.written = one.saturating_add(other);
    }

    /// How long commits may wait because of what is being written.
    fn excuse(&self) -> Duration {
        Duration::from_millis(self.written.saturating_mul(1_000) / SLOW_BYTES).min(EXCUSE_MAX)
    }

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
    // Apart from each other: a disk that hangs may hold up whoever looks at its files.
    tokio::join!(look_on(&member), weigh_on(&member));
}

async fn look_on<H: Host>(member: &Arc<Member<H>>) {
    let mut commits = Commits::default();
    loop {
        look(member, &mut commits).await;
        member.host.sleep(LOOK).await;
    }
}

async fn weigh_on<H: Host>(member: &Arc<Member<H>>) {
    loop {
        if member.shared.read(|state| state.beats.open) {
            let bytes = member.host.log_bytes().await;
            member.shared.note(|state| state.beats.weigh(bytes));
        }
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
    if let Some((epoch, rule)) = due
        && let Some((_, session)) = member.lines.lock().pop()
    {
        commits.begun = now;
        begin(member, pid, session, epoch, rule);
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

/// Whether to begin a heartbeat transaction, in which epoch, and for how many acknowledgements it will wait.
fn due(state: &mut State, commits: &mut Commits, pid: i32, now: Duration) -> Option<(Epoch, u32)> {
    state.beats.open = state.is_open() && state.settled == Some(pid);
    if !state.beats.open {
        state.beats.error = None;
        state.beats.through = None;
        state.beats.bytes = None;
        return None;
    }
    let server = &state.seen.as_ref()?.server;
    let (executed, rule) = (&server.executed, rule(server));
    let others = executed.count().saturating_sub(state.beats.own);
    if others > commits.others {
        commits.others = others;
        commits.clients = now;
    }
    let moved = commits.executed.replace(executed.clone()).as_ref() != Some(executed);
    let idle = now.saturating_sub(commits.clients) >= IDLE;
    let rested = now.saturating_sub(commits.begun) >= IDLE_PAUSE;
    if moved {
        state.beats.moved();
    }
    let unsettled = state.beats.through != Some(rule);
    let wanted = match state.beats.under_way.len() {
        0 => unsettled || (!moved && (!idle || rested)),
        1 => state.beats.oldest(now) >= SECOND,
        _ => false,
    };
    let epoch = state.guard.as_ref().map(|guard| guard.epoch);
    epoch.filter(|_| wanted).map(|epoch| (epoch, rule))
}

/// Begins one over `session`, which is given back at its end.
fn begin<H: Host>(
    member: &Arc<Member<H>>,
    pid: i32,
    mut session: H::Session,
    epoch: Epoch,
    rule: u32,
) {
    let now = member.host.now();
    let (number, changes) = member.shared.note(|state| {
        let beats = &mut state.beats;
        beats.numbers += 1;
        // The row of one that is under way is locked.
        let locked = |(number, _): &(u64, Duration)| row(*number) == row(beats.numbers);
        if beats.under_way.iter().any(locked) {
            beats.numbers += 1;
        }
        beats.own += 1;
        beats.under_way.push((beats.numbers, now));
        (beats.numbers, beats.changes)
    });
    let task = {
        let member = Arc::clone(member);
        async move {
            let outcome = heartbeat::beat(&mut session, row(number), epoch).await;
            member.lines.put(pid, session);
            if outcome.is_ok() {
                member.shared.note(|state| {
                    if state.beats.changes == changes {
                        state.beats.through = Some(rule);
                    }
                });
            }
            ended(&member, number, outcome.err());
        }
    };
    member.host.spawn(task);
}

/// The row of a heartbeat transaction, by its number.
const fn row(number: u64) -> u8 {
    if number.is_multiple_of(2) { 1 } else { 2 }
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
