//! mysqld as a process: start it, wait until it answers or ends, stop it.

use std::time::Duration;

use moco_model::report::{Fault, FaultCode};
use moco_model::sentence::with_causes;

use crate::host::{As, Exit, Host, MysqldSignal, Process, within};
use crate::member::Member;

/// How often a server that starts is asked whether it answers.
const KNOCK: Duration = Duration::from_millis(20);

/// Waits until the process has ended.
pub(crate) async fn ended<H: Host>(
    member: &Member<H>,
    at_most: Duration,
) -> Result<Option<Exit>, Fault> {
    let mut process = member.host.process();
    let gone = |process: &Process| !matches!(process, Process::Running(_));
    let waiting = async {
        match process.wait_for(gone).await.as_deref() {
            Ok(Process::Absent(exit)) => Ok(*exit),
            Ok(Process::Running(_) | Process::StartFailed(_)) => Ok(None),
            Err(_) => Err("supervise has gone".to_owned()),
        }
    };
    let late = || Err(format!("mysqld did not end within {} s", at_most.as_secs()));
    let waited = within(&*member.host, at_most, waiting).await;
    waited.unwrap_or_else(late).map_err(|sentence| Fault {
        code: FaultCode::CommandFailed,
        sentence,
    })
}

/// Ends mysqld by SIGKILL, if it runs, and waits until it is gone.
pub(crate) async fn kill<H: Host>(member: &Member<H>, at_most: Duration) -> Result<(), Fault> {
    let Some(pid) = member.pid() else {
        return Ok(());
    };
    member.shared.note(|state| state.ends = Some(pid));
    member.host.signal(MysqldSignal::Kill).await?;
    ended(member, at_most).await.map(|_| ())
}

/// Starts mysqld as a server and waits until it answers.
pub(crate) async fn serve<H: Host>(member: &Member<H>, who: As) -> Result<(), Fault> {
    member.shared.note(|state| {
        state.seen = None;
        state.settled = None;
        state.unanswered = None;
    });
    member.host.start().await?;
    let wait = member.settings.startup_wait;
    let begun = member.host.now();
    let process = member.host.process();
    loop {
        let now = process.borrow().clone();
        if let Process::Absent(exit) = now {
            return Err(member.host.early_end(exit).await);
        }
        match member.sql.knock(who).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_denied() => {
                return Err(Fault {
                    code: FaultCode::LoginFailed,
                    sentence: with_causes(&error),
                });
            }
            Err(error) if member.host.now().saturating_sub(begun) > wait => {
                let sentence = format!(
                    "mysqld did not answer within {} s: {}",
                    wait.as_secs(),
                    with_causes(&error)
                );
                return Err(Fault {
                    code: FaultCode::StartTimeout,
                    sentence,
                });
            }
            Err(_) => member.host.sleep(KNOCK).await,
        }
    }
}
