//! A fake mysqld, exact where it matters to a cluster: what a commit, a crash, a re-point and an
//! acknowledgement do.
//!
//! [`Fleet`] is every server of a world in one value: no clock, no randomness, no task. It can be
//! cloned, compared and hashed, so a search can fork it. Statements are the SQL text that the crate
//! `mysql` sends; one that the fake does not know is an error that names it, and stays in
//! [`Fleet::unknown_statements`].
//!
//! What happens by itself inside servers and between them is never done in passing. It is listed by
//! [`Fleet::motions`], one small [`Motion`] at a time, and done by [`Fleet::perform`]: so whoever
//! drives the fleet chooses the order, and a network may forbid a motion between two servers that it has to
//! cross.
//!
//! A server is a [`Disk`], which outlives its process, and a process. A crash keeps the
//! disk; [`Fleet::lose_unsynced`] is what a power cut takes from it.
//!
//! [`SharedFleet`] and [`FakeSession`] are the same behind a lock, as futures.
//!
//! The suite `tests/conformance` runs the same scripts on this and on a real mysqld.
//!
//! Start reading at [`Motion`], then `commit.rs` (what a commit waits for), `receiver.rs` (what a
//! replica gets) and `recovery.rs` (what a start makes of a disk).

use std::collections::BTreeMap;
use std::time::Duration;

use moco_model::Passwords;

mod accounts;
mod answer;
mod applier;
mod channel;
mod clone;
mod commit;
mod content;
mod disk;
mod execute;
mod gtids;
mod kinds;
mod locks;
mod motion;
mod process;
mod receiver;
mod recovery;
mod select;
mod semisync;
mod session;
mod shared;
mod statement;
mod tail;
mod truth;
mod variables;
mod views;

pub use answer::{Answer, Failure, Row};
pub use content::{Change, Transaction};
pub use gtids::{Gtid, Gtids};
pub use kinds::{
    Address, ConnectionId, Exit, FleetError, Health, Loss, Pace, ProcessState, ServerId, SessionId,
    Settings, Signal,
};
pub use motion::{Motion, Possible, Way};
pub use shared::{FakeSession, SharedFleet};
pub use tail::{FakeCut, FakeTail};

use disk::Disk;
use process::Process;
use receiver::Connection;
use session::Session;

/// One server: its volume and its process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    address: Address,
    settings: Settings,
    health: Health,
    disk: Option<Disk>,
    process: Option<Process>,
    exit: Option<Exit>,
    /// `server_id`, by which sources tell acknowledging replicas apart.
    number: u32,
}

/// All servers, their connections and sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fleet {
    servers: BTreeMap<ServerId, Server>,
    connections: BTreeMap<ConnectionId, Connection>,
    sessions: BTreeMap<SessionId, Session>,
    pace: Pace,
    /// Counts up for sessions, connections, processes and UUIDs: nothing is named twice.
    drawn: u64,
    unknown: Vec<String>,
}

