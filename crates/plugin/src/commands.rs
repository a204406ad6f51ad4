//! From the command line to a verb, and from its answer to the exit code.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use jiff::Timestamp;
use moco_api::constants::annotations::FORCE_FAILOVER;
use moco_api::names;

use crate::calls::Calls;
use crate::cli::{
    Ask, Cli, CredentialShow, Force, Format, Mysql, Pause, Shown, Status, StatusFormat, Verb,
};
use crate::connection::Connection;
use crate::output::{complain, formatted, print, say};
use crate::pause::Wanted;
use crate::status::{Live, Standing, Summary};
use crate::{
    complete, credential, failovers, force, kubectl, logs, mysql, pause, plan, report, switchover,
};

/// What a verb has to say to a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is so, or it was done.
    Yes,
    /// It is not so, or it was not done.
    No,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Yes => Self::SUCCESS,
            Answer::No => Self::from(1),
        }
    }
}

/// The exit code of what could not be asked; clap uses the same for a wrong command line.
const COULD_NOT_ASK: u8 = 2;

/// The name under which kubectl looks for the completion of a plugin `moco`.
const COMPLETER: &str = "kubectl_complete-moco";

/// Runs what the arguments say; the first one is the name that this program was called by.
pub(crate) fn start(arguments: Vec<OsString>) -> ExitCode {
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    let cli = if name == Some(OsStr::new(COMPLETER)) {
        let words = arguments.iter().skip(1).cloned();
        let head = ["kubectl-moco", "__complete", "--"].map(OsString::from);
        Cli::parse_from(head.into_iter().chain(words))
    } else {
        Cli::parse_from(arguments)
    };
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::from(COULD_NOT_ASK)
        }
    }
}

/// What a verb ends with.
pub(crate) enum End {
    /// An exit code.
    Code(ExitCode),
    /// Another program takes this one's place.
    Become(Command),
}

impl From<Answer> for End {
    fn from(answer: Answer) -> Self {
        Self::Code(answer.into())
    }
}

