//! Signals as something `poll` can wait for: a self-pipe and one flag.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGCHLD, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

/// What asks this process to end. SIGQUIT is here because an image can name it as its stop signal, which Kubernetes
/// then sends instead of SIGTERM. SIGHUP is not: `nohup` must keep its meaning in local mode.
const ENDING: [i32; 3] = [SIGTERM, SIGINT, SIGQUIT];

/// The signals supervise listens to. For PID 1 a handler is also what makes the kernel deliver them at all.
pub(crate) struct Signals {
    wake: UnixStream,
    asked_to_end: Arc<AtomicBool>,
    registered: Vec<SigId>,
}

impl Signals {
    /// Installs the handlers.
    pub(crate) fn listen() -> io::Result<Self> {
        let (wake, write) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let mut signals = Self {
            wake,
            asked_to_end: Arc::new(AtomicBool::new(false)),
            registered: Vec::new(),
        };
        for signal in ENDING {
            // Before the pipe: handlers run in the order of registration, so who is woken finds the flag set.
            let id = flag::register(signal, Arc::clone(&signals.asked_to_end))?;
            signals.registered.push(id);
        }
        for signal in ENDING.into_iter().chain([SIGCHLD]) {
            let id = low_level::pipe::register(signal, write.try_clone()?)?;
            signals.registered.push(id);
        }
        Ok(signals)
    }

    /// Empties the self-pipe. To be called before looking at what the signals were about, so that one arriving
    /// meanwhile wakes the next `poll`.
    pub(crate) fn drain(&mut self) {
        let mut buffer = [0; 256];
        // The kernel bounds what the pipe can hold; the bound here only keeps a storm from starving the loop.
        for _ in 0..64 {
            if !matches!(self.wake.read(&mut buffer), Ok(n) if n > 0) {
                break;
            }
        }
    }

    /// Whether somebody asked this process to end since the last call.
    pub(crate) fn take_asked_to_end(&self) -> bool {
        self.asked_to_end.swap(false, Ordering::Relaxed)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            low_level::unregister(id);
        }
    }
}
