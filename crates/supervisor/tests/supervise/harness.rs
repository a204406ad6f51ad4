//! A real supervise process, and agents that the test itself plays.
//!
//! Supervise and its agents are this test binary, started again to run one of the `role_…` functions. An agent passes
//! lines between its inherited socket and the test, so a test says what the agent says and hears what it hears.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use moco_supervisor::protocol::{
    Decoder, Exit, FromSupervise, Log, MysqldSignal, Running, Start, State, ToSupervise, encode,
};
use moco_supervisor::{Options, inherited_socket, run};
use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

const ROLE: &str = "MOCO_TEST_ROLE";
const CONTROL: &str = "MOCO_TEST_CONTROL";
const AGENT: &str = "MOCO_TEST_AGENT";
const LAST_GOOD: &str = "MOCO_TEST_LAST_GOOD";
const HELLO_MS: &str = "MOCO_TEST_HELLO_MS";
const GRACE_MS: &str = "MOCO_TEST_GRACE_MS";

/// Is supervise, if this process was started to be it.
pub(crate) fn be_supervise_if_asked() {
    if std::env::var_os(ROLE).is_none_or(|role| role != "supervise") {
        return;
    }
    let path = |name| PathBuf::from(std::env::var_os(name).unwrap());
    let ms = |name| Duration::from_millis(std::env::var(name).unwrap().parse().unwrap());
    let reason = run(Options {
        agent: path(AGENT),
        agent_args: role_arguments("role_agent").map(Into::into).to_vec(),
        last_good: path(LAST_GOOD),
        hello_deadline: ms(HELLO_MS),
        grace: ms(GRACE_MS),
    });
    std::process::exit(reason.unwrap().code().into());
}

/// Is an agent, if this process was started by supervise.
pub(crate) fn be_agent_if_asked() {
    if std::env::var_os(moco_supervisor::protocol::FD_ENV).is_none() {
        return;
    }
    let supervise = inherited_socket().unwrap();
    assert!(inherited_socket().is_err(), "the socket has one owner");
    let mut test = UnixStream::connect(std::env::var_os(CONTROL).unwrap()).unwrap();
    let program = std::env::args().next().unwrap();
    writeln!(test, "{} {program}", std::process::id()).unwrap();
    // The test closes its side to make the agent end in an orderly way.
    let (from, to) = (supervise.try_clone().unwrap(), test.try_clone().unwrap());
    std::thread::spawn(move || pass(from, to));
    pass(test, supervise);
    std::process::exit(0);
}

