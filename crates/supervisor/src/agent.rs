//! One agent process and the socket to it.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::binaries::{Binary, Origin};
use crate::protocol::{CodecError, Decoder, FD_ENV, FromSupervise, ToSupervise, encode};
use crate::{log, process};

/// How many bytes may wait for an agent that does not read. A message has about 200, so an agent this far behind has
/// stopped reading; its successor learns all it needs from one `State`.
const OUT_BYTES_MAX: usize = 64 * 1024;

/// How much is read before the loop looks at its other duties. More than a socket's buffer holds (208 KiB by default),
/// so one turn takes up all that a dead agent left behind.
const READS_PER_TURN: usize = 32;
const READ_BYTES: usize = 16 * 1024;

/// An agent that was started and is not reaped yet.
pub(crate) struct Agent {
    /// Gone once it is reaped: from then on the number may be somebody else's.
    pid: Option<Pid>,
    /// Gone once the agent is given up.
    link: Option<Link>,
    origin: Origin,
    started: Instant,
    /// Until when it must have said hello; gone once it did.
    hello_by: Option<Instant>,
}

struct Link {
    stream: UnixStream,
    decoder: Decoder,
    out: Vec<u8>,
}

/// Why an agent is given up, which means killed and started again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it closed its socket")]
    Closed,
    #[error("cannot read from it")]
    Read(#[source] io::Error),
    #[error("cannot write to it")]
    Write(#[source] io::Error),
    #[error("cannot speak with it")]
    Codec(#[source] CodecError),
    #[error("it does not read: {OUT_BYTES_MAX} bytes are waiting")]
    NotReading,
    #[error("it did not say hello in time")]
    NoHello,
    #[error("it gave an order before it said hello")]
    OrderBeforeHello,
}

/// What one turn of reading brought.
pub(crate) struct Received {
    pub(crate) messages: Vec<ToSupervise>,
    /// What was wrong after the last message, if something was.
    pub(crate) fault: Option<Fault>,
}

impl Agent {
    /// Starts `binary` with its end of a new socket.
    pub(crate) fn start(
        binary: &Binary,
        arguments: &[OsString],
        hello_by: Instant,
    ) -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        let theirs = OwnedFd::from(theirs);
        let mut command = Command::new(&binary.path);
        command
            .args(arguments)
            .env(FD_ENV, theirs.as_raw_fd().to_string())
            .stdin(Stdio::null());
        process::prepare(&mut command, Some(theirs));
        let pid = Pid::from_child(&command.spawn()?);
        Ok(Self {
            pid: Some(pid),
            link: Some(Link {
                stream,
                decoder: Decoder::default(),
                out: Vec::new(),
            }),
            origin: binary.origin,
            started: Instant::now(),
            hello_by: Some(hello_by),
        })
    }

    pub(crate) fn pid(&self) -> Option<Pid> {
        self.pid
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn has_said_hello(&self) -> bool {
        self.hello_by.is_none()
    }

    pub(crate) fn said_hello(&mut self) {
        self.hello_by = None;
    }

    /// Until when it must say hello, if that is still waited for.
    pub(crate) fn hello_by(&self) -> Option<Instant> {
        self.hello_by.filter(|_| self.link.is_some())
    }

    /// What to wait for on its socket.
    pub(crate) fn interest(&self) -> Option<PollFd<'_>> {
        let link = self.link.as_ref()?;
        let write = if link.out.is_empty() {
            PollFlags::empty()
        } else {
            PollFlags::OUT
        };
        Some(PollFd::new(&link.stream, PollFlags::IN | write))
    }

    /// Reads what has come, without waiting.
    pub(crate) fn receive(&mut self) -> Received {
        let mut messages = Vec::new();
        let fault = match &mut self.link {
            Some(link) => link.receive(&mut messages).err(),
            None => None,
        };
        Received { messages, fault }
    }

    /// Queues a message for the next [`Agent::flush`].
    pub(crate) fn queue(&mut self, message: &FromSupervise) -> Result<(), Fault> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let bytes = encode(message).map_err(Fault::Codec)?;
        if link.out.len() + bytes.len() > OUT_BYTES_MAX {
            return Err(Fault::NotReading);
        }
        link.out.extend_from_slice(&bytes);
        Ok(())
    }

    /// Writes what the socket takes of what is queued.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        self.link.as_mut().map_or(Ok(()), Link::flush)
    }

    /// Gives it up: nothing it says is heard any more, and it is killed, as it could neither be trusted nor told.
    pub(crate) fn kill(&mut self) {
        self.link = None;
        let Some(pid) = self.pid else { return };
        // By pid, not pidfd: it is our child and not reaped yet, so the number can mean nobody else.
        if let Err(error) = kill_process(pid, Signal::KILL) {
            log::line(format_args!("cannot kill the agent: {error}"));
        }
    }

    /// Whether [`Agent::kill`] was called: what it said in the meantime does not count.
    pub(crate) fn is_given_up(&self) -> bool {
        self.link.is_none()
    }

    /// Takes note that it is reaped. What it wrote before can still be read.
    pub(crate) fn reaped(&mut self) {
        self.pid = None;
    }
}

impl Link {
    fn receive(&mut self, messages: &mut Vec<ToSupervise>) -> Result<(), Fault> {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_PER_TURN {
            let read = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Fault::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // It ended without having read all we wrote.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(Fault::Closed);
                }
                Err(error) => return Err(Fault::Read(error)),
            };
            self.decoder.push(buffer.get(..read).unwrap_or_default());
            while let Some(message) = self.decoder.take_message().map_err(Fault::Codec)? {
                messages.push(message);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It ended. What it said last is still to be read, and behind that the end of the stream.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.out.clear(),
                Err(error) => return Err(Fault::Write(error)),
            }
        }
        Ok(())
    }
}

/// Whether starting the agent failed for a reason that lies in the file, and not in a moment's lack of memory, of
/// processes, or in somebody still writing the file.
pub(crate) fn is_the_binarys_fault(error: &io::Error) -> bool {
    let passing = [
        Errno::TXTBSY,
        Errno::NOMEM,
        Errno::AGAIN,
        Errno::MFILE,
        Errno::NFILE,
    ];
    !passing
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> (Link, UnixStream) {
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        let link = Link {
            stream,
            decoder: Decoder::default(),
            out: Vec::new(),
        };
        (link, theirs)
    }

    #[test]
    fn what_an_agent_said_before_it_died_is_heard_although_it_cannot_be_told_anything() {
        let (mut link, mut theirs) = link();
        theirs
            .write_all(&encode(&ToSupervise::Done).unwrap())
            .unwrap();
        drop(theirs);
        link.out = encode(&FromSupervise::Terminate { deadline_ms: 1 }).unwrap();
        link.flush().unwrap();
        let mut messages = Vec::new();
        let fault = link.receive(&mut messages).unwrap_err();
        assert_eq!(messages, [ToSupervise::Done]);
        assert!(matches!(fault, Fault::Closed), "{fault}");
    }

    #[test]
    fn an_agent_that_died_with_unread_messages_has_closed_its_socket() {
        let (mut link, theirs) = link();
        link.out = encode(&FromSupervise::Terminate { deadline_ms: 1 }).unwrap();
        link.flush().unwrap();
        drop(theirs);
        let fault = link.receive(&mut Vec::new()).unwrap_err();
        assert!(matches!(fault, Fault::Closed), "{fault}");
    }
}
