//! Lines for the container log, written so that they can neither block nor panic.

use std::fmt::Display;
use std::io::Write;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes one line to standard error, or drops it when that would block.
///
/// The pipe to the container runtime is shared with mysqld and the agent. When the runtime stops reading it, a plain
/// write would stop this process too, and with it the news that mysqld has died; a lost line is the smaller harm.
pub(crate) fn line(text: impl Display) {
    let mut stderr = std::io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let writable = matches!(
        poll(
            &mut fds,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0
            })
        ),
        Ok(1)
    );
    if writable {
        let _ = stderr.write_all(format!("supervise: {text}\n").as_bytes());
    }
}

/// Joins an error and its causes for a line: "cannot do this: because of that".
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
