//! A machine in memory, for tests: a volume, a mysqld that understands the statements of
//! `moco-mysql`, a controller and another agent. Everything that is done is written down in order.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use moco_model::command::{Command, Order};
use moco_model::guard::DataState;
use moco_model::report::{Evidence, Fault, FaultCode};
use moco_model::{
    ClusterId, ClusterUid, Epoch, GtidSet, Guard, MemberId, Membership, Millis, Passwords, Role,
    ServerVersion,
};
use moco_mysql::clone::Donor;
use moco_mysql::replication::TlsFiles;
use moco_wire::{Beat, BeatAnswer, Notice};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::host::{As, Ended, Exit, Host, MysqldSignal, Place, Process, Tail, Unheard};
use crate::member::Member;
use crate::settings::Settings;
use crate::sql::SqlError;

mod mysqld;

pub(crate) use mysqld::{Channel, Mysqld, Talk};

/// What the machine is made of.
pub(crate) struct World {
    /// What was done, in order.
    pub(crate) log: Vec<String>,
    /// The first thing that is about to be done and has this in its words fails.
    pub(crate) break_at: Option<&'static str>,
    pub(crate) guard: Option<Guard>,
    pub(crate) place: Place,
    pub(crate) has_data: bool,
    pub(crate) log_bytes: u64,
    pub(crate) tail: Option<(GtidSet, u64)>,
    pub(crate) not_cuttable: bool,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) mysqld: Mysqld,
    pub(crate) controller_answers: bool,
    pub(crate) notices: Vec<Notice>,
    pub(crate) peer: Result<BeatAnswer, Unheard>,
    pub(crate) beaten: Vec<MemberId>,
    /// Connections to mysqld.
    pub(crate) connections: usize,
    draws: u32,
    pids: i32,
}

/// The machine. Clones are the same machine.
#[derive(Clone)]
pub(crate) struct Machine {
    world: Arc<Mutex<World>>,
    process: watch::Sender<Process>,
    pub(crate) terminate: watch::Sender<Option<Duration>>,
    began: Instant,
}

impl Machine {
    /// A machine with a volume that holds `guard`'s data, or was never used.
    pub(crate) fn new(guard: Option<Guard>) -> Self {
        let world = World {
            log: Vec::new(),
            break_at: None,
            has_data: guard.is_some(),
            log_bytes: 0,
            guard,
            place: place(),
            tail: None,
            not_cuttable: false,
            evidence: Vec::new(),
            mysqld: Mysqld::default(),
            controller_answers: true,
            notices: Vec::new(),
            peer: Err(Unheard::Silent),
            beaten: Vec::new(),
            connections: 0,
            draws: 0,
            pids: 100,
        };
        Self {
            world: Arc::new(Mutex::new(world)),
            process: watch::Sender::new(Process::Absent(None)),
            terminate: watch::Sender::new(None),
            began: Instant::now(),
        }
    }

    /// The same with mysqld running.
    pub(crate) fn running(guard: Guard) -> Self {
        let machine = Self::new(Some(guard));
        machine.process.send_replace(Process::Running(99));
        machine
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn mysqld<T>(&self, change: impl FnOnce(&mut Mysqld) -> T) -> T {
        change(&mut self.world().mysqld)
    }

    /// A new agent on this machine, which has looked at mysqld once if it runs.
    pub(crate) async fn agent(&self) -> Arc<Member<Self>> {
        let member = Arc::new(Member::begin(self.clone(), settings()).await);
        crate::work::settle::settle(&member).await;
        member
    }

    /// What was done since the last call.
    pub(crate) fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.world().log)
    }

    /// Does something, unless it is to fail.
    fn act(&self, what: impl Into<String>) -> Result<(), Fault> {
        let what = what.into();
        let mut world = self.world();
        if world.break_at.is_some_and(|part| what.contains(part)) {
            world.break_at = None;
            return Err(Fault {
                code: FaultCode::VolumeNotWritable,
                sentence: format!("{what}: broken by the test"),
            });
        }
        world.log.push(what);
        Ok(())
    }

    /// mysqld ends by itself.
    pub(crate) fn end_mysqld(&self) {
        let Process::Running(pid) = *self.process.borrow() else {
            return;
        };
        let how = Ended::Signal {
            number: 9,
            core: false,
        };
        let exit = Exit { pid, how, at_ms: 0 };
        self.process.send_replace(Process::Absent(Some(exit)));
    }
}

