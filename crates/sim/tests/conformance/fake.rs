//! The bench of fake servers: virtual time, and a fixed order of motions.

use std::collections::VecDeque;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use moco_model::{Account, GtidSet};
use moco_mysql::Error;
use moco_mysql::clone::Donor;
use moco_mysql::replication::{Source, TlsFiles};
use moco_sim::mysqld::{
    Address, Exit, FakeSession, FakeTail, Fleet, Pace, ProcessState, ServerId, Settings,
    SharedFleet, Snapshot,
};

use crate::bench::{Bench, Signal, TailKind, Transcript, passwords};

/// Steps of a script that is stuck: none needs a fraction of it.
const STEPS_MAX: u32 = 2_000_000;
const TURN: Duration = Duration::from_millis(20);

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the bench and its driver share.
#[derive(Default)]
struct World {
    now: Duration,
    /// When somebody wants to go on.
    alarms: Vec<Duration>,
    jobs: VecDeque<Job>,
}

pub(crate) struct Fake {
    fleet: SharedFleet,
    world: Arc<Mutex<World>>,
    saved: Option<Snapshot>,
    transcript: Transcript,
}

/// Runs a script on `servers` fresh servers.
pub(crate) fn run(servers: usize, script: impl AsyncFnOnce(&mut Fake)) -> Transcript {
    let mut fleet = Fleet::new(Pace::AtOnce);
    for index in 0..servers {
        let address = Address {
            host: host(index),
            port: 3306,
        };
        let number = u32::try_from(index).unwrap();
        let id = ServerId(number);
        fleet.add(id, address, number + 1, Settings::default());
        fleet.initialise(id).unwrap();
        fleet.start(id, Duration::ZERO).unwrap();
        fleet.set_up(id, &passwords()).unwrap();
    }
    let mut bench = Fake {
        fleet: SharedFleet::new(fleet),
        world: Arc::default(),
        saved: None,
        transcript: Transcript::default(),
    };
    let (fleet, world) = (bench.fleet.clone(), Arc::clone(&bench.world));
    while step(&fleet, &world) == Step::Moved(Cause::Now) {}
    drive(&fleet, &world, script(&mut bench));
    let unknown = fleet.look(|fleet| fleet.unknown_statements().to_vec());
    assert!(unknown.is_empty(), "the fake does not know: {unknown:#?}");
    bench.transcript
}

fn host(index: usize) -> String {
    format!("server-{index}")
}

/// What let a step happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Now,
    TimePassed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Moved(Cause),
    Nothing,
}

/// Polls the script and everything beside it, and moves the world when all of them wait.
fn drive(fleet: &SharedFleet, world: &Mutex<World>, script: impl Future<Output = ()>) {
    let mut script = pin!(script);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..STEPS_MAX {
        let jobs = std::mem::take(&mut world.lock().unwrap().jobs);
        for mut job in jobs {
            if job.as_mut().poll(&mut context).is_pending() {
                world.lock().unwrap().jobs.push_back(job);
            }
        }
        if script.as_mut().poll(&mut context).is_ready() {
            return;
        }
        let moved = step(fleet, world);
        assert!(moved != Step::Nothing, "the script waits for ever");
    }
    panic!("the script does not end");
}

/// The first motion that is due; if there is none, time passes to the next one or the next alarm.
fn step(fleet: &SharedFleet, world: &Mutex<World>) -> Step {
    let mut world = world.lock().unwrap();
    let motions = fleet.look(Fleet::motions);
    let now = world.now;
    for possible in motions.iter().filter(|possible| possible.at <= now) {
        if fleet.perform(possible.motion, now) {
            return Step::Moved(Cause::Now);
        }
    }
    world.alarms.retain(|at| *at > now);
    let later = motions.iter().map(|possible| possible.at);
    let next = later
        .chain(world.alarms.iter().copied())
        .filter(|at| *at > now)
        .min();
    match next {
        None => Step::Nothing,
        Some(at) => {
            world.now = at;
            fleet.at(at, |_| ());
            Step::Moved(Cause::TimePassed)
        }
    }
}

/// Waits for virtual time.
struct Alarm {
    world: Arc<Mutex<World>>,
    at: Duration,
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.lock().unwrap();
        if world.now >= self.at {
            return Poll::Ready(());
        }
        world.alarms.push(self.at);
        Poll::Pending
    }
}

fn id(server: usize) -> ServerId {
    ServerId(u32::try_from(server).unwrap())
}

