//! mysqld as a process: start it, wait until it answers or ends, stop it.

use std::collections::BTreeMap;
use std::time::Duration;

use moco_model::report::{Fault, FaultCode};
use moco_supervisor::protocol::{Exit, FD_ENV, Log, MysqldSignal, Start};
use tokio::time::{Instant, sleep, timeout_at};

use crate::image;
use crate::link::{LinkError, Process};
use crate::member::Member;
use moco_model::sentence::with_causes;

/// How often a server that starts is asked whether it answers.
const KNOCK: Duration = Duration::from_millis(20);

/// How long supervise may take to start a process.
const START_DEADLINE: Duration = Duration::from_secs(10);

fn link_fault(error: &LinkError) -> Fault {
    Fault {
        code: FaultCode::CommandFailed,
        sentence: with_causes(error),
    }
}

/// Lets supervise start mysqld with `arguments`.
pub async fn spawn(member: &Member, arguments: Vec<String>, log: Log) -> Result<(), Fault> {
    let mut argv = vec![member.options.mysqld.display().to_string()];
    argv.extend(arguments);
    let env: BTreeMap<_, _> = std::env::vars()
        .filter(|(name, _)| name != FD_ENV)
        .collect();
    let mut process = member.link.process();
    process.borrow_and_update();
    let start = Start {
        argv,
        env,
        dir: "/".into(),
        log,
    };
    member
        .link
        .start(start)
        .await
        .map_err(|error| link_fault(&error))?;
    let deadline = Instant::now() + START_DEADLINE;
    // Several changes may be seen as one: a process that ended at once is Absent, never Running.
    match timeout_at(deadline, process.changed()).await {
        Ok(Ok(())) => match &*process.borrow() {
            Process::StartFailed(error) => Err(Fault {
                code: FaultCode::NoMysqld,
                sentence: format!("cannot start mysqld: {error}"),
            }),
            Process::Running(_) | Process::Absent(_) => Ok(()),
        },
        Ok(Err(_)) => Err(link_fault(&LinkError::Closed)),
        Err(_) => Err(link_fault(&LinkError::Silent(START_DEADLINE))),
    }
}

/// Waits until the process has ended.
pub async fn ended(member: &Member, within: Duration) -> Result<Option<Exit>, Fault> {
    let mut process = member.link.process();
    let gone = |process: &Process| !matches!(process, Process::Running(_));
    let waiting = async { process.wait_for(gone).await.map(|_| ()) };
    let waited = timeout_at(Instant::now() + within, waiting).await;
    match waited {
        Ok(Ok(())) => match *process.borrow() {
            Process::Absent(exit) => Ok(exit),
            Process::Running(_) | Process::StartFailed(_) => Ok(None),
        },
        Ok(Err(_)) => Err(link_fault(&LinkError::Closed)),
        Err(_) => Err(Fault {
            code: FaultCode::CommandFailed,
            sentence: format!("mysqld did not end within {} s", within.as_secs()),
        }),
    }
}

/// Ends mysqld by SIGKILL and waits until it is gone.
pub async fn kill(member: &Member) -> Result<(), Fault> {
    member
        .link
        .signal(MysqldSignal::Kill)
        .await
        .map_err(|error| link_fault(&error))?;
    ended(member, Duration::from_secs(60)).await.map(|_| ())
}

/// Who is asked for when waiting for a server to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// MOCO's administrator, on a server that was set up.
    Administrator,
    /// root without a password, on a server that was just initialised.
    FreshRoot,
}

/// Starts mysqld as a server and waits until it answers.
pub async fn serve(member: &Member, who: As) -> Result<(), Fault> {
    let arguments = member.options.mysqld_arguments();
    spawn(member, arguments.clone(), log(member)).await?;
    let deadline = Instant::now() + member.options.startup_wait();
    let process = member.link.process();
    loop {
        let now = process.borrow().clone();
        if let Process::Absent(exit) = now {
            return Err(early_end(member, arguments, exit).await);
        }
        match member.sql.knock(who).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_denied() => {
                return Err(Fault {
                    code: FaultCode::LoginFailed,
                    sentence: with_causes(&error),
                });
            }
            Err(error) if Instant::now() > deadline => {
                let waited = member.options.startup_wait_seconds;
                let sentence = format!(
                    "mysqld did not answer within {waited} s: {}",
                    with_causes(&error)
                );
                return Err(Fault {
                    code: FaultCode::StartTimeout,
                    sentence,
                });
            }
            Err(_) => sleep(KNOCK).await,
        }
    }
}

fn log(member: &Member) -> Log {
    member
        .options
        .mysqld_log
        .clone()
        .map_or(Log::Inherit, Log::File)
}

/// mysqld ended before it answered: its own words about its configuration, or how it ended.
async fn early_end(member: &Member, arguments: Vec<String>, exit: Option<Exit>) -> Fault {
    let mysqld = member.options.mysqld.clone();
    let asked =
        tokio::task::spawn_blocking(move || image::configuration_fault(&mysqld, &arguments));
    if let Ok(Some(fault)) = asked.await {
        return fault;
    }
    let how = exit.map_or_else(
        || "without a trace".to_owned(),
        |exit| format!("with {}", exit.how),
    );
    Fault {
        code: FaultCode::MysqldExited,
        sentence: format!("mysqld ended {how} before it answered; its log says why"),
    }
}
