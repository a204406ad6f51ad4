//! Everything that the tasks of a run share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moco_agent::host::{Ended, Exit as RealExit, Process};
use moco_model::{Account, ClusterId, ClusterUid, MemberId, Passwords, Register, Role};
use moco_planner::observation::Ask;
use tokio::sync::{Notify, oneshot};

use super::executor::{Executor, Owner};
use super::judge::Record;
use super::machine::Machine;
use super::moment::{Aimed, Moment};
use super::network::{Network, Node, Wire};
use crate::mutation::Mutation;
use crate::mysqld::{Exit, ProcessState, ServerId, SharedFleet};
use crate::property::{Property, Violation};

/// How the API server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiMode {
    /// As it should.
    #[default]
    Good,
    /// Calls fail and do nothing.
    FailsBefore,
    /// Writes are done, and their answers are lost.
    FailsAfter,
}

/// What Kubernetes keeps.
#[derive(Debug, Default)]
pub struct Api {
    /// The register.
    pub register: Option<Register>,
    /// Members that are wanted.
    pub wanted: u32,
    /// What was asked of members.
    pub asks: BTreeMap<MemberId, Ask>,
    /// The role labels.
    pub labels: BTreeMap<MemberId, Role>,
    /// The cluster was open once.
    pub initialised: bool,
    /// How it behaves.
    pub mode: ApiMode,
    /// Writes of the register.
    pub writes: u64,
    /// The last verdict, and whether it came with a plan.
    pub verdict: Option<Verdict>,
}

/// What a pass told people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its code.
    pub code: String,
    /// Its sentence.
    pub sentence: String,
    /// It came without a plan.
    pub idle: bool,
}

/// What is known of a controller's process.
pub struct ControllerProcess {
    /// Its tasks.
    pub owner: Owner,
    /// Something happened.
    pub wake: Arc<Notify>,
}

/// What the tasks share.
pub struct Stage {
    /// The cluster's names.
    pub cluster: ClusterId,
    /// Its uid.
    pub uid: ClusterUid,
    /// Kubernetes.
    pub api: Api,
    /// The members' machines.
    pub machines: BTreeMap<u32, Machine>,
    /// The controllers that run.
    pub controllers: BTreeMap<u32, ControllerProcess>,
    /// Those that believe that they lead.
    pub leaders: BTreeSet<u32>,
    /// The network.
    pub network: Network,
    /// What clients and the judge wrote down.
    pub record: Record,
    /// What happened, a line each.
    pub transcript: Vec<String>,
    /// Appliers that are slow, until when.
    pub slow_appliers: BTreeMap<u32, Duration>,
    /// Orders that were sent.
    pub orders: u64,
    /// The step of a procedure that began last, and when.
    pub moment: Option<(Moment, Duration)>,
    /// Faults that wait for a step.
    pub aimed: Vec<Aimed>,
    /// Clients stop.
    pub calm: bool,
    /// The seeded bug.
    pub mutation: Option<Mutation>,
}

/// Everything that the tasks of a run share. Copies are the same one.
#[derive(Clone)]
pub struct Scene {
    /// Tasks and time.
    pub executor: Executor,
    /// The mysqlds.
    pub fleet: SharedFleet,
    stage: Arc<Mutex<Stage>>,
}

/// Why a call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// Who was called died meanwhile.
    #[error("the connection broke")]
    Broken,
    /// It took too long.
    #[error("no answer came in time")]
    TimedOut,
    /// The API server said no.
    #[error("the API server failed")]
    Api,
}

impl Scene {
    /// Sets the scene.
    pub fn new(executor: Executor, fleet: SharedFleet, stage: Stage) -> Self {
        Self {
            executor,
            fleet,
            stage: Arc::new(Mutex::new(stage)),
        }
    }

