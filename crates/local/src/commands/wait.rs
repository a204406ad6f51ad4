//! Waiting for a cluster to become healthy.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::say;
use crate::home::{self, Home};
use crate::processes;
use crate::status::Status;

/// Shows every change of the verdict until the cluster is healthy.
pub(super) fn healthy(home: &Home, began: Instant, within: Duration) -> anyhow::Result<ExitCode> {
    let mut shown = String::new();
    loop {
        let status: Option<Status> = home::read_json(&home.status())?;
        if let Some(status) = status.filter(|status| status.verdict.sentence != shown) {
            shown.clone_from(&status.verdict.sentence);
            let seconds = began.elapsed().as_secs_f64();
            say(&format!(
                "{seconds:6.1} s  {}: {shown}",
                status.verdict.code
            ));
            if status.verdict.standing.healthy {
                say(&format!("\n{}", status.table()));
                return Ok(ExitCode::SUCCESS);
            }
        }
        if processes::recorded(&home.daemon())?.is_none() {
            bail!("the background process ended; see {}", home.log().display());
        }
        if began.elapsed() > within {
            let seconds = within.as_secs();
            let logs = home.path().display();
            bail!("the cluster is not healthy after {seconds} s: {shown}; logs are in {logs}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
