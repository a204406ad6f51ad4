//! The member: everything its tasks share.

use std::sync::Arc;

use moco_model::report::{Fault, FaultCode};
use moco_model::{Guard, Phase};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::commits::Lines;
use crate::host::{Exit, Host, Process};
use crate::settings::Settings;
use crate::sql::Sql;
use crate::state::{Shared, State};
use crate::watch::News;

/// A member of a cluster, from inside.
pub struct Member<H: Host> {
    /// The machine it runs on.
    pub(crate) host: Arc<H>,
    /// What the agent was told.
    pub(crate) settings: Settings,
    /// The connections to mysqld.
    pub(crate) sql: Sql<H>,
    /// What is known without asking mysqld.
    pub(crate) shared: Shared,
    /// The connections for heartbeat transactions.
    pub(crate) lines: Lines<H>,
    /// The newest state that the controller is to be told.
    pub(crate) news: watch::Sender<Option<News>>,
    /// Who holds it may change mysqld; one at a time.
    hands: Arc<Mutex<()>>,
    /// Who holds it may change the guard: a promise is judged and written in one turn.
    pen: Mutex<()>,
}

/// The right to change mysqld.
pub(crate) type Hands = OwnedMutexGuard<()>;

impl<H: Host> Member<H> {
    /// Looks at the volume and begins.
    pub async fn begin(host: H, settings: Settings) -> Self {
        let host = Arc::new(host);
        let mut inspected = host.inspect().await;
        if let Ok(Some(guard)) = &mut inspected {
            // A guard of before there were promises of their own.
            guard.promised = guard.promised.max(guard.epoch);
        }
        let evidence = host.evidence().await;
        Self {
            sql: Sql::new(Arc::clone(&host), settings.tls.clone()),
            host,
            settings,
            shared: Shared::new(inspected, evidence),
            lines: Lines::default(),
            news: watch::Sender::new(None),
            hands: Arc::default(),
            pen: Mutex::default(),
        }
    }

    /// Takes the right to change mysqld, if nobody has it.
    pub(crate) fn take_hands(&self) -> Option<Hands> {
        Arc::clone(&self.hands).try_lock_owned().ok()
    }

    /// Takes the right to change mysqld, after whoever has it.
    pub(crate) async fn wait_hands(&self) -> Hands {
        Arc::clone(&self.hands).lock_owned().await
    }

    /// The pid of mysqld, while it runs.
    pub(crate) fn pid(&self) -> Option<i32> {
        match *self.host.process().borrow() {
            Process::Running(pid) => Some(pid),
            Process::Absent(_) | Process::StartFailed(_) => None,
        }
    }

    /// What the member is doing.
    pub(crate) fn phase(&self) -> Phase {
        let (work, stopping) = self.shared.read(|state| (state.work, state.stops()));
        match work {
            _ if stopping => Phase::Stopping,
            Some(phase) => phase,
            None if self.pid().is_some() => Phase::Running,
            None => Phase::AtGate,
        }
    }

    /// The guard as last written.
    pub(crate) fn guard(&self) -> Option<Guard> {
        self.shared.read(|state| state.guard.clone())
    }

    /// Writes the guard that `judge` makes of the present one, on disk first. Whoever judges and
    /// writes does both in one turn, so no promise is ever replaced by a lower one.
    ///
    /// What was last seen to be held becomes the watermark, unless `judge` sets another.
    ///
    /// The future must be driven to its end: a write that was begun is not undone by dropping it.
    pub(crate) async fn write_guard<E: From<Fault>>(
        &self,
        judge: impl FnOnce(Option<Guard>) -> Result<Option<Guard>, E> + Send,
    ) -> Result<(), E> {
        let _turn = self.pen.lock().await;
        let present = self.guard();
        let Some(mut new) = judge(present.clone())? else {
            return Ok(());
        };
        if present.as_ref() == Some(&new) {
            return Ok(());
        }
        let same_watermark = |old: &Guard| old.watermark == new.watermark;
        if let Some(held) = self.shared.read(State::held)
            && present.as_ref().is_none_or(same_watermark)
        {
            new.watermark = held;
        }
        self.host.write_guard(new.clone()).await?;
        self.shared.change(|state| state.guard = Some(new));
        Ok(())
    }

    /// Changes the guard, on disk first; nothing without one.
    pub(crate) async fn amend(&self, change: impl FnOnce(&mut Guard) + Send) -> Result<(), Fault> {
        self.write_guard(|guard| {
            Ok(guard.map(|mut guard| {
                change(&mut guard);
                guard
            }))
        })
        .await
    }

    /// Reads the recorded evidence again, after some was added.
    pub(crate) async fn read_evidence(&self) {
        let evidence = self.host.evidence().await;
        self.shared.change(|state| state.evidence = evidence);
    }

    /// Remembers what went wrong, or that it is mended.
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        self.shared.change(|state| state.fault = fault);
    }

    /// mysqld ended. While work is under way it is that work's affair, and so it is when the agent
    /// itself ended it; otherwise it is a fault until mysqld runs again.
    pub(crate) fn exited(&self, exit: Exit) {
        self.shared.change(|state| {
            let unasked = state.ends != Some(exit.pid);
            if unasked && state.work.is_none() && !state.stops() && state.fault.is_none() {
                let sentence = format!("mysqld ended with {}", exit.how);
                state.fault = Some(Fault {
                    code: FaultCode::MysqldExited,
                    sentence,
                });
            }
        });
    }
}
