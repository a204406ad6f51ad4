//! What the agent says about its member.

use std::sync::Arc;
use std::time::Duration;

use moco_model::{MemberReport, Phase, ServerReport};
use tokio::sync::oneshot;

use crate::host::{Host, within};
use crate::member::Member;
use crate::sql::Sql;
use crate::state::{Leaving, Seen};
use crate::{commits, peers};

/// How long a report waits for mysqld. A pass of the controller waits for the slowest member, and a
/// failover cannot wait for a server that hangs. A look takes some milliseconds.
const LOOK: Duration = Duration::from_millis(600);
/// The same once mysqld has not answered for so long: who waits again learns nothing more.
const GLANCE: Duration = Duration::from_millis(100);

impl<H: Host> Member<H> {
    /// Everything the agent knows, read now. Answers within 0.7 s even when mysqld hangs; then the
    /// member runs and its server says nothing.
    ///
    /// The guard is older than what mysqld says. So a report that shows a promise shows what mysqld
    /// held after it: once the receiver is seen to be off, nothing is received any more.
    pub async fn report(self: &Arc<Self>) -> MemberReport {
        let (guard, settled) = self
            .shared
            .read(|state| (state.guard.clone(), state.settled));
        let phase = self.phase();
        let running = phase == Phase::Running;
        let server = if running { self.look().await } else { None };
        let now = self.host.now();
        let rule = server.as_ref().map(|seen| commits::rule(&seen.server));
        self.shared.read(|state| MemberReport {
            cluster: self.settings.uid.clone(),
            member: self.settings.member,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            phase,
            guard,
            // Before it was compared with what the member is known to have held, it proves nothing:
            // this guard may name another incarnation.
            server: server
                .filter(|seen| settled == Some(seen.pid))
                .map(|seen| seen.server),
            fault: state.fault.clone(),
            mysqld_pid: self.pid().and_then(|pid| u32::try_from(pid).ok()),
            leaving: state.leaving > Leaving::No,
            hearing: peers::hearing(state, now),
            commits: running.then(|| commits::probe(state, now, rule)).flatten(),
            evidence: state.evidence.clone(),
        })
    }

    /// What mysqld says now; none when it does not run or does not say so in time.
    ///
    /// A look goes on when nobody waits for it any more: its connection may be the only way in
    /// ([`crate::sql`]) and is not thrown away because mysqld is slow for a second.
    pub(crate) async fn look(self: &Arc<Self>) -> Option<Seen> {
        let looked = async {
            let mut slot = self.sql.looking().await;
            let pid = self.pid()?;
            let at = self.host.now();
            let (tell, told) = oneshot::channel();
            let member = Arc::clone(self);
            self.host.spawn(async move {
                member.shared.note(|state| {
                    state.unanswered.get_or_insert(at);
                });
                let status = Sql::status(&*member.host, &mut slot).await;
                drop(slot);
                let took = member.host.now().saturating_sub(at);
                if status.is_ok() || took < LOOK {
                    member.shared.note(|state| state.unanswered = None);
                }
                let seen = status.ok().map(|server| member.remember(at, pid, server));
                // Nobody may wait any more.
                let _ = tell.send(seen.flatten());
            });
            told.await.ok().flatten()
        };
        let now = self.host.now();
        let unanswered = self.shared.read(|state| state.unanswered);
        let hangs = unanswered.is_some_and(|since| now.saturating_sub(since) >= LOOK);
        let patience = if hangs { GLANCE } else { LOOK };
        within(&*self.host, patience, looked).await.flatten()
    }

    /// Keeps what mysqld said, if it is still the same mysqld.
    fn remember(&self, at: Duration, pid: i32, server: ServerReport) -> Option<Seen> {
        let seen = Seen { at, pid, server };
        (self.pid() == Some(pid)).then(|| {
            self.shared.note(|state| state.seen = Some(seen.clone()));
            seen
        })
    }
}

#[cfg(test)]
mod tests;