impl From<Standing> for End {
    fn from(standing: Standing) -> Self {
        Self::Code(standing.into())
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let end = runtime.block_on(async {
        match &cli.verb {
            Verb::Completion(asked) => {
                print(complete::script(asked.shell))?;
                Ok(Answer::Yes.into())
            }
            Verb::Complete(asked) => {
                print(&complete::answer(&asked.words).await)?;
                Ok(Answer::Yes.into())
            }
            Verb::Ask(ask) => {
                let connection = &cli.connection;
                let calls = calls(connection).await?;
                carry_out(ask, connection, &calls).await
            }
        }
    });
    match end? {
        End::Code(code) => Ok(code),
        End::Become(command) => Err(kubectl::become_it(command)).context("cannot run kubectl"),
    }
}

/// Says why something is not done.
pub(crate) fn refuse(because: &impl Display) -> Answer {
    complain(&format!("error: {because}"));
    Answer::No
}

/// Carries a verb out that asks the API server.
pub(crate) async fn carry_out(
    ask: &Ask,
    connection: &Connection,
    calls: &Calls,
) -> anyhow::Result<End> {
    let answer = match ask {
        Ask::Status(asked) => return Ok(status(calls, asked).await?.into()),
        Ask::Mysql(asked) => return open_mysql(connection, calls, asked).await,
        Ask::Plan(asked) => {
            let namespace = connection.namespace.as_deref();
            plan::run(calls, asked, namespace).await?
        }
        Ask::Failovers(asked) => show_failovers(calls, asked).await?,
        Ask::Switchover(asked) => {
            let id = calls.id(&asked.cluster)?;
            switchover::run(calls, &id, asked).await?
        }
        Ask::Force(asked) => demand(calls, asked).await?,
        Ask::Logs(asked) => logs::run(connection, calls, asked).await?,
        Ask::Report(asked) => report::run(calls, asked).await?,
        Ask::Credential(asked) => {
            let shown = asked.shown().context("name a cluster")?;
            show_credential(calls, shown).await?
        }
        Ask::Stop(asked) => stop_or_start(calls, asked, Wanted::Stopped).await?,
        Ask::Start(asked) => stop_or_start(calls, asked, Wanted::Running).await?,
    };
    Ok(answer.into())
}

async fn calls(connection: &Connection) -> anyhow::Result<Calls> {
    let connected = connection.connect().await?;
    let (client, namespace) = (connected.client, connected.namespace);
    Ok(Calls::new(client, namespace, connection.request_timeout))
}

async fn status(calls: &Calls, asked: &Status) -> anyhow::Result<Standing> {
    let id = calls.id(&asked.cluster)?;
    let summary = Summary::of(&calls.cluster(&id).await?);
    let now = Timestamp::now().as_millisecond();
    print(&match asked.output {
        None => summary.text(now, None),
        Some(StatusFormat::Wide) => summary.text(now, Some(&Live::ask(calls, &id).await)),
        Some(StatusFormat::Json) => formatted(&summary, Format::Json)?,
        Some(StatusFormat::Yaml) => formatted(&summary, Format::Yaml)?,
    })?;
    Ok(summary.standing)
}

async fn show_failovers(calls: &Calls, asked: &Shown) -> anyhow::Result<Answer> {
    let cluster = calls.cluster(&calls.id(&asked.cluster)?).await?;
    let changes = match cluster.register() {
        Ok(register) => failovers::changes(register),
        Err(because) => return Ok(refuse(&because)),
    };
    print(&match asked.output {
        None => failovers::text(&changes),
        Some(format) => formatted(&changes, format)?,
    })?;
    Ok(Answer::Yes)
}

/// Shows the loss first, always; acts only when the epoch says that it was read.
async fn demand(calls: &Calls, asked: &Force) -> anyhow::Result<Answer> {
    let id = calls.id(&asked.cluster)?;
    let loss = match force::loss(&calls.cluster(&id).await?) {
        Ok(loss) => loss,
        Err(refusal) => return Ok(refuse(&refusal)),
    };
    print(&loss.text())?;
    let Some(given) = asked.epoch else {
        say(&format!("\n{}", loss.how()))?;
        return Ok(refuse(&"nothing was done"));
    };
    if let Some(wrong) = loss.wrong_epoch(given) {
        return Ok(refuse(&wrong));
    }
    let value = given.to_string();
    calls
        .annotate_cluster(&id, FORCE_FAILOVER, Some(&value))
        .await?;
    say(&format!(
        "\nDemanded: MySQLCluster {id} has the annotation {FORCE_FAILOVER}: \"{value}\". \
         Follow it with: kubectl moco status {}",
        id.name
    ))?;
    Ok(Answer::Yes)
}

async fn open_mysql(connection: &Connection, calls: &Calls, asked: &Mysql) -> anyhow::Result<End> {
    let cluster = calls.cluster(&calls.id(&asked.cluster)?).await?;
    Ok(match mysql::member(&cluster, asked.index) {
        Err(refusal) => refuse(&refusal).into(),
        Ok(member) => End::Become(mysql::call(connection, &cluster, member, asked)),
    })
}

async fn show_credential(calls: &Calls, asked: &CredentialShow) -> anyhow::Result<Answer> {
    let id = calls.id(&asked.cluster)?;
    let secret = calls.secret(&names::user_secret(&id)).await?;
    let account = asked.user.account();
    match credential::password(&secret, account) {
        Err(missing) => Ok(refuse(&missing)),
        Ok(password) => {
            print(&credential::text(account, &password, asked.format))?;
            Ok(Answer::Yes)
        }
    }
}

async fn stop_or_start(calls: &Calls, asked: &Pause, wanted: Wanted) -> anyhow::Result<Answer> {
    let id = calls.id(&asked.cluster)?;
    let cluster = calls.cluster(&id).await?;
    let said = match pause::change(&cluster, asked.what, wanted) {
        pause::Change::None { said } => said,
        pause::Change::Annotate { key, value, said } => {
            calls.annotate_cluster(&id, key, value).await?;
            said
        }
    };
    say(&said)?;
    Ok(Answer::Yes)
}
