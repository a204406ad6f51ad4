//! What every command sets up first.

use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use tracing_subscriber::EnvFilter;

/// Installs the one TLS provider; fails if another part of the program installed one before.
pub(crate) fn install_provider() -> anyhow::Result<()> {
    let provider = moco_pki::provider();
    rustls::crypto::CryptoProvider::install_default((*provider).clone())
        .map_err(|_| anyhow!("another TLS provider was installed before"))
}

/// Logs go to standard error, one line each; `MOCO_LOG` chooses levels, `MOCO_LOG_FORMAT=json` the form.
pub(crate) fn init_logs() {
    let filter = EnvFilter::try_from_env("MOCO_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::env::var("MOCO_LOG_FORMAT").is_ok_and(|format| format == "json") {
        logs.json().init();
    } else {
        logs.with_ansi(false).with_target(false).init();
    }
}

/// Runs an async command on few threads: agents live in small pods.
pub(crate) fn block_on<T>(threads: usize, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(work))
}

#[expect(
    clippy::print_stderr,
    reason = "the last words of the program, before or after its logs"
)]
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("moco: {error:#}");
    ExitCode::FAILURE
}