impl Host for Machine {
    type Session = Talk;
    type Cut = GtidSet;

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn clock(&self) -> Millis {
        1_000_000
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn draw(&self) -> String {
        let mut world = self.world();
        world.draws += 1;
        format!("drawn-{}", world.draws)
    }

    fn place(&self) -> Place {
        self.world().place.clone()
    }

    async fn inspect(&self) -> Result<Option<Guard>, Fault> {
        Ok(self.world().guard.clone())
    }

    async fn write_guard(&self, guard: Guard) -> Result<(), Fault> {
        let opened = guard
            .opened
            .map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
        self.act(format!(
            "guard: promised {} epoch {} {:?} opened {opened} {:?}",
            guard.promised,
            guard.epoch,
            guard.role.map_or("-", Role::as_str),
            guard.data,
        ))?;
        self.world().guard = Some(guard);
        Ok(())
    }

    async fn has_data(&self) -> bool {
        self.world().has_data
    }

    async fn log_bytes(&self) -> u64 {
        self.world().log_bytes
    }

    async fn wipe(&self) -> Result<(), Fault> {
        self.act("wipe")?;
        self.world().has_data = false;
        Ok(())
    }

    async fn judge(&self, history: GtidSet) -> Result<Tail<GtidSet>, Fault> {
        let world = self.world();
        if world.not_cuttable {
            return Ok(Tail::NotCuttable("an XA transaction".to_owned()));
        }
        Ok(match &world.tail {
            Some((tail, bytes)) if !history.contains(tail) => Tail::Unacknowledged {
                transactions: tail.clone(),
                bytes: *bytes,
                cut: tail.clone(),
            },
            _ => Tail::Nothing("all is in the history".to_owned()),
        })
    }

    async fn cut(&self, cut: GtidSet, mut entry: Evidence) -> Result<(), Fault> {
        self.act("keep the tail")?;
        entry.file = Some("evidence/tail".to_owned());
        self.record(entry);
        self.act("cut the tail")?;
        let mut world = self.world();
        world.tail = None;
        world.mysqld.executed = world.mysqld.executed.subtract(&cut);
        Ok(())
    }

    async fn keep_logs(&self, of: String, mut entry: Evidence) -> Result<(), Fault> {
        self.act(format!("keep the logs of {of}"))?;
        entry.file = Some(format!("evidence/{of}"));
        self.record(entry);
        Ok(())
    }

    async fn evidence(&self) -> Vec<Evidence> {
        self.world().evidence.clone()
    }

    async fn forget_server_uuid(&self) -> Result<(), Fault> {
        self.act("forget the uuid")
    }

    async fn image_version(&self) -> Result<ServerVersion, Fault> {
        Ok("9.7.4".parse().unwrap())
    }

    fn process(&self) -> watch::Receiver<Process> {
        self.process.subscribe()
    }

    async fn initialise(&self) -> Result<(), Fault> {
        self.act("initialise")?;
        let mut world = self.world();
        world.has_data = true;
        world.mysqld = Mysqld::default();
        Ok(())
    }

    async fn start(&self) -> Result<(), Fault> {
        self.act("start mysqld")?;
        let pid = {
            let mut world = self.world();
            world.mysqld.restart();
            world.pids += 1;
            world.pids
        };
        self.process.send_replace(Process::Running(pid));
        Ok(())
    }

    async fn early_end(&self, _: Option<Exit>) -> Fault {
        Fault {
            code: FaultCode::MysqldExited,
            sentence: "mysqld ended".to_owned(),
        }
    }

    async fn signal(&self, signal: MysqldSignal) -> Result<(), Fault> {
        self.act(format!("signal {signal:?}"))?;
        self.end_mysqld();
        Ok(())
    }

    fn asked_to_leave(&self) -> watch::Receiver<Option<Duration>> {
        self.terminate.subscribe()
    }

    async fn leave(&self) -> Result<(), Fault> {
        self.act("leave")
    }

    async fn connect(&self, _: As, limit: Duration) -> Result<Talk, SqlError> {
        Ok(Talk::new(self.clone(), limit))
    }

    fn passwords(&self) -> Result<Passwords, SqlError> {
        Ok(Passwords::collect(|_| Some("secret".to_owned())).unwrap())
    }

    async fn prepare(&self) -> Result<(), SqlError> {
        Ok(())
    }

    async fn copy_from(&self, _: Donor) -> Result<(), SqlError> {
        self.end_mysqld();
        Ok(())
    }

    async fn notify(&self, notice: Notice) -> bool {
        let mut world = self.world();
        world.notices.push(notice);
        world.controller_answers
    }

    async fn beat(&self, member: MemberId, _: &str, _: Beat) -> Result<BeatAnswer, Unheard> {
        let answer = {
            let mut world = self.world();
            world.beaten.push(member);
            world.peer
        };
        if answer == Err(Unheard::Silent) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        answer
    }
}

impl Machine {
    fn record(&self, entry: Evidence) {
        let mut world = self.world();
        world
            .evidence
            .retain(|old| old.transactions != entry.transactions);
        world.evidence.push(entry);
    }
}

fn place() -> Place {
    Place {
        boot_id: "boot".to_owned(),
        pod_uid: "pod".to_owned(),
        volume_id: "volume".to_owned(),
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        cluster: ClusterId::new("shop", "orders").unwrap(),
        uid: ClusterUid("u".into()),
        member: MemberId(1),
        startup_wait: Duration::from_secs(60),
        max_delay: Duration::ZERO,
        volume: "/volume".into(),
        tls: TlsFiles {
            ca: "/tls/ca".into(),
            certificate: "/tls/crt".into(),
            key: "/tls/key".into(),
        },
    }
}

/// A guard of member 1 of a cluster of three, in epoch 4.
pub(crate) fn guard(role: Role) -> Guard {
    let place = place();
    Guard {
        cluster: ClusterUid("u".into()),
        member: MemberId(1),
        epoch: Epoch(4),
        promised: Epoch(4),
        opened: None,
        role: Some(role),
        membership: Some(Membership::first(3)),
        incarnation: "first".to_owned(),
        data: DataState::Holding,
        boot_id: place.boot_id,
        pod_uid: place.pod_uid,
        volume_id: place.volume_id,
        watermark: GtidSet::new(),
        server_version: Some("9.7.4".parse().unwrap()),
    }
}

/// The guard of a member that was opened in epoch 4.
pub(crate) fn opened() -> Guard {
    Guard {
        opened: Some(Epoch(4)),
        ..guard(Role::Primary)
    }
}

/// An order to member 1 that promises its epoch.
pub(crate) fn order(epoch: u64, role: Role, command: Command) -> Order {
    Order {
        cluster: ClusterUid("u".into()),
        member: MemberId(1),
        epoch: Epoch(epoch),
        promise: Epoch(epoch),
        role,
        membership: Membership::first(3),
        command,
    }
}

/// A GTID set of one server.
pub(crate) fn gtids(range: &str) -> GtidSet {
    format!("00000000-0000-0000-0000-000000000001:{range}")
        .parse()
        .unwrap()
}

/// Lets everything that is ready go on.
pub(crate) async fn settle_down() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
