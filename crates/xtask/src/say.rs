//! What this program tells its user: progress on standard error, results on standard output.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// One line of progress.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Lines of progress with the seconds since the beginning in front.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    begin: Instant,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self {
            begin: Instant::now(),
        }
    }

    pub(crate) fn say(self, line: &str) {
        say(&format!("[{:5.1} s] {line}", self.seconds()));
    }

    pub(crate) fn seconds(self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }
}

/// How often a wait says what it waits for.
const SAID_EVERY: Duration = Duration::from_secs(5);

/// Pauses between two questions. What is waited for costs the same two cores as the asking, so what takes long is asked
/// for seldom.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(500)];

/// Asks `done` until it answers `Ok(None)`. What it answers meanwhile is said now and then when it has changed, and
/// stands in the error if `limit` passes.
pub(crate) fn wait_until(
    what: &str,
    limit: Duration,
    mut done: impl FnMut() -> Result<Option<String>>,
) -> Result<()> {
    let begin = Instant::now();
    let mut said = (String::new(), begin);
    loop {
        let Some(missing) = done()? else {
            return Ok(());
        };
        if begin.elapsed() > limit {
            bail!(
                "{what}: not within {} s; last seen: {missing}",
                limit.as_secs()
            );
        }
        if said.1.elapsed() > SAID_EVERY && missing != said.0 {
            say(&format!("  waiting for {what}: {missing}"));
            said = (missing, Instant::now());
        }
        let [shortest, longest] = PAUSES;
        thread::sleep((begin.elapsed() / 10).clamp(shortest, longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_what_was_missing() {
        let limit = Duration::from_millis(150);
        let error = wait_until("the moon", limit, || {
            Ok(Some("it is below the horizon".to_owned()))
        });
        let text = format!("{:#}", error.unwrap_err());
        assert!(
            text.contains("the moon") && text.contains("below the horizon"),
            "{text}"
        );
    }

    #[test]
    fn waiting_ends_at_once_when_nothing_is_missing() {
        wait_until("nothing", Duration::ZERO, || Ok(None)).unwrap();
    }
}
