//! The machine that an agent believes to run on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use moco_agent::host::{As, Exit, MysqldSignal, Place, Process, Tail, Unheard};
use moco_agent::{Host, SqlError};
use moco_model::report::{Evidence, Fault, FaultCode};
use moco_model::{Account, GtidSet, Guard, MemberId, Millis, Passwords, ServerVersion};
use moco_mysql::ErrorClass;
use moco_mysql::clone::Donor;
use moco_wire::{Beat, BeatAnswer, Notice};
use tokio::sync::watch;

use super::executor::{Owner, Sleep};
use super::judge;
use super::machine::Machine;
use super::moment::{self, Moment};
use super::network::Node;
use super::scene::{CallError, Scene, passwords};
use crate::mutation::Mutation;
use crate::mysqld::{FakeCut, FakeSession, FakeTail, FleetError, ServerId, Signal};
use crate::property::Property;

mod copy;

/// How long an agent waits for a controller.
const NOTIFY: Duration = Duration::from_secs(2);
/// How long an agent waits for another one.
const BEAT: Duration = Duration::from_secs(1);
/// The time of every machine at the beginning, milliseconds since 1970: for people only.
pub const EPOCH_MS: Millis = 1_800_000_000_000;

/// The machine of one member, as its agent of one life sees it.
pub struct SimHost {
    scene: Scene,
    id: u32,
    owner: Owner,
}

impl SimHost {
    /// The machine of member `id` for an agent whose tasks belong to `owner`.
    pub const fn new(scene: Scene, id: u32, owner: Owner) -> Self {
        Self { scene, id, owner }
    }

    const fn server(&self) -> ServerId {
        ServerId(self.id)
    }

    fn machine<T>(&self, work: impl FnOnce(&mut Machine) -> T) -> T {
        self.scene
            .with(|stage| work(stage.machines.entry(self.id).or_default()))
    }

    /// The disk takes its time; whoever is killed meanwhile has done nothing.
    async fn disk(&self) {
        let time = self.scene.executor.with_rng(|rng| rng.micros(200, 2_000));
        self.scene.executor.sleep(time).await;
    }

    fn fleet_fault(error: FleetError) -> Fault {
        Fault {
            code: FaultCode::CommandFailed,
            sentence: error.to_string(),
        }
    }

    fn note(&self, entry: Evidence) {
        self.machine(|machine| {
            let same =
                |old: &Evidence| old.epoch == entry.epoch && old.transactions == entry.transactions;
            if !machine.evidence.iter().any(same) {
                machine.evidence.push(entry);
                let surplus = machine
                    .evidence
                    .len()
                    .saturating_sub(moco_model::report::EVIDENCE_MAX);
                machine.evidence.drain(..surplus);
            }
        });
    }

    async fn login(&self, who: As, limit: Duration) -> Result<FakeSession, SqlError> {
        let passwords = passwords();
        let (user, password) = match who {
            As::FreshRoot => ("root", None),
            As::Administrator => (Account::Admin.user(), Some(passwords.of(Account::Admin))),
        };
        let opened =
            FakeSession::open(&self.scene.fleet, self.server(), user, password, limit).await;
        opened.map_err(|error| {
            if error.class() == ErrorClass::AccessDenied {
                SqlError::of("log in: access denied", error)
            } else {
                SqlError::of("cannot connect to mysqld", error)
            }
        })
    }
}

impl Host for SimHost {
    type Session = FakeSession;
    type Cut = FakeCut;

    fn now(&self) -> Duration {
        // Every machine counts from a beginning of its own.
        self.scene.executor.now() + Duration::from_secs(u64::from(self.id) * 1_000)
    }

