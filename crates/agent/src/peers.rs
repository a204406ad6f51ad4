//! Heartbeats between agents: a replica's agent asks that of the member it follows, 4 times a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moco_model::report::{Hearing, ThreadState};
use moco_model::{ClusterId, MemberId, Phase, Role};
use moco_wire::{Beat, BeatAnswer};

use crate::host::{Host, Unheard};
use crate::member::Member;
use crate::state::State;

/// How often the member that is followed is asked.
const BEAT: Duration = Duration::from_millis(250);
/// The other side is told to be silent from here on.
const SILENT: Duration = Duration::from_secs(1);

/// Who was heard, and when.
#[derive(Debug, Default)]
pub struct Peers {
    source: Option<Source>,
    followers: BTreeMap<MemberId, Duration>,
    controller: Option<Duration>,
}

/// The member that is followed, as its agent was heard.
#[derive(Debug)]
struct Source {
    host: String,
    member: MemberId,
    /// When it last answered; before its first answer, when it was first asked.
    heard: Duration,
    /// Nobody was there, and there has been no answer since.
    refused: bool,
    /// Silence was told as a change.
    silent: bool,
}

impl Peers {
    /// A controller called, or took a notice.
    pub fn heard_controller(&mut self, now: Duration) {
        self.controller = Some(now);
    }

    /// When a controller was last heard.
    pub const fn controller(&self) -> Option<Duration> {
        self.controller
    }

    /// How many followers were heard since `then`.
    pub fn followers_since(&self, then: Duration) -> usize {
        self.followers
            .values()
            .filter(|heard| **heard >= then)
            .count()
    }
}

/// What is heard of the member that is followed, for the report.
pub fn hearing(state: &State, now: Duration) -> Option<Hearing> {
    let source = state.peers.source.as_ref()?;
    let silent = now.saturating_sub(source.heard);
    Some(Hearing {
        member: source.member,
        silent_ms: u64::try_from(silent.as_millis()).unwrap_or(u64::MAX),
        refused: source.refused,
    })
}

/// Asks for as long as the agent lives.
pub async fn run<H: Host>(member: Arc<Member<H>>) {
    loop {
        let began = member.host.now();
        ask(&member).await;
        let took = member.host.now().saturating_sub(began);
        member.host.sleep(BEAT.saturating_sub(took)).await;
    }
}

/// Asks the member that is followed once, if one is.
pub async fn ask<H: Host>(member: &Arc<Member<H>>) {
    let question = member
        .shared
        .read(|state| question(state, &member.settings.cluster));
    let Some((number, host, beat)) = question else {
        member.shared.note(|state| state.peers.source = None);
        return;
    };
    let began = member.host.now();
    let answer = member.host.beat(number, &host, beat).await;
    let now = member.host.now();
    let turned = member.shared.note(|state| {
        let source = state.peers.source_at(number, &host, began);
        source.take_down(now, answer)
    });
    if turned {
        member.shared.change(|_| ());
    }
}

/// Whom to ask, and what: the source of the channel, while this member is a replica. One that has
/// promised to another decision, or receives nothing, follows nobody and must not keep a primary open.
fn question(state: &State, cluster: &ClusterId) -> Option<(MemberId, String, Beat)> {
    let guard = state.guard.as_ref()?;
    let channel = state.seen.as_ref()?.server.replication.as_ref()?;
    if guard.role != Some(Role::Replica) {
        return None;
    }
    let number = number_of(state, cluster, &channel.source_host)?;
    let beat = Beat {
        epoch: guard.epoch,
        follows: guard.promised == guard.epoch && channel.receiver != ThreadState::Off,
    };
    Some((number, channel.source_host.clone(), beat))
}

/// Which member is at `host`: the one that this agent was last told to follow, or the one whose pod
/// has that name.
fn number_of(state: &State, cluster: &ClusterId, host: &str) -> Option<MemberId> {
    let told = state.following.as_ref().filter(|told| told.host == host);
    let named = || {
        let membership = state.guard.as_ref()?.membership.as_ref()?;
        let members = membership.all();
        members.into_iter().find(|id| cluster.pod_host(*id) == host)
    };
    told.map(|told| told.member).or_else(named)
}

impl Peers {
    /// What is known of the member that is followed; anew when it is another one.
    fn source_at(&mut self, member: MemberId, host: &str, began: Duration) -> &mut Source {
        let known = self
            .source
            .take()
            .filter(|source| source.member == member && source.host == host);
        self.source.insert(known.unwrap_or_else(|| Source {
            host: host.to_owned(),
            member,
            heard: began,
            refused: false,
            silent: false,
        }))
    }
}

impl Source {
    /// Takes an answer, or its absence, down. True when the member became or ceased to be silent or
    /// gone.
    fn take_down(&mut self, now: Duration, answer: Result<BeatAnswer, Unheard>) -> bool {
        let before = (self.refused, self.silent);
        match answer {
            Ok(_) => {
                self.heard = now;
                self.refused = false;
            }
            Err(Unheard::Refused) => self.refused = true,
            // Silence does not prove that somebody is there again.
            Err(Unheard::Silent) => {}
        }
        self.silent = now.saturating_sub(self.heard) >= SILENT;
        before != (self.refused, self.silent)
    }
}

impl<H: Host> Member<H> {
    /// The controller called.
    pub fn controller_called(&self) {
        let now = self.host.now();
        self.shared.note(|state| state.peers.heard_controller(now));
    }

    /// Another member's agent asks for a sign of life.
    pub fn beat(&self, from: MemberId, beat: &Beat) -> BeatAnswer {
        let now = self.host.now();
        let running = self.phase() == Phase::Running;
        self.shared.note(|state| {
            if beat.follows {
                state.peers.followers.insert(from, now);
            }
            let guard = state.guard.as_ref();
            BeatAnswer {
                member: self.settings.member,
                epoch: guard.map_or_else(Default::default, |guard| guard.epoch),
                role: guard.and_then(|guard| guard.role),
                mysqld_runs: running,
                open: running && state.is_open(),
            }
        })
    }
}

#[cfg(test)]
mod tests;
