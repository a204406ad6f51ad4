//! One function a command: set up, hand over.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use moco_supervisor::Options as SuperviseOptions;

use crate::cli::{Cli, Command, Init, Supervise};
use crate::process::{block_on, init_logs, install_provider};

pub(crate) fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Controller(options) => {
            init_logs();
            install_provider()?;
            block_on(2, moco_controller::run(*options))??;
            Ok(ExitCode::SUCCESS)
        }
        Command::Agent(options) => {
            init_logs();
            install_provider()?;
            block_on(2, moco_agent::run(*options))??;
            Ok(ExitCode::SUCCESS)
        }
        Command::Supervise(options) => supervise(options),
        Command::Init(options) => init(&options),
    }
}

fn supervise(options: Supervise) -> anyhow::Result<ExitCode> {
    let options = SuperviseOptions {
        agent: options.agent,
        agent_args: options.agent_args,
        last_good: options.last_good,
        hello_deadline: SuperviseOptions::HELLO_DEADLINE,
        grace: Duration::from_secs(options.grace_seconds),
    };
    let reason = moco_supervisor::run(options)?;
    Ok(ExitCode::from(reason.code()))
}

/// Copies the running program, so that it can run in an image that does not have it.
fn init(options: &Init) -> anyhow::Result<ExitCode> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let new = options.to.join("moco.new");
    let target = options.to.join("moco");
    fs::copy(&own, &new).with_context(|| format!("cannot copy to {}", new.display()))?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", new.display()))?;
    fs::rename(&new, &target)
        .with_context(|| format!("cannot put {} in place", target.display()))?;
    Ok(ExitCode::SUCCESS)
}
