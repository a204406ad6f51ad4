//! The one module with `unsafe`: what must happen between fork and exec, and the taking over of an inherited
//! descriptor.
//!
//! Rules for the code between fork and exec ([`in_child`]): it calls only async-signal-safe functions, allocates
//! nothing and takes no lock, because another thread of the forking process may have held one.
#![expect(
    unsafe_code,
    reason = "pre_exec, the C signal calls and adopting an inherited descriptor have no safe form"
)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal, setsid};

use crate::protocol::FD_ENV;

/// The highest signal number of Linux (`_NSIG`, asm-generic).
const SIGNAL_MAX: i32 = 64;

/// Makes `command` start a child that dies with this process, in a session of its own, with all signals at their
/// defaults.
///
/// The kernel ties the death signal to the *thread* that forks, so the caller must start all its children from the
/// thread that runs [`crate::run()`]. The kernel forgets the death signal when the program it executes is set-user-ID
/// or carries file capabilities (prctl(2)): in a container that does no harm, because everything dies with PID 1.
///
/// An `inherit`ed descriptor stays open across exec under its number; the parent's copy closes when `command` is
/// dropped.
pub(crate) fn prepare(command: &mut Command, inherit: Option<OwnedFd>) {
    let parent = getpid();
    // SAFETY: the closure keeps the rules of this module: system calls only, no allocation, no lock.
    unsafe { command.pre_exec(move || in_child(parent, inherit.as_ref())) };
}

fn in_child(parent: Pid, inherit: Option<&OwnedFd>) -> io::Result<()> {
    // A session of its own: a terminal's ^C in local mode is for supervise alone.
    setsid()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that died before the line above sends no signal any more.
    if getppid() != Some(parent) {
        return Err(Errno::SRCH.into());
    }
    if let Some(fd) = inherit {
        fcntl_setfd(fd, FdFlags::empty())?;
    }
    reset_signals()
}

/// Unblocks all signals and puts their dispositions back to default.
///
/// Exec resets handlers by itself, but what is *ignored* or blocked stays so, and this process may have been started
/// by a shell that ignores SIGINT for background jobs.
fn reset_signals() -> io::Result<()> {
    for signal in 1..=SIGNAL_MAX {
        // SAFETY: `signal` is async-signal-safe and SIG_DFL is a valid disposition. It fails for SIGKILL, SIGSTOP and
        // the two numbers the C library keeps for itself, which is meant.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set it is given; `sigprocmask` reads it and accepts a null old set. Both
    // are async-signal-safe, and the child of a fork has one thread.
    let failed = unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut()) != 0
    };
    if failed {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Why [`inherited_socket`] has no socket to give.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    /// The variable is not set: this process was not started by `moco supervise`.
    #[error("environment variable {FD_ENV} is not set; only `moco supervise` starts an agent")]
    Missing,
    /// The variable does not hold a descriptor number above those of the standard streams.
    #[error("environment variable {FD_ENV} holds {value:?}, not a descriptor number")]
    Number {
        /// What it holds.
        value: String,
    },
    /// The descriptor is closed or is something else than a Unix stream socket.
    #[error("descriptor {fd} named by {FD_ENV} is not a unix stream socket")]
    NotASocket {
        /// The descriptor's number.
        fd: RawFd,
    },
    /// The socket was handed out before.
    #[error("the socket named by {FD_ENV} was already taken")]
    Taken,
    /// The descriptor could not be made private to this process.
    #[error("cannot set close-on-exec on descriptor {fd}")]
    CloseOnExec {
        /// The descriptor's number.
        fd: RawFd,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The agent's end of the socket to `moco supervise`, from the environment variable [`FD_ENV`].
///
/// To be called once, early in `main`. The socket blocks; an async agent sets it non-blocking before it hands it to
/// its runtime. Children of the agent do not inherit it.
pub fn inherited_socket() -> Result<UnixStream, InheritError> {
    static TAKEN: AtomicBool = AtomicBool::new(false);

    let value = std::env::var_os(FD_ENV).ok_or(InheritError::Missing)?;
    let value = value.to_string_lossy();
    let fd: RawFd = match value.parse() {
        Ok(fd) if fd > libc::STDERR_FILENO => fd,
        _ => {
            return Err(InheritError::Number {
                value: value.into_owned(),
            });
        }
    };
    let is_socket = std::fs::metadata(format!("/proc/self/fd/{fd}"))
        .is_ok_and(|metadata| metadata.file_type().is_socket());
    if !is_socket {
        return Err(InheritError::NotASocket { fd });
    }
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Err(InheritError::Taken);
    }
    // SAFETY: the descriptor is open (its entry in /proc was just read). Supervise left it open for this process and
    // named it in the environment, so no other part of the process owns it, and TAKEN makes this the only owner.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let is_unix = sockopt::socket_domain(&socket) == Ok(AddressFamily::UNIX);
    if !is_unix || sockopt::socket_type(&socket) != Ok(SocketType::STREAM) {
        return Err(InheritError::NotASocket { fd });
    }
    fcntl_setfd(&socket, FdFlags::CLOEXEC).map_err(|source| InheritError::CloseOnExec {
        fd,
        source: source.into(),
    })?;
    Ok(UnixStream::from(socket))
}
