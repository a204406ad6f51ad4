//! Whether this controller is ready, and what it waits for.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

/// What is still waited for. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Readiness(Arc<watch::Sender<BTreeSet<String>>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeSet::new())))
    }
}

/// Something that is waited for.
#[derive(Debug)]
pub(crate) struct Expectation {
    readiness: Readiness,
    name: String,
}

impl Readiness {
    /// Waits for something, too.
    pub(crate) fn expect(&self, name: &str) -> Expectation {
        self.0
            .send_if_modified(|missing| missing.insert(name.to_owned()));
        Expectation {
            readiness: self.clone(),
            name: name.to_owned(),
        }
    }

    /// Nothing, or what is waited for.
    pub(crate) fn check(&self) -> Result<(), String> {
        let missing = self.0.borrow();
        if missing.is_empty() {
            return Ok(());
        }
        Err(missing
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", "))
    }

    /// Until none of these is waited for any more.
    pub(crate) async fn until(&self, names: &[&str]) {
        let mut missing = self.0.subscribe();
        // It fails only when the sender is gone, and `self` is one.
        let _ = missing
            .wait_for(|missing| names.iter().all(|name| !missing.contains(*name)))
            .await;
    }
}

impl Expectation {
    /// It is there.
    pub(crate) fn met(&self) {
        self.readiness
            .0
            .send_if_modified(|missing| missing.remove(&self.name));
    }

    /// Whether it is there.
    pub(crate) fn is_met(&self) -> bool {
        !self.readiness.0.borrow().contains(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_controller_is_ready_when_nothing_is_waited_for_any_more() {
        let readiness = Readiness::default();
        let (pods, sets) = (readiness.expect("Pods"), readiness.expect("StatefulSets"));
        assert_eq!(readiness.check(), Err("Pods, StatefulSets".to_owned()));
        pods.met();
        readiness.until(&["Pods"]).await;
        assert!(pods.is_met() && !sets.is_met());
        sets.met();
        readiness.until(&["Pods", "StatefulSets"]).await;
        assert_eq!(readiness.check(), Ok(()));
    }
}
