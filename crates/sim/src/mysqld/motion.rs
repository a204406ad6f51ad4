//! What happens by itself, one step at a time.

use std::time::Duration;

use super::clone::CloneStage;
use super::process::Phase;
use super::receiver::Thread;
use super::session::Stage;
use super::{ConnectionId, Fleet, Health, ServerId, SessionId};

/// One step inside a server or between two. Each is small: nothing else happens along with it but what
/// it releases on the same server at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Motion {
    /// A server that was started takes connections.
    Listen(ServerId),
    /// A server that was asked to stop stops. Commits that wait are answered OK.
    Stop(ServerId),
    /// The fsync of the binary log returns.
    Sync(ServerId),
    /// The applier takes up the next received transaction, and commits it or fails on it.
    Apply(ServerId),
    /// `rpl_semi_sync_source_timeout` passes.
    SemiSyncTimeout(ServerId),
    /// A clone makes its next step.
    Clone(ServerId),
    /// A clone loses its donor.
    CloneBreaks(ServerId),
    /// A receiver's attempt to connect is answered.
    Connect(ServerId),
    /// A receiver's attempt to connect is not answered: nothing comes back, or nobody is there.
    ConnectFails(ServerId),
    /// A replica receives one transaction and writes it to its relay log.
    Receive(ConnectionId),
    /// A source takes one acknowledgement.
    Acknowledge(ConnectionId),
    /// A replica hears from its idle source.
    Heartbeat(ConnectionId),
    /// A replica sees that its source has closed the connection.
    LoseSource(ConnectionId),
    /// A replica has not heard its source for `replica_net_timeout`.
    Silence(ConnectionId),
    /// A source sees that a replica has closed the connection.
    LoseReplica(ConnectionId),
    /// A statement that was sent runs ([`super::Pace::Scheduled`]).
    Execute(SessionId),
    /// The time of a statement is over: it has slept, or waited for a lock as long as it may.
    Wake(SessionId),
    /// The client stops waiting for its answer.
    GiveUp(SessionId),
}

/// What a motion has to cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Nothing: it happens on one machine.
    Local,
    /// From one server to another.
    OneWay {
        /// The sender.
        from: ServerId,
        /// The receiver.
        to: ServerId,
    },
    /// There and back: it needs both directions.
    Both(ServerId, ServerId),
}

/// A motion that may be performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Possible {
    /// Which.
    pub motion: Motion,
    /// Not before this time.
    pub at: Duration,
    /// What it crosses.
    pub way: Way,
}

/// How long a recipient tries to reach a donor that it has lost.
const CLONE_PATIENCE: Duration = Duration::from_secs(300);
const NOW: Duration = Duration::ZERO;

fn local(motion: Motion, at: Duration) -> Possible {
    Possible {
        motion,
        at,
        way: Way::Local,
    }
}

impl Fleet {
    pub(super) fn motions_of_server(&self, id: ServerId, all: &mut Vec<Possible>) {
        let Some(server) = self.servers.get(&id) else {
            return;
        };
        let Some(process) = server.process.as_ref().filter(|process| !process.frozen) else {
            return;
        };
        match process.phase {
            Phase::Starting => {
                let takes = process.variables.settings.start_time;
                all.push(local(Motion::Listen(id), process.started + takes));
                return;
            }
            Phase::Stopping if server.health != Health::Hung => {
                all.push(local(Motion::Stop(id), NOW));
            }
            Phase::Stopping | Phase::Ready => {}
        }
        if let Some(since) = process.queue.sync_since() {
            match server.health {
                Health::Hung => {}
                Health::Slow(time) => all.push(local(Motion::Sync(id), since + time)),
                Health::Good | Health::Full => all.push(local(Motion::Sync(id), NOW)),
            }
        }
        if self.next_to_apply(id).is_some() {
            all.push(local(Motion::Apply(id), NOW));
        }
        if let Some(since) = process.queue.waiting_since() {
            let timeout = Duration::from_millis(process.variables.timeout_ms);
            all.push(local(
                Motion::SemiSyncTimeout(id),
                since.saturating_add(timeout),
            ));
        }
        self.motions_of_receiver(id, process, all);
        self.motions_of_clone(id, process, all);
    }

    fn motions_of_receiver(&self, id: ServerId, process: &super::Process, all: &mut Vec<Possible>) {
        let Thread::Connecting { from, .. } = process.receiver.thread else {
            return;
        };
        let source = self.source_of(id).filter(|source| *source != id);
        match source {
            Some(source) if self.answers_logins(source) => all.push(Possible {
                motion: Motion::Connect(id),
                at: from,
                way: Way::Both(id, source),
            }),
            _ => {}
        }
        // An address that is nobody's is refused at once.
        let patience = if source.is_some() {
            process.net_timeout()
        } else {
            NOW
        };
        all.push(local(Motion::ConnectFails(id), from + patience));
    }