    /// Reads or changes what is shared.
    pub fn with<T>(&self, work: impl FnOnce(&mut Stage) -> T) -> T {
        work(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes down what happens.
    pub fn tell(&self, line: impl AsRef<str>) {
        let now = self.executor.now();
        let mut text = String::new();
        let _ = write!(
            text,
            "{:>4}.{:06} {}",
            now.as_secs(),
            now.subsec_micros(),
            line.as_ref()
        );
        self.with(|stage| stage.transcript.push(text));
    }

    /// Something that must hold does not; the first one counts.
    pub fn violated(&self, property: Property, because: impl Into<String>) {
        let violation = Violation::of(property, because);
        self.tell(format!("VIOLATED {violation}"));
        self.with(|stage| {
            stage.record.violation.get_or_insert(violation);
        });
    }

    /// The seeded bug, if it is this one.
    pub fn has(&self, mutation: Mutation) -> bool {
        self.with(|stage| stage.mutation == Some(mutation))
    }

    /// `future`, unless it takes longer than `time`.
    pub async fn within<T>(&self, time: Duration, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = self.executor.sleep(time) => None,
        }
    }

    /// Takes a message across; never returns when it is lost.
    pub async fn travel(&self, from: Node, to: Node) {
        let (most, lost_one_of) =
            self.with(|stage| (stage.network.slow_us.max(1_200), stage.network.lost_one_of));
        let (time, lost) = self.executor.with_rng(|rng| {
            (
                rng.micros(100, most),
                lost_one_of > 0 && rng.once_in(lost_one_of),
            )
        });
        self.executor.sleep(time).await;
        if lost || !self.with(|stage| stage.network.passes(from, to, Wire::Calls)) {
            std::future::pending::<()>().await;
        }
    }

    /// Calls a process of the world: `work` is done by it, and its result comes back. Without an end of
    /// its own: whoever calls bounds the wait.
    pub async fn call<T: Send + 'static>(
        &self,
        from: Node,
        to: Node,
        server: Option<Owner>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CallError> {
        self.travel(from, to).await;
        let Some(server) = server else {
            self.travel(to, from).await;
            return Err(CallError::Refused);
        };
        let (tell, told) = oneshot::channel();
        self.executor.spawn(server, async move {
            // Nobody may wait any more.
            let _ = tell.send(work.await);
        });
        let answer = told.await;
        self.travel(to, from).await;
        answer.map_err(|_| CallError::Broken)
    }

    /// supervise tells the agents whose mysqld has ended.
    pub fn supervise(&self) {
        let ended: Vec<_> =
            self.with(|stage| {
                let running = stage.machines.iter().filter_map(|(id, machine)| {
                    match *machine.process.borrow() {
                        Process::Running(pid) => Some((*id, pid)),
                        _ => None,
                    }
                });
                running.collect()
            });
        for (id, pid) in ended {
            let state = self.fleet.look(|fleet| fleet.process_state(ServerId(id)));
            let ProcessState::Absent(exit) = state else {
                continue;
            };
            let how = match exit {
                Some(Exit::Code(code)) => Ended::Code(code),
                Some(Exit::Signal(number)) => Ended::Signal {
                    number,
                    core: false,
                },
                None => Ended::Code(0),
            };
            self.tell(format!("mysqld {id} has ended with {how}"));
            let exit = RealExit { pid, how, at_ms: 0 };
            self.with(|stage| {
                if let Some(machine) = stage.machines.get(&id) {
                    machine.process.send_replace(Process::Absent(Some(exit)));
                }
            });
        }
    }

    /// Wakes the controllers.
    pub fn wake_controllers(&self) {
        let wakes: Vec<_> = self.with(|stage| {
            stage
                .controllers
                .values()
                .map(|controller| Arc::clone(&controller.wake))
                .collect()
        });
        for wake in wakes {
            wake.notify_one();
        }
    }
}

impl Stage {
    /// The host name of a member.
    pub fn host(&self, id: u32) -> String {
        self.cluster.pod_host(MemberId(id))
    }

    /// Who may listen at a member's agent: its process, or nobody. None when there is no pod either.
    pub fn agent(&self, id: u32) -> Option<Option<Owner>> {
        let machine = self.machines.get(&id).filter(|machine| machine.there)?;
        Some(machine.agent.filter(|_| machine.member.is_some()))
    }
}

/// The passwords of every run.
pub fn passwords() -> Passwords {
    let read = |key: &'static str| {
        Some(
            key.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>(),
        )
    };
    Passwords::collect(read).unwrap_or_else(|error| unreachable!("fixed passwords: {error}"))
}

/// The account of clients.
pub const CLIENT: Account = Account::Writable;
