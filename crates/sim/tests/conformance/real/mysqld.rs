//! One process of a real mysqld.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use moco_mysql::replication::TlsFiles;
use rustix::process::{Pid, kill_process};

use crate::bench::Signal;

/// Bounds the start of a server on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running mysqld, or one that has ended and can be started again.
pub(crate) struct Mysqld {
    program: PathBuf,
    dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) tls: TlsFiles,
    child: Option<Child>,
    /// Its data was changed from outside: nobody else gets it.
    spent: bool,
}

impl Mysqld {
    pub(super) fn new(program: PathBuf, dir: PathBuf, port: u16, tls: TlsFiles) -> Self {
        let mut mysqld = Self {
            program,
            dir,
            port,
            tls,
            child: None,
            spent: false,
        };
        mysqld.launch();
        mysqld
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("data.sock")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("data.log")).unwrap_or_default()
    }

    pub(crate) fn spend(&mut self) {
        self.spent = true;
    }

    /// Whether it cannot be used for another fact.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent || self.child.is_none()
    }

    fn launch(&mut self) {
        assert!(self.child.is_none(), "mysqld runs already");
        let _ = fs::remove_file(self.socket());
        let options = self.dir.join("my.cnf");
        let child = Command::new(&self.program)
            .arg(format!("--defaults-file={}", options.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env_remove("MYSQLD_PARENT_PID")
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    pub(crate) fn start(&mut self) {
        self.launch();
        self.wait_until_it_listens();
    }

    pub(crate) fn wait_until_it_listens(&mut self) {
        let begun = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "mysqld does not start ({ended:?}):\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        let child = self.child.as_mut().unwrap();
        let pid = Pid::from_child(child);
        let number = match signal {
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Freeze => rustix::process::Signal::STOP,
            Signal::Thaw => rustix::process::Signal::CONT,
        };
        kill_process(pid, number).unwrap();
        if signal == Signal::Kill {
            let _ = child.wait();
            self.child = None;
        }
    }

    /// The exit code, once the process has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let child = self.child.as_mut()?;
        let status = child.try_wait().unwrap()?;
        self.child = None;
        Some(status.code().unwrap_or(-1))
    }

    /// Waits until the process has ended by itself.
    pub(super) fn wait_for_exit(&mut self) {
        let begun = Instant::now();
        while self.ended().is_none() {
            assert!(
                begun.elapsed() < PATIENCE,
                "mysqld does not stop:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Mysqld {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!(
                "the log of the mysqld on port {}, backwards: {last:#?}",
                self.port
            );
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}