    fn motions_of_clone(&self, id: ServerId, process: &super::Process, all: &mut Vec<Possible>) {
        let Some(cloning) = &process.cloning else {
            return;
        };
        if self.can_clone(id) {
            let way = match cloning.stage {
                CloneStage::LogIn | CloneStage::Copy => Way::Both(id, cloning.donor),
                CloneStage::Drop | CloneStage::Finish => Way::Local,
            };
            all.push(Possible {
                motion: Motion::Clone(id),
                at: NOW,
                way,
            });
        }
        if cloning.stage != CloneStage::Finish {
            let donor_runs = self.process(cloning.donor).is_some();
            let at = if donor_runs {
                cloning.since + CLONE_PATIENCE
            } else {
                NOW
            };
            all.push(local(Motion::CloneBreaks(id), at));
        }
    }

    pub(super) fn motions_of_connections(&self, all: &mut Vec<Possible>) {
        for (id, connection) in &self.connections {
            let down = Way::OneWay {
                from: connection.source,
                to: connection.replica,
            };
            let up = Way::OneWay {
                from: connection.replica,
                to: connection.source,
            };
            let mut add = |motion, at, way| all.push(Possible { motion, at, way });
            let sent = self.next_to_receive(*id).is_some();
            if connection.replica_end && self.works(connection.replica) {
                if sent && self.can_receive(*id) {
                    add(Motion::Receive(*id), NOW, down);
                }
                if !sent && !connection.source_end {
                    add(Motion::LoseSource(*id), NOW, down);
                }
                if !sent && connection.source_end && self.works(connection.source) {
                    let period = self.heartbeat_period(connection.replica);
                    add(Motion::Heartbeat(*id), connection.heard + period, down);
                }
                if let Some(process) = self.process(connection.replica) {
                    let at = connection.heard + process.net_timeout();
                    add(Motion::Silence(*id), at, Way::Local);
                }
            }
            if connection.source_end && self.works(connection.source) {
                if !connection.acks.is_empty() {
                    add(Motion::Acknowledge(*id), NOW, up);
                }
                if !connection.replica_end {
                    add(Motion::LoseReplica(*id), NOW, up);
                }
            }
        }
    }

    fn heartbeat_period(&self, replica: ServerId) -> Duration {
        self.disk(replica)
            .and_then(|disk| disk.channel.as_ref())
            .map_or(
                Duration::from_secs(1),
                super::channel::Channel::heartbeat_period,
            )
    }

    pub(super) fn motions_of_sessions(&self, all: &mut Vec<Possible>) {
        for (id, session) in &self.sessions {
            let Some(work) = &session.work else {
                continue;
            };
            let works = self.works(session.server);
            match &work.stage {
                Stage::Queued if works => all.push(local(Motion::Execute(*id), NOW)),
                Stage::Blocked { until } | Stage::Sleeping { until } if works => {
                    all.push(local(Motion::Wake(*id), *until));
                }
                _ => {}
            }
            if let Some(at) = work.give_up.filter(|_| session.gone.is_none()) {
                all.push(local(Motion::GiveUp(*id), at));
            }
        }
    }

    pub(super) fn do_motion(&mut self, motion: Motion, now: Duration) -> bool {
        let possible = match motion {
            // They look for themselves, and are performed most.
            Motion::Receive(id) => return self.receive(id, now),
            Motion::Acknowledge(id) => return self.acknowledge(id, now),
            Motion::Apply(id) => return self.apply(id, now),
            Motion::Connect(id) => return self.connect_receiver(id, now),
            Motion::Clone(id) => return self.clone_on(id, now),
            Motion::CloneBreaks(id) => return self.break_clone(id, now),
            Motion::Wake(id) => return self.wake(id, now),
            Motion::GiveUp(id) => return self.give_up(id, now),
            Motion::Execute(id) => return self.execute(id, now),
            other => self.is_possible(other, now),
        };
        if !possible {
            return false;
        }
        match motion {
            Motion::Listen(id) => {
                if let Some(process) = self.process_mut(id) {
                    process.phase = Phase::Ready;
                }
            }
            Motion::Stop(id) => self.stop(id, now),
            Motion::Sync(id) => self.sync_binlog(id, now),
            Motion::SemiSyncTimeout(id) => {
                if let Some(process) = self.process_mut(id) {
                    process.semi_sync.time_out();
                }
                self.settle(id, now);
            }
            Motion::ConnectFails(id) => return self.fail_to_connect(id, now),
            Motion::Heartbeat(id) => return self.heartbeat(id, now),
            Motion::LoseSource(id) | Motion::Silence(id) => self.lose_source(id, now),
            Motion::LoseReplica(id) => self.close_source_end(id),
            _ => return false,
        }
        true
    }

    /// Whether a motion of a kind that needs no connection's look is listed and due.
    fn is_possible(&self, motion: Motion, now: Duration) -> bool {
        let mut listed = Vec::new();
        match motion {
            Motion::Listen(id)
            | Motion::Stop(id)
            | Motion::Sync(id)
            | Motion::SemiSyncTimeout(id)
            | Motion::ConnectFails(id) => self.motions_of_server(id, &mut listed),
            _ => self.motions_of_connections(&mut listed),
        }
        listed
            .iter()
            .any(|possible| possible.motion == motion && possible.at <= now)
    }
}

impl super::Process {
    /// How long a silent source is believed to be there.
    fn net_timeout(&self) -> Duration {
        Duration::from_secs(self.variables.settings.net_timeout_secs)
    }
}