    fn clock(&self) -> Millis {
        let now = Millis::try_from(self.scene.executor.now().as_millis()).unwrap_or(Millis::MAX);
        EPOCH_MS + now
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send {
        let sleep: Sleep = self.scene.executor.sleep(time);
        sleep
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.scene.executor.spawn(self.owner, task);
    }

    fn draw(&self) -> String {
        format!("life-{}", self.scene.executor.draw())
    }

    fn place(&self) -> Place {
        self.machine(|machine| machine.place())
    }

    async fn inspect(&self) -> Result<Option<Guard>, Fault> {
        let guard = self.machine(|machine| machine.guard.clone());
        let data = self.scene.fleet.look(|fleet| fleet.has_data(self.server()));
        if guard.is_none() && data {
            return Err(Fault {
                code: FaultCode::UnknownData,
                sentence: "data that nobody knows".to_owned(),
            });
        }
        Ok(guard)
    }

    async fn write_guard(&self, guard: Guard) -> Result<(), Fault> {
        self.disk().await;
        judge::guard_written(&self.scene, self.id, &guard);
        self.machine(|machine| {
            machine.guard = Some(guard.clone());
            if !machine.lies {
                machine.synced = Some(guard);
            }
        });
        self.disk().await;
        Ok(())
    }

    async fn has_data(&self) -> bool {
        self.scene.fleet.look(|fleet| fleet.has_data(self.server()))
    }

    async fn log_bytes(&self) -> u64 {
        // Its transactions have no size.
        0
    }

    async fn wipe(&self) -> Result<(), Fault> {
        self.disk().await;
        judge::wiped(&self.scene, self.id);
        let now = self.scene.executor.now();
        let wiped = self.scene.fleet.at(now, |fleet| fleet.wipe(self.server()));
        wiped.map_err(Self::fleet_fault)
    }

    async fn judge(&self, history: GtidSet) -> Result<Tail<FakeCut>, Fault> {
        self.disk().await;
        if self.scene.has(Mutation::TailNotCut) {
            return Ok(Tail::Nothing("a seeded bug".to_owned()));
        }
        let judged = self
            .scene
            .fleet
            .look(|fleet| fleet.judge(self.server(), &history));
        Ok(match judged.map_err(Self::fleet_fault)? {
            FakeTail::Nothing(because) => Tail::Nothing(because.to_owned()),
            FakeTail::NotCuttable(because, _) => Tail::NotCuttable(because.to_owned()),
            FakeTail::Cut(cut) => {
                let transactions = cut.transactions.clone();
                let cut = if self.scene.has(Mutation::TailCutTooFar) {
                    cut.too_far(1)
                } else {
                    cut
                };
                Tail::Unacknowledged {
                    transactions,
                    bytes: 1,
                    cut,
                }
            }
        })
    }

    async fn cut(&self, cut: FakeCut, entry: Evidence) -> Result<(), Fault> {
        self.note(entry);
        self.disk().await;
        self.scene.tell(format!(
            "the log of {} is cut: {}",
            self.id, cut.transactions
        ));
        moment::reached(&self.scene, Moment::RejoinCut);
        let now = self.scene.executor.now();
        let acked = judge::acked_at(&self.scene, self.id);
        let done = self
            .scene
            .fleet
            .at(now, |fleet| fleet.cut(self.server(), &cut));
        judge::tail_cut(&self.scene, self.id, &acked);
        done.map_err(Self::fleet_fault)
    }

    async fn keep_logs(&self, _: String, entry: Evidence) -> Result<(), Fault> {
        self.disk().await;
        self.note(entry);
        Ok(())
    }

    async fn evidence(&self) -> Vec<Evidence> {
        self.machine(|machine| machine.evidence.clone())
    }

    async fn forget_server_uuid(&self) -> Result<(), Fault> {
        self.disk().await;
        if self.scene.has(Mutation::UuidStaysAfterCut) {
            return Ok(());
        }
        let now = self.scene.executor.now();
        let done = self
            .scene
            .fleet
            .at(now, |fleet| fleet.forget_server_uuid(self.server()));
        done.map_err(Self::fleet_fault)
    }

    async fn image_version(&self) -> Result<ServerVersion, Fault> {
        Ok(ServerVersion {
            major: 9,
            minor: 7,
            patch: 4,
        })
    }

    fn process(&self) -> watch::Receiver<Process> {
        self.machine(|machine| machine.process.subscribe())
    }

    async fn initialise(&self) -> Result<(), Fault> {
        let time = self
            .scene
            .executor
            .with_rng(|rng| rng.micros(100_000, 400_000));
        self.scene.executor.sleep(time).await;
        judge::initialised(&self.scene, self.id);
        let now = self.scene.executor.now();
        let made = self
            .scene
            .fleet
            .at(now, |fleet| fleet.initialise(self.server()));
        made.map_err(Self::fleet_fault)
    }

    async fn start(&self) -> Result<(), Fault> {
        self.disk().await;
        let now = self.scene.executor.now();
        let started = self
            .scene
            .fleet
            .at(now, |fleet| fleet.start(self.server(), now));
        started.map_err(Self::fleet_fault)?;
        let pid = i32::try_from(self.scene.executor.draw()).unwrap_or(i32::MAX);
        self.scene.tell(format!("mysqld {} is started", self.id));
        judge::started(&self.scene, self.id);
        self.machine(|machine| machine.process.send_replace(Process::Running(pid)));
        Ok(())
    }

    async fn early_end(&self, exit: Option<Exit>) -> Fault {
        let how = exit.map_or_else(String::new, |exit| exit.how.to_string());
        Fault {
            code: FaultCode::MysqldExited,
            sentence: format!("mysqld ended early {how}"),
        }
    }

    async fn signal(&self, signal: MysqldSignal) -> Result<(), Fault> {
        let term = signal == MysqldSignal::Term || self.scene.has(Mutation::TermWithWaiters);
        let signal = if term {
            Signal::Terminate
        } else {
            Signal::Kill
        };
        let waiting = self
            .scene
            .fleet
            .look(|fleet| fleet.waiting_commits(self.server()));
        let open = self.scene.fleet.look(|fleet| fleet.is_open(self.server()));
        if term && waiting > 0 && open {
            let because = format!("mysqld {} is asked to stop with {waiting} waiting", self.id);
            self.scene.violated(Property::NoTermWithWaiters, because);
        }
        let now = self.scene.executor.now();
        self.scene
            .fleet
            .at(now, |fleet| fleet.signal(self.server(), signal, now));
        Ok(())
    }

    fn asked_to_leave(&self) -> watch::Receiver<Option<Duration>> {
        self.machine(|machine| machine.leave.subscribe())
    }

    async fn leave(&self) -> Result<(), Fault> {
        super::pod::pod_ends(&self.scene, self.id);
        // supervise ends the agent with the container.
        std::future::pending().await
    }

    async fn connect(&self, who: As, limit: Duration) -> Result<FakeSession, SqlError> {
        self.login(who, limit).await
    }

    fn passwords(&self) -> Result<Passwords, SqlError> {
        Ok(passwords())
    }

    async fn prepare(&self) -> Result<(), SqlError> {
        let now = self.scene.executor.now();
        let set_up = self
            .scene
            .fleet
            .at(now, |fleet| fleet.set_up(self.server(), &passwords()));
        set_up.map_err(|error| SqlError::of("cannot set up an empty server", error))
    }

    async fn copy_from(&self, donor: Donor) -> Result<(), SqlError> {
        copy::from(self, &donor).await
    }

    async fn notify(&self, notice: Notice) -> bool {
        let _ = notice;
        let leaders: Vec<_> = self.scene.with(|stage| {
            let process = |id: &u32| {
                let process = stage.controllers.get(id)?;
                Some((*id, process.owner, Arc::clone(&process.wake)))
            };
            stage.leaders.iter().filter_map(process).collect()
        });
        for (id, owner, wake) in leaders {
            let work = async move { wake.notify_one() };
            let call = self.scene.call(
                Node::Member(self.id),
                Node::Controller(id),
                Some(owner),
                work,
            );
            if matches!(self.scene.within(NOTIFY, call).await, Some(Ok(()))) {
                return true;
            }
        }
        false
    }

    async fn beat(&self, member: MemberId, _: &str, beat: Beat) -> Result<BeatAnswer, Unheard> {
        let from = MemberId(self.id);
        let there = self.scene.with(|stage| {
            let owner = stage.agent(member.0)?;
            Some((owner, stage.machines.get(&member.0)?.member.clone()))
        });
        let Some((owner, agent)) = there else {
            self.scene.executor.sleep(BEAT).await;
            return Err(Unheard::Silent);
        };
        let work = async move { agent.map(|agent| agent.beat(from, &beat)) };
        let call = self
            .scene
            .call(Node::Member(self.id), Node::Member(member.0), owner, work);
        match self.scene.within(BEAT, call).await {
            Some(Ok(Some(answer))) => Ok(answer),
            Some(Ok(None) | Err(CallError::Refused | CallError::Broken)) => Err(Unheard::Refused),
            Some(Err(_)) | None => Err(Unheard::Silent),
        }
    }
}
