//! `CLONE INSTANCE`: the recipient's data goes first, then the donor's comes, and the server ends.

use std::time::Duration;

use super::answer::{Answer, Failure};
use super::disk::Copied;
use super::gtids::Gtids;
use super::process::Phase;
use super::session::Stage;
use super::{Exit, Fleet, ServerId, SessionId};

/// What `clone_status` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum CloneStatus {
    #[default]
    NotStarted,
    InProgress,
    /// The donor's executed set at the end.
    Completed(Gtids),
    Failed(u16, String),
}

/// A clone that runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cloning {
    pub(super) donor: ServerId,
    pub(super) login: (String, String),
    pub(super) session: SessionId,
    pub(super) stage: CloneStage,
    pub(super) since: Duration,
}

/// What a clone does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum CloneStage {
    /// It reaches the donor and logs in. Until then nothing is lost.
    LogIn,
    /// It drops the recipient's data.
    Drop,
    /// It copies, which it cannot end while a commit of the donor is under way.
    Copy,
    /// It stops the server.
    Finish,
}

impl CloneStage {
    /// mysqld's word, and the share of the bytes that is there.
    pub(super) const fn shown(self) -> (&'static str, u8) {
        match self {
            Self::LogIn | Self::Drop => ("DROP DATA", 0),
            Self::Copy => ("PAGE COPY", 90),
            Self::Finish => ("RESTART", 100),
        }
    }
}

/// Something is wrong with the donor, or the way to it.
const DONOR_FAILED: u16 = 3862;
/// The donor is not on the list.
const NOT_ON_THE_LIST: u16 = 3869;
/// A clone runs already.
const RUNS_ALREADY: u16 = 3634;
/// The server cannot restart itself without a supervisor.
const RESTART_FAILED: u16 = 3707;
/// The server takes no writes.
const READ_ONLY: u16 = 1290;
/// Somebody killed the statement.
const INTERRUPTED: u16 = 1317;

