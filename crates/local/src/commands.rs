//! The verbs.

use std::fs;
use std::io::Write as _;
use std::process::{Command as Program, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use crate::cli::{Cli, Command, Down, Output, Run, Sql, Status as StatusArgs};
use crate::home::{self, Home};
use crate::manifest::Settings;
use crate::status::Status;
use crate::{daemon, members, processes};

mod handover;
mod up;
mod wait;

pub(crate) fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Up(arguments) => up::up(cli.dir, &arguments),
        Command::Status(arguments) => status(cli.dir, &arguments),
        Command::Sql(arguments) => sql(cli.dir, &arguments),
        Command::Switchover(arguments) => handover::switchover(cli.dir, &arguments),
        Command::Failovers(arguments) => handover::failovers(cli.dir, &arguments),
        Command::Force(arguments) => handover::force(cli.dir, &arguments),
        Command::Down(arguments) => down(cli.dir, &arguments),
        Command::Run(arguments) => run_daemon(arguments),
    };
    outcome.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Whoever reads the output may stop reading; that is no failure.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[expect(clippy::print_stderr, reason = "the errors of a command for people")]
fn complain(text: &str) {
    eprintln!("moco-local: {text}");
}

fn run_daemon(arguments: Run) -> anyhow::Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MOCO_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .init();
    let provider = moco_pki::provider();
    if rustls::crypto::CryptoProvider::install_default((*provider).clone()).is_err() {
        bail!("another TLS provider was installed before");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(daemon::run(Home::at(arguments.home)))?;
    Ok(ExitCode::SUCCESS)
}

/// What the background process saw last; an error when it does not run.
fn read_status(home: &Home) -> anyhow::Result<Status> {
    if processes::recorded(&home.daemon())?.is_none() {
        bail!("the cluster is stopped; start it with `moco-local up FILE`");
    }
    home::read_json(&home.status())?.context("the cluster has only just been started; ask again")
}

fn status(dir: Option<std::path::PathBuf>, arguments: &StatusArgs) -> anyhow::Result<ExitCode> {
    let home = home::find(&home::root(dir)?, arguments.which.cluster.as_deref())?;
    let status = read_status(&home)?;
    match arguments.output {
        Output::Table => say(&status.table()),
        Output::Json => {
            say(&serde_json::to_string_pretty(&status).context("cannot write as JSON")?);
        }
    }
    let healthy = status.verdict.standing.healthy;
    Ok(if healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

/// Runs the client with the password in a file that nobody else may read, never in an argument.
fn sql(dir: Option<std::path::PathBuf>, arguments: &Sql) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let home = home::find(&home::root(dir)?, arguments.which.cluster.as_deref())?;
    let settings = Settings::read(&home)?.context("the cluster was never started")?;
    let account = if arguments.member.is_some() {
        moco_model::Account::Admin
    } else if arguments.replica {
        moco_model::Account::Readonly
    } else {
        moco_model::Account::Writable
    };
    let password = fs::read_to_string(home.credentials().join(account.secret_key()))
        .context("cannot read the cluster's passwords")?;
    let place = if let Some(member) = arguments.member {
        format!(
            "socket={}",
            members::socket_of(&home, moco_model::MemberId(member))
        )
    } else {
        let front = if arguments.replica {
            settings.replica_front()
        } else {
            settings.primary_front()
        };
        let ca = home.tls().join("ca.crt");
        let (host, port) = (front.ip(), front.port());
        format!(
            "host={host}\nport={port}\nssl-mode=VERIFY_CA\nssl-ca={}",
            ca.display()
        )
    };
    let options = home.path().join(format!("client-{}.cnf", account.user()));
    let text = format!(
        "[client]\nuser={}\npassword={password}\n{place}\n",
        account.user()
    );
    home::replace(&options, text.as_bytes()).context("cannot write the client's options")?;
    let mut client = Program::new(&arguments.mysql);
    client.arg(format!("--defaults-file={}", options.display()));
    if let Some(statement) = &arguments.statement {
        client.args(["--batch", "--execute", statement]);
    }
    // Replaces this process, so signals and the exit code are the client's own.
    let error = client.exec();
    Err(error).with_context(|| format!("cannot run {}", arguments.mysql.display()))
}

fn down(dir: Option<std::path::PathBuf>, arguments: &Down) -> anyhow::Result<ExitCode> {
    let home = home::find(&home::root(dir)?, arguments.which.cluster.as_deref())?;
    stop(&home)?;
    if arguments.delete {
        fs::remove_dir_all(home.path())
            .with_context(|| format!("cannot delete {}", home.path().display()))?;
        say("deleted");
    }
    Ok(ExitCode::SUCCESS)
}

/// Stops the background process first, so that nothing is started again; then the primary, whose
/// clients are cut off while its replicas still acknowledge; then the replicas.
pub(crate) fn stop(home: &Home) -> anyhow::Result<()> {
    let within = Duration::from_secs(members::GRACE_SECONDS + 10);
    let began = Instant::now();
    if let Some(daemon) = processes::recorded(&home.daemon())? {
        daemon.signal(Signal::TERM)?;
        daemon.wait(within)?;
    }
    let status: Option<Status> = home::read_json(&home.status())?;
    let is_primary = |id: &moco_model::MemberId| {
        status
            .iter()
            .flat_map(|status| &status.members)
            .any(|line| line.member == *id && line.role == moco_model::Role::Primary)
    };
    let (primaries, replicas): (Vec<_>, Vec<_>) = home.members().into_iter().partition(is_primary);
    for group in [primaries, replicas] {
        let running: Vec<_> = group
            .into_iter()
            .filter_map(|id| Some((id, members::process(home, id).ok()??)))
            .collect();
        for (id, process) in &running {
            say(&format!("stopping member {id}"));
            process.signal(Signal::TERM)?;
        }
        for (_, process) in running {
            process.wait(within)?;
        }
    }
    say(&format!(
        "stopped in {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}
