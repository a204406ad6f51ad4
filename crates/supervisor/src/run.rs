//! The loop: wait for signals, the agent's socket and the clock; reap, obey, tell.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, set_child_subreaper, wait};

use crate::agent::{Agent, Fault, is_the_binarys_fault};
use crate::binaries::{Binaries, Origin};
use crate::log;
use crate::mysqld::Mysqld;
use crate::options::{Error, ExitReason, Options};
use crate::protocol::{Ended, FromSupervise, MysqldSignal, State, ToSupervise, VERSION};
use crate::signals::Signals;

/// The wait before an ended agent is started again: doubled with each end, back at the minimum when an agent has lived
/// for [`STEADY_AFTER`]. The minimum is what an agent's upgrade costs; the maximum bounds how long mysqld is without one
/// when whatever made it crash has passed.
const RESTART_DELAY_MIN: Duration = Duration::from_millis(50);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(2);
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// How long to wait for killed children before leaving. A process in an uninterruptible wait dies later, with the
/// container.
const LEAVE_MAX: Duration = Duration::from_secs(5);

/// Zombies reaped before the loop looks at its other duties.
const REAPS_PER_TURN: usize = 256;

/// The longest deadline, so that adding one to the clock cannot overflow.
const DEADLINE_MAX: Duration = Duration::from_hours(30 * 24);

/// Runs agent and mysqld until there is a reason to leave.
///
/// To be called once, by a thread that lives as long as the process (`main`): agent and mysqld are killed by the kernel
/// when this *thread* ends, and every child of the process is reaped here.
pub fn run(options: Options) -> Result<ExitReason, Error> {
    // PID 1 gets orphans anyway; elsewhere they would go past us, and a mysqld_safe or a shell between us and mysqld
    // could leave it running without a parent.
    set_child_subreaper(Some(getpid())).map_err(|error| Error::Subreaper(error.into()))?;
    let signals = Signals::listen().map_err(Error::Signals)?;
    let reason = Supervisor::new(options, signals).serve();
    log::line(format_args!("leaving: {reason:?}"));
    Ok(reason)
}

struct Supervisor {
    options: Options,
    signals: Signals,
    binaries: Binaries,
    agent: Slot,
    restart_delay: Duration,
    mysqld: Mysqld,
    /// Somebody asked this process to end.
    terminating: bool,
    /// The agent said that all is done.
    done: bool,
    /// When mysqld is killed and we leave, whatever the agent says.
    leave_by: Option<Instant>,
}

enum Slot {
    Alive(Agent),
    Waiting { until: Instant },
}

impl Supervisor {
    fn new(options: Options, signals: Signals) -> Self {
        Self {
            signals,
            binaries: Binaries::new(options.agent.clone(), options.last_good.clone()),
            agent: Slot::Waiting {
                until: Instant::now(),
            },
            restart_delay: RESTART_DELAY_MIN,
            mysqld: Mysqld::default(),
            terminating: false,
            done: false,
            leave_by: None,
            options,
        }
    }

    fn serve(mut self) -> ExitReason {
        loop {
            let reaped = self.reap();
            if self.signals.take_asked_to_end() {
                self.terminate();
            }
            self.serve_agent();
            if let Some(reason) = self.reason_to_leave() {
                self.kill_all();
                return reason;
            }
            self.start_agent_when_due();
            let wake_at = match reaped {
                Reaped::All => self.next_deadline(),
                Reaped::MoreWait => Some(Instant::now()),
            };
            self.wait(wake_at);
        }
    }

    /// Sleeps until something happens or `wake_at` has come. Afterwards everything is looked at, whatever woke us.
    fn wait(&mut self, wake_at: Option<Instant>) {
        let mut fds = vec![PollFd::from_borrowed_fd(
            self.signals.as_fd(),
            PollFlags::IN,
        )];
        if let Slot::Alive(agent) = &self.agent {
            fds.extend(agent.interest());
        }
        let timeout = wake_at
            .map(|at| at.saturating_duration_since(Instant::now()))
            .and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                // Out of kernel memory is all that is left. Giving up would kill mysqld, so look around a little later.
                log::line(format_args!("cannot wait for events: {error}"));
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        drop(fds);
        self.signals.drain();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let agent = match &self.agent {
            Slot::Alive(agent) => agent.hello_by(),
            Slot::Waiting { until } => Some(*until).filter(|_| !self.done),
        };
        agent.into_iter().chain(self.leave_by).min()
    }

