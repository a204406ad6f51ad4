//! Running other programs: every call has a time limit, and a failure shows what the program said.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

/// How much of a failed program's output an error shows.
const SHOWN_LINES: usize = 15;

/// One call of a program.
pub(crate) struct Cmd {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

/// What a finished program left behind.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Cmd {
    /// A call of `program` that may take a minute.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            command: Command::new(program),
            input: Vec::new(),
            limit: Duration::from_secs(60),
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What the program reads from its standard input.
    pub(crate) fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = text.into();
        self
    }

    /// The longest the program may take.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the program and returns its standard output; an error if it fails.
    pub(crate) fn output(self) -> Result<String> {
        let shown = self.shown();
        let finished = self.finish()?;
        if !finished.status.success() {
            bail!("`{shown}`: {}{}", finished.status, finished.tail());
        }
        Ok(finished.stdout)
    }

    /// Runs the program; an error if it fails.
    pub(crate) fn run(self) -> Result<()> {
        self.output().map(drop)
    }

    /// Runs the program and shows what it says, as progress: on standard error. An error if it fails.
    pub(crate) fn run_shown(mut self) -> Result<()> {
        let shown = self.shown();
        let mut child = self
            .command
            .stdout(io::stderr())
            .spawn()
            .with_context(|| format!("start `{shown}`"))?;
        let status = wait(&mut child, deadline(self.limit), self.limit)
            .with_context(|| format!("`{shown}`"))?;
        if status.success() {
            Ok(())
        } else {
            Err(anyhow!("`{shown}`: {status}"))
        }
    }

    /// Runs the program and hands every line of its standard output to `on_line` as it comes; errors go to the terminal.
    pub(crate) fn run_watched(mut self, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
        let shown = self.shown();
        self.command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .with_context(|| format!("start `{shown}`"))?;
        let deadline = deadline(self.limit);
        let lines = lines_of(child.stdout.take());
        // After the deadline the program is killed by the wait below.
        while let Ok(line) = lines.recv_timeout(left(deadline)) {
            on_line(&line);
        }
        wait(&mut child, deadline, self.limit).with_context(|| format!("`{shown}`"))
    }

    /// Becomes the program; returns only if that fails.
    pub(crate) fn replace_self(mut self) -> anyhow::Error {
        let shown = self.shown();
        anyhow!(self.command.exec()).context(format!("start `{shown}`"))
    }

    /// Runs the program to its end, whatever that is; an error only if it cannot start or does not end in time.
    pub(crate) fn finish(mut self) -> Result<Finished> {
        let shown = self.shown();
        let stdin = if self.input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        self.command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .with_context(|| format!("start `{shown}`"))?;
        let (limit, deadline) = (self.limit, deadline(self.limit));
        write_all(child.stdin.take(), self.input);
        let pipes = [text_of(child.stdout.take()), text_of(child.stderr.take())];
        finished(&mut child, &pipes, deadline, limit).with_context(|| format!("`{shown}`"))
    }

    fn shown(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        words.join(" ").chars().take(300).collect()
    }
}

impl Finished {
    /// The last lines of what the program said, for an error.
    pub(crate) fn tail(&self) -> String {
        let said = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        let lines: Vec<_> = said.lines().collect();
        let shown = lines
            .get(lines.len().saturating_sub(SHOWN_LINES)..)
            .unwrap_or_default();
        shown
            .iter()
            .fold(String::new(), |text, line| text + "\n    " + line)
    }
}

fn finished(
    child: &mut Child,
    [stdout, stderr]: &[Receiver<String>; 2],
    deadline: Instant,
    limit: Duration,
) -> Result<Finished> {
    let status = wait(child, deadline, limit)?;
    let read = |pipe: &Receiver<String>| {
        pipe.recv_timeout(left(deadline)).map_err(|_| {
            anyhow!(
                "it ended, and what it left running held its output open for {} s",
                limit.as_secs()
            )
        })
    };
    Ok(Finished {
        status,
        stdout: read(stdout)?,
        stderr: read(stderr)?,
    })
}

fn deadline(limit: Duration) -> Instant {
    Instant::now() + limit
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

// Pipes are served by threads of their own, which nobody waits for beyond the limit: a program may write more than a
// pipe holds, and a process that it left behind may keep a pipe open for ever.

fn write_all(pipe: Option<impl Write + Send + 'static>, input: Vec<u8>) {
    thread::spawn(move || {
        // A program may end without reading everything; its status says whether that is an error.
        pipe.map(|mut pipe| pipe.write_all(&input).ok());
    });
}

fn text_of(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks ends the text; the exit status tells the rest.
        pipe.map(|mut pipe| pipe.read_to_end(&mut bytes).ok());
        // Nobody listens when the limit has passed.
        let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    told
}

fn lines_of(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || {
        let lines = pipe
            .into_iter()
            .flat_map(|pipe| BufReader::new(pipe).split(b'\n'));
        for line in lines.map_while(Result::ok) {
            if tell
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
        }
    });
    told
}

/// The status of a program that ends before `deadline`, which is `limit` after its start; else it is killed.
fn wait(child: &mut Child, deadline: Instant, limit: Duration) -> Result<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("wait for its end")? {
            return Ok(status);
        }
        if Instant::now() > deadline {
            child.kill().context("kill it")?;
            child.wait().context("wait for its end")?;
            bail!("did not finish within {} s and was killed", limit.as_secs());
        }
        let pause = if begin.elapsed() < Duration::from_millis(100) {
            1
        } else {
            10
        };
        thread::sleep(Duration::from_millis(pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_the_program_said() {
        let error = Cmd::new("sh")
            .args(["-c", "echo spoken >&2; exit 3"])
            .run()
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("spoken") && text.contains('3'), "{text}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_however_it_is_run() {
        let begin = Instant::now();
        let slow = || {
            Cmd::new("sleep")
                .arg("60")
                .within(Duration::from_millis(200))
        };
        for ended in [
            slow().run(),
            slow().run_shown(),
            slow().run_watched(|_| ()).map(drop),
        ] {
            let error = format!("{:#}", ended.unwrap_err());
            assert!(error.contains("did not finish"), "{error}");
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn what_a_program_left_running_does_not_hold_the_caller() {
        let begin = Instant::now();
        let limit = Duration::from_millis(500);
        for script in ["sleep 30; true", "sleep 30 & true"] {
            let ended = Cmd::new("sh").args(["-c", script]).within(limit).run();
            assert!(ended.is_err(), "{script}");
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn lines_are_watched_as_they_come() {
        let mut seen = Vec::new();
        let call = Cmd::new("sh").args(["-c", "echo one; echo two; exit 4"]);
        let status = call.run_watched(|line| seen.push(line.to_owned())).unwrap();
        assert_eq!(
            (seen.join(" ").as_str(), status.code()),
            ("one two", Some(4))
        );
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(Cmd::new("cat").input("a line").output().unwrap(), "a line");
    }
}
