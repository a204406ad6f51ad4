//! The member: everything its tasks share.

use std::sync::Arc;

use moco_model::guard::DataState;
use moco_model::report::{Fault, FaultCode};
use moco_model::{Guard, MemberReport, Phase};
use moco_supervisor::protocol::Exit;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::guard_file::{self, GuardError};
use crate::link::{Link, Process};
use crate::options::Options;
use crate::sql::Sql;
use crate::state::Shared;
use crate::volume;

/// A member of a cluster, from inside.
pub struct Member {
    /// What the agent was told.
    pub options: Options,
    /// The line to supervise.
    pub link: Link,
    /// The connections to mysqld.
    pub sql: Sql,
    /// What is known without asking mysqld.
    pub shared: Shared,
    /// Who holds it may change mysqld; one at a time.
    hands: Arc<Mutex<()>>,
}

impl Member {
    /// Looks at the volume and begins.
    pub fn new(options: Options, link: Link) -> Self {
        let inspected = volume::inspect(&options.volume, &options.uid(), options.member());
        let sql = Sql::new(&options);
        Self {
            options,
            link,
            sql,
            shared: Shared::new(inspected),
            hands: Arc::default(),
        }
    }

    /// Takes the right to change mysqld, if nobody has it.
    pub fn take_hands(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.hands).try_lock_owned().ok()
    }

    /// Takes the right to change mysqld, after whoever has it.
    pub async fn wait_hands(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.hands).lock_owned().await
    }

    /// What the member is doing.
    pub fn phase(&self) -> Phase {
        let (work, terminating) = self.shared.read(|state| (state.work, state.terminating));
        let running = matches!(*self.link.process().borrow(), Process::Running(_));
        match work {
            _ if terminating => Phase::Stopping,
            Some(phase) => phase,
            None if running => Phase::Running,
            None => Phase::AtGate,
        }
    }

    /// Replaces the guard, on disk first.
    pub fn set_guard(&self, guard: Guard) -> Result<(), GuardError> {
        guard_file::write(&self.options.volume, &guard)?;
        self.shared.change(|state| state.guard = Some(guard));
        Ok(())
    }

    /// Changes how far the data directory is, on disk first.
    pub fn set_data(&self, data: DataState) -> Result<(), GuardError> {
        let guard = self.shared.read(|state| state.guard.clone());
        match guard {
            Some(guard) if guard.data != data => self.set_guard(Guard { data, ..guard }),
            _ => Ok(()),
        }
    }

    /// Remembers what went wrong, or that it is mended.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared.change(|state| state.fault = fault);
    }

    /// mysqld ended. While work is under way it is that work's affair; otherwise it is a fault until
    /// mysqld runs again.
    pub fn exited(&self, exit: Exit) {
        self.shared.change(|state| {
            if state.work.is_none() && !state.terminating && state.fault.is_none() {
                let sentence = format!("mysqld ended with {}", exit.how);
                state.fault = Some(Fault {
                    code: FaultCode::MysqldExited,
                    sentence,
                });
            }
        });
    }

    /// Everything the agent knows, read now.
    pub async fn report(&self) -> MemberReport {
        let phase = self.phase();
        let server = if phase == Phase::Running {
            self.sql.status().await.ok()
        } else {
            None
        };
        let pid = match *self.link.process().borrow() {
            Process::Running(running) => u32::try_from(running.pid).ok(),
            Process::Absent(_) | Process::StartFailed(_) => None,
        };
        self.shared.read(|state| MemberReport {
            cluster: self.options.uid(),
            member: self.options.member(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            phase,
            guard: state.guard.clone(),
            server,
            fault: state.fault.clone(),
            mysqld_pid: pid,
        })
    }
}
