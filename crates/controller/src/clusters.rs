//! One task for each cluster, on the leader only.
//!
//! A task that fails waits and goes on; one that panics is told and begun again. Neither concerns the
//! others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::events::{Event, EventType};
use moco_model::{ClusterId, ClusterUid};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::watch::{ClusterEvent, ClusterHead};

mod task;

/// How soon a task that panicked is begun again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Reason of the event about a task that panicked.
const PANICKED: &str = "ControllerPanicked";

/// The tasks of all clusters.
pub(crate) struct Clusters {
    context: Context,
    tasks: TaskTracker,
    stop: CancellationToken,
    running: BTreeMap<ClusterId, Running>,
}

struct Running {
    uid: ClusterUid,
    stop: CancellationToken,
}

impl Clusters {
    /// Tasks run in `tasks` until `stop`.
    pub(crate) const fn new(context: Context, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self {
            context,
            tasks,
            stop,
            running: BTreeMap::new(),
        }
    }

    /// Begins, wakes and ends tasks as clusters come, change and go.
    pub(crate) async fn run(mut self, mut events: mpsc::UnboundedReceiver<ClusterEvent>) {
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return,
                event = events.recv() => event,
            };
            match event {
                Some(ClusterEvent::Changed(head)) => self.changed(head),
                Some(ClusterEvent::Gone(head)) => self.gone(&head),
                None => return,
            }
        }
    }

    fn changed(&mut self, head: ClusterHead) {
        match self.running.get(&head.id) {
            Some(running) if running.uid == head.uid => self.context.bells.ring(&head.id),
            Some(_) => {
                self.gone_by_id(&head.id);
                self.begin(head);
            }
            None => self.begin(head),
        }
    }

    fn begin(&mut self, head: ClusterHead) {
        let stop = self.stop.child_token();
        let bell = self.context.bells.hang(&head.id);
        let running = Running {
            uid: head.uid.clone(),
            stop: stop.clone(),
        };
        self.running.insert(head.id.clone(), running);
        self.tasks
            .spawn(live(self.context.clone(), head, bell, stop));
    }

    fn gone(&mut self, head: &ClusterHead) {
        if self
            .running
            .get(&head.id)
            .is_some_and(|running| running.uid == head.uid)
        {
            self.gone_by_id(&head.id);
        }
    }

    fn gone_by_id(&mut self, id: &ClusterId) {
        if let Some(running) = self.running.remove(id) {
            running.stop.cancel();
        }
        self.context.bells.remove(id);
        self.context.sights.uses_config_map(id, None);
    }
}

/// The life of a cluster's task, through its panics.
async fn live(context: Context, head: ClusterHead, bell: Arc<Notify>, stop: CancellationToken) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let work = task::run(
            context.clone(),
            head.clone(),
            Arc::clone(&bell),
            stop.clone(),
        );
        // A task of its own, so that its panic ends here.
        let Err(error) = tokio::spawn(work).await else {
            return;
        };
        if !error.is_panic() {
            return;
        }
        tracing::error!(cluster = %head.id, "the cluster's task panicked and is begun again: {error}");
        let note = "the controller's work on this cluster broke and is begun again; this is a defect of MOCO, see the controller's log";
        let event = Event {
            type_: EventType::Warning,
            reason: PANICKED.to_owned(),
            note: Some(note.to_owned()),
            action: "Run".to_owned(),
            secondary: None,
        };
        context.tell(&head, &event).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff.pause()) => {}
        }
    }
}
