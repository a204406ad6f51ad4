//! Waiting for a cluster to become healthy.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::say;
use crate::home::{self, Home};
use crate::processes;
use crate::status::Status;

/// Shows every change of the verdict until the cluster is healthy, as the manifest with this mark wants it.
pub(super) fn healthy(
    home: &Home,
    manifest: &str,
    began: Instant,
    within: Duration,
) -> anyhow::Result<ExitCode> {
    let mut shown = String::new();
    loop {
        let status: Option<Status> = home::read_json(&home.status())?;
        let status = status.filter(|status| status.manifest == manifest);
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use moco_planner::{Standing, Verdict};
    use rustix::process::Signal;

    use super::*;

    #[test]
    fn health_under_the_manifest_before_is_no_health_under_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().to_owned());
        let daemon = processes::start(
            Command::new("sleep").arg("100"),
            &home.log(),
            &home.daemon(),
        );
        let address = ([127, 0, 0, 1], 1).into();
        let status = Status {
            cluster: "default/test".to_owned(),
            manifest: "old".to_owned(),
            verdict: Verdict {
                code: "Healthy".to_owned(),
                sentence: "all is well".to_owned(),
                standing: Standing {
                    initialized: true,
                    available: true,
                    healthy: true,
                },
            },
            epoch: 1,
            acknowledgements: 0,
            primary_address: address,
            replica_address: address,
            members: Vec::new(),
        };
        home::write_json(&home.status(), &status).unwrap();
        let wait = |mark| healthy(&home, mark, Instant::now(), Duration::from_millis(200));
        let (old, new) = (wait("old"), wait("new"));
        daemon.unwrap().signal(Signal::KILL).unwrap();
        assert!(old.is_ok());
        let error = format!("{:#}", new.unwrap_err());
        assert!(error.contains("not healthy after"), "{error}");
    }
}
