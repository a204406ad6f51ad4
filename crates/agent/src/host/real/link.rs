//! The line to supervise, which starts and signals mysqld for the agent and tells how it ended.

use std::io;
use std::time::Duration;

use moco_supervisor::protocol::{
    CodecError, Decoder, FromSupervise, MysqldSignal, Start, State, ToSupervise, VERSION, encode,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use crate::host::Process;

/// Why the line to supervise is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The agent was not started by supervise.
    #[error("the agent must be started by `moco supervise`")]
    NoSocket(#[source] moco_supervisor::InheritError),
    /// The socket failed.
    #[error("cannot speak with supervise")]
    Io(#[source] io::Error),
    /// supervise said something that is no message.
    #[error("supervise sent what is no message")]
    Codec(#[source] CodecError),
    /// supervise did not answer in time.
    #[error("supervise did not answer within {0:?}")]
    Silent(Duration),
    /// supervise has gone.
    #[error("supervise has closed the line")]
    Closed,
}

/// The sending half, and what was heard.
pub struct Link {
    write: Mutex<OwnedWriteHalf>,
    process: watch::Receiver<Process>,
    terminate: watch::Receiver<Option<Duration>>,
}

/// The receiving half; it must be run.
pub struct Listener {
    read: OwnedReadHalf,
    decoder: Decoder,
    process: watch::Sender<Process>,
    terminate: watch::Sender<Option<Duration>>,
}

const HELLO_DEADLINE: Duration = Duration::from_secs(5);

/// Takes the inherited socket, says hello and waits for the answer.
pub async fn connect() -> Result<(Link, Listener), LinkError> {
    let socket = moco_supervisor::inherited_socket().map_err(LinkError::NoSocket)?;
    socket.set_nonblocking(true).map_err(LinkError::Io)?;
    let (read, mut write) = UnixStream::from_std(socket)
        .map_err(LinkError::Io)?
        .into_split();
    let hello = ToSupervise::Hello {
        protocol: VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    send(&mut write, &hello).await?;
    let (process_tx, process) = watch::channel(Process::Absent(None));
    let (terminate_tx, terminate) = watch::channel(None);
    let decoder = Decoder::default();
    let mut listener = Listener {
        read,
        decoder,
        process: process_tx,
        terminate: terminate_tx,
    };
    timeout(HELLO_DEADLINE, listener.first())
        .await
        .map_err(|_| LinkError::Silent(HELLO_DEADLINE))??;
    Ok((
        Link {
            write: Mutex::new(write),
            process,
            terminate,
        },
        listener,
    ))
}

async fn send(write: &mut OwnedWriteHalf, message: &ToSupervise) -> Result<(), LinkError> {
    let line = encode(message).map_err(LinkError::Codec)?;
    write.write_all(&line).await.map_err(LinkError::Io)
}

impl Link {
    /// What is known of mysqld's process; the receiver sees every change.
    pub fn process(&self) -> watch::Receiver<Process> {
        self.process.clone()
    }

    /// Set once supervise was asked to end: how long it waits before it kills mysqld.
    pub fn terminate(&self) -> watch::Receiver<Option<Duration>> {
        self.terminate.clone()
    }

    /// Starts mysqld. The outcome is seen in [`Link::process`].
    pub async fn start(&self, start: Start) -> Result<(), LinkError> {
        send(&mut *self.write.lock().await, &ToSupervise::Start(start)).await
    }

    /// Sends a signal to mysqld, if it runs.
    pub async fn signal(&self, signal: MysqldSignal) -> Result<(), LinkError> {
        send(
            &mut *self.write.lock().await,
            &ToSupervise::Signal { signal },
        )
        .await
    }

    /// Tells supervise that it may leave.
    pub async fn done(&self) -> Result<(), LinkError> {
        send(&mut *self.write.lock().await, &ToSupervise::Done).await
    }
}

impl Listener {
    /// Hears supervise until it closes the line.
    pub async fn run(mut self) -> LinkError {
        loop {
            match self.next().await {
                Ok(message) => self.hear(message),
                Err(error) => return error,
            }
        }
    }

    async fn first(&mut self) -> Result<(), LinkError> {
        loop {
            let message = self.next().await?;
            let answered = matches!(message, FromSupervise::State(_));
            self.hear(message);
            if answered {
                return Ok(());
            }
        }
    }

    async fn next(&mut self) -> Result<FromSupervise, LinkError> {
        let mut bytes = [0; 4096];
        loop {
            if let Some(message) = self.decoder.take_message().map_err(LinkError::Codec)? {
                return Ok(message);
            }
            match self.read.read(&mut bytes).await.map_err(LinkError::Io)? {
                0 => return Err(LinkError::Closed),
                n => self.decoder.push(bytes.get(..n).unwrap_or_default()),
            }
        }
    }

    fn hear(&self, message: FromSupervise) {
        match message {
            FromSupervise::State(State {
                mysqld,
                last_exit,
                terminating,
                deadline_ms,
                ..
            }) => {
                let process = mysqld.map_or(Process::Absent(last_exit), |running| {
                    Process::Running(running.pid)
                });
                self.process.send_replace(process);
                if terminating {
                    self.terminate
                        .send_replace(Some(left(deadline_ms.unwrap_or(0))));
                }
            }
            FromSupervise::Started(running) => {
                self.process.send_replace(Process::Running(running.pid));
            }
            FromSupervise::StartFailed { error, .. } => {
                self.process.send_replace(Process::StartFailed(error));
            }
            FromSupervise::Exited(exit) => {
                self.process.send_replace(Process::Absent(Some(exit)));
            }
            FromSupervise::Terminate { deadline_ms } => {
                self.terminate.send_replace(Some(left(deadline_ms)));
            }
            FromSupervise::Unknown => {}
        }
    }
}

const fn left(deadline_ms: u64) -> Duration {
    Duration::from_millis(deadline_ms)
}
