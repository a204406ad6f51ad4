//! Waking the task of a cluster. Many causes at once wake it once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moco_model::ClusterId;
use tokio::sync::Notify;

/// The bells of all clusters that have a task. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bells {
    clusters: Arc<Mutex<BTreeMap<ClusterId, Arc<Notify>>>>,
}

impl Bells {
    /// Wakes a cluster's task. A cluster without a task needs no waking: its task begins with a pass.
    pub(crate) fn ring(&self, cluster: &ClusterId) {
        if let Some(bell) = self.lock().get(cluster) {
            bell.notify_one();
        }
    }

    /// Wakes every task.
    pub(crate) fn ring_all(&self) {
        self.lock().values().for_each(|bell| bell.notify_one());
    }

    /// Hangs up a cluster's bell, for its task to listen to.
    pub(crate) fn hang(&self, cluster: &ClusterId) -> Arc<Notify> {
        Arc::clone(self.lock().entry(cluster.clone()).or_default())
    }

    /// Takes a cluster's bell away.
    pub(crate) fn remove(&self, cluster: &ClusterId) {
        self.lock().remove(cluster);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterId, Arc<Notify>>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn many_rings_before_anybody_listens_wake_once() {
        let bells = Bells::default();
        let db = ClusterId::new("app", "db").unwrap();
        bells.ring(&db);
        let bell = bells.hang(&db);
        bells.ring(&db);
        bells.ring(&db);
        bells.ring(&ClusterId::new("app", "other").unwrap());
        let short = Duration::from_millis(20);
        assert!(timeout(short, bell.notified()).await.is_ok());
        assert!(timeout(short, bell.notified()).await.is_err());
    }
}