/// Whom to clone and how to get in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CloneFrom {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Fleet {
    /// Begins a clone; an answer only when it is refused at once.
    pub(super) fn begin_clone(
        &mut self,
        id: ServerId,
        session: SessionId,
        from: &CloneFrom,
        now: Duration,
    ) -> Result<Stage, Failure> {
        let donor = self.at(&from.host, from.port);
        let Some((disk, process)) = self.running_mut(id) else {
            return Err(Failure::Lost);
        };
        let named = format!("{}:{}", from.host, from.port);
        if !process
            .variables
            .donors
            .split(',')
            .any(|one| one.trim() == named)
        {
            let words = format!("Clone Configuration: {named} is not in clone_valid_donor_list");
            return Err(Failure::server(NOT_ON_THE_LIST, words));
        }
        if process.cloning.is_some() {
            return Err(Failure::server(
                RUNS_ALREADY,
                "Too many concurrent clone operations",
            ));
        }
        let Some(donor) = donor else {
            return Err(donor_failed("Connect failed"));
        };
        process.cloning = Some(Cloning {
            donor,
            login: (from.user.clone(), from.password.clone()),
            session,
            stage: CloneStage::LogIn,
            since: now,
        });
        disk.clone_status = CloneStatus::InProgress;
        Ok(Stage::Cloning)
    }

    /// Whether the next step of a clone can be made, as far as the two servers are concerned.
    pub(super) fn can_clone(&self, id: ServerId) -> bool {
        let Some(cloning) = self
            .process(id)
            .and_then(|process| process.cloning.as_ref())
        else {
            return false;
        };
        let here = self.works(id);
        match cloning.stage {
            CloneStage::LogIn => here && self.answers_logins(cloning.donor),
            CloneStage::Drop | CloneStage::Finish => here,
            // A commit that waits for its acknowledgement holds the donor's copy up.
            CloneStage::Copy => {
                let donor = self.process(cloning.donor);
                here && donor.is_some_and(|donor| donor.works() && donor.commits() == 0)
            }
        }
    }

    /// Makes the next step of a clone.
    pub(super) fn clone_on(&mut self, id: ServerId, now: Duration) -> bool {
        let running = self.process(id).and_then(|process| process.cloning.clone());
        let Some(cloning) = running.filter(|_| self.can_clone(id)) else {
            return false;
        };
        match cloning.stage {
            CloneStage::LogIn => {
                match self
                    .log_in_at_donor(&cloning)
                    .and_then(|()| self.may_drop(id))
                {
                    Ok(()) => self.clone_reaches(id, CloneStage::Drop),
                    Err(failure) => self.end_clone(id, failure, now),
                }
            }
            CloneStage::Drop => {
                if let Some(disk) = self.disk_mut(id) {
                    disk.engine.tables.clear();
                    disk.engine.schemas.clear();
                }
                self.clone_reaches(id, CloneStage::Copy);
            }
            CloneStage::Copy => {
                self.copy(id, cloning.donor);
                self.clone_reaches(id, CloneStage::Finish);
            }
            CloneStage::Finish => {
                let words = "Restart server failed (mysqld is not managed by supervisor process).";
                self.answer(
                    cloning.session,
                    Err(Failure::server(RESTART_FAILED, words)),
                    now,
                );
                self.end_process(id, Exit::Code(0));
            }
        }
        true
    }

    fn clone_reaches(&mut self, id: ServerId, stage: CloneStage) {
        let process = self.process_mut(id);
        if let Some(cloning) = process.and_then(|process| process.cloning.as_mut()) {
            cloning.stage = stage;
        }
    }

    fn log_in_at_donor(&self, cloning: &Cloning) -> Result<(), Failure> {
        let Some((disk, process)) = self.running(cloning.donor) else {
            return Err(donor_failed(
                "Connect failed: Can't connect to MySQL server",
            ));
        };
        if process.phase != Phase::Ready {
            return Err(donor_failed(
                "Connect failed: Can't connect to MySQL server",
            ));
        }
        let (user, password) = &cloning.login;
        match disk.engine.accounts.log_in(user, password) {
            None => Err(donor_failed("Connect failed: Access denied for user")),
            Some(rights) if process.variables.offline_mode && !rights.connection_admin => Err(
                donor_failed("Connect failed: The server is in offline mode"),
            ),
            Some(_) => Ok(()),
        }
    }

    /// A closed server does not drop a schema, not even for a clone.
    fn may_drop(&self, id: ServerId) -> Result<(), Failure> {
        let refuses = self.running(id).is_some_and(|(disk, process)| {
            process.variables.super_read_only && !disk.engine.schemas.is_empty()
        });
        if refuses {
            let words = "The MySQL server is running with the --super-read-only option";
            return Err(Failure::server(READ_ONLY, words));
        }
        Ok(())
    }

    /// Takes the donor's committed state as it is now.
    fn copy(&mut self, id: ServerId, donor: ServerId) {
        let Some(copied) = self.disk(donor).map(|disk| {
            let mut engine = disk.engine.clone();
            engine.prepared.clear();
            Copied {
                engine,
                channel: disk.channel.clone(),
            }
        }) else {
            return;
        };
        if let Some(disk) = self.disk_mut(id) {
            disk.copied = Some(Box::new(copied));
        }
    }

    /// The clone loses its donor.
    pub(super) fn break_clone(&mut self, id: ServerId, now: Duration) -> bool {
        let cloning = self
            .process(id)
            .and_then(|process| process.cloning.as_ref())
            .map(|cloning| cloning.stage);
        match cloning {
            None | Some(CloneStage::Finish) => false,
            Some(_) => {
                self.end_clone(id, donor_failed("Connection to the donor is lost"), now);
                true
            }
        }
    }

    /// The session that clones was killed.
    pub(super) fn interrupt_clone(&mut self, id: ServerId, now: Duration) {
        let failure = Failure::server(INTERRUPTED, "Query execution was interrupted");
        self.end_clone(id, failure, now);
    }

    fn end_clone(&mut self, id: ServerId, failure: Failure, now: Duration) {
        let Some((disk, process)) = self.running_mut(id) else {
            return;
        };
        let Some(cloning) = process.cloning.take() else {
            return;
        };
        if let Failure::Server { code, message } = &failure {
            disk.clone_status = CloneStatus::Failed(*code, message.clone());
        }
        let answer: Answer = Err(failure);
        self.answer(cloning.session, answer, now);
    }
}

fn donor_failed(words: &str) -> Failure {
    Failure::server(DONOR_FAILED, format!("Clone Donor Error: {words}."))
}
