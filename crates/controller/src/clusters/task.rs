//! The task of one cluster: wait, look, act, again.

use std::sync::Arc;
use std::time::Duration;

use moco_pass::{Lines, Passed, Pilot, now};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, shortened};
use crate::call::CallError;
use crate::context::Context;
use crate::finalizer;
use crate::metrics;
use crate::reconcile::{Cause, Reconciler};
use crate::watch::ClusterHead;
use crate::world::{KubeWorld, RegisterHealth, WorldError};
use moco_model::sentence::with_causes;

/// Between an event and its pass: many events at once are looked at once.
const SPACING: Duration = Duration::from_millis(10);
/// After a step that was taken, its effect is looked for this soon: nobody may write meanwhile.
const AFTER_STEP: Duration = Duration::from_millis(2);
/// Shorter pauses than this are wished for when something is under way, and are kept.
const URGENT: Duration = Duration::from_millis(500);
/// Without any event, a cluster is looked at once in this time.
const LONGEST: Duration = Duration::from_secs(60);
/// From this pause on, chance keeps the passes of many clusters apart.
const JITTER_FROM: Duration = Duration::from_secs(10);
/// How soon a pass that failed is repeated.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What lasts is looked at less often: after a twentieth of its age, but at least this often.
const LASTING: Duration = Duration::from_secs(10);
const LASTING_SHARE: u32 = 20;

/// Why a pass ended early.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error(transparent)]
    World(WorldError),
    #[error("cannot let the deleted cluster go")]
    Finish(#[source] CallError),
}

/// What comes after a pass.
enum Next {
    /// The cluster is gone.
    Gone,
    /// The next pass, after this time unless something happens before.
    After(Duration),
}

struct Life {
    context: Context,
    head: ClusterHead,
    pilot: Pilot<KubeWorld>,
    reconciler: Reconciler,
    backoff: Backoff,
    register_backoff: Backoff,
    last_error: String,
    /// The code of the verdict, and since when it has been that.
    state: (Option<String>, Instant),
}

/// Goes over one cluster until it is gone or `stop`.
pub(super) async fn run(
    context: Context,
    head: ClusterHead,
    bell: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut life = Life::new(context, head);
    let mut cause = Cause::Event;
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => break,
            next = life.pass(cause) => next,
        };
        let Next::After(pause) = next else { break };
        cause = tokio::select! {
            () = stop.cancelled() => break,
            () = rung(&bell) => Cause::Event,
            () = sleep(pause) => Cause::Time,
        };
    }
    life.context
        .metrics
        .forget(&life.head.id, life.state.0.as_deref());
}

async fn rung(bell: &Notify) {
    sleep(SPACING).await;
    bell.notified().await;
}

impl Life {
    fn new(context: Context, head: ClusterHead) -> Self {
        let world = KubeWorld::new(context.clone(), head.clone());
        let pilot = Pilot::new(world, Lines::new(context.credentials.clone()));
        let reconciler = Reconciler::new(context.clone(), head.clone());
        Self {
            context,
            head,
            pilot,
            reconciler,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            register_backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            last_error: String::new(),
            state: (None, Instant::now()),
        }
    }

    async fn pass(&mut self, cause: Cause) -> Next {
        let began = Instant::now();
        let outcome = self.try_pass(cause).await;
        let went = if outcome.is_ok() {
            metrics::Passed::Well
        } else {
            metrics::Passed::Badly
        };
        self.context
            .metrics
            .passed(&self.head.id, began.elapsed(), went);
        match outcome {
            Ok(next) => {
                self.backoff.succeed();
                self.last_error.clear();
                next
            }
            Err(error) => {
                let error = with_causes(&error);
                if error != self.last_error {
                    tracing::warn!(cluster = %self.head.id, "a pass failed: {error}");
                    self.last_error = error;
                }
                Next::After(self.backoff.pause())
            }
        }
    }

    async fn try_pass(&mut self, cause: Cause) -> Result<Next, PassError> {
        let read = self
            .pilot
            .world_mut()
            .read()
            .await
            .map_err(PassError::World)?;
        let Some(cluster) = read.cloned() else {
            return Ok(Next::Gone);
        };
        if cluster.is_leaving() {
            finalizer::finish(&self.context, &self.head, &cluster)
                .await
                .map_err(PassError::Finish)?;
            return Ok(Next::Gone);
        }
        self.reconciler.set_idle(self.pilot.world_mut().idle());
        let reconciled = self.reconciler.reconcile(&cluster, cause).await;
        let world = self.pilot.world_mut();
        world.reconciled(reconciled);
        let passed = self.pilot.pass().await.map_err(PassError::World)?;
        Ok(Next::After(self.pause(&passed)))
    }

    fn pause(&mut self, passed: &Passed) -> Duration {
        let world = self.pilot.world_mut();
        let code = world.code().map(ToOwned::to_owned);
        let health = world.register_health();
        if code != self.state.0 {
            self.state = (code, Instant::now());
        }
        if health != RegisterHealth::Good {
            return self.register_backoff.pause();
        }
        self.register_backoff.succeed();
        let wished = u64::try_from(passed.wake_at - now()).unwrap_or(0);
        next_pause(
            Duration::from_millis(wished),
            self.state.1.elapsed(),
            passed.acted,
        )
    }
}

/// The pause before the next pass, when the planner wishes for `wished` and the verdict is `age` old.
fn next_pause(wished: Duration, age: Duration, acted: bool) -> Duration {
    if acted {
        return AFTER_STEP;
    }
    if wished < URGENT {
        return wished.max(SPACING);
    }
    let lasting = (age / LASTING_SHARE).min(LASTING);
    let pause = wished.max(lasting).clamp(SPACING, LONGEST);
    if pause < JITTER_FROM {
        pause
    } else {
        shortened(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_lasted_long_is_looked_at_less_often() {
        let (half, secs) = (Duration::from_millis(500), Duration::from_secs);
        assert_eq!(next_pause(half, secs(1), false), half);
        assert_eq!(next_pause(half, secs(60), false), secs(3));
        let slow = next_pause(half, secs(3600), false);
        assert!(slow <= LASTING && slow >= LASTING.mul_f64(0.79));
        assert_eq!(next_pause(half, secs(3600), true), AFTER_STEP);
        let soon = Duration::from_millis(100);
        assert_eq!(next_pause(soon, secs(3600), false), soon);
        assert_eq!(next_pause(Duration::ZERO, Duration::ZERO, false), SPACING);
        assert!(next_pause(secs(600), secs(1), false) <= LONGEST);
    }
}
