//! How many connections each peer may hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moco_pki::Identity;

/// Places for authenticated connections, counted by identity: every cluster's certificate comes
/// from the same authority, so the owner of one cluster could otherwise keep the controller away
/// from another's agents, or other clusters away from the controller.
#[derive(Debug)]
pub(crate) struct Places {
    /// For one identity.
    pub(crate) per_identity: usize,
    /// For all clusters together; the controller's places are its own.
    pub(crate) of_clusters: usize,
    taken: Mutex<BTreeMap<Identity, usize>>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    identity: Identity,
}

impl Places {
    pub(crate) fn new(per_identity: usize, of_clusters: usize) -> Arc<Self> {
        Arc::new(Self {
            per_identity,
            of_clusters,
            taken: Mutex::default(),
        })
    }

    /// Takes a place, when there is one for this identity.
    pub(crate) fn take(self: &Arc<Self>, identity: &Identity) -> Option<Place> {
        let mut taken = self.taken();
        let by_clusters: usize = taken
            .iter()
            .filter(|(identity, _)| **identity != Identity::Controller)
            .map(|(_, count)| count)
            .sum();
        if *identity != Identity::Controller && by_clusters >= self.of_clusters {
            return None;
        }
        let own = taken.entry(identity.clone()).or_default();
        if *own >= self.per_identity {
            return None;
        }
        *own += 1;
        Some(Place {
            places: Arc::clone(self),
            identity: identity.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<Identity, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(own) = taken.get_mut(&self.identity) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.identity);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str) -> Identity {
        Identity::cluster("ns", name).unwrap()
    }

    #[test]
    fn clusters_share_a_bound_and_the_controller_has_its_own() {
        let places = Places::new(2, 3);
        let a = [places.take(&cluster("a")), places.take(&cluster("a"))];
        assert!(a.iter().all(Option::is_some));
        assert!(places.take(&cluster("a")).is_none());
        let b = places.take(&cluster("b"));
        assert!(b.is_some());
        assert!(places.take(&cluster("b")).is_none());
        let controller = [0, 1].map(|_| places.take(&Identity::Controller));
        assert!(controller.iter().all(Option::is_some));
        assert!(places.take(&Identity::Controller).is_none());

        drop(b);
        assert!(places.take(&cluster("c")).is_some());
        drop((a, controller));
        assert!(places.taken().is_empty());
    }
}