impl Fleet {
    /// A fleet without servers.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            ..Self::default()
        }
    }

    /// Adds a server without data. Its `server_id` is `number`.
    pub fn add(&mut self, id: ServerId, address: Address, number: u32, settings: Settings) {
        let server = Server {
            address,
            settings,
            health: Health::Good,
            disk: None,
            process: None,
            exit: None,
            number,
        };
        self.servers.insert(id, server);
    }

    /// Every server.
    pub fn ids(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.servers.keys().copied()
    }

    /// The server that listens at an address.
    pub fn at(&self, host: &str, port: u16) -> Option<ServerId> {
        let listens = |server: &Server| server.address.host == host && server.address.port == port;
        let mut all = self.servers.iter();
        all.find(|(_, server)| listens(server)).map(|(id, _)| *id)
    }

    /// Statements that the fake did not understand, and whose sender got an error. A run in which
    /// there are any proves nothing.
    pub fn unknown_statements(&self) -> &[String] {
        &self.unknown
    }

    /// `mysqld --initialize-insecure`: an empty data directory with `root` and no GTID.
    pub fn initialise(&mut self, id: ServerId) -> Result<(), FleetError> {
        let server = self.absent(id)?;
        server.disk = Some(Disk::fresh());
        Ok(())
    }

    /// Removes the data directory, or replaces the volume by an empty one.
    pub fn wipe(&mut self, id: ServerId) -> Result<(), FleetError> {
        let server = self.absent(id)?;
        server.disk = None;
        Ok(())
    }

    /// Whether there is a data directory.
    pub fn has_data(&self, id: ServerId) -> bool {
        self.disk(id).is_some()
    }

    /// A copy of the volume as it is now, to be put back by [`Fleet::restore`]: a snapshot.
    pub fn snapshot(&self, id: ServerId) -> Option<Snapshot> {
        self.disk(id).cloned().map(Snapshot)
    }

    /// Puts an older volume in the place of the server's.
    pub fn restore(&mut self, id: ServerId, snapshot: Snapshot) -> Result<(), FleetError> {
        self.absent(id)?.disk = Some(snapshot.0);
        Ok(())
    }

    /// What the set-up of an empty running server leaves: MOCO's accounts, no `root`, closed, no
    /// GTID.
    pub fn set_up(&mut self, id: ServerId, passwords: &Passwords) -> Result<(), FleetError> {
        let server = self.server_mut(id).ok_or(FleetError::NoServer(id))?;
        let process = server.process.as_mut().ok_or(FleetError::Absent(id))?;
        let disk = server.disk.as_mut().ok_or(FleetError::NoData(id))?;
        disk.set_up(passwords);
        process.variables.close();
        Ok(())
    }

    /// Starts mysqld. It recovers what is on the disk at once, and takes connections after
    /// [`Motion::Listen`].
    pub fn start(&mut self, id: ServerId, now: Duration) -> Result<(), FleetError> {
        self.absent(id)?;
        self.recover_and_run(id, now)
    }

    /// Sends a signal to the process, if one runs.
    pub fn signal(&mut self, id: ServerId, signal: Signal, now: Duration) {
        match signal {
            Signal::Kill => self.end_process(id, Exit::Signal(9)),
            Signal::Terminate => self.ask_to_stop(id),
            Signal::Freeze => self.freeze(id),
            Signal::Thaw => self.thaw(id, now),
        }
    }

    /// What a power cut takes from the disk. The process, if one runs, is killed first.
    pub fn lose_unsynced(&mut self, id: ServerId, loss: Loss) {
        self.end_process(id, Exit::Signal(9));
        if let Some(disk) = self.disk_mut(id) {
            disk.lose_unsynced(loss);
        }
    }

    /// What is known of the process from outside.
    pub fn process_state(&self, id: ServerId) -> ProcessState {
        let exit = self.servers.get(&id).and_then(|server| server.exit);
        self.process(id)
            .map_or(ProcessState::Absent(exit), Process::state)
    }

    /// Changes how well the volume works.
    pub fn set_health(&mut self, id: ServerId, health: Health, now: Duration) {
        if let Some(server) = self.server_mut(id) {
            server.health = health;
        }
        self.settle(id, now);
    }

    /// Changes a server's settings, in force from its next start (`semi_sync_timeout_ms`: at once).
    pub fn set_settings(&mut self, id: ServerId, settings: Settings) {
        if let Some(server) = self.server_mut(id) {
            server.settings = settings;
        }
    }

    /// What happens next by itself, in a fixed order: everything that may be performed now or at a
    /// time that is named.
    pub fn motions(&self) -> Vec<Possible> {
        let mut all = Vec::new();
        for id in self.servers.keys() {
            self.motions_of_server(*id, &mut all);
        }
        self.motions_of_connections(&mut all);
        self.motions_of_sessions(&mut all);
        all
    }

    /// Lets one motion happen at the time `now`. False, and nothing has changed, when it is not
    /// possible (any more) or not due.
    pub fn perform(&mut self, motion: Motion, now: Duration) -> bool {
        self.do_motion(motion, now)
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn server_mut(&mut self, id: ServerId) -> Option<&mut Server> {
        self.servers.get_mut(&id)
    }

    fn absent(&mut self, id: ServerId) -> Result<&mut Server, FleetError> {
        let server = self.server_mut(id).ok_or(FleetError::NoServer(id))?;
        match server.process {
            None => Ok(server),
            Some(_) => Err(FleetError::Runs(id)),
        }
    }

    fn disk(&self, id: ServerId) -> Option<&Disk> {
        self.servers.get(&id)?.disk.as_ref()
    }

    fn disk_mut(&mut self, id: ServerId) -> Option<&mut Disk> {
        self.server_mut(id)?.disk.as_mut()
    }

    fn process(&self, id: ServerId) -> Option<&Process> {
        self.servers.get(&id)?.process.as_ref()
    }

    fn process_mut(&mut self, id: ServerId) -> Option<&mut Process> {
        self.server_mut(id)?.process.as_mut()
    }

    /// Disk and process of a server that runs.
    fn running_mut(&mut self, id: ServerId) -> Option<(&mut Disk, &mut Process)> {
        let server = self.server_mut(id)?;
        Some((server.disk.as_mut()?, server.process.as_mut()?))
    }

    /// The same, to look at.
    fn running(&self, id: ServerId) -> Option<(&Disk, &Process)> {
        let server = self.servers.get(&id)?;
        Some((server.disk.as_ref()?, server.process.as_ref()?))
    }
}

/// A volume as it was once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot(Disk);

#[cfg(test)]
mod tests;