impl Fake {
    fn now(&self) -> Duration {
        self.world.lock().unwrap().now
    }

    fn with<T>(&self, work: impl FnOnce(&mut Fleet, Duration) -> T) -> T {
        let now = self.now();
        self.fleet.at(now, |fleet| work(fleet, now))
    }
}

impl Bench for Fake {
    type Session = FakeSession;

    fn connect(
        &self,
        server: usize,
        account: Account,
        limit: Duration,
    ) -> impl Future<Output = Result<FakeSession, Error>> + Send + 'static {
        let fleet = self.fleet.clone();
        async move {
            let password = passwords().of(account).clone();
            FakeSession::open(&fleet, id(server), account.user(), Some(&password), limit).await
        }
    }

    fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.world.lock().unwrap().jobs.push_back(Box::pin(work));
    }

    async fn turn(&mut self) {
        let at = self.now() + TURN;
        let world = Arc::clone(&self.world);
        Alarm { world, at }.await;
    }

    fn signal(&mut self, server: usize, signal: Signal) {
        let signal = match signal {
            Signal::Kill => moco_sim::mysqld::Signal::Kill,
            Signal::Terminate => moco_sim::mysqld::Signal::Terminate,
            Signal::Freeze => moco_sim::mysqld::Signal::Freeze,
            Signal::Thaw => moco_sim::mysqld::Signal::Thaw,
        };
        self.with(|fleet, now| fleet.signal(id(server), signal, now));
    }

    async fn start(&mut self, server: usize) {
        self.with(|fleet, now| fleet.start(id(server), now))
            .unwrap();
        while self.fleet.look(|fleet| fleet.process_state(id(server))) != ProcessState::Ready {
            self.turn().await;
        }
    }

    fn ended(&mut self, server: usize) -> Option<i32> {
        match self.fleet.look(|fleet| fleet.process_state(id(server))) {
            ProcessState::Absent(Some(Exit::Code(code))) => Some(code),
            _ => None,
        }
    }

    fn source(&self, server: usize) -> Source {
        Source {
            host: host(server),
            port: 3306,
            user: Account::Replication.user().to_owned(),
            password: passwords().of(Account::Replication).clone(),
            tls: tls(),
        }
    }

    fn donor(&self, server: usize) -> Donor {
        Donor {
            host: host(server),
            port: 3306,
            user: Account::CloneDonor.user().to_owned(),
            password: passwords().of(Account::CloneDonor).clone(),
            tls: tls(),
        }
    }

    fn written(&self, server: usize, history: &GtidSet) -> u64 {
        let there = self.fleet.look(|fleet| {
            let all = fleet.transactions(id(server));
            let names = all.map(|one| one.gtid.to_string().parse::<GtidSet>().unwrap());
            names.fold(GtidSet::new(), |all, one| all.union(&one))
        });
        there.subtract(history).count()
    }

    fn judge(&self, server: usize, history: &GtidSet) -> TailKind {
        let judged = self.fleet.look(|fleet| fleet.judge(id(server), history));
        match judged.unwrap() {
            FakeTail::Nothing(_) => TailKind::Nothing,
            FakeTail::Cut(cut) => TailKind::Cut(cut.transactions.count()),
            FakeTail::NotCuttable(..) => TailKind::NotCuttable,
        }
    }

    fn cut(&mut self, server: usize, history: &GtidSet) {
        self.with(|fleet, _| match fleet.judge(id(server), history) {
            Ok(FakeTail::Cut(cut)) => fleet.cut(id(server), &cut).unwrap(),
            other => panic!("{other:?}"),
        });
    }

    fn forget_uuid(&mut self, server: usize) {
        self.with(|fleet, _| fleet.forget_server_uuid(id(server)))
            .unwrap();
    }

    fn save(&mut self, server: usize) {
        self.saved = self.fleet.look(|fleet| fleet.snapshot(id(server)));
    }

    fn restore(&mut self, server: usize) {
        let saved = self.saved.take().unwrap();
        self.with(|fleet, _| fleet.restore(id(server), saved))
            .unwrap();
    }

    fn transcript(&mut self) -> &mut Transcript {
        &mut self.transcript
    }
}

fn tls() -> TlsFiles {
    TlsFiles {
        ca: PathBuf::from("/tls/ca.pem"),
        certificate: PathBuf::from("/tls/tls.crt"),
        key: PathBuf::from("/tls/tls.key"),
    }
}