    /// Takes in ended children: ours, and orphans that were left to us.
    fn reap(&mut self) -> Reaped {
        for _ in 0..REAPS_PER_TURN {
            let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) else {
                return Reaped::All;
            };
            let Some(how) = ended(status) else { continue };
            if let Some(exit) = self.mysqld.reaped(pid, how) {
                self.tell(&FromSupervise::Exited(exit));
            } else if matches!(&self.agent, Slot::Alive(agent) if agent.pid() == Some(pid)) {
                self.agent_ended(how);
            }
        }
        Reaped::MoreWait
    }

    fn agent_ended(&mut self, how: Ended) {
        if let Slot::Alive(agent) = &mut self.agent {
            agent.reaped();
        }
        // Its last words count: `Done` and the exit come together.
        self.serve_agent();
        let now = Instant::now();
        let waiting = Slot::Waiting {
            until: now + self.restart_delay,
        };
        let Slot::Alive(agent) = std::mem::replace(&mut self.agent, waiting) else {
            return;
        };
        log::line(format_args!("agent ended with {how}"));
        if !agent.has_said_hello() {
            self.binaries.failed(agent.origin());
        }
        if now.duration_since(agent.started()) >= STEADY_AFTER {
            self.restart_delay = RESTART_DELAY_MIN;
            self.agent = Slot::Waiting {
                until: now + self.restart_delay,
            };
        }
        self.lengthen_restart_delay();
    }

    fn lengthen_restart_delay(&mut self) {
        self.restart_delay = (self.restart_delay * 2).min(RESTART_DELAY_MAX);
    }

    fn start_agent_when_due(&mut self) {
        let now = Instant::now();
        let due = matches!(self.agent, Slot::Waiting { until } if until <= now);
        if !due || self.done {
            return;
        }
        let binary = self.binaries.choose();
        let path = binary.path.display();
        let hello_by = now + self.options.hello_deadline.min(DEADLINE_MAX);
        match Agent::start(&binary, &self.options.agent_args, hello_by) {
            Ok(agent) => {
                let pid = agent.pid().map_or(0, Pid::as_raw_pid);
                log::line(format_args!("started agent {path} with pid {pid}"));
                self.agent = Slot::Alive(agent);
            }
            Err(error) => {
                log::line(format_args!("cannot start agent {path}: {error}"));
                if is_the_binarys_fault(&error) {
                    self.binaries.failed(binary.origin);
                }
                self.agent = Slot::Waiting {
                    until: now + self.restart_delay,
                };
                self.lengthen_restart_delay();
            }
        }
    }

    /// Hears and obeys the agent, writes what waits for it, and looks at its hello deadline.
    fn serve_agent(&mut self) {
        let Slot::Alive(agent) = &mut self.agent else {
            return;
        };
        let received = agent.receive();
        for message in received.messages {
            if matches!(&self.agent, Slot::Alive(agent) if agent.is_given_up()) {
                return;
            }
            self.obey(message);
        }
        let Slot::Alive(agent) = &mut self.agent else {
            return;
        };
        let fault = received.fault.or_else(|| agent.flush().err());
        let late = agent.hello_by().is_some_and(|by| by <= Instant::now());
        if let Some(fault) = fault.or_else(|| late.then_some(Fault::NoHello)) {
            give_up(agent, &fault);
        }
    }

    fn obey(&mut self, message: ToSupervise) {
        let Slot::Alive(agent) = &mut self.agent else {
            return;
        };
        if !agent.has_said_hello() && !matches!(message, ToSupervise::Hello { .. }) {
            return give_up(agent, &Fault::OrderBeforeHello);
        }
        match message {
            ToSupervise::Hello { protocol, version } => self.greet(protocol, &version),
            ToSupervise::Start(_) if self.done => {
                let error = "the agent said that all is done".to_owned();
                self.tell(&FromSupervise::StartFailed {
                    error,
                    running: None,
                });
            }
            ToSupervise::Start(start) => {
                let answer = self.mysqld.start(&start);
                self.tell(&answer);
            }
            ToSupervise::Signal { signal } => self.mysqld.signal(signal),
            ToSupervise::Done => {
                log::line("the agent says that all is done");
                self.done = true;
                self.begin_grace();
            }
            ToSupervise::Unknown => log::line("ignoring a message of a newer protocol"),
        }
    }

    fn greet(&mut self, protocol: u32, version: &str) {
        let state = self.state();
        let Slot::Alive(agent) = &mut self.agent else {
            return;
        };
        let repeated = agent.has_said_hello();
        agent.said_hello();
        let (pid, origin) = (agent.pid(), agent.origin());
        self.tell(&FromSupervise::State(state));
        if repeated {
            return;
        }
        log::line(format_args!(
            "agent {version:?} said hello, protocol {protocol}"
        ));
        if let (Some(pid), Origin::Installed(_)) = (pid, origin)
            && let Err(error) = self.binaries.keep(pid.as_raw_pid())
        {
            log::line(log::chain(&error));
        }
    }

    fn state(&self) -> State {
        State {
            protocol: VERSION,
            supervise_pid: getpid().as_raw_pid(),
            mysqld: self.mysqld.running(),
            last_exit: self.mysqld.last_exit(),
            terminating: self.terminating,
            deadline_ms: self.leave_by.filter(|_| self.terminating).map(ms_until),
        }
    }

    /// Tells the agent, if there is one that has said hello; another one learns it from its `State`.
    fn tell(&mut self, message: &FromSupervise) {
        let Slot::Alive(agent) = &mut self.agent else {
            return;
        };
        if !agent.has_said_hello() {
            return;
        }
        if let Err(fault) = agent.queue(message) {
            give_up(agent, &fault);
        }
    }

    fn terminate(&mut self) {
        if self.terminating {
            return;
        }
        log::line("asked to end: telling the agent");
        self.terminating = true;
        let leave_by = self.begin_grace();
        self.tell(&FromSupervise::Terminate {
            deadline_ms: ms_until(leave_by),
        });
    }

    fn begin_grace(&mut self) -> Instant {
        let grace = self.options.grace.min(DEADLINE_MAX);
        *self.leave_by.get_or_insert_with(|| Instant::now() + grace)
    }

    fn reason_to_leave(&self) -> Option<ExitReason> {
        let stopped = self.mysqld.running().is_none();
        let agent_gone = matches!(self.agent, Slot::Waiting { .. });
        if stopped && self.done {
            Some(ExitReason::Done)
        } else if stopped && self.terminating && agent_gone {
            Some(ExitReason::AgentGone)
        } else if self.leave_by.is_some_and(|by| by <= Instant::now()) {
            Some(ExitReason::GraceExpired)
        } else {
            None
        }
    }

    /// Kills what still runs and reaps it, so that nothing outlives us even where we are not PID 1.
    fn kill_all(&mut self) {
        self.mysqld.signal(MysqldSignal::Kill);
        if let Slot::Alive(agent) = &mut self.agent {
            agent.kill();
        }
        let give_up_at = Instant::now() + LEAVE_MAX;
        while Instant::now() < give_up_at {
            self.reap();
            if self.mysqld.running().is_none() && matches!(self.agent, Slot::Waiting { .. }) {
                return;
            }
            self.wait(Some(give_up_at));
        }
    }
}

/// Whether a turn of reaping came to its end.
enum Reaped {
    All,
    MoreWait,
}

fn give_up(agent: &mut Agent, fault: &Fault) {
    // One that ended by itself is not to be complained about; its exit is told by the reaper.
    if !matches!(fault, Fault::Closed) {
        log::line(format_args!("giving up the agent: {}", log::chain(fault)));
    }
    agent.kill();
}

fn ended(status: WaitStatus) -> Option<Ended> {
    /// The bit of a wait status that says "core dumped" (wait(2), WCOREDUMP).
    const CORE: i32 = 0x80;
    let core = status.as_raw() & CORE != 0;
    let by_signal = |number| Ended::Signal { number, core };
    status
        .exit_status()
        .map(Ended::Code)
        .or_else(|| status.terminating_signal().map(by_signal))
}

fn ms_until(deadline: Instant) -> u64 {
    let left = deadline.saturating_duration_since(Instant::now());
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}