fn pass(mut from: UnixStream, mut to: UnixStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

fn role_arguments(role: &str) -> [&str; 4] {
    ["--exact", role, "--nocapture", "--test-threads=1"]
}

/// Waits for a condition, looking at it every few milliseconds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process runs; a zombie does not.
pub(crate) fn runs(pid: i32) -> bool {
    state_of(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// The letter that stands for a process's state in `/proc/<pid>/stat`, if there is such a process.
pub(crate) fn state_of(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub(crate) fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// A folder with an agent binary, and how supervise is to be started in it.
pub(crate) struct Setup {
    pub(crate) dir: tempfile::TempDir,
    control: UnixListener,
    pub(crate) hello_deadline: Duration,
    pub(crate) grace: Duration,
    stderr: Stdio,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let control = UnixListener::bind(dir.path().join("control")).unwrap();
        control.set_nonblocking(true).unwrap();
        let stderr = File::create(dir.path().join("log")).unwrap().into();
        let setup = Self {
            dir,
            control,
            hello_deadline: PATIENCE,
            grace: PATIENCE,
            stderr,
        };
        setup.install_agent();
        setup
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn last_good(&self) -> PathBuf {
        self.path("last-good")
    }

    /// Puts this test binary in the agent's place. A link, not a copy: a file that was being written while another
    /// test's thread forked cannot be executed for a moment.
    pub(crate) fn install_agent(&self) {
        self.install(|path| std::os::unix::fs::symlink(std::env::current_exe().unwrap(), path));
    }

    /// Puts a program in the agent's place that is no agent: it runs and says nothing.
    pub(crate) fn install_mute_agent(&self) {
        self.install(|path| {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o755)
                .open(path)?;
            file.write_all(b"#!/bin/sh\nexec sleep 1000\n")
        });
    }

    fn install(&self, make: impl FnOnce(&Path) -> io::Result<()>) {
        let beside = self.path("agent.new");
        make(&beside).unwrap();
        std::fs::rename(beside, self.path("agent")).unwrap();
    }

    /// Gives supervise a log that is full, and the end of it that nobody reads.
    pub(crate) fn fill_up_log(&mut self) -> PipeReader {
        let (reader, mut writer) = io::pipe().unwrap();
        let size = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
        writer.write_all(&vec![b'\n'; size]).unwrap();
        self.stderr = writer.into();
        reader
    }

    pub(crate) fn start(mut self) -> Supervise {
        let ms = |duration: Duration| duration.as_millis().to_string();
        // As a careless parent would start it: what it passes on must not reach mysqld.
        let child = Command::new("/usr/bin/env")
            .args(["--ignore-signal=USR1", "--block-signal=USR2"])
            .arg(std::env::current_exe().unwrap())
            .args(role_arguments("role_supervise"))
            .env(ROLE, "supervise")
            .env(AGENT, self.path("agent"))
            .env(LAST_GOOD, self.last_good())
            .env(CONTROL, self.path("control"))
            .env(HELLO_MS, ms(self.hello_deadline))
            .env(GRACE_MS, ms(self.grace))
            .stdout(Stdio::null())
            .stderr(std::mem::replace(&mut self.stderr, Stdio::null()))
            .spawn()
            .unwrap();
        Supervise { child, setup: self }
    }
}

/// A running supervise. Dropping it kills it, and with it all it started.
pub(crate) struct Supervise {
    child: Child,
    pub(crate) setup: Setup,
}

impl Supervise {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    /// Waits for the next agent to come up. It has not said hello.
    pub(crate) fn next_agent(&self) -> Agent {
        let mut stream = None;
        wait_until("supervise starts an agent", || {
            stream = self.setup.control.accept().ok();
            stream.is_some()
        });
        let (stream, _) = stream.unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let (pid, program) = line.trim().split_once(' ').unwrap();
        Agent {
            pid: pid.parse().unwrap(),
            program: program.into(),
            stream,
            reader,
            decoder: Decoder::default(),
        }
    }

    /// Waits for the next agent, lets it say hello and gives what it was told.
    pub(crate) fn greeted_agent(&self) -> (Agent, State) {
        let mut agent = self.next_agent();
        let state = agent.say_hello();
        (agent, state)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.setup.path("log")).unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("supervise leaves", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Supervise {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of supervise:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An agent process whose words are the test's.
pub(crate) struct Agent {
    pub(crate) pid: i32,
    pub(crate) program: PathBuf,
    stream: UnixStream,
    reader: BufReader<UnixStream>,
    decoder: Decoder,
}

impl Agent {
    pub(crate) fn say(&mut self, message: &ToSupervise) {
        self.say_bytes(&encode(message).unwrap()).unwrap();
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn say_hello(&mut self) -> State {
        self.say(&ToSupervise::Hello {
            protocol: 1,
            version: "test".into(),
        });
        match self.hear() {
            FromSupervise::State(state) => state,
            other => panic!("hello was answered by {other:?}"),
        }
    }

    /// Waits for the next message to the agent.
    pub(crate) fn hear(&mut self) -> FromSupervise {
        loop {
            if let Some(message) = self.decoder.take_message().unwrap() {
                return message;
            }
            let mut buffer = [0; 4096];
            let read = self.reader.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the agent ended");
            self.decoder.push(&buffer[..read]);
        }
    }

    /// Orders a shell script in mysqld's place and gives what is told of it.
    pub(crate) fn start_mysqld(&mut self, script: &str) -> Running {
        self.say(&ToSupervise::Start(shell(script)));
        match self.hear() {
            FromSupervise::Started(running) => running,
            other => panic!("the start was answered by {other:?}"),
        }
    }

    pub(crate) fn signal_mysqld(&mut self, signal: MysqldSignal) {
        self.say(&ToSupervise::Signal { signal });
    }

    pub(crate) fn hear_exit(&mut self) -> Exit {
        match self.hear() {
            FromSupervise::Exited(exit) => exit,
            other => panic!("expected an exit, heard {other:?}"),
        }
    }

    /// Lets the agent end by itself.
    pub(crate) fn end(self) {
        self.stream.shutdown(Shutdown::Both).unwrap();
    }
}

/// What starts `script` in mysqld's place.
pub(crate) fn shell(script: &str) -> Start {
    Start {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        env: std::iter::once(("PATH".into(), "/usr/bin:/bin".into())).collect(),
        dir: "/".into(),
        log: Log::Inherit,
    }
}
