//! mysqld as supervise starts it: to make a data directory, or as a server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use moco_model::report::{Fault, FaultCode};
use moco_supervisor::protocol::{Ended, Exit, FD_ENV, Log, Start};
use tokio::time::{Instant, timeout, timeout_at};

use super::link::{Link, LinkError};
use super::{image, link_fault};
use crate::host::Process;
use crate::options::Options;

/// How long supervise may take to start a process.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// `mysqld --initialize` takes 3 to 5 s on an idle machine (`docs/mysql-facts.md`); disks differ.
const INITIALISE_DEADLINE: Duration = Duration::from_secs(600);

/// Starts mysqld as a server.
pub(super) async fn start(link: &Link, options: &Options) -> Result<(), Fault> {
    let log = options.mysqld_log.clone().map_or(Log::Inherit, Log::File);
    spawn(link, options, options.mysqld_arguments(), log).await
}

/// Lets supervise start mysqld with `arguments`.
async fn spawn(
    link: &Link,
    options: &Options,
    arguments: Vec<String>,
    log: Log,
) -> Result<(), Fault> {
    let mut argv = vec![options.mysqld.display().to_string()];
    argv.extend(arguments);
    let env: BTreeMap<_, _> = std::env::vars()
        .filter(|(name, _)| name != FD_ENV)
        .collect();
    let mut process = link.process();
    process.borrow_and_update();
    let start = Start {
        argv,
        env,
        dir: "/".into(),
        log,
    };
    link.start(start)
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

/// mysqld ended before it answered, and says nothing about its configuration.
pub(super) fn ended_early(exit: Option<Exit>) -> Fault {
    Fault {
        code: FaultCode::MysqldExited,
        sentence: format!(
            "mysqld ended {} before it answered; its log says why",
            how(exit)
        ),
    }
}

fn how(exit: Option<Exit>) -> String {
    exit.map_or_else(
        || "without a trace".to_owned(),
        |exit| format!("with {}", exit.how),
    )
}

/// Makes a data directory, and waits for the end of it.
pub(super) async fn initialise(link: &Link, options: &Options) -> Result<(), Fault> {
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        "--initialize-insecure".to_owned(),
        format!("--datadir={}", options.data_dir().display()),
        "--secure-file-priv=NULL".to_owned(),
        "--disable-log-bin".to_owned(),
    ];
    arguments.extend(creation_options(&options.defaults_file));
    if rustix::process::geteuid().is_root() {
        arguments.push("--user=root".to_owned());
    }
    let log = options.volume.join("moco-initialize.log");
    let _ = fs::remove_file(&log);
    spawn(link, options, arguments, Log::File(log.clone())).await?;
    let exit = ended(link).await?;
    if exit.is_some_and(|exit| exit.how == Ended::Code(0)) {
        let _ = fs::remove_file(&log);
        return Ok(());
    }
    let said = complaint(&log).unwrap_or_default();
    Err(Fault {
        code: FaultCode::InitialiseFailed,
        sentence: format!("mysqld --initialize ended {}: {said}", how(exit)),
    })
}

async fn ended(link: &Link) -> Result<Option<Exit>, Fault> {
    let mut process = link.process();
    let gone = process.wait_for(|process| !matches!(process, Process::Running(_)));
    match timeout(INITIALISE_DEADLINE, gone).await {
        Ok(Ok(process)) => match &*process {
            Process::Absent(exit) => Ok(*exit),
            Process::Running(_) | Process::StartFailed(_) => Ok(None),
        },
        Ok(Err(_)) => Err(link_fault(&LinkError::Closed)),
        Err(_) => Err(Fault {
            code: FaultCode::InitialiseFailed,
            sentence: format!(
                "mysqld --initialize did not end within {} s",
                INITIALISE_DEADLINE.as_secs()
            ),
        }),
    }
}

/// The first error in the log of `mysqld --initialize`.
fn complaint(log: &Path) -> Option<String> {
    let text = fs::read_to_string(log).ok()?;
    text.lines()
        .find(|line| line.contains("[ERROR]"))
        .map(|line| image::message(line).to_owned())
}

/// Options that only count when a data directory is made (MySQL manual: `lower_case_table_names`,
/// `innodb_page_size`), taken over from the option file.
fn creation_options(defaults_file: &Path) -> Vec<String> {
    let text = fs::read_to_string(defaults_file).unwrap_or_default();
    let mut options = Vec::new();
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim().replace('-', "_");
        if matches!(name.as_str(), "lower_case_table_names" | "innodb_page_size") {
            options.push(format!("--{name}={}", value.trim()));
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_count_at_creation_are_taken_over() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(
            &file,
            "[mysqld]\nlower-case-table-names = 1\nport=3306\ninnodb_page_size=8192\n",
        )
        .unwrap();
        assert_eq!(
            creation_options(file.path()),
            ["--lower_case_table_names=1", "--innodb_page_size=8192"]
        );
    }
}
