//! One thread, virtual time, and every task in its turn: the turn is drawn.
//!
//! A task belongs to a process of the world. When the process is killed its tasks are dropped wherever
//! they wait; when it is frozen they are not polled.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::rng::Rng;

/// A process of the world: an agent, a controller, the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u64);

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;
type Ready = Arc<Mutex<Vec<u64>>>;

struct Task {
    owner: Owner,
    /// None while it is polled.
    job: Option<Job>,
    waker: Waker,
}

struct State {
    now: Duration,
    tasks: BTreeMap<u64, Task>,
    timers: BTreeMap<(Duration, u64), Waker>,
    frozen: BTreeSet<Owner>,
    drawn: u64,
    rng: Rng,
    polls: u64,
}

/// The executor. Copies are the same one.
#[derive(Clone)]
pub struct Executor {
    state: Arc<Mutex<State>>,
    ready: Ready,
}

struct TaskWaker {
    task: u64,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // By number: tokio's channels wake those who wait in an order that they draw for themselves.
        let mut ready = lock(&self.ready);
        if let Err(place) = ready.binary_search(&self.task) {
            ready.insert(place, self.task);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another holder has failed the run already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Executor {
    /// Begins at time 0.
    pub fn new(rng: Rng) -> Self {
        let state = State {
            now: Duration::ZERO,
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            frozen: BTreeSet::new(),
            drawn: 0,
            rng,
            polls: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            ready: Ready::default(),
        }
    }

    /// The time.
    pub fn now(&self) -> Duration {
        lock(&self.state).now
    }

    /// Polls so far.
    pub fn polls(&self) -> u64 {
        lock(&self.state).polls
    }

    /// A number that was never given before.
    pub fn draw(&self) -> u64 {
        let mut state = lock(&self.state);
        state.drawn += 1;
        state.drawn
    }

    /// Draws with the run's generator.
    pub fn with_rng<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut lock(&self.state).rng)
    }

    /// A new process.
    pub fn owner(&self) -> Owner {
        Owner(self.draw())
    }

    /// Runs a task of a process.
    pub fn spawn(&self, owner: Owner, job: impl Future<Output = ()> + Send + 'static) {
        let id = self.draw();
        let waker = Waker::from(Arc::new(TaskWaker {
            task: id,
            ready: Arc::clone(&self.ready),
        }));
        let task = Task {
            owner,
            job: Some(Box::pin(job)),
            waker: waker.clone(),
        };
        lock(&self.state).tasks.insert(id, task);
        waker.wake();
    }

    /// Waits.
    pub fn sleep(&self, time: Duration) -> Sleep {
        let until = self.now().saturating_add(time);
        Sleep {
            executor: self.clone(),
            until,
            key: None,
        }
    }

    /// Ends a process: its tasks are dropped where they are.
    pub fn kill(&self, owner: Owner) {
        let mut state = lock(&self.state);
        let of_it: Vec<u64> = state
            .tasks
            .iter()
            .filter(|(_, task)| task.owner == owner)
            .map(|(id, _)| *id)
            .collect();
        let dropped: Vec<_> = of_it
            .iter()
            .filter_map(|id| state.tasks.remove(id))
            .collect();
        state.frozen.remove(&owner);
        drop(state);
        // Their destructors close connections, and may wake others.
        drop(dropped);
    }

    /// Stops polling the tasks of a process, or goes on.
    pub fn set_frozen(&self, owner: Owner, frozen: Frozen) {
        let mut state = lock(&self.state);
        match frozen {
            Frozen::Yes => state.frozen.insert(owner),
            Frozen::No => state.frozen.remove(&owner),
        };
    }

    /// Tasks that could be polled.
    pub fn ready(&self) -> usize {
        let state = lock(&self.state);
        let mut ready = lock(&self.ready);
        ready.retain(|id| state.tasks.contains_key(id));
        ready.iter().filter(|id| is_free(&state, **id)).count()
    }

    /// Polls the `at`th of the ready tasks.
    pub fn poll(&self, at: usize) {
        let mut state = lock(&self.state);
        let taken = {
            let mut ready = lock(&self.ready);
            let free = |place: &usize| ready.get(*place).is_some_and(|id| is_free(&state, *id));
            let place = (0..ready.len()).filter(free).nth(at);
            place.map(|place| ready.remove(place))
        };
        let Some(id) = taken else { return };
        state.polls += 1;
        let Some(task) = state.tasks.get_mut(&id) else {
            return;
        };
        let waker = task.waker.clone();
        let Some(mut job) = task.job.take() else {
            return;
        };
        drop(state);
        let polled = job.as_mut().poll(&mut Context::from_waker(&waker));
        let mut state = lock(&self.state);
        match polled {
            Poll::Ready(()) => drop(state.tasks.remove(&id)),
            Poll::Pending => {
                if let Some(task) = state.tasks.get_mut(&id) {
                    task.job = Some(job);
                    return;
                }
                // Its process was killed by its own doing.
                drop(state);
                drop(job);
            }
        }
    }

    /// When the next timer is due.
    pub fn next_timer(&self) -> Option<Duration> {
        lock(&self.state).timers.keys().next().map(|(at, _)| *at)
    }

    /// Lets time pass until `then`, and wakes whoever waited for it.
    pub fn advance(&self, then: Duration) {
        let mut state = lock(&self.state);
        state.now = state.now.max(then);
        let mut due = Vec::new();
        while let Some(entry) = state.timers.first_entry() {
            if entry.key().0 > then {
                break;
            }
            due.push(entry.remove());
        }
        drop(state);
        for waker in due {
            waker.wake();
        }
    }

    /// Drops everything that is left, so that nothing keeps itself alive.
    pub fn end(&self) {
        let mut state = lock(&self.state);
        let tasks = std::mem::take(&mut state.tasks);
        let timers = std::mem::take(&mut state.timers);
        drop(state);
        drop(tasks);
        drop(timers);
    }
}

fn is_free(state: &State, id: u64) -> bool {
    state
        .tasks
        .get(&id)
        .is_some_and(|task| !state.frozen.contains(&task.owner))
}

/// Whether a process is frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// A time that is waited for.
pub struct Sleep {
    executor: Executor,
    until: Duration,
    key: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let executor = self.executor.clone();
        let mut state = lock(&executor.state);
        if state.now >= self.until {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            state.drawn += 1;
            state.drawn
        });
        self.key = Some(key);
        state
            .timers
            .insert((self.until, key), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            lock(&self.executor.state).timers.remove(&(self.until, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drive(executor: &Executor) -> Vec<Duration> {
        let mut times = Vec::new();
        for _ in 0..1_000 {
            let ready = executor.ready();
            if ready > 0 {
                let at = executor.with_rng(|rng| rng.place(ready));
                executor.poll(at);
            } else if let Some(next) = executor.next_timer() {
                executor.advance(next);
                times.push(next);
            } else {
                break;
            }
        }
        times
    }

    #[test]
    fn a_killed_process_does_nothing_more_and_a_frozen_one_goes_on_later() {
        let executor = Executor::new(Rng::new(1));
        let done = Arc::new(Mutex::new(Vec::new()));
        let owners: Vec<_> = (0..3).map(|_| executor.owner()).collect();
        for (number, owner) in owners.iter().enumerate() {
            let (clock, done) = (executor.clone(), Arc::clone(&done));
            executor.spawn(*owner, async move {
                clock.sleep(Duration::from_secs(1)).await;
                lock(&done).push(number);
            });
        }
        executor.kill(owners[0]);
        executor.set_frozen(owners[1], Frozen::Yes);
        assert_eq!(drive(&executor), [Duration::from_secs(1)]);
        assert_eq!(*lock(&done), [2]);
        executor.set_frozen(owners[1], Frozen::No);
        drive(&executor);
        assert_eq!(*lock(&done), [2, 1]);
    }
}
